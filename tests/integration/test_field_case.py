# SPDX-License-Identifier: MIT
"""Field names keep their spelling; names without one get the registered spelling."""
import harness
import pytest
import tunnel_peer
import wire
from attack import ask
from harness import DEADLINE

HUB = [("X-Hub-Signature", "sha1=0"), ("X-GitHub-Event", "push"), ("ETag", '"1"')]
SPELLINGS = {
    "a webhook": HUB,
    "Title-Case": [("Accept", "*/*"), ("User-Agent", "x"), ("Accept-Language", "de")],
    "a browser": [("sec-ch-ua", "x"), ("sec-ch-ua-mobile", "?0"), ("DNT", "1"), ("Accept", "a"),
                  ("sec-ch-ua-platform", "y"), ("Sec-Fetch-Site", "none")],
    "all in lower case": [("accept", "*/*"), ("user-agent", "x"), ("x-hub-signature", "1")],
    "all in capitals": [("ACCEPT", "*/*"), ("X-HUB-SIGNATURE", "1"), ("ETAG", "x")],
    "one name, many spellings": [("X-A", "1"), ("x-a", "2"), ("X-a", "3"), ("X-A", "4"),
                                 ("x-A", "5"), ("X-B", "6"), ("X-A", "7")],
    "as no one does": [("aCCept", "*/*"), ("x_hUb!", "1"), ("Www-Authenticate", "x"), ("te-", "")],
    "a hundred names": [(f"x-{'aA'[n % 2]}{'bB'[n // 2 % 2]}{n}", "") for n in range(90)],
}
EVERY_SPELLING = pytest.mark.parametrize("fields", SPELLINGS.values(), ids=SPELLINGS)


def only(fields, sent):
    """The fields of the test, in their order."""
    names = {name.lower() for name, _ in sent}
    return [(name, value) for name, value in fields if name.lower() in names]


@pytest.fixture(scope="module")
def proxied(tmp_path_factory):
    with harness.Proxied(tmp_path_factory.mktemp("proxied")) as started:
        yield started


@pytest.fixture(params=["tunnel", "proxied"])
def way(request):
    return request.getfixturevalue(request.param)


@EVERY_SPELLING
def test_a_requests_names_arrive_as_they_were_written(way, fields):
    way.fetch("GET", "/", fields)
    assert only(way.origin.requests[-1].fields, fields) == fields


@EVERY_SPELLING
def test_a_responses_names_arrive_as_they_were_written(way, fields):
    way.origin.on("/told", lambda exchange: exchange.reply("x", 200, fields))
    assert only(way.fetch("GET", "/told").fields, fields) == fields


@EVERY_SPELLING
def test_names_of_an_interim_response_arrive_as_they_were_written(way, fields):
    def early(exchange):
        exchange.wire.send(wire.message("HTTP/1.1 103 Early Hints", fields))
        exchange.reply("x")

    way.origin.on("/early", early)
    answer = way.fetch("GET", "/early")
    assert only(answer.interim[0].fields, fields) == fields


@EVERY_SPELLING
def test_names_of_trailers_arrive_as_they_were_written(way, fields):
    fields = [(name, value) for name, value in fields if name.lower() not in
              ("accept", "user-agent", "te", "www-authenticate")]
    seen = []

    def handler(exchange):
        b"".join(exchange.body())
        seen.extend(exchange.trailers)
        exchange.head(200, [("Transfer-Encoding", "chunked")])
        exchange.last_chunk(fields)

    way.origin.on("/trailers", handler)
    with way.visit() as visitor:
        visitor.send(visitor.head("POST", "/trailers", [("Transfer-Encoding", "chunked")]))
        visitor.send(wire.last_chunk(fields))
        assert visitor.response().trailers == fields
    assert seen == fields


@pytest.mark.parametrize("spelling", ["Host", "host", "HOST", "hOsT"])
@pytest.mark.parametrize("name", ["X-A", "x-a"])
def test_host_is_spelled_as_the_visitor_has_it(way, spelling, name):
    with way.visit() as visitor:
        visitor.send(f"GET / HTTP/1.1\r\n{name}: 1\r\n{spelling}: {visitor.host}\r\n\r\n".encode())
        assert visitor.response().status == 200
    names = [name for name, _ in way.origin.requests[-1].fields]
    assert names[0] == spelling and name in names


def test_a_replaced_host_is_spelled_as_the_visitor_has_it(tmp_path):
    with harness.Tunnel(tmp_path, "--host-header", "rewrite") as own, own.visit() as visitor:
        visitor.send(f"GET / HTTP/1.1\r\nhost: {visitor.host}\r\nX-A: 1\r\n\r\n".encode())
        assert visitor.response().status == 200
        assert own.origin.requests[-1].fields[0] == ("host", own.origin.address)


def test_fields_that_we_add_have_their_registered_spelling(way):
    with way.visit() as visitor:
        visitor.send(visitor.head("POST", "/echo", [("transfer-encoding", "chunked"), ("te",
                     "trailers"), ("connection", "te")]) + wire.last_chunk())
        answer = visitor.response()
    seen = [name for name, _ in answer.json()["fields"]]
    for name in ("Host", "Forwarded", "X-Forwarded-For", "X-Forwarded-Proto", "X-Forwarded-Host",
                 "Via", "Connection", "Transfer-Encoding", "te"):
        assert seen.count(name) == 1
    way.origin.on("/chunked", lambda exchange: (
        exchange.head(200, [("transfer-encoding", "chunked")]), exchange.last_chunk()))
    assert ("Transfer-Encoding", "chunked") in way.fetch("GET", "/chunked").fields


def test_answers_of_our_own_are_in_title_case(tunnel):
    answer = tunnel.relay.visit("nobody.localhost").fetch("GET", "/")
    assert answer.status == 404
    names = [name for name, _ in answer.fields]
    assert names == ["Date", "Content-Type", "Content-Length", "Cache-Control",
                     "X-Content-Type-Options", "Adit-Error"]


def test_names_of_an_upgrade_arrive_as_they_were_written(way):
    offer = [("Connection", "Upgrade"), ("Upgrade", "echo"), ("Sec-WebSocket-Key", "x"),
             ("sec-websocket-version", "13")]
    accepted = [("Sec-WebSocket-Accept", "y"), ("x-switch", "z")]

    def switch(exchange):
        exchange.keep = False
        exchange.wire.send(wire.message("HTTP/1.1 101 Switching Protocols", [
            ("Connection", "upgrade"), ("Upgrade", "echo"), *accepted]))
        exchange.close()

    way.origin.on("/switch", switch)
    with way.visit() as visitor:
        visitor.request("GET", "/switch", offer)
        head = visitor.response_head()
        assert head.status == 101 and only(head.fields, accepted) == accepted
        assert ("Connection", "upgrade") in head.fields and ("Upgrade", "echo") in head.fields
    assert only(way.origin.requests[-1].fields, offer[2:]) == offer[2:]


def test_a_name_that_connection_lists_stays_at_its_hop_whatever_its_case(way):
    way.fetch("GET", "/", [("x-hOp", "1"), ("Connection", "X-HOP"), ("x-oTher", "2")])
    seen = way.origin.requests[-1].fields
    assert seen.get("x-hop") is None and ("x-oTher", "2") in seen


# Peers that do not announce `case`, and what goes over the wire with those that do.

LOWER = [("x-hub-signature", "1"), ("etag", "2"), ("www-authenticate", "3"), ("dnt", "4"),
         ("sec-websocket-key", "5"), ("x-xss-protection", "6"), ("content-md5", "7"), ("a--b", "8")]
REGISTERED = [("X-Hub-Signature", "1"), ("ETag", "2"), ("WWW-Authenticate", "3"), ("DNT", "4"),
              ("Sec-WebSocket-Key", "5"), ("X-XSS-Protection", "6"), ("Content-MD5", "7"),
              ("A--B", "8")]


def agent_of(relay, **hello):
    peer = tunnel_peer.AgentPeer(relay, DEADLINE, greet=False)
    peer.hello(**hello)
    peer.mux(tunnel_peer.settings())
    peer.bind()
    return peer


def test_an_agent_without_case_is_told_none_and_answers_by_default(relay):
    with agent_of(relay) as agent:
        visitor, stream = ask(relay, agent, fields=[("x-HUB", "1")])
        with visitor:
            agent.answer(stream, fields=LOWER)
            assert only(visitor.response().fields, LOWER) == REGISTERED


def carried(relay, agent, fields):
    """The spelling of a request's fields as it travels in the tunnel."""
    with relay.visit(agent.host) as visitor:
        visitor.request("GET", "/", fields)
        stream, came, _ = agent.request()
        agent.answer(stream)
        assert visitor.response().status == 200
    return came.get("adit-case")


def test_only_departures_from_the_default_travel(relay):
    with agent_of(relay, features="reports,case,later") as agent:
        assert carried(relay, agent, SPELLINGS["Title-Case"]) is None
        assert carried(relay, agent, HUB) == "X-GitHub-Event"
        browser = SPELLINGS["a browser"]
        assert carried(relay, agent, browser) == "sec-ch-ua,sec-ch-ua-mobile,sec-ch-ua-platform"
        assert carried(relay, agent, SPELLINGS["all in lower case"]) == "*,Host"
    with agent_of(relay, features="reports") as agent:
        assert carried(relay, agent, HUB) is None


@pytest.mark.parametrize("spelling", ["", ",", "x-none", "*,", "X-A,x-a", "x-a\r\nset-cookie: 1",
                                      "x-b", "x-A,", "*,*", "content-length,X-a"])
def test_a_response_whose_spelling_is_none_is_a_502(relay, spelling):
    with agent_of(relay, features="case") as agent:
        visitor, stream = ask(relay, agent)
        with visitor:
            agent.answer(stream, fields=[("x-a", "1"), ("adit-case", spelling)])
            answer = visitor.response()
            assert (answer.status, answer.code) == (502, "ADIT-UPSTREAM-INVALID")
            assert answer.get("set-cookie") is None


def test_a_response_is_spelled_as_its_agent_says(relay):
    with agent_of(relay, features="case") as agent:
        visitor, stream = ask(relay, agent)
        with visitor:
            agent.answer(stream, fields=[("x-a", "1"), ("b-c", "2"), ("adit-case", "x-A,b-c")])
            fields = visitor.response().fields
            assert only(fields, [("x-a", ""), ("b-c", ""), ("adit-case", "")]) == [
                ("x-A", "1"), ("b-c", "2")]


@pytest.fixture
def played(tmp_path):
    """A real agent with a service, and a relay played by the test."""
    relay = tunnel_peer.PlayedRelay(DEADLINE)
    with harness.Origin() as origin:
        agent = harness.Program(tmp_path, "adit", "http", origin.port, "--relay",
                                f"http://127.0.0.1:{relay.port}")
        with agent, relay.accept() as peer:
            yield peer, origin
    relay.close()


def test_a_relay_without_case_gets_requests_spelled_by_default(played):
    peer, origin = played
    origin.on("/told", lambda exchange: exchange.reply("x", 200, [("x-oDD", "1")]))
    fields, _ = peer.answer(peer.ask("/told", fields=LOWER))
    assert fields["x-odd"] == "1" and "adit-case" not in fields
    assert only(origin.requests[-1].fields, LOWER) == REGISTERED
    assert origin.requests[-1].fields[0][0] == "Host"


@pytest.mark.parametrize("spelling", ["x-none", "", "Host,Host", "x-a,", "X-A\r\nEvil: 1"])
def test_a_request_whose_spelling_is_none_is_not_sent_on(played, spelling):
    peer, origin = played
    assert peer.answer(peer.ask(fields=[("x-a", "1"), ("adit-case", spelling)])) is None
    assert not origin.requests
    assert peer.answer(peer.ask(fields=[("x-a", "1"), ("adit-case", "*,X-a")])) is not None
    assert ("X-a", "1") in origin.requests[-1].fields
