# SPDX-License-Identifier: MIT
"""A service behind one name sets no cookie that goes to another name of the relay."""
import http.cookiejar
import urllib.request

import harness
import pytest
import tunnel_peer
import wire
from record import ended

DOMAIN = "tunnels.example.com"
BEYOND = [DOMAIN, "." + DOMAIN, DOMAIN.upper(), DOMAIN + ".", f'"{DOMAIN}"', f" \t{DOMAIN} ",
          "example.com", ".example.com", "com", ".com", "", "..", f"={DOMAIN}",
          "tunnels%2eexample.com"]


@pytest.fixture(scope="module")
def shared(tmp_path_factory):
    """A tunnel whose relay has a public domain."""
    directory = tmp_path_factory.mktemp("shared")
    token = directory / "token"
    token.write_text("0123456789abcdef0123")
    secret = ("--token-file", token, "--no-redact")
    with harness.Relay(directory, "--domain", DOMAIN, *secret) as relay:
        with harness.Tunnel(directory, *secret, relay=relay, compare=False) as tunnel:
            yield tunnel


def own(tunnel):
    return tunnel.host.partition(":")[0]


def answered(tunnel, fields, status=200):
    tunnel.origin.on("/cookies", lambda exchange: exchange.reply("x", status, fields))
    return tunnel.fetch("GET", "/cookies")


class Answer:
    """The interface that http.cookiejar expects of an answer."""

    def __init__(self, fields):
        import email.message  # pylint: disable=import-outside-toplevel
        self.message = email.message.Message()
        for name, value in fields:
            self.message[name] = value

    def info(self):
        return self.message


def domains_kept(tunnel, fields):
    """The domains to which a client would send the cookies of an answer, by Python's own jar, which
    knows no list of public suffixes."""
    jar = http.cookiejar.CookieJar()
    jar.extract_cookies(Answer(fields), urllib.request.Request(f"http://{own(tunnel)}/"))
    return {(cookie.domain, cookie.domain_specified) for cookie in jar}


@pytest.mark.parametrize("attribute", ["Domain", "domain", "DOMAIN", "Domain ", "\tdomain"])
def test_a_cookie_for_the_parent_belongs_to_its_host_alone(shared, attribute):
    sent = [("Set-Cookie", f"x{i}=1; {attribute}={domain}; Path=/") for i, domain in
            enumerate(BEYOND)]
    fields = answered(shared, sent).fields
    assert fields.all("set-cookie") == [f"x{i}=1; Path=/" for i in range(len(BEYOND))]
    assert domains_kept(shared, fields) == {(own(shared), False)}


def test_of_several_domains_none_is_beyond(shared):
    fields = answered(shared, [
        ("Set-Cookie", f"a=1; Domain={own(shared)}; Domain={DOMAIN}"),
        ("Set-Cookie", f"b=1; Domain={DOMAIN}; Domain={own(shared)}; Secure"),
        ("set-cookie", f"c=1; Domain={DOMAIN};Domain;domain=com"),
        ("SET-COOKIE2", f"d=1; Domain={DOMAIN}")]).fields
    assert fields.all("set-cookie") == [f"a=1; Domain={own(shared)}",
                                        f"b=1; Domain={own(shared)}; Secure", "c=1"]
    assert not fields.all("set-cookie2")


def test_cookies_that_cover_no_other_name_pass_as_they_are(shared):
    sent = [f"a=1; Domain={own(shared)}", f"b=2;domain=.{own(shared).upper()} ;; Path=/;",
            f"c=3; Domain=below.{own(shared)}", "d=4", "h=5; Domain=intra.corp",
            f"i=6; Domain=other.{DOMAIN}", "f=6; Path=/domain", "Domain=" + DOMAIN,
            "g=\"a; b\"; Path=/;"]
    got = answered(shared, [("Set-Cookie", value) for value in sent]).fields.all("set-cookie")
    assert got == sent
    # Clients reject these themselves: neither name covers the host.
    hosts = {domain.lstrip(".") for domain, _ in domains_kept(shared, answered(
        shared, [("Set-Cookie", value) for value in sent]).fields)}
    assert hosts == {own(shared)}


@pytest.mark.parametrize("status", [204, 302, 304, 404, 500])
def test_the_status_does_not_matter(shared, status):
    fields = answered(shared, [("Set-Cookie", f"x=1; Domain={DOMAIN}")], status).fields
    assert fields.all("set-cookie") == ["x=1"]


def test_heads_before_the_final_one_and_switches_are_looked_at_too(shared):
    cookie = f"Set-Cookie: x=1; Domain={DOMAIN}\r\n"

    def handler(exchange):
        exchange.wire.send(f"HTTP/1.1 103 Early\r\n{cookie}\r\nHTTP/1.1 101 Switching\r\n"
                           f"Connection: upgrade\r\nUpgrade: foo\r\n{cookie}\r\n".encode())
        exchange.keep = False

    shared.origin.on("/switch", handler)
    with shared.visit() as visitor:
        visitor.request("GET", "/switch", [("Connection", "upgrade"), ("Upgrade", "foo")])
        head = visitor.response_head()
        assert head.status == 101 and head.interim[0].status == 103
        assert head.fields.all("set-cookie") == ["x=1"]
        assert head.interim[0].fields.all("set-cookie") == ["x=1"]


def test_a_folded_value_and_trailers_set_none(shared):
    def handler(exchange):
        exchange.wire.send(
            f"HTTP/1.1 200 OK\r\nSet-Cookie: x=1;\r\n Domain\r\n =\r\n\t{DOMAIN}\r\n"
            "Transfer-Encoding: chunked\r\n\r\n".encode() + wire.chunk(b"x")
            + wire.last_chunk([("Set-Cookie", f"y=1; Domain={DOMAIN}"),
                               ("Set-Cookie2", f"z=1; Domain={DOMAIN}"), ("X-Sum", "1")]))

    shared.origin.on("/folded", handler)
    answer = shared.fetch("GET", "/folded", [("TE", "trailers")])
    assert answer.fields.all("set-cookie") == ["x=1"]
    assert list(answer.trailers) == [("X-Sum", "1")]


# The relay confines cookies even where the agent does not.
def test_a_modified_agent_sets_none(relay):
    with tunnel_peer.AgentPeer(relay, harness.DEADLINE) as agent:
        with harness.Client(relay.address, agent.host, harness.DEADLINE) as visitor:
            visitor.request("GET", "/")
            agent.answer(agent.request()[0], fields=[("set-cookie", "x=1; domain=localhost"),
                                                     ("set-cookie", "y=2; domain=.LOCALHOST")])
            assert visitor.response().fields.all("set-cookie") == ["x=1", "y=2"]


def test_the_record_has_what_the_service_sent(shared):
    def handler(exchange):
        exchange.reply("x", 200, [("Set-Cookie", f"seen=1; Domain={DOMAIN}")])

    shared.origin.on("/recorded", handler)
    assert shared.fetch("GET", "/recorded").fields.all("set-cookie") == ["seen=1"]
    for end in (shared.relay, shared.agent):
        row = ended(end.data, "target='/recorded'")
        assert f"seen=1; Domain={DOMAIN}".encode() in row["response_head"]


# adit proxy serves one service only, whose cookies stay as they are.
def test_a_proxy_leaves_cookies_alone(tmp_path):
    with harness.Proxied(tmp_path) as proxied:
        fields = answered(proxied, [("Set-Cookie", "x=1; Domain=localhost")]).fields
        assert fields.all("set-cookie") == ["x=1; Domain=localhost"]
