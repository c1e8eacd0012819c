# SPDX-License-Identifier: MIT
"""Floods over HTTP/2 end the connection by GOAWAY, cost little, and disturb nobody; slow visitors
are cut by the time limits of HTTP/1.1."""
import struct
import threading

import attack
import harness
import pytest
from h2_client import (CANCEL, CONTINUATION, DATA, END_HEADERS, END_STREAM, ENHANCE_YOUR_CALM,
                       HEADERS, NO_ERROR, PING, PRIORITY, PROTOCOL_ERROR, H2Client, frame, reset, settings, window_update)

MOST_CPU = 2  # seconds, generous: a sanitizer and other programs run beside
MOST_MEMORY = 8 << 20


@pytest.fixture
def visitor(tunnel):
    with H2Client(tunnel.relay.address, tunnel.host) as started:
        started.fetch()
        yield started


def pour(visitor, piece, times):
    """Sends pieces until the relay ends the connection. Returns the code of its GOAWAY."""
    def send():
        for number in range(times):
            if not visitor.send(piece(number) if callable(piece) else piece):
                return
    sender = threading.Thread(target=send)
    sender.start()
    code = visitor.drain()
    sender.join()
    return code


def head(visitor, number, flags=END_STREAM):
    return frame(HEADERS, flags | END_HEADERS, number, visitor.block(visitor.fields()))


def rapid_reset(visitor):
    def piece(at):
        number = visitor.next + 2 * at
        return head(visitor, number) + reset(number)
    return piece


def made_you_reset(visitor):
    def piece(at):
        number = visitor.next + 2 * at
        return head(visitor, number, 0) + window_update(number, 0)
    return piece


def overflow(visitor):
    def piece(at):
        number = visitor.next + 2 * at
        return head(visitor, number, 0) + window_update(number, (1 << 31) - 1)
    return piece


def malformed(visitor):
    def piece(at):
        number = visitor.next + 2 * at
        return frame(HEADERS, END_STREAM | END_HEADERS, number, visitor.block([("X", "1")]))
    return piece


def one_stream(each):
    def make(visitor):
        def piece(at):
            number = visitor.next
            opening = b"" if at else frame(HEADERS, END_HEADERS, number, visitor.block(
                visitor.fields("POST", "/echo")))
            return opening + each(number) * 500
        return piece
    return make


FLOODS = {
    "rapid reset": rapid_reset, "made you reset": made_you_reset, "window overflow": overflow,
    "malformed heads": malformed,
    "PING": lambda _: frame(PING, 0, 0, bytes(8)) * 500,
    "SETTINGS": lambda _: settings(window=65535) * 500,
    "PRIORITY": lambda _: frame(PRIORITY, 0, 101, struct.pack(">IB", 0, 5)) * 500,
    "empty DATA": one_stream(lambda number: frame(DATA, 0, number)),
    "tiny DATA": one_stream(lambda number: frame(DATA, 0, number, b"x")),
    "WINDOW_UPDATE": lambda _: window_update(0, 1) * 500,
    "unknown frames": lambda _: frame(77, 0, 0, b"x") * 500,
}


# nghttp2 ends the connection itself: at the first one, or since more than 100 streams are open
# before the resets for them have left.
BREACHES = ("made you reset", "window overflow", "malformed heads")


@pytest.mark.parametrize("name", FLOODS)
def test_a_flood_ends_its_connection_cheaply(tunnel, visitor, name):
    before, memory = attack.cpu_seconds(tunnel.relay), attack.private_bytes(tunnel.relay)
    code = pour(visitor, FLOODS[name](visitor), 4000)
    assert code in (ENHANCE_YOUR_CALM, PROTOCOL_ERROR if name in BREACHES else None)
    assert attack.cpu_seconds(tunnel.relay) - before < MOST_CPU
    assert attack.private_bytes(tunnel.relay) - memory < MOST_MEMORY
    assert tunnel.fetch("GET", "/").body == b"hello"


@pytest.mark.parametrize("name", ["window overflow", "malformed heads"])
def test_resets_that_a_visitor_causes_count_as_its_own(visitor, name):
    make = FLOODS[name](visitor)
    for at in range(101):
        assert visitor.goaway is None
        visitor.send(make(at) + frame(PING, 0, 0, bytes(8)))
        visitor.until(lambda at=at: visitor.pings > at or visitor.goaway is not None)
    assert visitor.drain() == ENHANCE_YOUR_CALM


def test_a_hundred_resets_are_allowed_and_one_more_is_not(tunnel, visitor):
    send = rapid_reset(visitor)
    for at in range(100):
        visitor.send(send(at))
    visitor.send(frame(PING, 0, 0, bytes(8)))
    visitor.until(lambda: visitor.pings)
    visitor.send(send(100))
    assert visitor.drain() == ENHANCE_YOUR_CALM


def test_many_continuations_end_the_connection(visitor):
    block = visitor.block(visitor.fields())
    visitor.send(frame(HEADERS, END_STREAM, visitor.next, block) +
                 frame(CONTINUATION, 0, visitor.next) * 20)
    assert visitor.drain() != NO_ERROR


def test_a_small_block_that_expands_costs_little(tunnel, visitor):
    before = attack.cpu_seconds(tunnel.relay)
    number = visitor.begin()
    # One indexed field of 4,000 bytes, repeated 12,000 times.
    block = visitor.block(visitor.fields()) + b"\x40\x01x" + visitor._string(b"v" * 4000)
    block += b"\xbe" * 12000
    visitor.send(frame(HEADERS, END_STREAM | END_HEADERS, number, block[:16384]))
    visitor.drain()
    assert attack.cpu_seconds(tunnel.relay) - before < MOST_CPU
    assert tunnel.fetch("GET", "/").body == b"hello"


def test_a_hundred_streams_run_and_more_are_refused(tunnel, visitor):
    go_on = threading.Event()

    def handler(exchange):
        assert go_on.wait(harness.DEADLINE)
        exchange.reply("done")

    tunnel.origin.on("/wait", handler)
    fields = visitor.fields("GET", "/wait")
    assert visitor.settings[3] == 100
    numbers = [visitor.open(fields) for _ in range(100)]
    visitor.send(frame(PING, 0, 0, bytes(8)))
    visitor.until(lambda: visitor.pings)
    go_on.set()
    for number in numbers:
        assert visitor.answer(number).body == b"done"


def test_a_stalled_stream_holds_back_no_other(tunnel, visitor):
    visitor.grants = False
    number = visitor.open(visitor.fields("GET", "/bytes?size=40000"))
    assert len(visitor.answer(number).body) == 40000
    stalled = visitor.open(visitor.fields("GET", "/bytes?size=30000000"))
    visitor.until(lambda: len(visitor.streams[stalled].body) == 65535 - 40000)
    visitor.send(window_update(0, 1 << 20))
    visitor.until(lambda: len(visitor.streams[stalled].body) == 65535)
    assert visitor.fetch().body == b"hello"
    visitor.send(reset(stalled))


def test_an_upload_nobody_reads_stops_at_its_window(tunnel, visitor):
    go_on = threading.Event()

    def handler(exchange):
        assert go_on.wait(harness.DEADLINE)
        exchange.reply(str(sum(map(len, exchange.body()))))

    tunnel.origin.on("/stop", handler)
    number = visitor.open(visitor.fields("POST", "/stop"), end=False)
    visitor.send(frame(DATA, 0, number, bytes(16384)) * 3)
    assert visitor.fetch().body == b"hello"
    go_on.set()
    visitor.send(frame(DATA, END_STREAM, number, b"x"))
    assert visitor.answer(number).body == b"%d" % (3 * 16384 + 1)


@pytest.fixture(scope="module")
def hasty(tmp_path_factory):
    """A relay with short time limits."""
    directory = tmp_path_factory.mktemp("hasty")
    limits = [word for limit in ("head-time=1s", "keepalive-time=1s", "body-time=1s",
                                 "send-time=1s") for word in ("--limit", limit)]
    with harness.Relay(directory, *limits) as relay:
        with harness.Tunnel(directory / "tunnel", relay=relay) as started:
            yield started


def test_a_head_that_does_not_end_is_cut(hasty):
    with H2Client(hasty.relay.address, hasty.host) as visitor:
        assert visitor.fetch().body == b"hello"
        visitor.send(frame(HEADERS, END_STREAM, 3, visitor.block(visitor.fields())))
        assert visitor.drain() == NO_ERROR


def test_an_idle_connection_gets_a_goaway(hasty):
    with H2Client(hasty.relay.address, hasty.host) as visitor:
        assert visitor.fetch().body == b"hello"
        assert visitor.drain() == NO_ERROR


def test_a_body_that_stops_is_a_408(hasty):
    with H2Client(hasty.relay.address, hasty.host) as visitor:
        number = visitor.open(visitor.fields("POST", "/echo"), end=False)
        visitor.send(frame(DATA, 0, number, b"some"))
        assert visitor.answer(number).status == 408


def test_a_visitor_who_takes_nothing_is_cut(hasty):
    with H2Client(hasty.relay.address, hasty.host, window=0) as visitor:
        number = visitor.open(visitor.fields())
        assert visitor.answer(number).reset == CANCEL


def test_a_relay_that_ends_says_goaway(tmp_path):
    with harness.Tunnel(tmp_path) as tunnel:
        visitor = H2Client(tunnel.relay.address, tunnel.host)
        assert visitor.fetch().body == b"hello"
    with visitor:
        assert visitor.drain() == NO_ERROR
