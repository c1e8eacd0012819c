# SPDX-License-Identifier: MIT
"""A peer leaves in the middle of an exchange, at any point of it: the other side is told."""
import socket
import threading

import bodies
import harness
import pytest
import wire
from client import Truncated, until

CHUNKED = [("Transfer-Encoding", "chunked")]
LEAVE = {"close": lambda visitor: visitor.close(), "reset": lambda visitor: visitor.reset(),
         "fin": lambda visitor: visitor.sock.shutdown(socket.SHUT_WR)}


def no_visitor_is_left(tunnel):
    def only_us():
        return tunnel.fetch("GET", "/_adit/health", host="localhost").json()["visitors"] == 1
    until(only_us, "the visitor's connection is gone", harness.DEADLINE)


# The visitor leaves.

@pytest.mark.parametrize("how", LEAVE)
@pytest.mark.parametrize("text", [b"", b"G", b"GET / HTTP/1.1\r\n",
                                  b"GET /in-head HTTP/1.1\r\nHost: h"])
def test_a_visitor_that_leaves_in_its_head_leaves_nothing_behind(tunnel, text, how):
    visitor = tunnel.visit()
    visitor.send(text)
    LEAVE[how](visitor)
    no_visitor_is_left(tunnel)
    visitor.close()
    assert tunnel.origin.seen("/in-head") == []


UPLOADS = {  # the bytes that the visitor sends before it leaves
    "length": lambda v, path: v.head("POST", path, [("Content-Length", "10")]) + b"only",
    "no body yet": lambda v, path: v.head("POST", path, [("Content-Length", "10")]),
    "no chunk yet": lambda v, path: v.head("POST", path, CHUNKED),
    "chunk size": lambda v, path: v.head("POST", path, CHUNKED) + wire.chunk(b"only") + b"5",
    "chunk": lambda v, path: v.head("POST", path, CHUNKED) + b"5\r\nonly",
    "chunk end": lambda v, path: v.head("POST", path, CHUNKED) + b"4\r\nonly",
    "last chunk": lambda v, path: v.head("POST", path, CHUNKED) + wire.chunk(b"only") + b"0\r\n",
    "trailers": lambda v, path: v.head("POST", path, CHUNKED) + b"0\r\nX-Sum: 1\r\n",
    "trailer": lambda v, path: v.head("POST", path, CHUNKED) + b"0\r\nX-Sum: 1",
}


@pytest.mark.parametrize("how", LEAVE)
@pytest.mark.parametrize("where", UPLOADS)
def test_a_broken_off_request_is_never_whole_for_the_service(tunnel, where, how):
    def swallow(exchange):
        tunnel.origin.tell("begun")
        try:
            list(exchange.body())
            tunnel.origin.tell("whole")
        except Truncated:
            tunnel.origin.tell("truncated")
            raise

    tunnel.origin.on("/swallow", swallow)
    visitor = tunnel.visit()
    visitor.send(UPLOADS[where](visitor, "/swallow"))
    assert tunnel.origin.told() == "begun"
    LEAVE[how](visitor)
    assert tunnel.origin.told(harness.DEADLINE) == "truncated"
    visitor.close()


ANSWERS = {  # the bytes that the service sends before the visitor leaves
    "before the head": b"",
    "after a 103": b"HTTP/1.1 103 Early\r\nLink: </a>\r\n\r\n",
    "length": b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nsome",
    "chunked": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nsome\r\n",
    "close": b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nsome",
    "trailers": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nsome\r\n0\r\nX-Sum: ",
}


@pytest.mark.parametrize("how", LEAVE)
@pytest.mark.parametrize("where", ANSWERS)
def test_a_visitor_that_leaves_before_the_answer_ends_is_noticed_by_the_service(tunnel, where, how):
    def waits(exchange):
        exchange.wire.send(ANSWERS[where])
        tunnel.origin.tell("waits")
        exchange.peer_leaves()
        tunnel.origin.tell("left")

    tunnel.origin.on("/waits", waits)
    visitor = tunnel.visit()
    visitor.request("GET", "/waits")
    assert tunnel.origin.told() == "waits"
    if b"some" in ANSWERS[where]:
        until(lambda: visitor.fill() and b"some" in visitor.buffer, "the answer has begun")
    LEAVE[how](visitor)
    assert tunnel.origin.told(harness.DEADLINE) == "left"
    visitor.close()


def test_a_visitor_that_shuts_down_too_early_gets_no_answer_that_looks_whole(tunnel):
    go_on = threading.Event()

    def half(exchange):
        exchange.head(200, CHUNKED)
        exchange.chunk(b"half")
        assert go_on.wait(harness.DEADLINE)
        exchange.chunk(b"rest")
        exchange.last_chunk()

    tunnel.origin.on("/half", half)
    for version in ("HTTP/1.1", "HTTP/1.0"):
        go_on.clear()
        with tunnel.visit() as visitor:
            visitor.request("GET", "/half", version=version)
            stream = visitor.response_body(visitor.response_head())
            assert next(stream) == b"half"
            visitor.sock.shutdown(socket.SHUT_WR)
            with pytest.raises(Truncated):
                list(stream)
        go_on.set()


# The service leaves.

BEFORE_THE_HEAD = {
    "nothing": b"",
    "after a 100": b"HTTP/1.1 100 Continue\r\n\r\n",
    "after a 103": b"HTTP/1.1 103 Early\r\nLink: </a>\r\n\r\n",
    "in the status line": b"HTTP/1.1 20",
    "in the fields": b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\nX-Half",
    "before the empty line": b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n",
}


def leaving(tunnel, path, text, how):
    def handler(exchange):
        list(exchange.body())
        exchange.wire.send(text)
        getattr(exchange, how)()

    tunnel.origin.on(path, handler)


@pytest.mark.parametrize("how", ["close", "reset"])
@pytest.mark.parametrize("where", BEFORE_THE_HEAD)
def test_a_service_that_leaves_before_its_head_is_whole_is_a_502(tunnel, where, how):
    leaving(tunnel, "/leaves", BEFORE_THE_HEAD[where], how)
    with tunnel.visit() as visitor:
        answer = visitor.fetch("POST", "/leaves", body=b"12345")
        assert (answer.status, answer.code) == (502, "ADIT-UPSTREAM-CLOSED")
        assert visitor.fetch("GET", "/").body == b"hello"


BEFORE_THE_END = {
    "length": b"Content-Length: 10\r\n\r\nhalf",
    "no byte": b"Content-Length: 10\r\n\r\n",
    "no chunk": b"Transfer-Encoding: chunked\r\n\r\n",
    "chunk size": b"Transfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n5",
    "chunk": b"Transfer-Encoding: chunked\r\n\r\n8\r\nhalf",
    "chunk end": b"Transfer-Encoding: chunked\r\n\r\n4\r\nhalf",
    "last chunk": b"Transfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n0\r\n",
    "trailers": b"Transfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n0\r\nX-Sum: 1\r\n",
}


def is_cut(visitor):
    """Whether the answer is visibly truncated, or a 502 because its head had not been passed on."""
    try:
        head = visitor.response_head()
        list(visitor.response_body(head))
    except Truncated:
        return True
    return head.status == 502


@pytest.mark.parametrize("version", ["HTTP/1.1", "HTTP/1.0"])
@pytest.mark.parametrize("how", ["close", "reset"])
@pytest.mark.parametrize("where", BEFORE_THE_END)
def test_a_broken_off_answer_is_never_whole_for_the_visitor(tunnel, where, how, version):
    leaving(tunnel, "/leaves", b"HTTP/1.1 200 OK\r\n" + BEFORE_THE_END[where], how)
    with tunnel.visit() as visitor:
        visitor.request("GET", "/leaves", version=version)
        assert is_cut(visitor)
    assert tunnel.fetch("GET", "/").body == b"hello"


@pytest.mark.parametrize("version", ["HTTP/1.1", "HTTP/1.0"])
def test_a_reset_right_behind_the_bytes_is_no_end(tunnel, version):
    leaving(tunnel, "/resets", b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n" + b"half" * 1000,
            "reset")
    for _ in range(50):
        with tunnel.visit() as visitor:
            visitor.request("GET", "/resets", version=version)
            assert is_cut(visitor)


def test_an_end_by_close_of_any_size_is_whole(tunnel):
    for size in (0, 1, 4000, 65536, 1_000_000):
        def handler(exchange, size=size):
            exchange.head(200, [("Connection", "close")])
            exchange.send(bodies.make(1, size))
            exchange.keep = False

        tunnel.origin.on("/closes", handler)
        for version in ("HTTP/1.1", "HTTP/1.0"):
            answer = tunnel.fetch("GET", "/closes", version=version)
            assert bodies.sha256(answer.body) == bodies.digest(1, size)


def test_an_answer_that_is_left_in_the_middle_of_an_upload_is_seen_while_sending(tunnel):
    def leaves(exchange):
        next(exchange.body())
        exchange.head(200, CHUNKED)
        exchange.chunk(b"half")
        tunnel.origin.tell("leaves")
        exchange.reset()

    tunnel.origin.on("/leaves-upload", leaves)
    with tunnel.visit() as visitor:
        visitor.send(visitor.head("POST", "/leaves-upload", [("Content-Length", str(1 << 30))]))
        sent = threading.Event()

        def send():
            try:
                while not sent.is_set():
                    visitor.send(b"x" * 10_000)
            except OSError:
                pass

        sender = threading.Thread(target=send)
        sender.start()
        try:
            assert is_cut(visitor)
        finally:
            sent.set()
            visitor.reset()
            sender.join()
    assert tunnel.origin.told() == "leaves"
