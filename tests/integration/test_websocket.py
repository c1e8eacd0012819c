# SPDX-License-Identifier: MIT
"""WebSockets between two ends of an independent implementation, and other upgrades."""
import asyncio
import random

import harness
import pytest
import websockets
import ws_origin
from client import until

MESSAGES = 2000
LONGEST = 70000


@pytest.fixture(scope="module")
def service():
    started = ws_origin.WebSocketOrigin()
    yield started
    started.stop()


@pytest.fixture(scope="module")
def sockets(tmp_path_factory, service):
    directory = tmp_path_factory.mktemp("sockets")
    with harness.Tunnel(directory, origin=service) as started:
        yield started


def visit(sockets, path="/echo", **options):
    """A WebSocket visitor, connected to the relay's address without resolving the host."""
    host, port = sockets.relay.address
    return websockets.connect(f"ws://{sockets.host}{path}", host=host, port=port, max_size=None,
                              ping_interval=None, open_timeout=harness.DEADLINE, **options)


def messages(seed, count):
    """Text and binary messages, first with lengths at the limits of frames, then random lengths."""
    dice = random.Random(seed)
    edges = [0, 1, 125, 126, 127, 65535, 65536, LONGEST]
    noise = dice.randbytes(LONGEST)
    for number in range(count):
        size = edges[number] if number < len(edges) else dice.randrange(LONGEST + 1)
        yield "ü" * (size // 2) if number % 7 == 3 else noise[-size:] if size else b""


def test_two_thousand_messages_come_back_in_order_and_whole(sockets):
    async def main():
        async with visit(sockets, compression=None) as socket:
            async def send():
                for message in messages(1, MESSAGES):
                    await socket.send(message)

            sending = asyncio.create_task(send())
            for number, expected in enumerate(messages(1, MESSAGES)):
                assert await socket.recv() == expected, number
            await sending
    asyncio.run(main())


def test_each_message_arrives_before_the_next_is_sent(sockets):
    async def main():
        async with visit(sockets) as socket:
            for number in range(100):
                await socket.send(str(number))
                assert await socket.recv() == str(number)
    asyncio.run(main())


def test_fragments_pass(sockets):
    async def main():
        async with visit(sockets) as socket:
            await socket.send([b"one ", b"two ", b"three"])
            assert await socket.recv() == b"one two three"
    asyncio.run(main())


def test_ping_is_answered_by_the_other_end(sockets):
    async def main():
        async with visit(sockets) as socket:
            for _ in range(10):
                await asyncio.wait_for(await socket.ping(), harness.DEADLINE)
    asyncio.run(main())


@pytest.mark.parametrize("code", [1000, 1001, 1011, 3000, 4999])
def test_close_codes_of_the_service_reach_the_visitor(sockets, code):
    async def main():
        async with visit(sockets, f"/close?{code}") as socket:
            with pytest.raises(websockets.ConnectionClosed):
                await socket.recv()
            assert (socket.close_code, socket.close_reason) == (code, "as told")
    asyncio.run(main())


@pytest.mark.parametrize("code", [1000, 4000])
def test_close_codes_of_the_visitor_reach_the_service(sockets, service, code):
    async def main():
        async with visit(sockets) as socket:
            await socket.close(code, f"bye {code}")
    asyncio.run(main())
    until(lambda: (code, f"bye {code}") in service.closed, "the service saw the close",
          harness.DEADLINE)


def test_everything_sent_before_the_close_arrives(sockets):
    async def main():
        async with visit(sockets, "/push?500") as socket:
            got = [message async for message in socket]
            assert got == [f"message {number}" for number in range(500)]
    asyncio.run(main())


def test_a_visitor_that_vanishes_is_noticed_by_the_service(sockets, service):
    async def main():
        socket = await visit(sockets)
        await socket.send("x")
        await socket.recv()
        seen = len(service.closed)
        socket.transport.abort()
        while len(service.closed) == seen:
            await asyncio.sleep(0.01)
        assert service.closed[-1][0] == 1006
    asyncio.run(asyncio.wait_for(main(), harness.DEADLINE))


def test_the_subprotocol_is_agreed_between_the_ends(sockets):
    async def main():
        async with visit(sockets, subprotocols=["chat.v1", "other"]) as socket:
            assert socket.subprotocol == "chat.v1"
        async with visit(sockets) as socket:
            assert socket.subprotocol is None
    asyncio.run(main())


def test_many_sockets_at_once(sockets):
    async def one(number):
        async with visit(sockets) as socket:
            for message in messages(number, 20):
                await socket.send(message)
                assert await socket.recv() == message

    async def main():
        await asyncio.gather(*(one(number) for number in range(20)))
    asyncio.run(main())


HANDSHAKE = [("Connection", "keep-alive, Upgrade"), ("Upgrade", "websocket"),
             ("Sec-WebSocket-Version", "13"), ("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ==")]


def test_a_declined_upgrade_is_an_ordinary_response(tunnel):
    tunnel.origin.on("/no", lambda exchange: exchange.reply("not here", 403))
    with tunnel.visit() as visitor:
        answer = visitor.fetch("GET", "/no", HANDSHAKE)
        assert (answer.status, answer.body) == (403, b"not here")
        assert visitor.fetch("GET", "/").body == b"hello"


def test_the_offer_reaches_the_origin_as_an_upgrade(tunnel):
    tunnel.origin.on("/no", lambda exchange: exchange.reply("not here", 403))
    tunnel.fetch("GET", "/no", HANDSHAKE)
    fields = tunnel.origin.requests[-1].fields
    assert fields.tokens("upgrade") == ["websocket"]
    assert "upgrade" in fields.tokens("connection")
    assert fields.get("sec-websocket-key") == "dGhlIHNhbXBsZSBub25jZQ=="


def test_any_other_protocol_can_be_switched_to(tunnel):
    def switch(exchange):
        exchange.head(101, [("Connection", "upgrade"), ("Upgrade", "shout/1")])
        while exchange.wire.buffer or exchange.wire.fill():
            exchange.send(exchange.wire.take(1 << 20).upper())
        exchange.keep = False

    tunnel.origin.on("/shout", switch)
    with tunnel.visit() as visitor:
        visitor.request("GET", "/shout", [("Connection", "Upgrade"), ("Upgrade", "shout/1")])
        head = visitor.response_head()
        assert head.status == 101
        assert head.fields.tokens("upgrade") == ["shout/1"]
        for _ in range(10):
            visitor.send(b"hello \r\n\0")
            assert visitor.exactly(9) == b"HELLO \r\n\0"


def test_bytes_sent_right_behind_an_upgrade_arrive(tunnel):
    def switch(exchange):
        exchange.wire.send(b"HTTP/1.1 101 Yes\r\nConnection: upgrade\r\nUpgrade: raw\r\n\r\nfirst")
        assert exchange.wire.exactly(5) == b"early"
        exchange.send(b" last")
        exchange.keep = False

    tunnel.origin.on("/raw", switch)
    with tunnel.visit() as visitor:
        offer = [("Connection", "Upgrade"), ("Upgrade", "raw")]
        visitor.send(visitor.head("GET", "/raw", offer) + b"early")
        assert visitor.response_head().status == 101
        assert visitor.rest() == b"first last"


def test_an_upgrade_offer_with_a_body_keeps_the_body(tunnel):
    with tunnel.visit() as visitor:
        offer = [("Connection", "Upgrade"), ("Upgrade", "raw")]
        assert visitor.fetch("POST", "/echo", offer, body=b"12345").json()["size"] == 5
        assert visitor.fetch("GET", "/").body == b"hello"


def test_h2c_offers_are_not_tunnelled(tunnel):
    offer = [("Connection", "Upgrade, HTTP2-Settings"), ("Upgrade", "h2c"),
             ("HTTP2-Settings", "AAMAAABkAARAAAAAAAIAAAAA")]
    seen = tunnel.fetch("GET", "/echo", offer).json()
    names = {name.lower() for name, _ in seen["fields"]}
    assert not names & {"upgrade", "http2-settings"}


def test_a_101_that_was_not_asked_for_is_refused(tunnel):
    def uninvited(exchange):
        exchange.head(101, [("Connection", "upgrade"), ("Upgrade", "websocket")])
        exchange.peer_leaves()

    tunnel.origin.on("/uninvited", uninvited)
    answer = tunnel.fetch("GET", "/uninvited")
    assert (answer.status, answer.code) == (502, "ADIT-UPSTREAM-INVALID")
