# SPDX-License-Identifier: MIT
"""A reader that lags behind gets the bytes, the trailers and the end in order."""
import socket
import threading

import bodies
import harness
import pytest
import wire
from client import Truncated

SIZE = 5_000_000
CHUNKED = [("Transfer-Encoding", "chunked")]
FOO = [("Connection", "Upgrade"), ("Upgrade", "foo")]
SWITCH = b"HTTP/1.1 101 Yes\r\nConnection: upgrade\r\nUpgrade: foo\r\n\r\n"


def service_has_sent(tunnel, path, send):
    """Starts a service that sends from a thread; returns when it is stuck or done."""
    def handler(exchange):
        list(exchange.body())
        tunnel.origin.tell("begins")
        send(exchange)

    tunnel.origin.on(path, handler)


def stand_still(tunnel):
    """Serves others while the visitor does not read, so that it falls behind."""
    assert tunnel.origin.told() == "begins"
    for _ in range(20):
        assert len(tunnel.fetch("GET", "/bytes?size=100000").body) == 100_000


@pytest.mark.parametrize("version", ["HTTP/1.1", "HTTP/1.0"])
def test_an_end_by_close_is_found_behind_all_of_the_body(tunnel, version):
    def send(exchange):
        exchange.head(200, [("Connection", "close")])
        for piece in bodies.pieces(1, SIZE):
            exchange.send(piece)
        exchange.keep = False

    service_has_sent(tunnel, "/closes", send)
    with tunnel.visit() as visitor:
        visitor.request("GET", "/closes", version=version)
        stand_still(tunnel)
        head = visitor.response_head()
        assert bodies.sha256(visitor.response_body(head)) == bodies.digest(1, SIZE)


def test_trailers_are_found_behind_all_of_the_body(tunnel):
    trailers = [(f"x-{n}", "\xe9" * 600) for n in range(100)]

    def send(exchange):
        exchange.head(200, CHUNKED)
        for piece in bodies.pieces(2, SIZE):
            exchange.chunk(piece)
        exchange.last_chunk(trailers)

    service_has_sent(tunnel, "/trailers", send)
    with tunnel.visit() as visitor:
        visitor.request("GET", "/trailers")
        stand_still(tunnel)
        answer = visitor.response()
        assert bodies.sha256(answer.body) == bodies.digest(2, SIZE)
        assert answer.trailers == trailers
        assert visitor.fetch("GET", "/").body == b"hello"


def test_pipelined_answers_wait_for_their_reader(tunnel):
    service_has_sent(tunnel, "/first", lambda exchange: exchange.reply("first"))
    with tunnel.visit() as visitor:
        visitor.send(visitor.head("GET", "/first")
                   + b"".join(visitor.head("GET", f"/bytes?size=300000&seed={n}")
                                for n in range(20)))
        stand_still(tunnel)
        assert visitor.response().body == b"first"
        for number in range(20):
            assert bodies.sha256(visitor.response().body) == bodies.digest(number, 300_000)


def test_the_end_of_an_upgraded_stream_is_found_behind_all_of_its_bytes(tunnel):
    def send(exchange):
        exchange.keep = False
        exchange.wire.send(SWITCH)
        for piece in bodies.pieces(3, SIZE):
            exchange.wire.send(piece)
        exchange.wire.sock.shutdown(socket.SHUT_WR)
        tunnel.origin.tell(exchange.wire.rest())

    service_has_sent(tunnel, "/raw", send)
    with tunnel.visit() as visitor:
        visitor.request("GET", "/raw", FOO)
        visitor.send(b"right behind")
        stand_still(tunnel)
        assert visitor.response_head().status == 101
        assert bodies.sha256(visitor.body(wire.Fields(), "close")) == bodies.digest(3, SIZE)
        visitor.send(b" and last")
        visitor.sock.shutdown(socket.SHUT_WR)
        assert tunnel.origin.told() == b"right behind and last"


def test_a_service_that_lags_behind_finds_the_end_of_an_upgraded_stream(tunnel):
    go_on = threading.Event()

    def slow(exchange):
        exchange.wire.send(SWITCH)
        tunnel.origin.tell("begins")
        assert go_on.wait(harness.DEADLINE)
        exchange.keep = False
        tunnel.origin.tell(bodies.sha256(exchange.wire.body(wire.Fields(), "close")))
        exchange.wire.send(b"thanks")

    tunnel.origin.on("/slow", slow)
    with tunnel.visit() as visitor:
        visitor.request("GET", "/slow", FOO)
        assert visitor.response_head().status == 101

        def send():
            for piece in bodies.pieces(4, SIZE):
                visitor.send(piece)
            visitor.sock.shutdown(socket.SHUT_WR)
        sender = threading.Thread(target=send)
        sender.start()
        stand_still(tunnel)
        go_on.set()
        assert tunnel.origin.told() == bodies.digest(4, SIZE)
        assert visitor.rest() == b"thanks"
        sender.join()


def test_a_service_that_lags_behind_finds_the_trailers_of_a_request(tunnel):
    go_on = threading.Event()

    def slow(exchange):
        tunnel.origin.tell("begins")
        assert go_on.wait(harness.DEADLINE)
        digest = bodies.sha256(exchange.body())
        exchange.reply_json([digest, exchange.trailers])

    tunnel.origin.on("/slow-upload", slow)
    with tunnel.visit() as visitor:
        def send():
            visitor.send(visitor.head("POST", "/slow-upload", CHUNKED))
            for piece in bodies.pieces(5, SIZE):
                visitor.send(wire.chunk(piece))
            visitor.send(wire.last_chunk([("x-sum", "1" * 20_000)]) + visitor.head("GET", "/"))
        sender = threading.Thread(target=send)
        sender.start()
        stand_still(tunnel)
        go_on.set()
        assert visitor.response().json() == [bodies.digest(5, SIZE), [["x-sum", "1" * 20_000]]]
        assert visitor.response().body == b"hello"
        sender.join()


@pytest.mark.parametrize("how", ["close", "reset"])
def test_an_answer_cut_short_is_seen_as_such_by_a_reader_that_lags_behind(tunnel, how):
    def send(exchange):
        exchange.head(200, [("Content-Length", str(2 * SIZE))])
        for piece in bodies.pieces(6, SIZE):
            exchange.send(piece)
        getattr(exchange, how)()

    service_has_sent(tunnel, "/cut", send)
    with tunnel.visit() as visitor:
        visitor.request("GET", "/cut")
        stand_still(tunnel)
        head = visitor.response_head()
        with pytest.raises(Truncated):
            list(visitor.response_body(head))


@pytest.mark.parametrize("way", ["request", "response"])
def test_a_body_in_chunks_of_one_byte(tunnel, way):
    size = 100_000
    body = bodies.make(7, size)
    text = b"".join(b"1\r\n%c\r\n" % byte for byte in body) + wire.last_chunk([("x-sum", "1")])

    def handler(exchange):
        exchange.head(200, CHUNKED)
        exchange.wire.send(text)

    tunnel.origin.on("/crumbs", handler)
    with tunnel.visit() as visitor:
        if way == "request":
            visitor.send(visitor.head("POST", "/echo", CHUNKED) + text)
            seen = visitor.response().json()
            assert (seen["sha256"], seen["trailers"]) == (bodies.sha256(body), [["x-sum", "1"]])
        else:
            answer = visitor.fetch("GET", "/crumbs")
            assert (answer.body == body, answer.trailers) == (True, [("x-sum", "1")])
