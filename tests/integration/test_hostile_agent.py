# SPDX-License-Identifier: MIT
"""A hostile agent loses its own tunnel, with a logged reason, and disturbs no other."""
import json
import struct

import harness
import pytest
import tunnel_peer
from attack import (Reasons, ask, bystander, cpu_seconds, flood, hostile,  # noqa: F401
                    private_bytes, undisturbed)
from client import until
from tunnel_peer import (ACK, BINARY, CLOSE, CONT, CONTROL, DATA, END_HEADERS, GOAWAY, HEADERS, MUX,
                         PING, PIPE_ACK, PIPE_DATA, PRIORITY, PUSH_PROMISE, REFUSED, RST_STREAM,
                         SETTINGS, TEXT, WELCOME, WINDOW_UPDATE, AgentPeer, data, h2, head, record,
                         response, rst, settings, window_update, ws_frame)


@pytest.fixture(scope="module")
def relay(tmp_path_factory):
    """A relay that records nothing, so that its memory is the tunnels' alone."""
    with harness.Relay(tmp_path_factory.mktemp("relay"), "--record", "none") as started:
        yield started


def json_of(kind, text):
    def send(peer):
        if kind == CONTROL:
            peer.pipe(record(CONTROL, text))
        else:
            peer.message(kind, text)
    return send


def raw(*args, **how):
    how.setdefault("masked", True)
    return lambda peer: peer.sock.sendall(ws_frame(*args, **how))


def frames(*what):
    """HTTP/2 frames; functions among them get the stream that is open."""
    return lambda peer: peer.mux(*(each(1) if callable(each) else each for each in what))


FRAMING, CONTROLS, HTTP2, WS = ("broke the framing", "control message that is wrong",
                                "broke the multiplexing", "WebSocket")

BREACHES = {
    # WebSocket, RFC 6455
    "a frame without mask": (WS, raw(BINARY, b"\5", masked=False)),
    "reserved bits": (WS, raw(BINARY, b"\5", rsv=0x40)),
    "an unknown opcode": (WS, raw(3, b"x")),
    "a frame of 2^63 bytes": (WS, raw(BINARY, b"\4", length=1 << 63)),
    "a frame of 2^62 bytes": (WS, raw(BINARY, b"\4", length=1 << 62)),
    "a frame over the limit": (WS, raw(BINARY, b"\4", length=128 * 1024 + 1)),
    "a fragmented ping": (WS, raw(9, b"x", fin=False)),
    "a ping of 126 bytes": (WS, raw(9, b"x" * 126)),
    "a continuation of nothing": (WS, raw(CONT, b"x")),
    "a message inside of a message": (WS, lambda peer: (
        peer.ws(BINARY, b"\4", fin=False), peer.ws(BINARY, b"\4"))),
    "a close of one byte": (WS, raw(CLOSE, b"x")),
    "a close code that none may send": (WS, raw(CLOSE, struct.pack(">H", 1005))),
    "a text message": ("not binary", raw(TEXT, b"hello")),
    # pipe, §3
    "an unknown kind of message": (FRAMING, raw(BINARY, b"\6abc")),
    "kind zero": (FRAMING, raw(BINARY, b"\0")),
    "an empty message": (FRAMING, raw(BINARY, b"")),
    "an offset ahead": (FRAMING, lambda peer: peer.message(
        PIPE_DATA, struct.pack(">Q", peer.sent + 1) + b"x")),
    "an offset behind": (FRAMING, lambda peer: peer.message(
        PIPE_DATA, struct.pack(">Q", peer.sent - 1) + b"x")),
    "the largest offset": (FRAMING, lambda peer: peer.message(
        PIPE_DATA, b"\xff" * 8 + b"x")),
    "an offset cut short": (FRAMING, lambda peer: peer.message(PIPE_DATA, b"\0\0\0")),
    "an acknowledgement of what was not sent": (FRAMING, lambda peer: peer.ack(1 << 40)),
    "an acknowledgement that goes back": (FRAMING, lambda peer: peer.ack(peer.received - 1)),
    "an acknowledgement and more": (FRAMING, lambda peer: peer.message(
        PIPE_ACK, struct.pack(">Q", peer.received) + b"x")),
    "an unknown kind of record": (FRAMING, lambda peer: peer.pipe(record(3, b"x"))),
    "a report that is none": (CONTROLS, lambda peer: peer.pipe(record(2, b"x"))),
    "a report with unknown flags": (CONTROLS, lambda peer: peer.pipe(
        record(2, b"0123456789\x40\0\0\1\1\1\1"))),
    "an empty record": (FRAMING, lambda peer: peer.pipe(record(MUX, b""))),
    "a record of 16 MiB": (FRAMING, lambda peer: peer.pipe(record(MUX, b"x", 0xffffff))),
    "a control record over its limit": (FRAMING, lambda peer: peer.pipe(
        record(CONTROL, b"x", 16 * 1024 + 1))),
    # JSON, §2 and §5
    "a second hello": (CONTROLS, json_of(1, json.dumps(
        {"type": "hello", "version": 1, "software": "x", "owner": "0" * 64}).encode())),
    "a welcome of the agent": (CONTROLS, json_of(
        WELCOME, b'{"type":"welcome","version":1,"software":"x"}')),
    "a refusal of the agent": (CONTROLS, json_of(
        REFUSED, b'{"type":"refused","code":"X","message":"y"}')),
    "a bound of the agent": (CONTROLS, json_of(
        CONTROL, b'{"type":"bound","id":"1","name":"a","url":"http://a"}')),
    "no JSON": (CONTROLS, json_of(CONTROL, b"{")),
    "an array": (CONTROLS, json_of(CONTROL, b"[]")),
    "arrays without end": (CONTROLS, json_of(CONTROL, b"[" * 16000)),
    "objects without end": (CONTROLS, json_of(CONTROL, b'{"a":' * 3000)),
    "no type": (CONTROLS, json_of(CONTROL, b'{"id":"1"}')),
    "an unknown type": (CONTROLS, json_of(CONTROL, b'{"type":"bomb","id":"1"}')),
    "text behind the object": (CONTROLS, json_of(CONTROL, b'{"type":"bind","id":"2"}x')),
    "an escaped zero": (CONTROLS, json_of(
        CONTROL, b'{"type":"bind","id":"2","name":"a\\u0000b"}')),
    "bytes that are no UTF-8": (CONTROLS, json_of(
        CONTROL, b'{"type":"bind","id":"2","name":"\xc3\x28"}')),
    "half of a surrogate pair": (CONTROLS, json_of(
        CONTROL, b'{"type":"bind","id":"2","name":"\\ud800"}')),
    "a control character": (CONTROLS, json_of(
        CONTROL, b'{"type":"bind","id":"2","name":"a\\u001bc"}')),
    "id 0": (CONTROLS, json_of(CONTROL, b'{"type":"bind","id":"0"}')),
    "an id that is a number": (CONTROLS, json_of(CONTROL, b'{"type":"bind","id":2}')),
    "an id below 0": (CONTROLS, json_of(CONTROL, b'{"type":"bind","id":"-1"}')),
    "an id over 64 bits": (CONTROLS, json_of(
        CONTROL, b'{"type":"bind","id":"18446744073709551616"}')),
    "a name of 64 bytes": (CONTROLS, json_of(
        CONTROL, b'{"type":"bind","id":"2","name":"' + b"a" * 64 + b'"}')),
    # HTTP/2, §4: frames
    "a frame over its size": (HTTP2, frames(h2(DATA, 0, 1, b"", length=16385))),
    "a frame of 16 MiB": (HTTP2, frames(h2(SETTINGS, 0, 0, b"", length=0xffffff))),
    "DATA without a stream": (HTTP2, frames(data(0, b"x"))),
    "DATA on a stream that never was": (HTTP2, frames(data(99, b"x"))),
    "a response on a stream that never was": (HTTP2, frames(response(99))),
    "a response on a stream of its own": (HTTP2, frames(response(2))),
    "a request to the relay": (HTTP2, frames(head(2, [(":method", "GET"), (":path", "/")]))),
    "a push": (HTTP2, frames(h2(PUSH_PROMISE, END_HEADERS, 1, b"\0\0\0\2\x82"))),
    "a push permitted by the agent": (HTTP2, frames(settings(push=1))),
    "DATA before the head": (HTTP2, frames(data(1, b"x"))),
    "a reset of a stream that never was": (HTTP2, frames(rst(99))),
    "a reset of no stream": (HTTP2, frames(rst(0))),
    "a window for a stream that never was": (HTTP2, frames(window_update(99, 1))),
    "a window that overflows": (HTTP2, frames(window_update(0, 0x7fffffff))),
    "a window by nothing": (HTTP2, frames(window_update(0, 0))),
    "a first window over 2^31": (HTTP2, frames(settings(window=1 << 31))),
    "a frame size below 2^14": (HTTP2, frames(settings(frame=100))),
    "a setting cut short": (HTTP2, frames(h2(SETTINGS, 0, 0, b"\0\3\0"))),
    "settings of a stream": (HTTP2, frames(h2(SETTINGS, 0, 1))),
    "an acknowledgement of settings with some": (HTTP2, frames(h2(SETTINGS, ACK, 0, b"\0" * 6))),
    "an acknowledgement of settings never sent": (HTTP2, frames(
        h2(SETTINGS, ACK), h2(SETTINGS, ACK))),
    "a ping cut short": (HTTP2, frames(h2(PING, 0, 0, b"1234567"))),
    "a ping of a stream": (HTTP2, frames(h2(PING, 0, 1, b"12345678"))),
    "a goodbye that complains": (HTTP2, frames(h2(GOAWAY, 0, 0, struct.pack(">II", 1, 1)))),
    "a goodbye cut short": (HTTP2, frames(h2(GOAWAY, 0, 0, b"\0\0\0\0"))),
    "a priority cut short": (HTTP2, frames(h2(PRIORITY, 0, 1, b"\0\0"), h2(PING, 0, 0, b"0" * 8))),
    "a continuation of no head": (HTTP2, frames(h2(tunnel_peer.CONTINUATION, END_HEADERS, 1, b"\x88"))),
    "a frame inside of a head": (HTTP2, frames(h2(HEADERS, 0, 1, b"\x88"), data(1, b"x"))),
    "a head of ten frames": (HTTP2, frames(
        h2(HEADERS, 0, 1, b"\x88"), *[h2(tunnel_peer.CONTINUATION, 0, 1, b"")] * 9)),
    "padding over the frame": (HTTP2, frames(h2(HEADERS, 8 | END_HEADERS, 1, b"\x09\x88"))),
    # HTTP/2: HPACK
    "an index outside of the table": (HTTP2, frames(head(1, (), block=b"\xff\x7f"))),
    "an index that overflows": (HTTP2, frames(head(1, (), block=b"\xff" * 10 + b"\x7f"))),
    "a length that overflows": (HTTP2, frames(head(1, (), block=b"\x10" + b"\x7f" + b"\xff" * 9))),
    "a table over its size": (HTTP2, frames(head(1, (), block=b"\x3f\xff\xff\x7f\x88"))),
    "a table size behind a field": (HTTP2, frames(head(1, (), block=b"\x88\x20"))),
    "text that is no Huffman code": (HTTP2, frames(
        head(1, (), block=b"\x88\x10\x82\xff\xff\x01a"))),
}


@pytest.mark.parametrize("what", BREACHES)
def test_a_breach_ends_the_tunnel_with_a_reason(relay, hostile, what):
    reason, breach = BREACHES[what]
    visitor, _ = ask(relay, hostile)
    reasons = Reasons(relay)
    breach(hostile)
    assert hostile.close_code() == 1002
    assert reason in reasons.next()
    with visitor:
        answer = visitor.response()
    assert (answer.status, answer.code) == (502, "ADIT-AGENT-LOST")


HELLO = {"type": "hello", "version": 1, "software": "x", "owner": "0" * 64}
GREETINGS = {
    "no hello but a bind": lambda peer: peer.control(type="bind", id="1"),
    "an acknowledgement": lambda peer: peer.ack(0),
    "nothing but a kind": lambda peer: peer.message(1),
    "a hello without owner": lambda peer: hello(peer, owner=None),
    "a hello without version": lambda peer: hello(peer, version=None),
    "another version": lambda peer: hello(peer, version=2),
    "a version that is text": lambda peer: hello(peer, version="1"),
    "a version between two": lambda peer: hello(peer, version=1.5),
    "a giant version": lambda peer: hello(peer, version=1e300),
    "an owner that is a number": lambda peer: hello(peer, owner=7),
    "an owner of 16 KiB": lambda peer: hello(peer, owner="0" * 16000),
    "software of 64 bytes": lambda peer: hello(peer, software="x" * 64),
    "a hello over its limit": lambda peer: hello(peer, padding="x" * 20000),
}


def hello(peer, **members):
    message = {name: value for name, value in {**HELLO, **members}.items() if value is not None}
    peer.message(tunnel_peer.HELLO, json.dumps(message).encode())


@pytest.mark.parametrize("what", GREETINGS)
def test_a_wrong_greeting_is_a_breach(relay, what):
    reasons = Reasons(relay)
    with AgentPeer(relay, harness.DEADLINE, greet=False) as peer:
        GREETINGS[what](peer)
        assert peer.close_code() == 1002
    assert "the peer" in reasons.next()


@pytest.mark.parametrize("owner", ["", "0" * 63, "0" * 65, "g" * 64, "0" * 63 + " ", "\u00e9" * 32])
def test_an_invalid_owner_key_is_refused(relay, owner):
    with AgentPeer(relay, harness.DEADLINE, greet=False) as peer:
        hello(peer, owner=owner)
        kind, refused = peer.said()
        assert (kind, refused["code"]) == (REFUSED, "ADIT-BAD-OWNER")
        assert peer.close_code() == 1000


# Floods of messages without work end the tunnel before they cost much.

def many(piece):
    """As many copies as make a message of a useful size."""
    return piece * (1 + 60000 // len(piece))


def records(payload):
    """Records again and again, each message with its right offset."""
    def prepare(peer, _):
        def message():
            offset, peer.sent = peer.sent, peer.sent + len(payload)
            return ws_frame(BINARY, b"\4" + struct.pack(">Q", offset) + payload)
        return message
    return prepare


def mux_flood(piece):
    return records(record(MUX, many(piece)))


def on_stream(make, opened=True):
    """The same with frames of the stream that a visitor's request opened."""
    def prepare(peer, stream):
        if opened:
            peer.mux(response(stream))
        else:
            peer.mux(response(stream, 200, [("content-length", "0")]), data(stream, end=True))
        return mux_flood(make(stream))(peer, stream)
    return prepare


def plain(piece):
    return lambda peer, stream: many(piece)


BINDS = record(CONTROL, b'{"type":"bind","id":"7","name":"-"}') * 1000
REPORTS = record(2, b"0123456789\0\0\0\1\1\1\1" * 900) * 4


def empty_messages(peer, _):
    return many(ws_frame(BINARY, b"\4" + struct.pack(">Q", peer.sent)))


def acknowledgements(peer, _):
    peer.acks = False
    return many(ws_frame(BINARY, b"\5" + struct.pack(">Q", peer.received)))


def empty_fragments(peer, _):
    peer.sock.sendall(ws_frame(BINARY, b"\4", fin=False))
    return many(ws_frame(CONT, b"", fin=False))


def bomb(stream):
    """A head of few bytes that expands to many fields of 4,000 bytes each."""
    entry = b"\x40\x01a" + tunnel_peer.integer(3900, 7, 0) + b"b" * 3900
    return head(stream, (), block=b"\x88" + entry + b"\xbe" * 60000)


FLOODS = {
    "WebSocket pings": plain(ws_frame(9, b"x" * 125)),
    "WebSocket pings of nothing": plain(ws_frame(9)),
    "WebSocket pongs": plain(ws_frame(10)),
    "empty fragments": empty_fragments,
    "empty messages": empty_messages,
    "acknowledgements": acknowledgements,
    "binds": records(BINDS),
    "reports of exchanges that nobody knows": records(REPORTS),
    "PING": mux_flood(h2(PING, 0, 0, b"12345678")),
    "PING that acknowledge": mux_flood(h2(PING, ACK, 0, b"12345678")),
    "SETTINGS": mux_flood(settings()),
    "SETTINGS of many values": mux_flood(h2(SETTINGS, 0, 0, b"\0\xff\0\0\0\1" * 2000)),
    "SETTINGS that change the windows": mux_flood(settings(window=0) + settings(window=1 << 20)),
    "SETTINGS that change the table": mux_flood(settings(table=0) + settings(table=1 << 20)),
    "PRIORITY": mux_flood(h2(PRIORITY, 0, 1, b"\0\0\0\0\1")),
    "PRIORITY of streams to come": mux_flood(b"".join(
        h2(PRIORITY, 0, 2 * each + 1, b"\0\0\0\0\1") for each in range(100, 1000))),
    "frames of no kind": mux_flood(h2(99, 0, 0, b"x")),
    "WINDOW_UPDATE": mux_flood(window_update(0, 1)),
    "WINDOW_UPDATE of a stream": on_stream(lambda stream: window_update(stream, 1)),
    "empty DATA": on_stream(data),
    "empty DATA of a stream that is over": on_stream(data, opened=False),
    "RST_STREAM of a stream that is over": on_stream(rst, opened=False),
    "heads of a stream that is over": on_stream(response, opened=False),
    "large heads of a stream that is over": on_stream(
        lambda stream: head(stream, (), block=b"\x88" * 16384), opened=False),
    "GOAWAY": mux_flood(h2(GOAWAY, 0, 0, struct.pack(">II", 0x7fffffff, 0))),
    "CONTINUATION": on_stream(lambda stream: h2(tunnel_peer.CONTINUATION, 0, stream, b"")),
    "an HPACK bomb": on_stream(bomb),
}


@pytest.mark.parametrize("reads", [True, False], ids=["reading", "not reading"])
@pytest.mark.parametrize("what", FLOODS)
def test_a_flood_ends_the_tunnel_before_it_costs_much(relay, bystander, hostile, what, reads):
    visitor, stream = ask(relay, hostile)
    reasons = Reasons(relay)
    piece = FLOODS[what](hostile, stream)
    bystander.check()
    cpu, memory = cpu_seconds(relay), private_bytes(relay)
    code, _ = flood(hostile, piece, 1 << 24, reads)
    cpu, memory = cpu_seconds(relay) - cpu, private_bytes(relay) - memory
    assert code == 1002
    # nghttp2's own limits end these two before they count as floods
    ends_at_nghttp2 = what in ("CONTINUATION", "SETTINGS of many values")
    assert (HTTP2 if ends_at_nghttp2 else "floods the link") in reasons.next()
    if not harness.UNDER_VALGRIND:
        assert cpu < 0.1 * harness.PATIENCE
    if harness.MEMORY_IS_THEIRS:
        assert memory < 1 << 20
    visitor.close()


# Agents that do nothing.

LARGE = [("X-Large", "x" * 30000)]


def test_requests_that_wait_unsent_are_bounded_and_pass_away(relay, bystander):
    """Visitors come and go while the agent does not read: their heads wait, up to a bound."""
    with AgentPeer(relay, harness.DEADLINE, little=True) as idle:
        memory = private_bytes(relay)
        bystander.check()

        def refused():
            """A visitor that leaves unless it is refused at once."""
            visitor = relay.visit(idle.host)
            visitor.sock.settimeout(0.01)
            visitor.request("GET", "/", LARGE)
            idle.ack()  # it is alive
            try:
                return visitor.response()
            except TimeoutError:
                visitor.reset()
                return None
        answer = until(refused, "a refusal", harness.DEADLINE, 0)
        assert (answer.status, answer.code) == (503, "ADIT-TOO-MANY-STREAMS")
        assert answer.get("retry-after")
        if harness.MEMORY_IS_THEIRS:
            assert private_bytes(relay) - memory < 4 << 20
        # Once it reads, abandoned requests go and others are served.
        with relay.visit(idle.host) as visitor:
            def served():
                visitor.request("GET", "/served")
                while (request := idle.request())[1][":path"] != "/served":
                    pass
                idle.answer(request[0], b"served")
                return visitor.response().body == b"served"
            idle.sock.setsockopt(tunnel_peer.socket.SOL_SOCKET, tunnel_peer.socket.SO_RCVBUF, 1 << 20)
            until(lambda: idle.read() or not idle.mux_bytes and refused() is None, "room again",
                  harness.DEADLINE)
            assert served()


def test_an_agent_that_never_answers_costs_its_own_visitors_only(relay, bystander, hostile):
    visitors = [relay.visit(hostile.host) for _ in range(50)]
    for visitor in visitors:
        visitor.request("GET", "/")
        hostile.request()
    bystander.check()
    for visitor in visitors:
        visitor.close()
    for _ in visitors:
        assert hostile.frame(RST_STREAM)[3] == struct.pack(">I", tunnel_peer.CANCEL)


def test_an_agent_may_permit_no_stream_at_all(relay, bystander, hostile):
    hostile.mux(settings(streams=0))
    hostile.ws(9, b"seen")  # the answer shows that the settings were read
    visitor = relay.visit(hostile.host)
    visitor.request("GET", "/")
    bystander.check()
    hostile.mux(settings(streams=1))
    stream, _, _ = hostile.request()
    hostile.answer(stream, b"at last")
    with visitor:
        assert visitor.response().body == b"at last"


def test_a_table_that_is_full_refuses_nobody_their_own_name(relay, tmp_path):
    limit = ("--limit", "names-per-owner=8192")
    with harness.Relay(tmp_path, *limit) as full, AgentPeer(full, harness.DEADLINE, "mine") as mine:
        others = []
        number = 1
        while len(others) * 16 + 1 < 8192:
            peer = AgentPeer(full, harness.DEADLINE, owner="cd" * 32)
            others.append(peer)
            for extra in range(2, 17):
                if len(others) * 16 - 16 + extra + 1 > 8192:
                    break
                peer.control(type="bind", id=str(extra))
                number += peer.said()[1]["type"] == "bound"
        others[-1].control(type="bind", id="99")
        assert others[-1].said()[1]["code"] == "ADIT-TOO-MANY-NAMES"
        mine.close()
        until(lambda: is_gone(full, mine.host), "the link's end", harness.DEADLINE)
        with AgentPeer(full, harness.DEADLINE, "mine") as again:
            assert again.bound["name"] == "mine"
            others[-1].control(type="bind", id="100", name="mine")
            refused = others[-1].said()[1]
            assert (refused["type"], refused["code"]) == ("refused", "ADIT-NAME-IN-USE")
        for peer in others:
            peer.close()


def is_gone(relay, host):
    with relay.visit(host) as visitor:
        return visitor.fetch("GET", "/").code == "ADIT-AGENT-GONE"
