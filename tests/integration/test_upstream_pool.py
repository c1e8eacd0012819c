# SPDX-License-Identifier: MIT
"""Connections to the service are reused, bounded, and retried only where that is safe."""
import threading

import harness
import pytest
from client import until

BURST = 150  # exchanges at once


def second_time_closes(exchange):
    """Answers the first request of a connection and closes at the second, like a stale server."""
    counts = second_time_closes.counts
    number = exchange.request.connection
    counts[number] = counts.get(number, 0) + 1
    if counts[number] > 1:
        exchange.close()
    else:
        exchange.reply("fresh")


def stale(tunnel):
    """Leaves one pooled connection behind that closes at its next request."""
    tunnel.origin.drop_connections()
    until(lambda: tunnel.origin.open_connections == 0, "old connections are gone", harness.DEADLINE)
    second_time_closes.counts = {}
    tunnel.origin.on("/stale", second_time_closes)
    until(lambda: tunnel.fetch("GET", "/stale").body == b"fresh", "a pooled connection")
    return len(tunnel.origin.seen("/stale"))


def test_sequential_requests_use_one_connection(tunnel):
    first = tunnel.fetch("GET", "/echo").json()["connection"]
    for _ in range(50):
        assert tunnel.fetch("GET", "/echo").json()["connection"] == first


@pytest.mark.parametrize("method", ["GET", "HEAD", "OPTIONS"])
def test_a_safe_request_on_a_stale_connection_is_tried_once_more(tunnel, method):
    before = stale(tunnel)
    assert tunnel.fetch(method, "/stale").status == 200
    assert len(tunnel.origin.seen("/stale")) - before == 2


@pytest.mark.parametrize("method, body", [("POST", b"x"), ("POST", b""), ("PATCH", b"x")])
def test_a_request_that_may_have_been_done_is_not_tried_again(tunnel, method, body):
    before = stale(tunnel)
    answer = tunnel.fetch(method, "/stale", body=body)
    seen = tunnel.origin.seen("/stale")
    assert len(seen) - before == 1
    if seen[-1].connection == seen[-2].connection:
        assert (answer.status, answer.code) == (502, "ADIT-UPSTREAM-CLOSED")
    else:  # the agent no longer trusted the old connection
        assert answer.body == b"fresh"


def test_a_fresh_connection_is_not_tried_twice(tunnel):
    tunnel.origin.on("/shut", lambda exchange: exchange.close())
    tunnel.origin.drop_connections()
    until(lambda: tunnel.origin.open_connections == 0, "old connections are gone", harness.DEADLINE)
    assert tunnel.fetch("GET", "/shut").code == "ADIT-UPSTREAM-CLOSED"
    assert len(tunnel.origin.seen("/shut")) == 1


def test_a_response_that_has_begun_is_never_asked_for_again(tunnel):
    def begins(exchange):
        exchange.wire.send(b"HTTP/1.1 2")
        exchange.close()

    tunnel.fetch("GET", "/")
    tunnel.origin.on("/begins", begins)
    answer = tunnel.fetch("GET", "/begins")
    assert (answer.status, answer.code) == (502, "ADIT-UPSTREAM-CLOSED")
    assert len(tunnel.origin.seen("/begins")) == 1


def test_a_connection_closed_while_idle_costs_nobody_anything(tunnel):
    for _ in range(20):
        assert tunnel.fetch("GET", "/").body == b"hello"
        tunnel.origin.drop_connections()


@pytest.mark.parametrize("method, answer", [
    ("GET", b"HTTP/1.1 200 Told\r\nContent-Length: 2\r\n\r\nok"),
    ("GET", b"HTTP/1.1 200 Told\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n"),
    ("GET", b"HTTP/1.1 200 Told\r\nContent-Length: 0\r\n\r\n"),
    ("GET", b"HTTP/1.1 204 Told\r\n\r\n"), ("GET", b"HTTP/1.1 304 Told\r\n\r\n"),
    ("HEAD", b"HTTP/1.1 200 Told\r\nContent-Length: 40\r\n\r\n"),
])
def test_bytes_behind_a_response_never_answer_the_next_request(tunnel, method, answer):
    def too_much(exchange):
        exchange.wire.send(answer + b"HTTP/1.1 200 Told\r\nContent-Length: 4\r\n\r\nevil")

    tunnel.origin.on("/too-much", too_much)
    for _ in range(20):
        assert tunnel.fetch(method, "/too-much").status == int(answer[9:12])
        assert tunnel.fetch("GET", "/").body == b"hello"


def test_an_abandoned_response_is_not_read_by_the_next_visitor(tunnel):
    for _ in range(20):
        visitor = tunnel.visit()
        visitor.request("GET", "/bytes?size=3000000")
        visitor.exactly(1000)
        visitor.close()
        assert tunnel.fetch("GET", "/").body == b"hello"


def test_a_closing_origin_gets_a_new_connection_each_time(tunnel):
    def closing(exchange):
        exchange.reply(str(exchange.request.connection), fields=[("Connection", "close")])
        exchange.keep = False

    tunnel.origin.on("/closing", closing)
    assert len({tunnel.fetch("GET", "/closing").body for _ in range(10)}) == 10


def test_a_burst_is_served_by_the_connections_of_the_last_and_they_are_let_go(tunnel):
    tunnel.origin.drop_connections()
    until(lambda: tunnel.origin.open_connections == 0, "old connections are gone", harness.DEADLINE)
    together = threading.Barrier(BURST)

    def at_once(exchange):
        together.wait(6 * harness.DEADLINE)
        exchange.reply("now")

    tunnel.origin.on("/at-once", at_once)
    before = tunnel.origin.accepted
    visitors = [tunnel.visit() for _ in range(BURST)]
    for _ in range(2):
        for visitor in visitors:
            visitor.request("GET", "/at-once")
        assert {visitor.response().body for visitor in visitors} == {b"now"}
    assert tunnel.origin.accepted - before < 2 * BURST
    for visitor in visitors:
        visitor.close()
    until(lambda: tunnel.origin.open_connections == 0, "idle connections are closed",
          2 * harness.DEADLINE)
