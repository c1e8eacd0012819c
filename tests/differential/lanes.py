# SPDX-License-Identifier: MIT
"""Inputs through one contestant: several lanes side by side, in each one input after the other.

A lane has an origin of its own that records all it is sent, so whatever reaches it while an input
runs belongs to that input. Behind every input goes a request that asks for the end of the
connection: what is forwarded ends by that, what is refused by the refusal. What neither answers nor
ends is proved to wait by fences: requests that go the same way later and come back. Every
contestant serves its sockets in turns of one thread, so it has seen the input by then. No verdict
depends on how fast the machine is.
"""
import asyncio
import dataclasses
import socket
import struct

from . import strict

HOST = b"d.localhost"
SENTINEL = b"GET /sentinel HTTP/1.1\r\nHost: " + HOST + b"\r\nConnection: close\r\n\r\n"
FENCE = b"GET /fence HTTP/1.1\r\nHost: " + HOST + b"\r\nX-Fence: %d\r\nConnection: close\r\n\r\n"
FENCES = 3
QUIET = 0.05  # seconds without news until fences are sent
QUIET_ALONE = 1.0
STUCK = 120  # seconds: the test itself hangs


class Broken(Exception):
    """A contestant that no longer answers."""


@dataclasses.dataclass
class Input:
    number: int
    kind: str
    data: bytes  # what the visitor sends; SENTINEL is a part of it
    response: bytes | None = None  # what the origin answers "/r" with
    end: str = "keep"  # its next action: keep, close or reset
    pieces: tuple = ()  # offsets at which the sending is cut


@dataclasses.dataclass
class Outcome:
    number: int
    received: bytes = b""  # by the visitor
    end: str = ""  # closed, reset, waits
    seen: list = dataclasses.field(default_factory=list)  # Seen
    broken_off: list = dataclasses.field(default_factory=list)  # bytes of requests never completed


@dataclasses.dataclass
class Seen:
    """A request at the origin. With a fault it is not RFC 9112; `raw` holds its bytes."""

    request: strict.Message | None
    fault: str
    raw: bytes


class OriginConnection(asyncio.Protocol):
    def __init__(self, lane):
        self.lane = lane
        self.buffer = bytearray()
        self.given_up = False

    def connection_made(self, transport):
        self.transport = transport
        transport.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.lane.connections.add(self)

    def data_received(self, data):
        self.buffer += data
        while self.buffer and not self.given_up and self.take_request():
            pass

    def take_request(self):
        raw = bytes(self.buffer)
        try:
            request = strict.read_request(raw, 0, strict.UNLIMITED, strict.UNLIMITED)
            fault = request.fault
        except strict.Fault as caught:
            request, fault = None, caught.code
        except strict.Incomplete:
            return False
        if not fault and not request.whole:
            return False
        self.given_up = bool(fault)
        end = len(raw) if fault else request.end
        del self.buffer[:end]
        self.answer(Seen(request, fault, raw[:end]))
        return True

    def answer(self, seen):
        lane, request = self.lane, seen.request
        if request and request.target == b"/fence" and request.all(b"x-fence"):
            self.transport.write(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nfence")
            return
        lane.outcome.seen.append(seen)
        if request and request.target == b"/r" and lane.input.response is not None:
            self.send_script(lane.input)
            return
        method = request.method if request else seen.raw.split(b" ")[0]
        body = b"%d" % len(lane.outcome.seen)
        self.transport.write(
            b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\nOrigin-Serial: %s\r\n%s\r\n%s" % (
                len(body), body, b"Connection: close\r\n" if self.given_up else b"",
                b"" if method == b"HEAD" else body))
        if self.given_up:
            self.transport.close()

    def send_script(self, script):
        self.transport.write(script.response)
        if script.end == "reset":
            self.transport.get_extra_info("socket").setsockopt(
                socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.given_up = script.end != "keep"
        if self.given_up:
            self.transport.close()

    def connection_lost(self, _):
        self.lane.connections.discard(self)
        self.note_rest()

    def note_rest(self):
        if self.buffer and self.lane.outcome:
            self.lane.outcome.broken_off.append(bytes(self.buffer))
        self.buffer.clear()


class Visitor(asyncio.Protocol):
    def __init__(self):
        self.received = bytearray()
        self.end = ""
        self.news = asyncio.Event()

    def connection_made(self, transport):
        self.transport = transport
        # Another descriptor to write to: a transport that cannot write would read no more either,
        # and what was answered before is what matters.
        self.writer = transport.get_extra_info("socket").dup()
        self.writer.setblocking(False)
        self.writer.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    async def send(self, data):
        try:
            await asyncio.get_running_loop().sock_sendall(self.writer, data)
        except OSError:
            pass

    def leave(self):
        self.writer.close()
        self.transport.abort()

    def data_received(self, data):
        self.received += data
        self.news.set()

    def connection_lost(self, error):
        self.end = "reset" if error else "closed"
        self.writer.close()
        self.news.set()

    async def has_news(self, within):
        """Waits for bytes or the end."""
        try:
            await asyncio.wait_for(self.news.wait(), within)
        except asyncio.TimeoutError:
            return False
        self.news.clear()
        return True


class Lane:
    def __init__(self):
        self.connections = set()
        self.input = None
        self.outcome = None
        self.fences = 0
        self.address = None  # where its visitors connect

    async def listen(self):
        loop = asyncio.get_running_loop()
        self.server = await loop.create_server(
            lambda: OriginConnection(self), "127.0.0.1", 0, backlog=256)
        return self.server.sockets[0].getsockname()[1]

    def stop(self):
        self.server.close()
        for connection in list(self.connections):
            connection.transport.abort()

    async def connect(self):
        loop = asyncio.get_running_loop()
        _, visitor = await loop.create_connection(Visitor, *self.address)
        return visitor

    async def fence(self):
        self.fences += 1
        visitor = await self.connect()
        await visitor.send(FENCE % self.fences)
        while not visitor.end:
            if not await visitor.has_news(STUCK):
                visitor.leave()
                break
        if not visitor.received.endswith(b"fence"):
            raise Broken(f"behind input {self.input.number} a request got "
                         f"{bytes(visitor.received)!r}")

    async def run(self, each, quiet):
        self.input, self.outcome = each, Outcome(each.number)
        visitor = await self.connect()
        await self.send(visitor, each)
        while not visitor.end:
            if await visitor.has_news(quiet):
                continue
            for _ in range(FENCES):
                await self.fence()
            if not visitor.news.is_set():
                break
        outcome = self.outcome
        outcome.end = visitor.end or "waits"
        outcome.received = bytes(visitor.received)
        if outcome.end == "waits":
            visitor.leave()
        if not (outcome.seen and outcome.seen[-1].request and
                outcome.seen[-1].request.target == b"/sentinel"):
            await self.fence()
        for connection in self.connections:
            connection.note_rest()
        return outcome

    async def send(self, visitor, each):
        start = 0
        for cut in (*each.pieces, len(each.data)):
            if not visitor.end:
                await visitor.send(each.data[start:cut])
            if cut < len(each.data):
                await asyncio.sleep(0)
            start = cut


async def run_all(lanes, inputs, quiet=QUIET):
    """The outcomes of the inputs, in their order."""
    waiting = iter(inputs)
    outcomes = {}

    async def work(lane):
        for each in waiting:
            try:
                outcomes[each.number] = await asyncio.wait_for(lane.run(each, quiet), STUCK)
            except asyncio.TimeoutError:
                raise Broken(f"input {each.number} does not end: {lane.outcome}") from None

    await asyncio.gather(*(work(lane) for lane in lanes))
    return [outcomes[each.number] for each in inputs]
