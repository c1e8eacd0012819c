# SPDX-License-Identifier: MIT
"""Interim responses (RFC 9110 §15.2) and Expect (§10.1.1) pass between visitor and service."""
import select
import threading

import harness
import pytest

EXPECT = [("Expect", "100-continue")]
CHUNKED = [("Transfer-Encoding", "chunked")]


def nothing_has_come(visitor, tunnel):
    """Whether nothing was sent to the visitor although later exchanges are over."""
    for _ in range(3):
        assert tunnel.fetch("GET", "/").body == b"hello"
    return not visitor.buffer and not select.select([visitor.sock], [], [], 0)[0]


@pytest.mark.parametrize("framing", [[("Content-Length", "5")], CHUNKED], ids=["length", "chunked"])
def test_a_100_is_sent_only_when_the_service_sends_it(tunnel, framing):
    go_on = threading.Event()

    def hesitates(exchange):
        tunnel.origin.tell(exchange.request.get("expect"))
        assert go_on.wait(harness.DEADLINE)
        exchange.reply(b"".join(exchange.body()))  # asks for the body by a 100

    tunnel.origin.on("/hesitates", hesitates)
    with tunnel.visit() as visitor:
        visitor.send(visitor.head("POST", "/hesitates", EXPECT + framing))
        assert tunnel.origin.told() == "100-continue"
        assert nothing_has_come(visitor, tunnel)
        go_on.set()
        assert (visitor.line(), visitor.line()) == (b"HTTP/1.1 100 Continue", b"")
        visitor.send(b"5\r\nhello\r\n0\r\n\r\n" if framing == CHUNKED else b"hello")
        assert visitor.response().body == b"hello"
        assert visitor.fetch("GET", "/").body == b"hello"


@pytest.mark.parametrize("status", [401, 413, 417])
def test_a_service_that_refuses_without_reading_is_heard_at_once(tunnel, status):
    def refuses(exchange):
        exchange.reply("no", status, [("Connection", "close")])
        exchange.keep = False

    tunnel.origin.on("/refuses", refuses)
    with tunnel.visit() as visitor:
        visitor.send(visitor.head("PUT", "/refuses", EXPECT + [("Content-Length", "1000000000")]))
        answer = visitor.response()
        assert (answer.status, answer.body, answer.interim) == (status, b"no", [])
    assert tunnel.origin.exchanges[-1].received == 0


def test_a_refusal_of_the_relay_comes_instead_of_a_100(tunnel):
    with tunnel.visit("nobody-here.localhost") as visitor:
        visitor.send(visitor.head("PUT", "/", EXPECT + [("Content-Length", "1000000000")]))
        answer = visitor.response()
        assert (answer.status, answer.code, answer.interim) == (404, "ADIT-NO-TUNNEL", [])


def test_a_service_may_answer_finally_without_a_100(tunnel):
    def silent(exchange):
        exchange.reply("as you like")
        exchange.received = 1  # no 100 before the rest is read

    tunnel.origin.on("/silent", silent)
    with tunnel.visit() as visitor:
        visitor.send(visitor.head("POST", "/silent", EXPECT + [("Content-Length", "5")]))
        answer = visitor.response()
        assert (answer.status, answer.body, answer.interim) == (200, b"as you like", [])
        assert answer.fields.tokens("connection") == ["close"]
        assert visitor.is_closed()


@pytest.mark.parametrize("host, status", [(None, 417), ("none.localhost", 404)])
def test_a_final_answer_instead_of_a_100_ends_the_connection(tunnel, host, status):
    """RFC 9110 §10.1.1: the body may or may not follow, so the start of a next request is
    unknown."""
    tunnel.origin.on("/no", lambda exchange: exchange.reply("no", 417))
    with tunnel.visit(host) as visitor:
        visitor.send(visitor.head("PUT", "/no", EXPECT + [("Content-Length", "5")]))
        answer = visitor.response()
        assert answer.status == status
        assert answer.fields.tokens("connection") == ["close"]
        assert visitor.is_closed()


def test_a_visitor_need_not_wait_for_the_100(tunnel):
    with tunnel.visit() as visitor:
        answer = visitor.fetch("POST", "/echo", EXPECT, body=b"12345")
        assert [each.status for each in answer.interim] == [100]
        assert answer.json()["size"] == 5


def test_an_expectation_of_an_http_1_0_visitor_is_ignored(tunnel):
    """RFC 9110 §10.1.1: a server must ignore it, so the service does not get the field."""
    with tunnel.visit() as visitor:
        answer = visitor.fetch("POST", "/echo", EXPECT, body=b"12345", version="HTTP/1.0")
        assert (answer.status, answer.interim) == (200, [])
        seen = answer.json()
        assert seen["size"] == 5
        assert "expect" not in [name.lower() for name, _ in seen["fields"]]


@pytest.mark.parametrize("version, seen", [("HTTP/1.1", [102, 103, 103, 100, 199]),
                                           ("HTTP/1.0", [])])
def test_interim_responses_arrive_with_their_fields_before_the_final_one(tunnel, version, seen):
    hint = [("Link", "</a.css>; rel=preload"), ("Link", "</b.js>; rel=preload"), ("X-High", "\xff")]

    def handler(exchange):
        exchange.head(102)
        exchange.head(103, hint)
        exchange.head(103, hint[:1])
        exchange.head(100)
        exchange.head(199, [("X-Unknown", "")])
        exchange.reply("final", 200, [("Link", "</c>")])

    tunnel.origin.on("/several", handler)
    with tunnel.visit() as visitor:
        answer = visitor.fetch("GET", "/several", version=version)
    assert [each.status for each in answer.interim] == seen
    assert (answer.status, answer.body, answer.fields.all("link")) == (200, b"final", ["</c>"])
    if seen:
        fields = [[(n.lower(), v) for n, v in each.fields] for each in answer.interim]
        assert fields == [[], [(n.lower(), v) for n, v in hint], [("link", hint[0][1])], [],
                          [("x-unknown", "")]]


def test_an_interim_response_is_not_held_back(tunnel):
    go_on = threading.Event()

    def thinks(exchange):
        exchange.head(103, [("Link", "</a.css>")])
        assert go_on.wait(harness.DEADLINE)
        exchange.reply("at last")

    tunnel.origin.on("/thinks", thinks)
    with tunnel.visit() as visitor:
        visitor.request("GET", "/thinks")
        assert visitor.line().startswith(b"HTTP/1.1 103 ")
        assert visitor.fields().all("link") == ["</a.css>"]
        go_on.set()
        assert visitor.response().body == b"at last"


def test_fields_of_the_connection_do_not_pass_with_an_interim_response(tunnel):
    def handler(exchange):
        exchange.head(103, [("Connection", "x-private"), ("X-Private", "1"), ("Keep-Alive", "1"),
                            ("Content-Length", "5"), ("Adit-Error", "x"), ("Link", "</a>")])
        exchange.reply("x")

    tunnel.origin.on("/hop", handler)
    hint, = tunnel.fetch("GET", "/hop").interim
    assert [name.lower() for name, _ in hint.fields] == ["link"]


@pytest.mark.parametrize("method", ["HEAD", "POST", "OPTIONS", "FOO"])
def test_interim_responses_pass_with_any_method(tunnel, method):
    def handler(exchange):
        list(exchange.body())
        exchange.head(103, [("Link", "</a>")])
        exchange.reply("x")

    tunnel.origin.on("/any", handler)
    answer = tunnel.fetch(method, "/any", body=b"" if method == "HEAD" else b"x")
    assert ([each.status for each in answer.interim], answer.status) == ([103], 200)


def test_the_connection_is_kept_behind_interim_responses(tunnel):
    def handler(exchange):
        exchange.head(103, [("Link", "</a>")])
        exchange.wire.send(b"HTTP/1.1 204 None\r\n\r\n")

    tunnel.origin.on("/kept", handler)
    with tunnel.visit() as visitor:
        for _ in range(3):
            visitor.request("GET", "/kept")
            head = visitor.response_head()
            assert (len(head.interim), head.status) == (1, 204)
