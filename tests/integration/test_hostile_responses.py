# SPDX-License-Identifier: MIT
"""Wrong responses of a hostile agent cost their exchange only.

Whatever the agent sends, a visitor never gets a response that is not the answer to their request.
"""
import struct

import pytest
import tunnel_peer
from attack import Reasons, ask, bystander, hostile, undisturbed  # noqa: F401
from client import Truncated, until
from tunnel_peer import (BINARY, CLOSE, DATA, END_STREAM, MUX, data, h2, head, record, response,
                         rst, ws_frame)

HTTP2 = "broke the multiplexing"

FORGED = b"HTTP/1.1 200 OK\r\ncontent-length: 6\r\n\r\nforged"
LENGTH = ("content-length", "5")

WRONG_HEADS = {
    "101": dict(status=101),
    "an end behind 1xx": dict(status=103, end=True),
    "two digits": dict(status=20),
    "four digits": dict(status=2000),
    "letters": dict(status="abc"),
    "status 000": dict(status="000"),
    "a second status": dict(fields=[(":status", "200")]),
    "a pseudo-field behind others": dict(fields=[("a", "b"), (":path", "/")]),
    "a request": dict(fields=[(":method", "GET")]),
    "an unknown pseudo-field": dict(fields=[(":fake", "x")]),
    "an upper-case name": dict(fields=[("Upper", "x")]),
    "a space in a name": dict(fields=[("sp ace", "x")]),
    "a colon in a name": dict(fields=[("a:b", "x")]),
    "an empty name": dict(fields=[("", "x")]),
    "CR LF in a name": dict(fields=[("a\r\nset-cookie", "x")]),
    "CR LF in a value": dict(fields=[("a", "b\r\nset-cookie: forged")]),
    "LF in a value": dict(fields=[("a", "b\nset-cookie: forged")]),
    "a zero in a value": dict(fields=[("a", "b\0c")]),
    "a space before a value": dict(fields=[("a", " b")]),
    "connection": dict(fields=[("connection", "close")]),
    "keep-alive": dict(fields=[("keep-alive", "timeout=5")]),
    "transfer-encoding": dict(fields=[("transfer-encoding", "chunked")]),
    "upgrade": dict(fields=[("upgrade", "websocket")]),
    "proxy-connection": dict(fields=[("proxy-connection", "close")]),
    "te": dict(fields=[("te", "gzip")]),
    "two lengths": dict(fields=[LENGTH, LENGTH]),
    "a length of letters": dict(fields=[("content-length", "abc")]),
    "a length below 0": dict(fields=[("content-length", "-1")]),
    "a length with a sign": dict(fields=[("content-length", "+5")]),
    "a length that is a list": dict(fields=[("content-length", "5, 5")]),
    "a length over 64 bits": dict(fields=[("content-length", "18446744073709551616")]),
    "a length and no body": dict(fields=[LENGTH], end=True),
    "no length and no body": dict(end=True),
    "a protocol that nobody offered": dict(fields=[("adit-upgrade", "echo")]),
    "two protocols": dict(fields=[("adit-upgrade", "a"), ("adit-upgrade", "b")]),
    "1025 fields": dict(fields=[("a", "b")] * 1025),
    "96 KiB of fields": dict(fields=[("a", "b" * 40000)] * 3),
}


@pytest.mark.parametrize("what", WRONG_HEADS)
def test_a_wrong_head_costs_its_exchange_only(relay, hostile, what):
    visitor, stream = ask(relay, hostile)
    hostile.mux(response(stream, **{"status": 200, **WRONG_HEADS[what]}))
    with visitor:
        answer = visitor.response()
        assert (answer.status, answer.code) == (502, "ADIT-UPSTREAM-INVALID")
        assert b"forged" not in answer.body and not answer.get("set-cookie")
        goes_on(hostile, visitor)


def goes_on(peer, visitor):
    """The next request on the visitor's connection gets its own answer."""
    visitor.request("GET", "/next")
    stream, fields, _ = peer.request()
    assert fields[":path"] == "/next"
    peer.answer(stream, b"next")
    assert visitor.response().body == b"next"


BODILESS = {
    "HEAD": ("HEAD", 200), "HEAD 404": ("HEAD", 404), "204": ("GET", 204), "304": ("GET", 304),
    "204 to POST": ("POST", 204),
}


@pytest.mark.parametrize("end", [False, True], ids=["open", "ended"])
@pytest.mark.parametrize("length", [False, True], ids=["without length", "with length"])
@pytest.mark.parametrize("what", BODILESS)
def test_a_body_where_none_may_be_is_never_the_next_response(relay, hostile, what, length, end):
    method, status = BODILESS[what]
    body = b"" if method == "POST" else None
    visitor, stream = ask(relay, hostile, method, body=body)
    fields = [("content-length", str(len(FORGED)))] if length else []
    hostile.mux(response(stream, status, fields), data(stream, FORGED, end))
    with visitor:
        answer = visitor.response(method)
        assert (answer.status, answer.code) == (502, "ADIT-UPSTREAM-INVALID")
        goes_on(hostile, visitor)


@pytest.mark.parametrize("pieces", [
    [b"hello" + FORGED], [b"hello", FORGED], [b"hell", b"o" + FORGED], [b"hello", b"", FORGED]])
def test_data_beyond_the_length_is_cut_and_never_a_response(relay, hostile, pieces):
    visitor, stream = ask(relay, hostile)
    visitor.send(visitor.head("GET", "/pipelined"))
    hostile.mux(response(stream, 200, [LENGTH]), *(data(stream, piece) for piece in pieces))
    with visitor:
        got = visitor.rest()
    assert b"forged" not in got and got.count(b"HTTP/1.1") <= 1
    assert len(got.partition(b"\r\n\r\n")[2]) <= 5
    fresh, stream = ask(relay, hostile, target="/fresh")
    with fresh:
        hostile.answer(stream, b"fresh")
        assert fresh.response().body == b"fresh"


def test_an_end_before_the_length_is_seen_as_truncated(relay, hostile):
    visitor, stream = ask(relay, hostile)
    hostile.mux(response(stream, 200, [("content-length", "10")]), data(stream, b"hello", end=True))
    with visitor, pytest.raises(Truncated):
        visitor.response()
    with relay.visit(hostile.host) as fresh:
        goes_on(hostile, fresh)


@pytest.mark.parametrize("trailers", [
    [(":status", "200")], [(":path", "/")], [("Upper", "x")], [("a", "b\r\nc: d")],
    [("connection", "close")], [("adit-upgrade", "echo")], [("transfer-encoding", "chunked")],
    [("adit-error", "ADIT-LOOP")], [("adit-id", "0123456789abcdef")], [("adit-bind", "1")],
    [("adit-visitor", "1")], [("adit-new", "x")]])
def test_wrong_trailers_are_seen_as_truncated(relay, hostile, trailers):
    visitor, stream = ask(relay, hostile)
    hostile.mux(response(stream), data(stream, b"hello"), head(stream, trailers, end=True))
    with visitor, pytest.raises(Truncated):
        visitor.response()
    with relay.visit(hostile.host) as fresh:
        goes_on(hostile, fresh)


@pytest.mark.parametrize("trailers", [
    [("content-length", "5")], [("host", "x")], [("set-cookie", "forged=1")],
    [("trailer", "x")], [("authorization", "x")]])
def test_trailers_that_may_not_be_are_dropped(relay, hostile, trailers):
    visitor, stream = ask(relay, hostile)
    hostile.mux(response(stream), data(stream, b"hello"),
                head(stream, [*trailers, ("good", "one")], end=True))
    with visitor:
        answer = visitor.response()
        assert (answer.body, answer.trailers) == (b"hello", [("Good", "one")])
        goes_on(hostile, visitor)


def test_trailers_without_an_end_cut_the_response(relay, hostile):
    visitor, stream = ask(relay, hostile)
    hostile.mux(response(stream), data(stream, b"hello"), head(stream, [("a", "b")]))
    with visitor, pytest.raises(Truncated):
        visitor.response()


def test_what_follows_an_end_ends_the_tunnel(relay, hostile):
    """A response that has ended cannot go on while its request still runs."""
    visitor = relay.visit(hostile.host)
    visitor.send(visitor.head("POST", "/", [("Content-Length", "100000")]) + b"some")
    stream, _, _ = hostile.request()
    reasons = Reasons(relay)
    hostile.mux(response(stream, 200, [LENGTH]), data(stream, b"hello", True), data(stream, FORGED))
    assert hostile.close_code() == 1002
    assert HTTP2 in reasons.next()
    with visitor:
        assert b"forged" not in visitor.rest()


def test_a_second_response_cuts_the_exchange(relay, hostile):
    visitor, stream = ask(relay, hostile)
    hostile.mux(response(stream, 200, [LENGTH]), response(stream, 200, [LENGTH]))
    with visitor, pytest.raises(Truncated):
        visitor.response()


def test_interim_responses_without_end_cost_their_exchange(relay, hostile):
    visitor, stream = ask(relay, hostile)
    hostile.mux(*[response(stream, 103, [("link", "</a>")])] * 200)
    with visitor, pytest.raises(Truncated):
        visitor.response()
    with relay.visit(hostile.host) as fresh:
        goes_on(hostile, fresh)


@pytest.mark.parametrize("code, status, name", [
    (tunnel_peer.REFUSED_STREAM, 503, "ADIT-TOO-MANY-STREAMS"),
    (tunnel_peer.ENHANCE_YOUR_CALM, 503, "ADIT-TOO-MANY-STREAMS"),
    (tunnel_peer.CANCEL, 502, "ADIT-UPSTREAM-INVALID"), (0, 502, "ADIT-UPSTREAM-INVALID"),
    (1, 502, "ADIT-UPSTREAM-INVALID"), (0xffffffff, 502, "ADIT-UPSTREAM-INVALID"),
    (255, 502, "ADIT-UPSTREAM-INVALID")])
def test_a_reset_before_the_response_says_what_it_meant(relay, hostile, code, status, name):
    visitor, stream = ask(relay, hostile)
    hostile.mux(rst(stream, code))
    with visitor:
        answer = visitor.response()
        assert (answer.status, answer.code) == (status, name)
        assert bool(answer.get("retry-after")) == (status == 503)
        goes_on(hostile, visitor)


def test_a_reset_inside_of_a_response_is_seen_as_truncated(relay, hostile):
    visitor, stream = ask(relay, hostile)
    hostile.mux(response(stream), data(stream, b"hel"), rst(stream))
    with visitor, pytest.raises(Truncated):
        visitor.response()


def test_thousands_of_resets_leave_the_tunnel_working(relay, hostile):
    with relay.visit(hostile.host) as visitor:
        for _ in range(2000):
            visitor.request("GET", "/")
            hostile.mux(rst(hostile.request()[0], tunnel_peer.REFUSED_STREAM))
            assert visitor.response().status == 503
        goes_on(hostile, visitor)


def test_data_beyond_its_window_costs_its_exchange(relay, hostile):
    def is_cut():
        visitor, stream = ask(relay, hostile)
        # In one message, so that credit seldom comes in between.
        hostile.pipe(record(MUX, response(stream) + data(stream, b"x" * 16000) * 7
                            + data(stream, b"", end=True)))
        with visitor:
            try:
                visitor.response()
            except Truncated:
                return True
        return False
    until(is_cut, "more than its window is too much")
    with relay.visit(hostile.host) as fresh:
        goes_on(hostile, fresh)


def test_data_beyond_all_windows_ends_the_tunnel(relay, hostile):
    visitor, stream = ask(relay, hostile)
    hostile.mux(response(stream), data(stream, b"hello", end=True))
    with visitor:
        assert visitor.response().body == b"hello"
        reasons = Reasons(relay)
        hostile.mux(data(stream, FORGED))
        assert hostile.close_code() == 1002
        assert HTTP2 in reasons.next()


@pytest.mark.parametrize("code", [None, 1000, 1001, 4999])
def test_an_agent_that_leaves_midway_is_a_502_and_its_link_ends(relay, hostile, code):
    visitor, _ = ask(relay, hostile)
    reasons = Reasons(relay)
    hostile.ws(CLOSE, b"" if code is None else struct.pack(">H", code))
    with visitor:
        assert visitor.response().code == "ADIT-AGENT-LOST"
    assert "the agent has left" in reasons.next()


def test_a_link_that_closes_inside_of_a_frame_is_a_502(relay, hostile):
    visitor, _ = ask(relay, hostile)
    reasons = Reasons(relay)
    hostile.sock.sendall(ws_frame(BINARY, b"\4\0\0", masked=True, length=100))
    hostile.close()
    with visitor:
        assert visitor.response().code == "ADIT-AGENT-LOST"
    assert "closed" in reasons.next()


def test_an_empty_data_frame_is_no_end(relay, hostile):
    visitor, stream = ask(relay, hostile)
    nothing = [data(stream)] * 100
    hostile.mux(response(stream), *nothing, data(stream, b"hello"), *nothing)
    hostile.mux(h2(DATA, END_STREAM, stream))
    with visitor:
        assert visitor.response().body == b"hello"
        goes_on(hostile, visitor)
