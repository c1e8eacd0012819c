# SPDX-License-Identifier: MIT
"""Trailers (RFC 9110 §6.5) pass both ways, whole and in order; forbidden ones are dropped."""
import threading

import harness
import pytest
import wire
from client import Truncated

CHUNKED = [("Transfer-Encoding", "chunked")]
REQUEST_LIMIT = 32 * 1024
RESPONSE_LIMIT = 64 * 1024
FIELDS = 100
RESPONSE_FIELDS = 1000

FORBIDDEN = [  # RFC 9110 §6.5.1: framing, routing, authentication, controls, content
    "Content-Length", "Host", "TE", "Trailer", "Via", "Forwarded", "X-Forwarded-For",
    "Cache-Control", "Expect", "Max-Forwards", "Pragma", "Range", "If-Match", "If-None-Match",
    "If-Modified-Since", "If-Unmodified-Since", "If-Range", "Authorization", "Proxy-Authorization",
    "WWW-Authenticate", "Cookie", "Set-Cookie", "Age", "Date", "Expires", "Location", "Retry-After",
    "Vary", "Content-Encoding", "Content-Type", "Content-Range", "Connection", "Keep-Alive",
    "Transfer-Encoding", "Upgrade", "Proxy-Connection", "Adit-Error"]


def lower(fields):
    return [(name.lower(), value) for name, value in fields]


def sent(tunnel, trailers, fields=()):
    """The trailers as the service gets them, or the relay's answer."""
    with tunnel.visit() as visitor:
        visitor.send(visitor.head("POST", "/echo", CHUNKED + list(fields)))
        visitor.send(wire.chunk(b"body") + wire.last_chunk(trailers))
        return visitor.response()


def seen_trailers(answer):
    assert answer.status == 200
    return [tuple(pair) for pair in answer.json()["trailers"]]


def answer_with(tunnel, trailers, go_on=None):
    """The service answers with these trailers, which it sends after the event `go_on`."""
    def handler(exchange):
        exchange.head(200, CHUNKED)
        exchange.chunk(b"body")
        assert not go_on or go_on.wait(harness.DEADLINE)
        exchange.last_chunk(trailers)

    tunnel.origin.on("/trailers", handler)


def section(size):
    """Trailers whose section, the empty line included, has this many bytes."""
    trailers = []
    left = size - len("\r\n")
    while left:
        part = left if left <= 9000 else 8000
        trailers.append(("x-fill", "f" * (part - len("x-fill: \r\n"))))
        left -= part
    assert len(wire.field_lines(trailers)) + 2 == size
    return trailers


def test_a_trailer_that_the_heads_connection_names_stays_at_its_hop(tunnel):
    """RFC 9110 §7.6.1."""
    named = [("Connection", "x-hop, keep-alive"), ("X-Hop", "1")]
    trailers = [("x-hop", "2"), ("x-end", "3")]
    assert lower(seen_trailers(sent(tunnel, trailers, named))) == [("x-end", "3")]

    def handler(exchange):
        exchange.head(200, CHUNKED + named)
        exchange.last_chunk(trailers)

    tunnel.origin.on("/named", handler)
    answer = tunnel.fetch("GET", "/named")
    assert lower(answer.trailers) == [("x-end", "3")]
    assert answer.get("x-hop") is None


PECULIAR = [("x-first", "1"), ("x-empty", ""), ("x-twice", "a"), ("x-twice", "b"),
            ("x-high", "".join(map(chr, range(0x80, 0x100)))), ("x-twice", "a"),
            ("x-list", "a,  b\t;c"), ("server-timing", "db;dur=53"), ("etag", '"x"')]


def test_trailers_of_requests_keep_their_values_and_order(tunnel):
    assert seen_trailers(sent(tunnel, PECULIAR)) == PECULIAR


def test_trailers_of_responses_keep_their_values_and_order(tunnel):
    answer_with(tunnel, PECULIAR)
    assert lower(tunnel.fetch("GET", "/trailers").trailers) == PECULIAR


@pytest.mark.parametrize("asked", [[], [("TE", "trailers")], [("TE", "trailers, gzip;q=0.5")],
                                   [("TE", "trailers"), ("Connection", "TE")]],
                         ids=["not", "te", "list", "connection"])
def test_the_service_learns_whether_trailers_were_asked_for(tunnel, asked):
    answer = sent(tunnel, [("x-sum", "1")], asked)
    fields = lower(answer.json()["fields"])
    assert [value for name, value in fields if name == "te"] == (["trailers"] if asked else [])
    connection = ",".join(value for name, value in fields if name == "connection").lower()
    assert ("te" in connection) == bool(asked)  # RFC 9110 §10.1.4
    assert seen_trailers(answer) == [("x-sum", "1")]


def test_an_announcement_of_trailers_passes_both_ways(tunnel):
    def handler(exchange):
        tunnel.origin.tell(exchange.request.fields.all("trailer"))
        list(exchange.body())
        exchange.head(200, CHUNKED + [("Trailer", "X-A"), ("Trailer", "X-B, X-C")])
        exchange.last_chunk([("X-A", "1")])

    tunnel.origin.on("/announced", handler)
    with tunnel.visit() as visitor:
        visitor.send(visitor.head("POST", "/announced", CHUNKED + [("Trailer", "X-Sum")]))
        visitor.send(wire.last_chunk([("X-Sum", "1")]))
        answer = visitor.response()
    assert tunnel.origin.told() == ["X-Sum"]
    assert answer.fields.all("trailer") == ["X-A", "X-B, X-C"]
    assert lower(answer.trailers) == [("x-a", "1")]


@pytest.mark.parametrize("count", [FIELDS - 1, FIELDS])
def test_trailers_up_to_the_number_of_fields_pass(tunnel, count):
    trailers = [(f"x-{number}", str(number)) for number in range(count)]
    assert seen_trailers(sent(tunnel, trailers)) == trailers
    answer_with(tunnel, trailers)
    assert lower(tunnel.fetch("GET", "/trailers").trailers) == trailers


def test_one_trailer_too_many_of_a_request_is_refused(tunnel):
    answer = sent(tunnel, [(f"x-{number}", "1") for number in range(FIELDS + 1)])
    assert (answer.status, answer.code) == (431, "ADIT-HEAD-TOO-LARGE")


def never_whole(tunnel, trailers):
    """The body arrives, but its end must not."""
    go_on = threading.Event()
    answer_with(tunnel, trailers, go_on)
    with tunnel.visit() as visitor:
        visitor.request("GET", "/trailers")
        head = visitor.response_head()
        assert head.status == 200
        stream = visitor.response_body(head)
        assert next(stream) == b"body"
        go_on.set()
        with pytest.raises(Truncated):
            list(stream)


def test_one_trailer_too_many_of_a_response_cuts_it(tunnel):
    never_whole(tunnel, [(f"x-{number}", "1") for number in range(RESPONSE_FIELDS + 1)])


@pytest.mark.parametrize("size", [REQUEST_LIMIT - 1, REQUEST_LIMIT])
def test_trailers_of_a_request_up_to_the_limit_pass(tunnel, size):
    assert seen_trailers(sent(tunnel, section(size))) == section(size)


def test_trailers_of_a_request_over_the_limit_are_refused(tunnel):
    answer = sent(tunnel, section(REQUEST_LIMIT + 1))
    assert (answer.status, answer.code) == (431, "ADIT-HEAD-TOO-LARGE")


@pytest.mark.parametrize("size", [RESPONSE_LIMIT - 1, RESPONSE_LIMIT])
def test_trailers_of_a_response_up_to_the_limit_pass(tunnel, size):
    answer_with(tunnel, section(size))
    assert lower(tunnel.fetch("GET", "/trailers").trailers) == section(size)


def test_trailers_of_a_response_over_the_limit_cut_it(tunnel):
    never_whole(tunnel, section(RESPONSE_LIMIT + 1))


def test_forbidden_trailers_are_dropped_both_ways(tunnel):
    trailers = [("X-Before", "1"), *((name, "chunked") for name in FORBIDDEN), ("X-After", "2")]
    kept = [("X-Before", "1"), ("X-After", "2")]
    assert seen_trailers(sent(tunnel, trailers)) == kept
    answer_with(tunnel, trailers)
    assert tunnel.fetch("GET", "/trailers").trailers == kept


def test_an_http_1_0_visitor_gets_the_body_without_the_trailers(tunnel):
    answer_with(tunnel, [("X-Sum", "1")])
    with tunnel.visit() as visitor:
        answer = visitor.fetch("GET", "/trailers", version="HTTP/1.0")
    assert answer.body == b"body"
    assert answer.get("transfer-encoding") is None


def test_the_connection_lives_on_behind_trailers(tunnel):
    answer_with(tunnel, [("X-Sum", "1")])
    with tunnel.visit() as visitor:
        for number in range(3):
            visitor.send(visitor.head("POST", "/echo", CHUNKED)
                         + wire.last_chunk([("x-number", str(number))]))
            assert visitor.response().json()["trailers"] == [["x-number", str(number)]]
            assert lower(visitor.fetch("GET", "/trailers").trailers) == [("x-sum", "1")]
