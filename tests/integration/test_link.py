# SPDX-License-Identifier: MIT
"""The agent's link after its handshake, byte by byte: what the relay sees when the agent takes the
connection over from the library that opened it, and when the link ends."""
import os
import pathlib
import queue
import signal
import socket
import threading

import bodies
import harness
import pytest
from client import until
from fake_relay import BINARY, CLOSE, HELLO, FakeRelay

PING, PONG = 9, 10


@pytest.fixture(scope="module")
def origin():
    with harness.Origin() as started:
        yield started


class Relay(FakeRelay):
    """A relay that binds each agent and hands the link to the test."""

    def __init__(self):
        self.bound_links = queue.Queue()
        super().__init__(self._serve)

    def _serve(self, link):
        link.greet()
        link.bound(link.read_bind())
        over = threading.Event()
        link.release = over.set
        self.bound_links.put(link)
        over.wait()

    def link(self):
        return self.bound_links.get(timeout=harness.DEADLINE)

    def __exit__(self, *exception):
        super().__exit__()
        for link in self.links:
            getattr(link, "release", bool)()


class Agent(harness.Program):
    def __init__(self, directory, origin, relay):
        super().__init__(directory, "adit", "http", origin.address, "--relay", relay.url,
                         "--record", "none")

    def descriptors(self):
        """What each descriptor is, by number."""
        folder = pathlib.Path(f"/proc/{self.pid}/fd")
        found = {}
        for each in os.listdir(folder):
            try:
                found[each] = os.readlink(folder / each)
            except FileNotFoundError:  # closed meanwhile
                pass
        return found

    def without_files(self):
        """Descriptors of no file: the record's are opened by a thread, perhaps late."""
        return [number for number, what in self.descriptors().items() if not what.startswith("/")]

    def connections(self, relay):
        """The descriptors of connections to the relay."""
        port = f":{relay.listener.getsockname()[1]:04X}"
        rows = [row.split() for row in pathlib.Path("/proc/net/tcp").read_text().splitlines()[1:]]
        ours = {f"socket:[{row[9]}]" for row in rows if row[2].endswith(port)}
        return [name for name in self.descriptors().values() if name in ours]


def raw_frame(link):
    """The next frame of the agent as (first byte, mask, payload)."""
    first, second = link.exactly(2)
    assert second & 0x80, "the agent masks"
    size = second & 0x7f
    if size >= 126:
        size = int.from_bytes(link.exactly(2 if size == 126 else 8), "big")
    mask = link.exactly(4)
    return first, mask, bytes(b ^ mask[i % 4] for i, b in enumerate(link.exactly(size)))


def close_code(link):
    """Reads frames up to the agent's Close frame. Returns its code."""
    while True:
        first, _, payload = raw_frame(link)
        if first == 0x80 | CLOSE:
            return int.from_bytes(payload[:2], "big")


def test_the_relay_sees_one_stream_and_the_agent_has_one_descriptor_of_it(origin, tmp_path):
    """No Close frame and no FIN where the library lets go of the connection."""
    seen = queue.Queue()

    def serve(link):
        link.upgrade()
        seen.put(raw_frame(link))  # the first bytes behind the handshake
        link.frame(PING, b"still there?")
        seen.put(raw_frame(link))
        link.rest()

    with FakeRelay(serve) as relay, Agent(tmp_path, origin, relay) as agent:
        first, _, hello = seen.get(timeout=harness.DEADLINE)
        assert (first, hello[0]) == (0x80 | BINARY, HELLO)
        first, _, payload = seen.get(timeout=harness.DEADLINE)
        assert (first, payload) == (0x80 | PONG, b"still there?")
        assert len(agent.connections(relay)) == 1
        assert len(relay.links) == 1


def test_each_frame_has_a_mask_of_its_own(origin, tmp_path):
    with Relay() as relay, Agent(tmp_path, origin, relay):
        link = relay.link()
        masks = set()
        for size in range(126):  # every length of a control frame
            link.frame(PING, bytes(size))
            first = mask = None
            while first != 0x80 | PONG:
                first, mask, payload = raw_frame(link)
            assert payload == bytes(size)
            masks.add(mask)
        assert len(masks) > 120


def leave_with_close_frame(link):
    link.frame(CLOSE, (1001).to_bytes(2, "big") + b"retry 100")
    assert close_code(link) == 1001
    link.sock.shutdown(socket.SHUT_WR)  # the relay ends the connection: the agent waits for that
    assert link.rest() == b""
    link.close()


def leave_with_fin(link):
    link.sock.shutdown(socket.SHUT_WR)
    assert close_code(link) == 1001
    assert link.rest() == b""
    link.close()


def leave_with_reset(link):
    link.reset()


@pytest.mark.parametrize("leave, why", [(leave_with_close_frame, "it stops or starts again"),
                                        (leave_with_fin, "the connection broke off"),
                                        (leave_with_reset, "the connection broke off")])
def test_a_link_that_ends_is_told_of_once_and_leaves_no_descriptor(origin, tmp_path, leave, why):
    with Relay() as relay, Agent(tmp_path, origin, relay) as agent:
        link = relay.link()
        agent.wait_for("^adit: http://given")
        before = len(agent.without_files())
        for number in range(1, 4):
            leave(link)
            link = relay.link()
            agent.wait_for("^adit: connected again", number=number)
        until(lambda: len(agent.without_files()) <= before, "the descriptors of old links are closed")
        assert len(agent.connections(relay)) == 1
        assert len(relay.links) == 4
        # The same words are printed again only once the link was up again: three times.
        assert [line for line in agent.text("stderr").splitlines() if "has gone" in line] == [
            f"adit: the relay {relay.url} has gone ({why}); connecting again"] * 3


def test_an_agent_that_ends_takes_its_leave(origin, tmp_path):
    with Relay() as relay:
        agent = Agent(tmp_path, origin, relay)
        link = relay.link()
        agent.process.send_signal(signal.SIGINT)
        assert close_code(link) == 1000
        assert link.fill() is False, "a FIN, and no reset, ends the link"
        assert agent.exit_code() == 0


@pytest.mark.parametrize("way", ["up", "down"])
def test_an_agent_that_ends_while_bodies_pass_frees_its_name(own_tunnel, way):
    def endless(exchange):
        exchange.head(200, [("Transfer-Encoding", "chunked")])
        while True:
            exchange.chunk(b"x" * 65536)

    def send(visitor):
        try:
            visitor.request("POST", "/echo", body=iter(lambda: b"x" * 65536, b""), chunked=True)
        except OSError:
            pass

    own_tunnel.origin.on("/endless", endless)
    with own_tunnel.visit() as visitor:
        if way == "up":
            threading.Thread(target=send, args=(visitor,), daemon=True).start()
            until(lambda: own_tunnel.origin.exchanges[-1:] and
                  own_tunnel.origin.exchanges[-1].received > 1 << 20, "the body flows")
        else:
            visitor.request("GET", "/endless")
            visitor.exactly(1 << 20)
        own_tunnel.agent.stop(signal.SIGINT)
        own_tunnel.relay.wait_for(f"name {own_tunnel.agent.label} free: its agent has left", "stderr")


# Lengths of messages at which a frame's header changes its size, and those of the largest frame:
# a body of so many bytes and the heads around it make messages of every length from there on.
@pytest.mark.parametrize("first, last", [(0, 130), (65200, 65560)])
def test_messages_of_every_length_arrive(tunnel, first, last):
    with tunnel.visit() as visitor:
        for size in range(first, last):
            body = bodies.make(1, size)
            seen = visitor.fetch("POST", "/echo", body=body).json()
            assert (seen["size"], seen["sha256"]) == (size, bodies.digest(1, size))
            assert visitor.fetch("GET", f"/bytes?size={size}&seed=1").body == body
