# SPDX-License-Identifier: MIT
"""Both ends record the messages of WebSockets as they passed."""
import asyncio
import base64
import hashlib
import threading
import zlib

import harness
import pytest
import websockets
import ws_origin
from client import until
from record import REQUEST, RESPONSE, Record, ended, exchanges, xxh3
from tunnel_peer import BINARY, CLOSE, CONT, TEXT, WS_PING, WS_PONG, ws_frame

COMPRESSED, UPGRADED, SHED = 1, 32, 2
LIMIT = 100_000


@pytest.fixture(scope="module")
def sockets(tmp_path_factory):
    directory = tmp_path_factory.mktemp("sockets")
    limit = ("--limit", f"record-body={LIMIT}")
    service = ws_origin.WebSocketOrigin(compression="deflate")
    with harness.Relay(directory, *limit) as relay:
        with harness.Tunnel(directory, *limit, relay=relay, origin=service) as started:
            yield started
    service.stop()


def visit(sockets, path, **options):
    host, port = sockets.relay.address
    return websockets.connect(f"ws://{sockets.host}{path}", host=host, port=port, max_size=None,
                              ping_interval=None, open_timeout=harness.DEADLINE, **options)


def messages(end, target):
    """(row, its messages) of an exchange that has ended."""
    row = ended(end.data, f"target='{target}'")
    with Record(end.data) as record:
        assert record.number("SELECT count(*) FROM body WHERE exchange=?", row["seq"]) == 0
        found = record.db.execute("SELECT number, side, opcode, flags, size, bytes, at_ns FROM"
                                  " message WHERE exchange=? ORDER BY number", (row["seq"],))
        return row, [dict(message) for message in found]


def both(sockets, target):
    return [messages(end, target) for end in (sockets.agent, sockets.relay)]


def of_side(found, side):
    return [(m["opcode"], m["bytes"] or b"") for m in found if m["side"] == side]


def test_messages_of_both_sides_are_kept_unmasked(sockets):
    said = ["hello", b"\x00\xff" * 300, "", "ü" * 100]

    async def main():
        async with visit(sockets, "/echo?plain", compression=None) as socket:
            for message in said:
                await socket.send(message)
                assert await socket.recv() == message
    asyncio.run(main())
    expected = [(TEXT if isinstance(m, str) else BINARY,
                 m.encode() if isinstance(m, str) else m) for m in said]
    for row, found in both(sockets, "/echo?plain"):
        assert row["status"] == 101 and row["flags"] & UPGRADED and row["outcome"] == "complete"
        for side in (REQUEST, RESPONSE):
            assert of_side(found, side) == [*expected, (CLOSE, b"\x03\xe8")]
        assert [m["number"] for m in found] == list(range(10))
        assert all(0 < m["at_ns"] <= row["duration_ns"] for m in found)
        assert [m["side"] for m in found[:8]] == [REQUEST, RESPONSE] * 4
    (agent, _), (relay, _) = both(sockets, "/echo?plain")
    for side in ("request", "response"):
        assert agent[f"{side}_digest"] == relay[f"{side}_digest"]
        assert agent[f"{side}_bytes"] == relay[f"{side}_bytes"] > 0


def test_compressed_messages_say_so_and_are_kept_as_they_passed(sockets):
    async def main():
        async with visit(sockets, "/echo?deflate", compression="deflate") as socket:
            await socket.send("again and " * 100)
            assert await socket.recv() == "again and " * 100
    asyncio.run(main())
    for _, found in both(sockets, "/echo?deflate"):
        for side in (REQUEST, RESPONSE):
            message = next(m for m in found if m["side"] == side)
            assert message["flags"] & COMPRESSED and message["opcode"] == TEXT
            inflated = zlib.decompressobj(-15).decompress(message["bytes"] + b"\0\0\xff\xff")
            assert inflated == b"again and " * 100
            assert message["size"] == len(message["bytes"]) < 100


def test_beyond_the_limit_sizes_are_kept(sockets):
    sizes = [60_000, 60_000, 500_000, 10]

    async def main():
        async with visit(sockets, "/push-only", compression=None) as socket:
            for size in sizes:
                await socket.send(b"x" * size)
                await socket.recv()
    asyncio.run(main())
    for _, found in both(sockets, "/push-only"):
        data = [m for m in found if m["opcode"] == BINARY]
        assert [m["size"] for m in data if m["side"] == REQUEST] == sizes
        assert [m["size"] for m in data if m["side"] == RESPONSE] == sizes
        assert sum(len(m["bytes"] or b"") for m in found) == LIMIT
        for message in data:
            assert set(message["bytes"] or b"x") == {ord("x")}


# Frames by hand.

def shaken(exchange):
    """Completes the handshake, then echoes until the peer ends."""
    key = exchange.request.get("sec-websocket-key")
    guid = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
    accept = base64.b64encode(hashlib.sha1((key + guid).encode()).digest()).decode()
    exchange.head(101, [("Upgrade", "websocket"), ("Connection", "Upgrade"),
                        ("Sec-WebSocket-Accept", accept)])
    while exchange.wire.buffer or exchange.wire.fill():
        data = bytes(exchange.wire.buffer)
        exchange.wire.buffer.clear()
        exchange.send(data)
    exchange.close()


def upgrade(tunnel, visitor, target):
    """Completes a handshake with a service that echoes."""
    tunnel.origin.on(target.partition("?")[0], shaken)
    visitor.request("GET", target, [
        ("Upgrade", "websocket"), ("Connection", "Upgrade"), ("Sec-WebSocket-Version", "13"),
        ("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ==")])
    assert visitor.response_head().status == 101


def echo(visitor, pieces):
    """Sends these pieces, and reads the echo of each."""
    for piece in pieces:
        visitor.send(piece)
        while len(visitor.buffer) < len(piece):
            assert visitor.fill()
        assert bytes(visitor.buffer[:len(piece)]) == piece
        del visitor.buffer[:len(piece)]


def converse(tunnel, target, pieces):
    with tunnel.visit() as visitor:
        upgrade(tunnel, visitor, target)
        echo(visitor, pieces)


def masked(frame_of, payload, **how):
    """A frame with a real mask."""
    bare = bytearray(ws_frame(frame_of, payload, **how))
    mask = b"\x0f\xf0\x55\xaa"
    at = len(bare) - len(payload)
    bare[at - 4:at] = mask
    bare[at:] = bytes(b ^ mask[i % 4] for i, b in enumerate(payload))
    return bytes(bare)


FRAGMENTS = [masked(TEXT, b"one ", fin=False), masked(WS_PING, b"amid"),
             masked(CONT, b"two ", fin=False), masked(WS_PONG, b""), masked(CONT, b"three")]


@pytest.mark.parametrize("split", [1, 3, 1000])
def test_fragments_are_one_message_and_controls_amid_stand_alone(tunnel, split):
    stream = b"".join(FRAGMENTS)
    pieces = [stream[at:at + split] for at in range(0, len(stream), split)]
    converse(tunnel, f"/fragments?{split}", pieces)
    for row, found in both(tunnel, f"/fragments?{split}"):
        for side in (REQUEST, RESPONSE):
            assert of_side(found, side) == [
                (WS_PING, b"amid"), (WS_PONG, b""), (TEXT, b"one two three")]
        assert row["request_digest"] == row["response_digest"] == xxh3(stream)


def test_what_is_no_frame_passes_all_the_same(tunnel):
    good = masked(TEXT, b"good")
    converse(tunnel, "/nonsense", [good, b"\xff" * 1000, good])
    for row, found in both(tunnel, "/nonsense"):
        assert of_side(found, REQUEST) == [(TEXT, b"good")]
        assert row["request_bytes"] == row["response_bytes"] == 2 * len(good) + 1000
        assert row["request_digest"] == xxh3(good + b"\xff" * 1000 + good)


def test_what_follows_another_upgrade_is_a_body(tunnel):
    def switch(exchange):
        exchange.head(101, [("Upgrade", "chat"), ("Connection", "Upgrade")])
        assert exchange.wire.fill()
        exchange.wire.buffer.clear()
        exchange.send(b"answer")
        exchange.close()
    tunnel.origin.on("/chat", switch)
    with tunnel.visit() as visitor:
        visitor.request("GET", "/chat", [("Upgrade", "chat"), ("Connection", "Upgrade")])
        assert visitor.response_head().status == 101
        visitor.send(b"\x81\x00ask")
        assert visitor.rest() == b"answer"
    for end in (tunnel.agent, tunnel.relay):
        row = ended(end.data, "target='/chat'")
        with Record(end.data) as record:
            assert record.body(row["seq"], REQUEST) == b"\x81\x00ask"
            assert record.body(row["seq"], RESPONSE) == b"answer"
            assert record.number("SELECT count(*) FROM message WHERE exchange=?", row["seq"]) == 0


def test_messages_are_there_while_the_socket_is_open(sockets):
    async def main():
        async with visit(sockets, "/echo?open") as socket:
            for number in range(3):
                await socket.send(str(number))
                await socket.recv()
                for end in (sockets.agent, sockets.relay):
                    until(lambda: kept(end) == 2 * number + 2, "messages", harness.DEADLINE)

    def kept(end):
        for row in exchanges(end.data, "target='/echo?open'"):
            assert row["outcome"] is None
            with Record(end.data) as record:
                return record.number("SELECT count(*) FROM message WHERE exchange=?", row["seq"])
    asyncio.run(main())


@pytest.mark.skipif(not harness.MEMORY_IS_THEIRS, reason="memory is not the programs' own")
def test_a_flood_of_empty_frames_takes_bounded_memory(tmp_path):
    frames, rounds = masked(TEXT, b"") * 40_000, 8
    with harness.Tunnel(tmp_path) as tunnel:
        tunnel.fetch("GET", "/")
        before = [end.resident() for end in (tunnel.agent, tunnel.relay)]
        most = [0, 0]
        stop = threading.Event()

        def watch():
            while not stop.is_set():
                for number, end in enumerate((tunnel.agent, tunnel.relay)):
                    most[number] = max(most[number], end.resident())
                stop.wait(0.02)
        watcher = threading.Thread(target=watch)
        watcher.start()
        try:
            converse(tunnel, "/flood", [frames] * rounds)
        finally:
            stop.set()
            watcher.join()
        for here, peak in zip(before, most):
            assert peak - here < 64 << 20, (here, peak)
        for row, found in both(tunnel, "/flood"):
            assert len(found) > 0 and row["request_bytes"] == len(frames) * rounds
            assert len(found) == 2 * 40_000 * rounds or row["flags"] & SHED
