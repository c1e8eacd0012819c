# SPDX-License-Identifier: MIT
"""Fixtures for tests of hostile peers: a bystander that no attack may disturb, and the cost of an
attack in time and memory."""
import pathlib
import re
import select
import time

import harness
import pytest
from client import until
from tunnel_peer import AgentPeer, Closed


def echo(exchange):
    """Switches to a protocol that echoes every byte."""
    exchange.keep = False
    exchange.head(101, [("Connection", "upgrade"), ("Upgrade", "echo")])
    while exchange.wire.buffer or exchange.wire.fill():
        exchange.wire.send(exchange.wire.take(len(exchange.wire.buffer)))


class Bystander:
    """Another agent on the same relay, with an exchange in progress that has no time limit."""

    def __init__(self, directory, relay):
        self.tunnel = harness.Tunnel(directory, relay=relay)
        self.tunnel.origin.on("/echo-stream", echo)
        self.visitor = self.tunnel.visit()
        self.visitor.request("GET", "/echo-stream",
                             [("Connection", "upgrade"), ("Upgrade", "echo")])
        assert self.visitor.response_head().status == 101
        self.count = 0

    def check(self):
        """Checks that the exchange goes on, and that another exchange completes."""
        self.count += 1
        text = b"undisturbed %d" % self.count
        self.visitor.send(text)
        assert self.visitor.exactly(len(text)) == text
        assert self.tunnel.fetch("GET", "/").body == b"hello"

    def close(self):
        self.visitor.close()
        self.tunnel.close()


def cpu_seconds(program):
    """CPU time of the program's main thread since it started."""
    return int(pathlib.Path(f"/proc/{program.pid}/schedstat").read_text().split()[0]) / 1e9


def private_bytes(program):
    text = pathlib.Path(f"/proc/{program.pid}/smaps_rollup").read_text()
    return sum(int(line.split()[1]) * 1024 for line in text.splitlines()
               if line.startswith(("Private_Dirty", "Private_Clean")))


def flood(peer, piece, most=1 << 26, reads=True):
    """Sends `piece` (bytes, or a function that makes the next piece), at most `most` bytes, until
    the peer ends the link. Returns (close code, bytes sent). Without `reads`, nothing is read until
    all is sent."""
    deadline = time.monotonic() + 6 * harness.DEADLINE
    sent = 0
    out = memoryview(b"")
    peer.sock.setblocking(False)
    try:
        while sent < most:
            if not out:
                out = memoryview(piece if isinstance(piece, bytes) else piece())
            wants = [peer.sock] if reads else []
            readable, writable, _ = select.select(wants, [peer.sock], [], 1)
            if readable:
                _take(peer)
            if writable:
                done = peer.sock.send(out)
                sent += done
                out = out[done:]
            assert time.monotonic() < deadline, "the flood neither ends nor passes"
    except Closed as closed:
        return closed.code, sent
    except (BrokenPipeError, ConnectionResetError):
        pass
    finally:
        peer.sock.settimeout(harness.DEADLINE)
    return peer.close_code(), sent


def _take(peer):
    """Reads the available bytes, and takes every whole frame without waiting."""
    data = peer.sock.recv(1 << 18)
    if not data:
        raise Closed(None)
    peer.raw += data
    while size := _frame_size(peer.raw):
        if size > len(peer.raw):
            return
        peer.read()
        peer.frames.clear()


def _frame_size(raw):
    """Size of the WebSocket frame at the front; 0 when its length is not known yet."""
    if len(raw) < 2:
        return 0
    size = raw[1] & 127
    head = 2 + (4 if raw[1] & 128 else 0)
    if size >= 126:
        more = 2 if size == 126 else 8
        if len(raw) < 2 + more:
            return 0
        size = int.from_bytes(raw[2:2 + more], "big")
        head += more
    return head + size


@pytest.fixture(scope="module")
def bystander(relay, tmp_path_factory):
    other = Bystander(tmp_path_factory.mktemp("bystander"), relay)
    yield other
    other.close()


@pytest.fixture(autouse=True)
def undisturbed(bystander):
    """Checks after each test that the other agent's exchanges go on."""
    yield
    bystander.check()


@pytest.fixture
def hostile(relay):
    with AgentPeer(relay, harness.DEADLINE) as peer:
        # All lines about earlier tunnels come before this one in the log.
        relay.wait_for(rf"tunnel \d+ opened: .*http://{re.escape(peer.host)}$", "stderr")
        yield peer


def ask(relay, peer, method="GET", target="/", fields=(), **how):
    """Sends a visitor's request to the played agent. Returns (visitor, stream)."""
    visitor = relay.visit(peer.host)
    visitor.request(method, target, fields, **how)
    return visitor, peer.request()[0]


class Reasons:
    """The reasons that the relay logs for tunnels that end from now on."""

    def __init__(self, relay):
        self.relay = relay
        self.before = len(relay.printed["stderr"])

    def next(self):
        lines = until(lambda: [line for line in self.relay.printed["stderr"][self.before:]
                               if re.search(r"tunnel \d+ closed: ", line)], "a line about it", harness.DEADLINE)
        return lines[0]
