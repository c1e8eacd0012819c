# SPDX-License-Identifier: MIT
"""An end that comes early leaves no peer hanging: uploads go on or end, and no end is sent
twice."""
import socket
import threading

import harness
import pytest
import tunnel_peer
from client import until

SIZE = 30_000_000
OFFER = [("Connection", "Upgrade"), ("Upgrade", "raw")]
SWITCH = b"HTTP/1.1 101 Yes\r\nConnection: upgrade\r\nUpgrade: raw\r\n\r\n"


class Upload:
    """A body of SIZE bytes, sent by a thread as fast as it is taken."""

    def __init__(self, visitor, target, chunked=False):
        self.visitor = visitor
        self.sent = 0
        framing = ("Transfer-Encoding", "chunked") if chunked else ("Content-Length", str(SIZE))
        visitor.send(visitor.head("POST", target, [framing]))
        self.thread = threading.Thread(target=self._send, args=(chunked,), daemon=True)
        self.thread.start()

    def _send(self, chunked):
        piece = b"x" * 100_000
        try:
            while self.sent < SIZE:
                self.visitor.send(b"%x\r\n%s\r\n" % (len(piece), piece) if chunked else piece)
                self.sent += len(piece)
            if chunked:
                self.visitor.send(b"0\r\n\r\n")
        except OSError:
            pass  # the relay has closed the connection: a valid answer

    def is_over(self):
        self.thread.join(harness.DEADLINE)
        return not self.thread.is_alive()


@pytest.mark.parametrize("chunked", [False, True], ids=["length", "chunked"])
@pytest.mark.parametrize("leaves", ["close", "reset"])
def test_an_upload_to_a_service_that_answers_early_does_not_hang(tunnel, chunked, leaves):
    def refuse(exchange):
        next(exchange.body())
        exchange.reply("too large", 413, [("Connection", "close")])
        if leaves == "reset":
            tunnel.origin.told()  # the answer has arrived
            exchange.reset()
        else:
            exchange.keep = False

    tunnel.origin.on("/refuse", refuse)
    with tunnel.visit() as visitor:
        upload = Upload(visitor, "/refuse", chunked)
        answer = visitor.response()
        if leaves == "reset":
            tunnel.origin.tell("arrived")
        assert (answer.status, answer.body) == (413, b"too large")
        assert upload.is_over()
    assert tunnel.fetch("GET", "/").body == b"hello"


def stalled(tunnel, visitor, target):
    """An upload that fills every buffer on its way, because the service does not read."""
    tunnel.origin.on(target, lambda exchange: tunnel.origin.told(60))
    upload = Upload(visitor, target)
    until(lambda: tunnel.origin.seen(target), "the service has its head")
    seen = [-1]

    def full():
        seen.append(upload.sent)
        return upload.sent > 0 and seen[-10:] == seen[-1:] * 10
    until(full, "the upload stands still", harness.DEADLINE, 0.02)
    return upload


def test_an_upload_whose_agent_is_killed_does_not_hang(own_tunnel):
    with own_tunnel.visit() as visitor:
        upload = stalled(own_tunnel, visitor, "/stalled")
        own_tunnel.agent.kill()
        answer = visitor.response()
        assert (answer.status, answer.code) == (502, "ADIT-AGENT-LOST")
        assert upload.is_over()
    own_tunnel.origin.tell("go on")
    own_tunnel.restart_agent()


@pytest.mark.parametrize("how", ["a whole response", "a reset", "a breach"])
def test_an_upload_that_an_agent_cuts_short_does_not_hang(relay, how):
    with tunnel_peer.AgentPeer(relay, harness.DEADLINE) as agent, relay.visit(agent.host) as visitor:
        upload = Upload(visitor, "/")
        stream, _, _ = agent.request()
        agent.frame(tunnel_peer.DATA, stream=stream)
        if how == "a whole response":
            agent.answer(stream, b"enough", 413)
            agent.mux(tunnel_peer.rst(stream, 0))
        elif how == "a reset":
            agent.mux(tunnel_peer.rst(stream))
        else:
            agent.message(9)
        answer = visitor.response_head()
        assert answer.status == {"a whole response": 413}.get(how, 502)
        assert upload.is_over()


def test_a_visitor_may_reset_an_upgraded_stream_while_its_service_ends(tunnel):
    def ends(exchange):
        exchange.keep = False
        exchange.wire.send(SWITCH)
        tunnel.origin.told()
        exchange.wire.send(b"goodbye")
        exchange.wire.sock.shutdown(socket.SHUT_WR)
        exchange.wire.rest()

    tunnel.origin.on("/ends", ends)
    for number in range(60):
        visitor = tunnel.visit()
        visitor.request("GET", "/ends", OFFER)
        assert visitor.response_head().status == 101
        if number % 3 == 0:  # the end comes first, together with the reset, or last
            tunnel.origin.tell("end")
            assert visitor.rest() == b"goodbye"
            visitor.reset()
        elif number % 3 == 1:
            tunnel.origin.tell("end")
            visitor.reset()
        else:
            visitor.reset()
            tunnel.origin.tell("end")
    assert tunnel.fetch("GET", "/").body == b"hello"


def test_an_upgraded_visitor_may_reset_while_a_played_agent_ends_it(relay):
    with tunnel_peer.AgentPeer(relay, harness.DEADLINE) as agent:
        for number in range(60):
            visitor = relay.visit(agent.host)
            visitor.request("GET", "/", OFFER)
            stream, _, _ = agent.request()
            agent.mux(tunnel_peer.response(stream, 200, [("adit-upgrade", "raw")]))
            assert visitor.response_head().status == 101
            last = tunnel_peer.data(stream, b"goodbye" * 1000, end=True)
            if number % 2:
                agent.mux(last)
                visitor.reset()
            else:
                visitor.reset()
                agent.mux(last)
        with relay.visit(agent.host) as visitor:
            visitor.request("GET", "/")
            agent.answer(agent.request()[0])
            assert visitor.response().body == b"hello"
