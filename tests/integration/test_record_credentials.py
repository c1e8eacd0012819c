# SPDX-License-Identifier: MIT
"""No file of a record holds a credential from any place of a message; the relay's own token is
never recorded."""
import base64
import contextlib
import urllib.parse

import harness
import pytest
from record import ended

TOKEN = "relay-Token_canary/0123456789+abcdef"
CANARY = "canary-of-a-secret"
FIELDS = ["X-Api-Key", "X-Auth-Token", "X-Amz-Security-Token", "Cookie2", "Set-Cookie2",
          "X-Access-Token", "Private-Token", "X-CSRF-Token", "Ocp-Apim-Subscription-Key"]
PARAMETERS = ["access_token", "id_token", "refresh_token", "token", "api_key", "apikey", "key",
              "sig", "signature", "X-Amz-Signature", "X-Amz-Credential", "X-Amz-Security-Token",
              "code", "client_secret", "password", "passwd", "pwd", "secret", "auth", "jwt",
              "session", "sid", "user[password]", "%74oken", "accessToken", "SAMLResponse"]
QUERY = "&".join(f"{name}={CANARY}&plain{i}=seen{i}" for i, name in enumerate(PARAMETERS))
NESTED = urllib.parse.quote(f"https://user:{CANARY}@app/cb?token={CANARY}#id_token={CANARY}", "")
URLS = [("Location", f"https://app/cb#access_token={CANARY}&seen=1"),
        ("Content-Location", f"/x?sig={CANARY}"), ("Refresh", f"0; url=/x?token={CANARY}"),
        ("Link", f"<https://me:{CANARY}@app/x?key={CANARY}>; rel=next"),
        ("X-Any", f"see //{CANARY}@app/?u={NESTED}")]


def files_of(directory):
    return b"\n".join(path.read_bytes() for path in sorted(directory.rglob("*"))
                      if path.name.startswith("record") or path.suffix == ".seg")


@contextlib.contextmanager
def way(directory, *args, kind="tunnel"):
    """A tunnel whose relay has a token, or a proxy, and the directories of their records."""
    file = directory / "token"
    file.write_text(TOKEN)
    file.chmod(0o600)
    secret = ("--token-file", file)
    if kind == "proxy":
        with harness.Proxied(directory, *args) as proxied:
            yield proxied, [proxied.proxy.data]
        return
    with harness.Relay(directory, *secret, *args) as relay:
        with harness.Tunnel(directory, *secret, *args, relay=relay, compare=False) as tunnel:
            yield tunnel, [relay.data, tunnel.agent.data]


def told(exchange):
    for _ in exchange.body():
        pass
    exchange.head(103, [("Link", f"</x?token={CANARY}>"), ("X-Api-Key", CANARY)])
    exchange.head(200, [("Transfer-Encoding", "chunked"), *URLS, *((n, CANARY) for n in FIELDS)])
    exchange.chunk(b"hello")
    exchange.last_chunk([("X-Auth-Token", CANARY), ("X-Url", f"/?token={CANARY}")])


def ask(tunnel, fields, path="/credentials"):
    """Sends a request and gets a response, both with credentials in every place."""
    tunnel.origin.on(path, told)
    with tunnel.visit() as visitor:
        visitor.send(visitor.head("POST", f"{path}?{QUERY}&next={NESTED}", [
            ("Transfer-Encoding", "chunked"), ("Referer", f"https://app/{path}?{QUERY}"), *fields])
            + f"1\r\nx\r\n0\r\nX-Auth-Token: {CANARY}\r\nX-See: /?token={CANARY}\r\n\r\n".encode())
        answer = visitor.response()
    assert answer.body == b"hello"
    return tunnel.origin.seen(path)[0]


@pytest.mark.parametrize("kind", ["tunnel", "proxy"])
def test_credentials_are_in_no_file_but_reach_the_service(tmp_path, kind):
    with way(tmp_path, kind=kind) as (tunnel, records):
        request = ask(tunnel, [(name, CANARY) for name in FIELDS])
        assert request.target.count(CANARY) == len(PARAMETERS) + 3
        assert request.get("x-api-key") == CANARY
        for data in records:
            row = ended(data, "target LIKE '/credentials%'")
            assert row["flags"] & 1 and CANARY.encode() not in files_of(data)
            for i, name in enumerate(PARAMETERS):
                assert f"{name}=[redacted]&plain{i}=seen{i}" in row["target"]
                assert f"{name}=[redacted]&plain{i}=seen{i}".encode() in row["request_head"]
            assert b"Location: https://app/cb#access_token=[redacted]&seen=1" in (
                row["response_head"])


def test_with_no_redact_they_are_kept_but_for_those_that_are_named(tmp_path):
    with way(tmp_path, "--no-redact", "--redact", "query:API-key", "--redact", "query:plain3",
             kind="proxy") as (proxied, records):
        ask(proxied, [])
        row = ended(records[0], "target LIKE '/credentials%'")
        assert f"&sig={CANARY}&" in row["target"]
        for name in ("api_key", "apikey", "plain3"):
            assert f"&{name}=[redacted]&" in row["target"], name


@pytest.mark.parametrize("name", ["query:", "query:--", "query:a b", "query:a#", "quer:a", ":a"])
def test_an_invalid_parameter_name_is_refused(tmp_path, name):
    with harness.Program(tmp_path, "adit", "http", "1", "--redact", name) as program:
        assert program.exit_code() == 2
        assert "--redact" in program.text("stderr")


def test_of_subprotocols_names_stay(tmp_path):
    jwt = "eyJhbGciOiJIUzI1NiJ9.e30.ZRrHA1JJJW8opsbCGfG_HACGpVUMN_a9IV7pAx_Zmeo"
    with way(tmp_path, kind="proxy") as (proxied, records):
        offers = f"graphql-ws, mqtt, v1.json, bearer, {jwt}, base64url.bearer.authorization.k8s.io.{jwt}"
        proxied.fetch("GET", "/offers", [("Sec-WebSocket-Protocol", offers)])
        row = ended(records[0], "target='/offers'")
        assert b"Protocol: graphql-ws, mqtt, v1.json, bearer, [redacted], [redacted]\r\n" in (
            row["request_head"])
        assert jwt.encode() not in files_of(records[0])


def test_a_malformed_head_keeps_no_credentials(tmp_path):
    with way(tmp_path, kind="proxy") as (proxied, records):
        def handler(exchange):
            exchange.wire.send(
                f"HTTP/1.1 200 OK\r\nLocation: /?a=1&token={CANARY}\x01{CANARY}\r\n {CANARY}\r\n"
                f"X-Api-Key: {CANARY}\r\nSeen: 1\r\n\r\n".encode())
            exchange.keep = False

        proxied.origin.on("/none", handler)
        assert proxied.fetch("GET", "/none").status == 502
        row = ended(records[0], "target='/none'")
        assert b"Location: /?a=1&token=[redacted]" in row["bad_head"]
        assert b"Seen: 1" in row["bad_head"]
        assert CANARY.encode() not in files_of(records[0])


# The relay's own token.

def forms(token):
    """The forms in which a token may be written."""
    raw = token.encode()
    yield token
    yield token.upper()
    yield urllib.parse.quote(token, "")
    yield "".join(f"%{byte:02x}" for byte in raw)
    yield urllib.parse.quote(urllib.parse.quote(token, ""), "")
    for before in (b"", b"u", b"u:", b"user:"):
        yield base64.b64encode(before + raw + b"x").decode()
        yield base64.urlsafe_b64encode(before + raw).decode()


def shown_in(data):
    """The forms of the token that a record contains. The ends of a form are not compared: in base64
    they depend on the neighbouring bytes."""
    kept = files_of(data).lower()
    return [form for form in forms(TOKEN) if form[4:-8].lower().encode() in kept]


PLACES = {
    "query": lambda form: (f"/t?q={urllib.parse.quote(form, '%')}&seen=1", []),
    "path": lambda form: (f"/t/{form.replace('/', '%2F')}/seen", []),
    "value": lambda form: ("/t", [("X-Seen", form)]),
    "within a value": lambda form: ("/t", [("X-Seen", f"a, b={form}; c")]),
    "basic": lambda form: ("/t", [("Authorization", f"Basic {form}")]),
    "referer": lambda form: ("/t", [("Referer", f"https://a/{form}?x={form}")]),
    "subprotocol": lambda form: ("/t", [("Sec-WebSocket-Protocol", f"mqtt, {form}")]),
    "visitor": lambda form: ("/t", [("X-Forwarded-For", form), ("Forwarded", f"for={form}")]),
}


@pytest.mark.parametrize("redacts", [(), ("--no-redact",)], ids=["default", "no-redact"])
@pytest.mark.parametrize("place", PLACES)
def test_our_own_token_is_nowhere(tmp_path, place, redacts):
    with way(tmp_path, *redacts) as (tunnel, records):
        with tunnel.visit() as visitor:
            for form in forms(TOKEN):
                target, fields = PLACES[place](form)
                visitor.fetch("GET", target, fields)
            assert visitor.fetch("GET", "/last").status == 404
        for data in records:
            ended(data, "target='/last'")
            assert not shown_in(data)


def test_our_own_token_is_in_no_name_method_host_or_reason(tmp_path):
    name = TOKEN.replace("/", "|")
    (tmp_path / "token").write_text(name)
    secret = ("--token-file", tmp_path / "token", "--no-redact")
    with harness.Relay(tmp_path, *secret) as relay:
        with harness.Tunnel(tmp_path, *secret, relay=relay, compare=False) as tunnel:
            def handler(exchange):
                exchange.wire.send(f"HTTP/1.1 200 {name}\r\n{name}: seen\r\nX-B: {name}\r\n"
                                   "Transfer-Encoding: chunked\r\n\r\n0\r\n"
                                   f"X-Sum: {name}\r\n\r\n".encode())

            tunnel.origin.on("/reason", handler)
            assert tunnel.fetch("GET", "/reason", [(name, "1")]).status == 200
            assert tunnel.fetch(name, "/method").status
            with relay.visit(f"{name.replace('|', '-').replace('+', '-').replace('_', '-')}.localhost") as visitor:
                assert visitor.fetch("GET", "/host").status == 404
            tunnel.fetch("GET", "/last")
            for data in (relay.data, tunnel.agent.data):
                ended(data, "target='/last'")
                assert name.lower().encode() not in files_of(data).lower()
            row = ended(tunnel.agent.data, "target='/reason'")
            assert row["reason"] == "[redacted]" and row["flags"] & 1


def test_a_token_that_was_read_again_is_not_shown_either(tmp_path):
    with way(tmp_path, "--no-redact") as (tunnel, records):
        other = "another-token-9876543210-for-the-relay-that-is-longer-than-before"
        (tmp_path / "token").write_text(other)
        import os  # pylint: disable=import-outside-toplevel
        import signal  # pylint: disable=import-outside-toplevel
        os.kill(tunnel.relay.pid, signal.SIGHUP)
        tunnel.relay.wait_for("a new token is in force", "stderr")
        tunnel.fetch("GET", f"/again?x={other}", [("X-Seen", other)])
        row = ended(records[0], "target LIKE '/again%'")
        assert row["target"] == "/again?x=[redacted]"
        assert other.encode() not in files_of(records[0])


def test_an_agent_does_not_record_a_token_that_it_read_again(tmp_path):
    other = "another-token-9876543210-for-the-relay-that-is-longer-than-before"
    with way(tmp_path, "--no-redact") as (tunnel, _):
        (tmp_path / "token").write_text(other)
        tunnel.relay.stop()
        with harness.Relay(tmp_path / "anew", "--token-file", tmp_path / "token",
                           port=tunnel.relay.port) as relay:
            tunnel.agent.wait_for("connected again")
            with relay.visit(tunnel.host) as visitor:
                visitor.fetch("GET", f"/again?x={other}", [("X-Seen", other)])
            row = ended(tunnel.agent.data, "target LIKE '/again%'")
            assert row["target"] == "/again?x=[redacted]"
            assert other.encode() not in files_of(tunnel.agent.data)


def test_live_lines_show_no_credentials(tmp_path):
    with way(tmp_path) as (tunnel, _):
        tunnel.fetch("GET", f"/live?a=1&token={CANARY}&b=2")
        line = tunnel.agent.wait_for(r"GET    /live\S*")[0]
        assert line == "GET    /live?a=1&token=[redacted]&b=2"
        assert CANARY not in tunnel.agent.text("stdout") + tunnel.relay.text("stderr")
