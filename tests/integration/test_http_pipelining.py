# SPDX-License-Identifier: MIT
"""Pipelined requests (RFC 9112 §9.3.2) are answered in order; none behind a refusal is
forwarded."""
import socket
import threading

import harness
import pytest
import wire
from client import Truncated, until


def post(visitor, target, body, chunked=False):
    """A whole request, as bytes."""
    if not chunked:
        return visitor.head("POST", target, [("Content-Length", str(len(body)))]) + body
    coded = b"".join(wire.chunk(body[i:i + 7]) for i in range(0, len(body), 7))
    return visitor.head("POST", target, [("Transfer-Encoding", "chunked")]) + coded + (
        wire.last_chunk([("x-sum", str(len(body)))]))


def test_hundreds_of_requests_with_bodies_in_one_piece(tunnel):
    with tunnel.visit() as visitor:
        whole = b"".join(post(visitor, f"/echo?{n}", b"b" * (n % 50), n % 3 == 0)
                         for n in range(600))
        assert len(whole) > 64 * 1024
        sender = threading.Thread(target=visitor.send, args=(whole,))
        sender.start()
        for number in range(600):
            seen = visitor.response().json()
            assert (seen["target"], seen["size"]) == (f"/echo?{number}", number % 50)
        sender.join()


def test_answers_of_every_framing_follow_each_other(tunnel):
    kinds = ["length", "chunked", "close"]
    with tunnel.visit() as visitor:
        visitor.send(b"".join(visitor.head("GET", f"/bytes?size={1000 + n}&how={kinds[n % 3]}")
                              for n in range(30)))
        for number in range(30):
            assert len(visitor.response().body) == 1000 + number


def test_answers_of_the_relay_and_of_services_keep_their_order(tunnel):
    with tunnel.visit() as visitor:
        visitor.send(visitor.head("GET", "/") + visitor.head("GET", "/", host="none.localhost")
                     + visitor.head("HEAD", "/") + visitor.head("GET", "/_adit/health", (), "")[:-2]
                     .replace(b"Host: ", b"Host: localhost") + b"\r\n" + visitor.head("GET", "/"))
        assert visitor.response().body == b"hello"
        assert visitor.response().code == "ADIT-NO-TUNNEL"
        assert visitor.response("HEAD").status == 200
        assert visitor.response().json()["status"] == "ok"
        assert visitor.response().body == b"hello"


def test_no_request_is_passed_on_before_the_one_in_front_is_answered(tunnel):
    go_on = threading.Event()

    def first(exchange):
        tunnel.origin.tell("first")
        assert go_on.wait(harness.DEADLINE)
        exchange.reply("first")

    tunnel.origin.on("/first", first)
    with tunnel.visit() as visitor:
        visitor.send(visitor.head("GET", "/first") + visitor.head("DELETE", "/echo?second"))
        assert tunnel.origin.told() == "first"
        assert tunnel.fetch("GET", "/").body == b"hello"
        assert tunnel.origin.requests[-1].target == "/"
        go_on.set()
        assert visitor.response().body == b"first"
        assert visitor.response().json()["target"] == "/echo?second"


BAD = {"syntax": b"GET / HTTP/1.1\r\nbad line\r\n\r\n",
       "no host": b"GET / HTTP/1.1\r\n\r\n",
       "coding": b"POST / HTTP/1.1\r\nHost: {host}\r\nTransfer-Encoding: cow\r\n\r\n",
       "lengths": b"POST / HTTP/1.1\r\nHost: {host}\r\n" + 2 * b"Content-Length: 1\r\n" + b"\r\n",
       "too large": b"GET / HTTP/1.1\r\nHost: {host}\r\nX: " + b"x" * 40_000 + b"\r\n\r\n",
       "version": b"GET / HTTP/2.0\r\nHost: {host}\r\n\r\n"}


@pytest.mark.parametrize("bad", BAD.values(), ids=BAD.keys())
def test_nothing_behind_a_refused_request_reaches_the_service(tunnel, bad):
    with tunnel.visit() as visitor:
        visitor.send(visitor.head("GET", "/echo?1") + post(visitor, "/echo?2", b"body")
                     + bad.replace(b"{host}", tunnel.host.encode())
                     + visitor.head("GET", "/behind") * 10)
        assert visitor.response().json()["target"] == "/echo?1"
        assert visitor.response().json()["target"] == "/echo?2"
        answer = visitor.response()
        assert answer.code.startswith("ADIT-") and answer.get("connection") == "close"
        assert visitor.is_closed()
    assert tunnel.fetch("GET", "/").body == b"hello"
    assert tunnel.origin.seen("/behind") == []


def test_nothing_behind_a_broken_body_reaches_the_service(tunnel):
    with tunnel.visit() as visitor:
        visitor.send(visitor.head("GET", "/echo?1")
                     + visitor.head("POST", "/echo?2", [("Transfer-Encoding", "chunked")])
                     + b"5\r\nhelloX\r\n0\r\n\r\n" + visitor.head("GET", "/behind"))
        assert visitor.response().json()["target"] == "/echo?1"
        assert visitor.response().status == 400
        assert visitor.is_closed()
    assert tunnel.fetch("GET", "/").body == b"hello"
    assert tunnel.origin.seen("/behind") == []


def test_nothing_behind_connection_close_is_heard(tunnel):
    with tunnel.visit() as visitor:
        visitor.send(visitor.head("GET", "/", [("Connection", "close")])
                     + visitor.head("GET", "/behind") * 100)
        assert visitor.response().body == b"hello"
        assert visitor.is_closed()
    assert tunnel.fetch("GET", "/").body == b"hello"
    assert tunnel.origin.seen("/behind") == []


def test_nothing_behind_an_answer_that_ends_the_connection_is_heard(tunnel):
    with tunnel.visit() as visitor:
        keep = [("Connection", "keep-alive")]
        visitor.send(visitor.head("GET", "/bytes?how=chunked&size=9", keep, version="HTTP/1.0")
                     + visitor.head("GET", "/behind", keep, version="HTTP/1.0"))
        assert len(visitor.response().body) == 9
        assert visitor.is_closed()
    assert tunnel.fetch("GET", "/").body == b"hello"
    assert tunnel.origin.seen("/behind") == []


def test_a_fin_behind_a_request_that_runs_is_an_abort_and_nothing_behind_is_passed_on(tunnel):
    def waits(exchange):
        tunnel.origin.tell("asked")
        exchange.peer_leaves()
        tunnel.origin.tell("left")

    tunnel.origin.on("/waits", waits)
    with tunnel.visit() as visitor:
        visitor.send(visitor.head("GET", "/echo?1") + visitor.head("GET", "/waits")
                     + visitor.head("GET", "/behind"))
        assert visitor.response().json()["target"] == "/echo?1"
        assert tunnel.origin.told() == "asked"
        visitor.sock.shutdown(socket.SHUT_WR)
        assert tunnel.origin.told() == "left"
        assert visitor.is_closed()
    assert tunnel.fetch("GET", "/").body == b"hello"
    assert tunnel.origin.seen("/behind") == []


def test_a_fin_right_behind_pipelined_requests_leaves_whole_answers_only(tunnel):
    for count in (1, 2, 20):
        with tunnel.visit() as visitor:
            visitor.send(visitor.head("GET", "/bytes?size=5000") * count)
            visitor.sock.shutdown(socket.SHUT_WR)
            answers = 0
            try:
                while visitor.buffer or visitor.fill():
                    assert len(visitor.response().body) == 5000
                    answers += 1
            except Truncated:
                assert visitor.buffer == b""  # a reset, and no part of an answer
        assert answers <= count
    until(lambda: tunnel.fetch("GET", "/_adit/health", host="localhost").json()["visitors"] == 1,
          "the visitors' connections are gone")


@pytest.mark.parametrize("how", ["close", "reset"])
def test_a_visitor_that_leaves_is_noticed_however_much_it_had_pipelined(own_tunnel, how):
    def waits(exchange):
        own_tunnel.origin.tell("asked")
        exchange.peer_leaves()
        own_tunnel.origin.tell("left")

    own_tunnel.origin.on("/waits", waits)
    visitor = own_tunnel.visit()
    visitor.send(visitor.head("GET", "/waits") + visitor.head("GET", "/behind") * 2000)
    assert own_tunnel.origin.told() == "asked"
    getattr(visitor, how)()
    assert own_tunnel.origin.told(harness.DEADLINE) == "left"
    assert own_tunnel.origin.seen("/behind") == []


@pytest.mark.parametrize("first", [8_000_000, 8_200_000])
def test_large_uploads_in_one_go(own_tunnel, first):
    sizes = (first, 4_000_000)
    with own_tunnel.visit() as visitor:
        whole = b"".join(post(visitor, "/echo", b"b" * size) for size in sizes)
        sender = threading.Thread(target=visitor.send, args=(whole,), daemon=True)
        sender.start()
        for size in sizes:
            assert visitor.response().json()["size"] == size
        sender.join()
