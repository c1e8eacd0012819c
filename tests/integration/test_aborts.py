# SPDX-License-Identifier: MIT
"""A peer leaves midway: the other end is told, and no partial body passes for a whole one."""
import itertools
import socket
import threading

import bodies
import harness
import pytest
from client import Truncated, until

HALF = 500_000
WHOLE = 1_000_000


# Visitors that leave.

def endless(tunnel):
    """A handler that streams for ever and tells when it no longer can."""
    def handler(exchange):
        exchange.head(200, [("Transfer-Encoding", "chunked")])
        try:
            for piece in itertools.repeat(b"x" * 10000):
                exchange.chunk(piece)
        except OSError:
            tunnel.origin.tell("cut off")
            raise
    return handler


@pytest.mark.parametrize("how", ["close", "reset"])
def test_a_visitor_that_leaves_a_download_cuts_off_the_origin(tunnel, how):
    tunnel.origin.on("/endless", endless(tunnel))
    visitor = tunnel.visit()
    visitor.request("GET", "/endless")
    assert len(visitor.exactly(1 << 20)) == 1 << 20
    getattr(visitor, how)()
    assert tunnel.origin.told(harness.DEADLINE) == "cut off"


def test_a_visitor_that_leaves_a_silent_stream_is_noticed(tunnel):
    def silent(exchange):
        exchange.head(200, [("Transfer-Encoding", "chunked")])
        exchange.chunk(b"first")
        exchange.peer_leaves()
        tunnel.origin.tell("left")

    tunnel.origin.on("/silent", silent)
    visitor = tunnel.visit()
    visitor.request("GET", "/silent")
    assert next(visitor.response_body(visitor.response_head())) == b"first"
    visitor.close()
    assert tunnel.origin.told(harness.DEADLINE) == "left"


def test_a_visitor_that_leaves_before_the_response_head_is_noticed(tunnel):
    def thinking(exchange):
        tunnel.origin.tell("asked")
        exchange.peer_leaves()
        tunnel.origin.tell("left")

    tunnel.origin.on("/thinking", thinking)
    visitor = tunnel.visit()
    visitor.request("GET", "/thinking")
    assert tunnel.origin.told() == "asked"
    visitor.close()
    assert tunnel.origin.told(harness.DEADLINE) == "left"


@pytest.mark.parametrize("chunked", [False, True], ids=["length", "chunked"])
@pytest.mark.parametrize("how", ["close", "reset"])
def test_a_broken_off_upload_never_looks_complete(tunnel, chunked, how):
    def swallow(exchange):
        try:
            for piece in exchange.body():
                if exchange.received == len(piece):
                    tunnel.origin.tell("begun")
            tunnel.origin.tell("complete")
        except Truncated:
            tunnel.origin.tell("truncated")
            raise

    tunnel.origin.on("/swallow", swallow)
    visitor = tunnel.visit()
    framing = ("Transfer-Encoding", "chunked") if chunked else ("Content-Length", str(WHOLE))
    visitor.send(visitor.head("POST", "/swallow", [framing]))
    visitor.send(b"%x\r\n" % WHOLE if chunked else b"")
    visitor.send(bodies.make(1, HALF))
    assert tunnel.origin.told() == "begun"
    getattr(visitor, how)()
    assert tunnel.origin.told(harness.DEADLINE) == "truncated"


def test_the_tunnel_survives_many_visitors_that_leave(tunnel):
    tunnel.origin.on("/endless-many", endless(tunnel))
    for number in range(200):
        visitor = tunnel.visit()
        visitor.request("GET", "/endless-many")
        if number % 2:
            visitor.exactly(1000)
        visitor.reset()
    assert tunnel.fetch("GET", "/").body == b"hello"
    until(lambda: tunnel.origin.open_connections < 100, "upstream connections were released",
          harness.DEADLINE)


# Origins that leave.

def break_off(how, end, go_on):
    """A handler that sends half of its response and, told to go on, leaves by `end`."""
    def handler(exchange):
        framing = {"length": [("Content-Length", str(WHOLE))],
                   "chunked": [("Transfer-Encoding", "chunked")],
                   "close": [("Connection", "close")]}[how]
        exchange.head(200, framing)
        for piece in bodies.pieces(7, HALF, 50_000):
            (exchange.chunk if how == "chunked" else exchange.send)(piece)
        assert go_on.wait(harness.DEADLINE)
        getattr(exchange, end)()
    return handler


def see_truncation(tunnel, how, end, version):
    go_on = threading.Event()
    tunnel.origin.on("/broken", break_off(how, end, go_on))
    with tunnel.visit() as visitor:
        visitor.request("GET", "/broken", version=version)
        head = visitor.response_head()
        assert head.status == 200
        got = bytearray()
        with pytest.raises(Truncated):
            for piece in visitor.response_body(head):
                got += piece
                if len(got) == HALF:
                    go_on.set()
    assert bodies.sha256(got) == bodies.digest(7, HALF)


@pytest.mark.parametrize("version", ["HTTP/1.1", "HTTP/1.0"])
@pytest.mark.parametrize("how, end", [("length", "close"), ("length", "reset"),
                                      ("chunked", "close"), ("chunked", "reset"),
                                      ("close", "reset")])
def test_a_response_that_breaks_off_is_seen_as_truncated(tunnel, how, end, version):
    see_truncation(tunnel, how, end, version)
    assert tunnel.fetch("GET", "/").body == b"hello"


@pytest.mark.parametrize("version", ["HTTP/1.1", "HTTP/1.0"])
def test_a_body_that_ends_by_close_is_complete(tunnel, version):
    answer = tunnel.fetch("GET", f"/bytes?how=close&size={HALF}&seed=7", version=version)
    assert bodies.sha256(answer.body) == bodies.digest(7, HALF)


@pytest.mark.parametrize("garbage", [b"zz\r\n", b"5\r\nhelloX\r\n", b"-1\r\n", b"5 5\r\nhello"])
def test_a_response_with_broken_chunks_is_seen_as_truncated(tunnel, garbage):
    go_on = threading.Event()

    def broken(exchange):
        exchange.head(200, [("Transfer-Encoding", "chunked")])
        exchange.chunk(b"good")
        assert go_on.wait(harness.DEADLINE)
        exchange.wire.send(garbage)
        exchange.peer_leaves()

    tunnel.origin.on("/broken-chunks", broken)
    with tunnel.visit() as visitor:
        visitor.request("GET", "/broken-chunks")
        head = visitor.response_head()
        assert head.status == 200
        stream = visitor.response_body(head)
        assert next(stream) == b"good"
        go_on.set()
        with pytest.raises(Truncated):
            list(stream)


def test_an_origin_that_leaves_during_an_upload_ends_the_exchange(tunnel):
    def leave(exchange):
        next(exchange.body())
        exchange.reset()

    tunnel.origin.on("/leave", leave)
    with tunnel.visit() as visitor:
        visitor.send(visitor.head("POST", "/leave", [("Content-Length", str(1 << 30))]))
        visitor.send(b"x" * 1000)
        answer = visitor.response()
    assert (answer.status, answer.code) == (502, "ADIT-UPSTREAM-CLOSED")


# Programs that are killed.

def half_way(tunnel, visitor):
    """Begins a download that the origin will not end, and reads a part of it."""
    tunnel.origin.on("/endless", endless(tunnel))
    visitor.request("GET", "/endless")
    stream = visitor.response_body(visitor.response_head())
    next(stream)
    return stream


def gone(tunnel):
    return tunnel.fetch("GET", "/").code == "ADIT-AGENT-GONE"


def test_an_agent_killed_mid_body_truncates_and_then_is_gone(own_tunnel):
    with own_tunnel.visit() as visitor:
        stream = half_way(own_tunnel, visitor)
        own_tunnel.agent.kill()
        with pytest.raises(Truncated):
            list(stream)
    answer = own_tunnel.fetch("GET", "/")
    assert (answer.status, answer.code) == (503, "ADIT-AGENT-GONE")
    assert int(answer.get("retry-after")) > 0
    own_tunnel.restart_agent()
    assert own_tunnel.fetch("GET", "/").body == b"hello"


def test_an_agent_killed_before_the_response_head_is_a_502(own_tunnel):
    def thinking(exchange):
        own_tunnel.origin.tell("asked")
        exchange.peer_leaves()

    own_tunnel.origin.on("/thinking", thinking)
    with own_tunnel.visit() as visitor:
        visitor.request("GET", "/thinking")
        own_tunnel.origin.told()
        own_tunnel.agent.kill()
        answer = visitor.response()
    assert (answer.status, answer.code) == (502, "ADIT-AGENT-LOST")
    own_tunnel.restart_agent()


def test_an_agent_that_is_stopped_leaves_a_clean_relay(own_tunnel):
    own_tunnel.agent.stop()
    until(lambda: own_tunnel.fetch("GET", "/").status in (404, 503), "the name is no longer served",
          harness.DEADLINE)
    own_tunnel.restart_agent()
    assert own_tunnel.fetch("GET", "/").body == b"hello"


def test_a_killed_relay_truncates_and_the_agent_takes_its_name_back(own_tunnel):
    with own_tunnel.visit() as visitor:
        stream = half_way(own_tunnel, visitor)
        own_tunnel.relay.kill()
        with pytest.raises(Truncated):
            list(stream)
    assert own_tunnel.origin.told(harness.DEADLINE) == "cut off"
    own_tunnel.restart_relay()
    own_tunnel.agent.wait_for(r"^adit: connected again")
    assert own_tunnel.fetch("GET", "/").body == b"hello"


def test_a_relay_that_is_stopped_and_started_finds_its_agent_again(own_tunnel):
    for number in (1, 2):
        own_tunnel.relay.stop()
        own_tunnel.restart_relay()
        own_tunnel.agent.wait_for(r"^adit: connected again", number=number)
        assert own_tunnel.fetch("GET", "/").body == b"hello"


def test_an_agent_may_be_started_before_its_relay(own_tunnel):
    relay = own_tunnel.relay
    relay.stop()
    own_tunnel.agent.stop()
    with socket.create_server(relay.address):
        pass  # the port is free again
    agent = harness.Program(own_tunnel.directory, "adit", "http", own_tunnel.origin.address,
                            "--relay", relay.url, "--url", own_tunnel.agent.label)
    own_tunnel.own.append(agent)
    agent.wait_for(".", "stderr")  # its message about the missing relay
    own_tunnel.restart_relay()
    agent.wait_for(r"^adit: (http://|connected again)")
    assert own_tunnel.fetch("GET", "/").body == b"hello"
