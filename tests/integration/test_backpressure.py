# SPDX-License-Identifier: MIT
"""A peer that stops reading slows down its own sender only, and takes bounded memory."""
import pathlib
import threading

import bodies
import harness
import pytest
from client import until
from stall import until_stalled


def kernel_buffers():
    """The most bytes that one loopback connection holds: both of its buffers, grown to their limits."""
    return sum(int(pathlib.Path(f"/proc/sys/net/ipv4/tcp_{side}").read_text().split()[2])
               for side in ("rmem", "wmem"))


# The most that programs and kernel hold of one stalled stream: two connections on which nobody
# reads, the origin's and the visitor's, and the windows between them.
IN_FLIGHT = 2 * kernel_buffers() + (8 << 20)
WHOLE = max(2 * IN_FLIGHT, 200 << 20)
GROWTH = 12 << 20  # of either program's resident memory


def resident(tunnel):
    return tunnel.relay.resident(), tunnel.agent.resident()


def assert_memory_is_bounded(tunnel, before):
    if harness.MEMORY_IS_THEIRS:
        grown = [new - old for old, new in zip(before, resident(tunnel))]
        assert max(grown) < GROWTH, grown


def fast_requests(tunnel, count=50):
    with tunnel.visit() as visitor:
        for number in range(count):
            assert visitor.fetch("POST", "/echo", body=b"x" * number).json()["size"] == number


def warm(tunnel):
    fast_requests(tunnel)
    return resident(tunnel)


@pytest.mark.parametrize("how", ["length", "chunked"])
def test_a_reader_that_stops_stalls_its_origin_and_nobody_else(own_tunnel, how):
    before = warm(own_tunnel)
    with own_tunnel.visit() as visitor:
        visitor.request("GET", f"/bytes?size={WHOLE}&seed=11&how={how}")
        head = visitor.response_head()
        exchange = until(lambda: [e for e in own_tunnel.origin.exchanges
                                  if e.request.path == "/bytes"], "the origin was asked")[0]
        until_stalled(own_tunnel, exchange.wire.sock, lambda: exchange.sent, IN_FLIGHT)
        fast_requests(own_tunnel)
        until_stalled(own_tunnel, exchange.wire.sock, lambda: exchange.sent, IN_FLIGHT)
        assert_memory_is_bounded(own_tunnel, before)
        assert bodies.sha256(visitor.response_body(head)) == bodies.digest(11, WHOLE)


def test_an_origin_that_does_not_read_stalls_its_visitor_and_nobody_else(own_tunnel):
    go_on = threading.Event()

    def late(exchange):
        own_tunnel.origin.tell("asked")
        assert go_on.wait(6 * harness.DEADLINE)
        exchange.reply(bodies.sha256(exchange.body()))

    own_tunnel.origin.on("/late", late)
    before = warm(own_tunnel)
    sent = 0

    def upload(visitor):
        nonlocal sent
        visitor.send(visitor.head("POST", "/late", [("Content-Length", str(WHOLE))]))
        for piece in bodies.pieces(12, WHOLE):
            visitor.send(piece)
            sent += len(piece)

    with own_tunnel.visit() as visitor:
        visitor.sock.settimeout(6 * harness.DEADLINE)
        sending = threading.Thread(target=upload, args=(visitor,))
        sending.start()
        assert own_tunnel.origin.told() == "asked"
        until_stalled(own_tunnel, visitor.sock, lambda: sent, IN_FLIGHT)
        fast_requests(own_tunnel)
        assert_memory_is_bounded(own_tunnel, before)
        go_on.set()
        answer = visitor.response()
        sending.join()
    assert answer.body.decode() == bodies.digest(12, WHOLE)


@pytest.fixture
def unrecorded(tmp_path):
    """A tunnel that records nothing, so that its memory is the tunnel's alone."""
    nothing = ("--record", "none")
    with harness.Relay(tmp_path, *nothing) as relay, \
            harness.Tunnel(tmp_path, *nothing, relay=relay, compare=False) as started:
        yield started


def test_many_stalled_readers_leave_room_for_others(unrecorded):
    own_tunnel = unrecorded
    before = warm(own_tunnel)
    visitors = [own_tunnel.visit() for _ in range(30)]
    for visitor in visitors:
        visitor.request("GET", f"/bytes?size={WHOLE}&seed=13")
        visitor.response_head()
    exchanges = [e for e in own_tunnel.origin.exchanges if e.request.path == "/bytes"]
    assert len(exchanges) == 30
    for each in exchanges:
        until_stalled(own_tunnel, each.wire.sock, lambda each=each: each.sent, IN_FLIGHT)
    fast_requests(own_tunnel)
    if harness.MEMORY_IS_THEIRS:
        grown = [new - old for old, new in zip(before, resident(own_tunnel))]
        assert max(grown) < 40 << 20, grown
    for visitor in visitors:
        visitor.close()
    until(lambda: own_tunnel.origin.open_connections < 5, "stalled streams were released",
          harness.DEADLINE)
    fast_requests(own_tunnel)


def test_a_slow_reader_gets_everything_at_its_own_pace(own_tunnel):
    """The reader takes a piece only when the sender has stalled, so it is the slower one throughout."""
    piece = IN_FLIGHT // 8
    size = 2 * IN_FLIGHT + 4 * piece  # so that it stalls several times
    with own_tunnel.visit() as visitor:
        visitor.request("GET", f"/bytes?size={size}&seed=14")
        assert visitor.response_head().get("content-length") == str(size)
        exchange, = (e for e in own_tunnel.origin.exchanges if e.request.path == "/bytes")
        got, stalls = bytearray(), 0
        while len(got) < size:
            if exchange.sent < size - IN_FLIGHT:
                until_stalled(own_tunnel, exchange.wire.sock, lambda: exchange.sent,
                              len(got) + IN_FLIGHT)
                stalls += 1
            got += visitor.exactly(min(piece, size - len(got)))
    assert stalls >= (size - 2 * IN_FLIGHT) // piece
    assert bodies.sha256(got) == bodies.digest(14, size)


def test_stalled_websockets_stall_their_own_origin_only(own_tunnel):
    def pour(exchange):
        exchange.head(101, [("Connection", "upgrade"), ("Upgrade", "raw")])
        for piece in bodies.pieces(15, WHOLE):
            exchange.send(piece)
        exchange.keep = False

    own_tunnel.origin.on("/pour", pour)
    with own_tunnel.visit() as visitor:
        visitor.request("GET", "/pour", [("Connection", "Upgrade"), ("Upgrade", "raw")])
        assert visitor.response_head().status == 101
        exchange = own_tunnel.origin.exchanges[-1]
        until_stalled(own_tunnel, exchange.wire.sock, lambda: exchange.sent, IN_FLIGHT)
        fast_requests(own_tunnel)
        assert bodies.sha256(visitor._until_close()) == bodies.digest(15, WHOLE)
