# SPDX-License-Identifier: MIT
"""The agent drops the link to a hostile relay, says why, and works with the next sane relay.

Whatever the relay sends, the local service gets only requests that are whole and unambiguous.
"""
import itertools
import json
import re
import struct

import harness
import pytest
import tunnel_peer
from attack import cpu_seconds, flood, private_bytes
from client import until
from origin import Origin
from tunnel_peer import (ACK, BINARY, CLOSE, CONTROL, DATA, END_HEADERS, GOAWAY, HEADERS, HELLO,
                         MUX, PING, PIPE_ACK, PIPE_DATA, PREFACE, PRIORITY, PUSH_PROMISE, REFUSED,
                         RST_STREAM, SETTINGS, TEXT, WELCOME, Closed, PlayedRelay, data, h2, head,
                         record, rst, settings, window_update, ws_frame)


@pytest.fixture(scope="module")
def origin():
    with Origin() as started:
        yield started


class Victim:
    """A real agent that connects to the played relay again and again."""

    def __init__(self, directory, origin, *options):
        self.played = PlayedRelay(harness.DEADLINE)
        self.program = harness.Program(directory, "adit", "http", origin.address,
                                       "--relay", self.played.url, *options)

    def link(self):
        """Accepts its next link, which works."""
        peer = None
        while not peer:
            try:
                peer = self.played.accept()
            except Closed:  # a connection that the agent gave up before it was accepted
                pass
            except TimeoutError:
                raise AssertionError(self.program.report()) from None
        fields, body = peer.answer(peer.ask("/"))
        assert (fields[":status"], body) == ("200", b"hello")
        return peer

    def close(self):
        self.program.stop()
        self.played.close()


@pytest.fixture(scope="module")
def victims(origin, tmp_path_factory):
    """Several agents, so that one has reconnected while others are attacked."""
    several = [Victim(tmp_path_factory.mktemp("agent"), origin) for _ in range(3)]
    yield itertools.cycle(several)
    for victim in several:
        victim.link().close()
        victim.close()


@pytest.fixture
def victim(victims):
    return next(victims)


@pytest.fixture
def agent(victim):
    return victim.program


@pytest.fixture
def hostile(victim):
    """The link of this test. The next test shows that an agent works again after it."""
    with victim.link() as peer:
        yield peer


class Complaints:
    """The messages that the agent prints from now on."""

    def __init__(self, agent):
        self.agent = agent
        self.before = len(agent.printed["stderr"])

    def next(self):
        lines = until(lambda: self.agent.printed["stderr"][self.before:], "a complaint",
                      harness.DEADLINE)
        return lines[0]


# Things that a relay may do. (First, so that the agents of later tests do not back off long.)

def test_responses_that_wait_unsent_are_bounded(origin, tmp_path):
    """The agent holds little for a relay that sends requests without reading."""
    victim = Victim(tmp_path, origin, "--record", "none")  # its memory is the link's alone
    hostile, agent = victim.link(), victim.program
    memory = private_bytes(agent)
    for _ in range(200):
        hostile.ask("/bytes?size=10000000")
    totals = [0]

    def stalled():
        totals.append(sum(each.sent for each in origin.exchanges[-200:]))
        return totals[-1] > 0 and totals[-20:] == totals[-1:] * 20
    until(stalled, "nothing flows any more", harness.DEADLINE)
    assert totals[-1] < 200 * 5_000_000
    if harness.MEMORY_IS_THEIRS:
        assert private_bytes(agent) - memory < 40 << 20
    hostile.close()
    victim.close()


def test_a_refusal_ends_the_agent_with_its_words(origin, tmp_path):
    relay = PlayedRelay(harness.DEADLINE)
    program = harness.Program(tmp_path, "adit", "http", origin.address, "--relay", relay.url)
    with relay.accept(greet=False) as peer:
        peer.message(REFUSED, b'{"type":"refused","code":"ADIT-TEST","message":"Not today."}')
        assert program.exit_code() == 1
        assert re.search(r"Not today\. \(ADIT-TEST\)", program.text("stderr"))
    relay.close()


def test_an_answer_that_is_no_websocket_is_retried(origin, tmp_path):
    relay = PlayedRelay(harness.DEADLINE)
    with harness.Program(tmp_path, "adit", "http", origin.address, "--relay", relay.url) as agent:
        for answer in (b"\0" * 1000, b"HTTP/1.1 200 OK\r\n\r\n",
                       b"HTTP/1.1 101 Yes\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                       b"Sec-WebSocket-Protocol: adit.v1\r\nSec-WebSocket-Accept: wrong\r\n\r\n"):
            sock, _ = relay.listener.accept()
            sock.recv(4096)
            sock.sendall(answer)
            sock.close()
        agent.wait_for("cannot reach|is it an adit relay", "stderr")
        with relay.accept() as sane:
            assert sane.answer(sane.ask("/"))[1] == b"hello"
    relay.close()


def test_after_a_hostile_relay_a_real_one_is_served(origin, tmp_path):
    hostile = PlayedRelay(harness.DEADLINE)
    port = hostile.port
    with harness.Program(tmp_path, "adit", "http", origin.address, "--relay", hostile.url,
                         "--url", "back") as agent:
        with hostile.accept() as peer:
            hostile.close()
            peer.message(9)
            peer.close_code()
        with harness.Relay(tmp_path, port=port) as relay:
            agent.wait_for("^adit: connected again")
            with relay.visit("back.localhost") as visitor:
                assert visitor.fetch("GET", "/").body == b"hello"


def frames(*what):
    return lambda peer: peer.mux(*what)


def said(kind, text):
    return lambda peer: peer.pipe(record(CONTROL, text)) if kind == CONTROL else \
        peer.message(kind, text)


def request(*fields, end=True, stream=3, method="GET", path="/forged"):
    return head(stream, [(":method", method), (":scheme", "http"), (":authority", "a.example"),
                         (":path", path), *fields], end)


FRAMES, FRAMING, CONTROLS, HTTP2, LINK = (
    "broke the WebSocket protocol", "broke the framing", "control message that is wrong",
    "broke the multiplexing", "connecting again")

BREACHES = {
    # the link
    "a masked frame": (FRAMES, lambda peer: peer.ws(BINARY, b"\5" * 9, masked=True, length=9)),
    "reserved bits": (FRAMES, lambda peer: peer.ws(BINARY, b"\4", rsv=0x40)),
    "an unknown opcode": (FRAMES, lambda peer: peer.ws(3, b"x")),
    "a text message": ("not binary", lambda peer: peer.ws(TEXT, b"hello")),
    "a continuation of nothing": (FRAMES, lambda peer: peer.ws(0, b"x")),
    "a ping of 126 bytes": (FRAMES, lambda peer: peer.ws(9, b"x" * 126)),
    "a close": (LINK, lambda peer: peer.ws(CLOSE, struct.pack(">H", 1001))),
    "a close of one byte": (FRAMES, lambda peer: peer.ws(CLOSE, b"x")),
    # pipe
    "an unknown kind of message": (FRAMING, lambda peer: peer.message(9)),
    "kind zero": (FRAMING, lambda peer: peer.message(0)),
    "an offset ahead": (FRAMING, lambda peer: peer.message(
        PIPE_DATA, struct.pack(">Q", peer.sent + 1) + b"x")),
    "an offset behind": (FRAMING, lambda peer: peer.message(PIPE_DATA, bytes(8) + b"x")),
    "an offset cut short": (FRAMING, lambda peer: peer.message(PIPE_DATA, b"\0\0\0")),
    "an acknowledgement of what was not sent": (FRAMING, lambda peer: peer.ack(1 << 40)),
    "an acknowledgement that goes back": (FRAMING, lambda peer: peer.ack(0)),
    "an acknowledgement and more": (FRAMING, lambda peer: peer.message(
        PIPE_ACK, struct.pack(">Q", peer.received) + b"x")),
    "an unknown kind of record": (FRAMING, lambda peer: peer.pipe(record(3, b"x"))),
    "a report that is none": (CONTROLS, lambda peer: peer.pipe(record(2, b"x"))),
    "an empty record": (FRAMING, lambda peer: peer.pipe(record(CONTROL, b""))),
    "a record of 16 MiB": (FRAMING, lambda peer: peer.pipe(record(MUX, b"x", 0xffffff))),
    "a control record over its limit": (FRAMING, lambda peer: peer.pipe(
        record(CONTROL, b"x", 16 * 1024 + 1))),
    # JSON
    "a hello of the relay": (CONTROLS, said(HELLO, json.dumps(
        {"type": "hello", "version": 1, "software": "x", "owner": "0" * 64}).encode())),
    "a second welcome": (CONTROLS, said(WELCOME, b'{"type":"welcome","version":1,"software":"x"}')),
    "a bind of the relay": (CONTROLS, said(CONTROL, b'{"type":"bind","id":"1"}')),
    "a refusal without id among the records": (CONTROLS, said(
        CONTROL, b'{"type":"refused","code":"X","message":"y"}')),
    "no JSON": (CONTROLS, said(CONTROL, b"nonsense")),
    "arrays without end": (CONTROLS, said(CONTROL, b"[" * 16000)),
    "bytes that are no UTF-8": (CONTROLS, said(CONTROL, b'{"type":"drain","message":"\xff"}')),
    "controls of a terminal": (CONTROLS, said(
        CONTROL, b'{"type":"drain","message":"\\u001b[2J"}')),
    "controls of a terminal in C1": (CONTROLS, said(
        CONTROL, b'{"type":"drain","message":"\xc2\x9b2J"}')),
    "a bound without url": (CONTROLS, said(CONTROL, b'{"type":"bound","id":"1","name":"a"}')),
    "a url over its limit": (CONTROLS, said(
        CONTROL, b'{"type":"bound","id":"1","name":"a","url":"' + b"a" * 320 + b'"}')),
    # HTTP/2
    "a frame over its size": (HTTP2, frames(h2(DATA, 0, 1, b"", length=16385))),
    "DATA on a stream that never was": (HTTP2, frames(data(99, b"x"))),
    "a request with an even id": (HTTP2, frames(request(stream=2))),
    "a request without stream": (HTTP2, frames(request(stream=0))),
    "a push": (HTTP2, lambda peer: peer.mux(
        h2(PUSH_PROMISE, END_HEADERS, peer.ask("/waits"), b"\0\0\0\2\x82"))),
    "a reset of a stream that never was": (HTTP2, frames(rst(99))),
    "a window that overflows": (HTTP2, frames(window_update(0, 0x7fffffff))),
    "a window by nothing": (HTTP2, frames(window_update(0, 0))),
    "a first window over 2^31": (HTTP2, frames(settings(window=1 << 31))),
    "a setting cut short": (HTTP2, frames(h2(SETTINGS, 0, 0, b"\0\3\0"))),
    "an acknowledgement of settings with some": (HTTP2, frames(h2(SETTINGS, ACK, 0, b"\0" * 6))),
    "a ping cut short": (HTTP2, frames(h2(PING, 0, 0, b"1234567"))),
    "a goodbye that complains": (HTTP2, frames(h2(GOAWAY, 0, 0, struct.pack(">II", 0, 2)))),
    "a continuation of no head": (HTTP2, frames(h2(tunnel_peer.CONTINUATION, END_HEADERS, 3, b"\x88"))),
    "a frame inside of a head": (HTTP2, frames(h2(HEADERS, 0, 3, b"\x82"), data(3, b"x"))),
    "a head of ten frames": (HTTP2, frames(
        h2(HEADERS, 0, 3, b"\x82"), *[h2(tunnel_peer.CONTINUATION, 0, 3, b"")] * 9)),
    "an index outside of the table": (HTTP2, frames(head(3, (), block=b"\xff\x7f"))),
    "a table over its size": (HTTP2, frames(head(3, (), block=b"\x3f\xff\xff\x7f\x82"))),
}


@pytest.fixture(autouse=True, scope="module")
def waiting(origin):
    origin.on("/waits", lambda exchange: exchange.peer_leaves())


@pytest.mark.parametrize("what", BREACHES)
def test_a_breach_ends_the_link_with_a_reason(agent, hostile, origin, what):
    reason, breach = BREACHES[what]
    complaints = Complaints(agent)
    breach(hostile)
    hostile.close_code()
    assert reason in complaints.next() and "connecting again" in complaints.next()
    assert not origin.seen("/forged")


GREETINGS = {
    "a bound before the welcome": lambda peer: peer.control(
        type="bound", id="1", name="a", url="http://a.example"),
    "HTTP/2 before the welcome": lambda peer: peer.mux(PREFACE, settings()),
    "an acknowledgement before the welcome": lambda peer: peer.ack(0),
    "another version": lambda peer: peer.message(
        WELCOME, b'{"type":"welcome","version":2,"software":"x"}'),
    "a welcome without version": lambda peer: peer.message(
        WELCOME, b'{"type":"welcome","software":"x"}'),
    "a welcome over its limit": lambda peer: peer.message(WELCOME, b" " * 16385),
    "no HTTP/2 behind the welcome": lambda peer: (
        peer.message(WELCOME, b'{"type":"welcome","version":1,"software":"x"}'),
        peer.mux(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")),
}


@pytest.mark.parametrize("what", GREETINGS)
def test_a_wrong_greeting_ends_the_link_with_a_reason(victim, agent, what):
    complaints = Complaints(agent)
    with victim.played.accept(greet=False) as peer:
        GREETINGS[what](peer)
        peer.close_code()
    complaint = complaints.next()
    assert "broke" in complaint or CONTROLS in complaint


# A wrong request costs its stream only, and the service does not hear of it.

WRONG_REQUESTS = {
    "no path": [(":method", "GET")],
    "no method": [(":path", "/forged")],
    "an empty path": [(":method", "GET"), (":path", "")],
    "two paths": [(":method", "GET"), (":path", "/forged"), (":path", "/forged")],
    "a status": [(":method", "GET"), (":path", "/forged"), (":status", "200")],
    "a space in the method": [(":method", "GET /x"), (":path", "/forged")],
    "a space in the path": [(":method", "GET"), (":path", "/forged HTTP/1.1")],
    "CR LF in the path": [(":method", "GET"), (":path", "/forged\r\nA: b")],
    "a path that is a whole URL": [(":method", "GET"), (":path", "http://evil.example/forged")],
    "CR LF in the authority": [(":method", "GET"), (":path", "/forged"),
                               (":authority", "a\r\nB: c")],
    "a space in the authority": [(":method", "GET"), (":path", "/forged"), (":authority", "a b")],
}

WRONG_FIELDS = {
    "a host": [("host", "b.example")],
    "CR LF in a value": [("a", "b\r\n\r\nGET /forged HTTP/1.1")],
    "LF in a name": [("a\nb", "c")],
    "an upper-case name": [("Upper", "x")],
    "an empty name": [("", "x")],
    "connection": [("connection", "content-length")],
    "transfer-encoding": [("transfer-encoding", "chunked")],
    "upgrade": [("upgrade", "websocket")],
    "te": [("te", "gzip")],
    "two lengths": [("content-length", "0"), ("content-length", "5")],
    "a length of letters": [("content-length", "0x5")],
    "a length and no body": [("content-length", "5")],
    "two offers": [("adit-upgrade", "a"), ("adit-upgrade", "b")],
    "1025 fields": [("a", "b")] * 1025,
    "96 KiB of fields": [("a", "b" * 40000)] * 3,
}


def is_refused(peer, origin, what, frame):
    """Checks that the frame opens the peer's next stream, which is reset, and that another is
    served."""
    stream, peer.next_stream = peer.next_stream, peer.next_stream + 2
    peer.mux(frame)
    kind, *_ = peer.frame(RST_STREAM, HEADERS, stream=stream)
    assert kind == RST_STREAM, what
    assert peer.answer(peer.ask("/"))[1] == b"hello"
    assert not origin.seen("/forged"), what


def test_a_wrong_request_costs_its_stream_only(hostile, origin):
    for what, fields in WRONG_REQUESTS.items():
        is_refused(hostile, origin, what, head(hostile.next_stream, fields, end=True))


def test_wrong_fields_cost_their_stream_only(hostile, origin):
    for what, fields in WRONG_FIELDS.items():
        is_refused(hostile, origin, what, request(*fields, stream=hostile.next_stream))


SMUGGLED = b"GET /forged HTTP/1.1\r\nHost: a\r\n\r\n"


@pytest.mark.parametrize("fields, method", [
    ([("content-length", "5")], "POST"), ([("content-length", "0")], "GET"),
    ([("content-length", "5"), ("adit-upgrade", "echo")], "GET")])
def test_data_beyond_a_requests_length_is_never_a_request(hostile, origin, fields, method):
    for end in (True, False):
        stream = hostile.ask("/echo", method, fields, end=False)
        hostile.mux(data(stream, b"hello"[:int(fields[0][1])]), data(stream, SMUGGLED, end))
    assert hostile.answer(hostile.ask("/"))[1] == b"hello"
    assert not origin.seen("/forged")


@pytest.mark.parametrize("trailers", [
    [(":path", "/forged")], [("a", "b\r\n\r\nGET /forged HTTP/1.1")], [("Upper", "x")]])
def test_wrong_trailers_of_a_request_are_not_passed_on(hostile, origin, trailers):
    stream = hostile.ask("/echo", "POST", end=False)
    hostile.mux(data(stream, b"hello"), head(stream, trailers, end=True))
    assert hostile.answer(hostile.ask("/"))[1] == b"hello"
    assert not origin.seen("/forged")


def test_requests_that_are_reset_at_once_leave_nothing_behind(hostile, origin):
    for _ in range(20):
        for _ in range(100):
            hostile.mux(rst(hostile.ask("/waits")))
        assert hostile.answer(hostile.ask("/"))[1] == b"hello"
    until(lambda: origin.open_connections < 50, "connections are given back", harness.DEADLINE)


# Floods.

def many(piece):
    return piece * (1 + 60000 // len(piece))


def mux_flood(piece):
    def prepare(peer):
        payload = record(MUX, many(piece))

        def message():
            offset, peer.sent = peer.sent, peer.sent + len(payload)
            return ws_frame(BINARY, b"\4" + struct.pack(">Q", offset) + payload, masked=False)
        return message
    return prepare


def controls(peer):
    payload = record(CONTROL, b'{"type":"bound","id":"7","name":"a","url":"http://a"}') * 1000

    def message():
        offset, peer.sent = peer.sent, peer.sent + len(payload)
        return ws_frame(BINARY, b"\4" + struct.pack(">Q", offset) + payload, masked=False)
    return message


def acknowledgements(peer):
    peer.acks = False
    return many(ws_frame(BINARY, b"\5" + struct.pack(">Q", peer.received), masked=False))


def empty_data(peer):
    stream = peer.ask("/waits", "POST", end=False)
    return mux_flood(data(stream))(peer)


def bomb(peer):
    entry = b"\x40\x01a" + tunnel_peer.integer(3900, 7, 0) + b"b" * 3900
    return mux_flood(head(3, (), block=b"\x82" + entry + b"\xbe" * 60000))(peer)


FLOODS = {
    "PING": mux_flood(h2(PING, 0, 0, b"12345678")),
    "SETTINGS": mux_flood(settings()),
    "SETTINGS that change the windows": mux_flood(settings(window=0) + settings(window=1 << 20)),
    "PRIORITY": mux_flood(h2(PRIORITY, 0, 1, b"\0\0\0\0\1")),
    "frames of no kind": mux_flood(h2(99, 0, 0, b"x")),
    "WINDOW_UPDATE": mux_flood(window_update(0, 1)),
    "empty DATA": empty_data,
    "controls": controls,
    "acknowledgements": acknowledgements,
    "an HPACK bomb": bomb,
}


@pytest.mark.parametrize("reads", [True, False], ids=["reading", "not reading"])
@pytest.mark.parametrize("what", FLOODS)
def test_a_flood_ends_the_link_before_it_costs_much(agent, hostile, what, reads):
    complaints = Complaints(agent)
    piece = FLOODS[what](hostile)
    cpu, memory = cpu_seconds(agent), private_bytes(agent)
    flood(hostile, piece, 1 << 24, reads)
    complaint = complaints.next()
    cpu, memory = cpu_seconds(agent) - cpu, private_bytes(agent) - memory
    assert "floods the link" in complaint
    if not harness.UNDER_VALGRIND:
        assert cpu < 0.1 * harness.PATIENCE
    if harness.MEMORY_IS_THEIRS:
        assert memory < 1 << 20
