# SPDX-License-Identifier: MIT
"""Visitors speak HTTP/2 by prior knowledge: the same exchanges as over HTTP/1.1."""
import base64
import hashlib
import json
import subprocess
import threading

import bodies
import harness
import pytest
import wire
from h2_client import (CONTINUATION, DATA, END_HEADERS, END_STREAM, HEADERS, INTERNAL_ERROR,
                       NO_ERROR, PROTOCOL_ERROR, H2Client, frame, reset)

GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"


@pytest.fixture
def visitor(tunnel):
    with H2Client(tunnel.relay.address, tunnel.host) as started:
        yield started


def test_curl_sends_and_gets_a_body(tunnel, tmp_path):
    body = bodies.make(3, 1 << 20)
    (tmp_path / "body").write_bytes(body)
    name, port = tunnel.host.rsplit(":", 1)
    got = subprocess.run(
        ["curl", "-sS", "--noproxy", "*", "--http2-prior-knowledge", "--resolve",
         f"{name}:{port}:127.0.0.1", "--data-binary", f"@{tmp_path}/body", "-w",
         "%{http_version} %{http_code}", "-o", tmp_path / "got", f"http://{tunnel.host}/mirror"],
        capture_output=True, check=True, timeout=harness.DEADLINE)
    assert got.stdout == b"2 200"
    assert (tmp_path / "got").read_bytes() == body


def test_a_proxy_speaks_it_too(tmp_path, tunnel):
    with harness.Proxy(tmp_path, tunnel.origin.address) as proxy:
        with H2Client(proxy.address, proxy.host) as visitor:
            assert visitor.fetch().body == b"hello"


def test_many_streams_have_their_own_bodies(visitor):
    numbers = {visitor.open(visitor.fields("GET", f"/bytes?size={size}&seed={size}")): size
               for size in range(1, 400000, 10000)}
    for number, size in numbers.items():
        assert visitor.answer(number).body == bodies.make(size, size)


def test_a_head_may_come_byte_by_byte(tunnel):
    with H2Client(tunnel.relay.address, tunnel.host) as visitor:
        visitor.fetch()
        number = visitor.begin()
        sent = frame(HEADERS, END_STREAM | END_HEADERS, number, visitor.block(visitor.fields()))
        for at in range(len(sent)):
            visitor.send(sent[at:at + 1])
        assert visitor.answer(number).body == b"hello"


def test_fields_arrive_as_over_http_1(visitor):
    answer = visitor.fetch("POST", "/echo", [
        ("cookie", "a=1"), ("x-one", "1"), ("cookie", "b=2"), ("te", "trailers"),
        ("adit-id", "forged"), ("x-forwarded-for", "192.0.2.1")], b"body")
    assert answer.status == 200 and answer.get("date")
    fields = wire.Fields(map(tuple, json.loads(answer.body)["fields"]))
    assert fields.get("host") == visitor.host
    assert fields.get("cookie") == "a=1; b=2"
    assert fields.get("x-one") == "1"
    assert fields.get("x-forwarded-for") == "127.0.0.1"
    assert fields.get("via").startswith("2.0 adit-")
    assert not fields.get("adit-id")


def test_trailers_pass_both_ways(tunnel, visitor):
    seen = []

    def handler(exchange):
        list(exchange.body())
        seen.extend(exchange.trailers)
        exchange.head(200, [("Transfer-Encoding", "chunked")])
        exchange.chunk(b"body")
        exchange.last_chunk([("X-Sum", "2")])

    tunnel.origin.on("/trailers", handler)
    number = visitor.open(visitor.fields("POST", "/trailers"), end=False)
    visitor.send(frame(DATA, 0, number, b"abc") +
                 frame(HEADERS, END_STREAM | END_HEADERS, number,
                       visitor.block([("x-sum", "1")])))
    answer = visitor.answer(number)
    assert answer.heads[-1] == [("x-sum", "2")]
    assert [(name.lower(), value) for name, value in seen] == [("x-sum", "1")]


def test_interim_responses_pass(tunnel, visitor):
    def handler(exchange):
        exchange.head(103, [("Link", "</a>; rel=preload")])
        exchange.reply("done")

    tunnel.origin.on("/early", handler)
    answer = visitor.fetch("GET", "/early")
    assert [dict(head)[":status"] for head in answer.heads] == ["103", "200"]


def test_a_reset_aborts_the_exchange_alone(tunnel, visitor):
    begun, gone = threading.Event(), threading.Event()

    def handler(exchange):
        exchange.head(200, [("Transfer-Encoding", "chunked")])
        exchange.chunk(b"begun")
        begun.set()
        while exchange.wire.fill():
            pass
        gone.set()

    tunnel.origin.on("/reset", handler)
    number = visitor.open(visitor.fields("GET", "/reset"))
    visitor.until(lambda: visitor.streams[number].body)
    visitor.send(reset(number))
    assert gone.wait(harness.DEADLINE)
    assert visitor.fetch().body == b"hello"


def test_a_truncated_response_is_reset(tunnel, visitor):
    def handler(exchange):
        exchange.head(200, [("Content-Length", "100")])
        exchange.send(b"part")
        exchange.keep = False

    tunnel.origin.on("/cut", handler)
    answer = visitor.fetch("GET", "/cut")
    assert answer.reset == INTERNAL_ERROR and not answer.ended


def test_an_early_response_ends_the_request(tunnel, visitor):
    def handler(exchange):
        exchange.keep = False
        exchange.reply("no", 403, [("Connection", "close")])

    tunnel.origin.on("/early-end", handler)
    number = visitor.open(visitor.fields("POST", "/early-end"), end=False)
    stream = visitor.streams[number]
    visitor.until(lambda: stream.reset is not None)
    assert stream.ended and stream.status == 403 and stream.reset == NO_ERROR
    assert visitor.fetch().body == b"hello"


MALFORMED = {
    "upper case": [("X-Up", "1")],
    "CR": [("x", "a\rb")], "LF": [("x", "a\nb")], "NUL": [("x", "a\0b")],
    "leading space": [("x", " a")], "trailing space": [("x", "a ")],
    "space in a name": [("x y", "a")], "colon in a name": [("x:", "a")], "empty name": [("", "a")],
    "connection": [("connection", "close")], "keep-alive": [("keep-alive", "1")],
    "transfer-encoding": [("transfer-encoding", "chunked")], "upgrade": [("upgrade", "h2c")],
    "proxy-connection": [("proxy-connection", "close")],
    "te": [("te", "gzip")], "late pseudo-field": [("x", "a"), (":path", "/late")],
    "second path": [(":path", "/second")], "unknown pseudo-field": [(":what", "a")],
    "status": [(":status", "200")], "other host": [("host", "other.example")],
    "two lengths": [("content-length", "1"), ("content-length", "1")],
    "negative length": [("content-length", "-1")], "hexadecimal length": [("content-length", "0x1")],
    "length without a body": [("content-length", "5")], ":protocol": [(":protocol", "websocket")],
}


@pytest.mark.parametrize("name", MALFORMED)
def test_a_malformed_field_resets_the_stream_alone(tunnel, visitor, name):
    before = len(tunnel.origin.requests)
    answer = visitor.fetch("GET", "/", MALFORMED[name])
    assert answer.reset == PROTOCOL_ERROR and not answer.heads
    assert visitor.fetch().body == b"hello"
    assert len(tunnel.origin.requests) == before + 1


@pytest.mark.parametrize("changed", [
    {":path": ""}, {":path": "path"}, {":path": "/a b"}, {":path": "/a\r\nx: y"}, {":path": "*"},
    {":path": "/#a"}, {":path": None}, {":scheme": None}, {":scheme": "ftp"}, {":method": "G T"},
    {":method": None}, {":authority": None}, {":authority": "a@b"}, {":authority": "a b"},
    {":authority": "a/b"}], ids=str)
def test_a_bad_pseudo_field_resets_the_stream(visitor, changed):
    fields = [(name, changed.get(name, value)) for name, value in visitor.fields()]
    number = visitor.open([pair for pair in fields if pair[1] is not None])
    assert visitor.answer(number).reset == PROTOCOL_ERROR
    assert visitor.fetch().body == b"hello"


@pytest.mark.parametrize("sent", [b"abcd", b"abcdef"])
def test_a_body_of_another_length_is_reset(visitor, sent):
    answer = visitor.fetch("POST", "/echo", [("content-length", "5")], sent)
    assert answer.reset == PROTOCOL_ERROR
    assert visitor.fetch().body == b"hello"


def test_connect_is_not_implemented(visitor):
    number = visitor.open([(":method", "CONNECT"), (":authority", "a.example:80")], end=False)
    assert visitor.answer(number).status == 501
    number = visitor.open([*visitor.fields("CONNECT"), (":protocol", "other")], end=False)
    assert visitor.answer(number).status == 501


@pytest.mark.parametrize("more", [[("x-fill", "f" * 33000)], [("x", "1")] * 101],
                         ids=["bytes", "fields"])
def test_a_head_over_its_limit_is_a_431_on_a_live_connection(visitor, more):
    assert visitor.fetch("GET", "/", more).status == 431
    assert visitor.fetch("GET", "/", [("x", "1")] * 100).body == b"hello"


def test_the_record_names_the_protocol(tmp_path):
    with harness.Tunnel(tmp_path) as tunnel:
        with H2Client(tunnel.relay.address, tunnel.host) as visitor:
            assert visitor.fetch().body == b"hello"
        shown = subprocess.run(
            [harness.BIN / "aditd", "show", "last", "--data", tunnel.relay.data],
            capture_output=True, text=True, check=True, timeout=harness.DEADLINE).stdout
        assert "HTTP/2" in shown


def websocket(visitor, path="/ws"):
    return visitor.open([(":method", "CONNECT"), (":protocol", "websocket"), (":scheme", "http"),
                         (":authority", visitor.host), (":path", path),
                         ("sec-websocket-version", "13")], end=False)


def accept_of(exchange):
    key = exchange.request.get("sec-websocket-key").encode()
    assert len(base64.b64decode(key, validate=True)) == 16
    return base64.b64encode(hashlib.sha1(key + GUID).digest()).decode()


def test_a_websocket_comes_by_extended_connect(tunnel, visitor):
    def handler(exchange):
        exchange.keep = False
        exchange.head(101, [("Connection", "upgrade"), ("Upgrade", "websocket"),
                            ("Sec-WebSocket-Accept", accept_of(exchange))])
        while exchange.wire.buffer or exchange.wire.fill():
            exchange.wire.send(exchange.wire.take(len(exchange.wire.buffer)))

    tunnel.origin.on("/ws", handler)
    number = websocket(visitor)
    stream = visitor.streams[number]
    visitor.until(lambda: stream.heads)
    assert stream.status == 200 and not stream.get("sec-websocket-accept")
    assert visitor.settings[8] == 1  # SETTINGS_ENABLE_CONNECT_PROTOCOL
    masked = b"\x81\x82\x00\x00\x00\x00hi"
    visitor.send(frame(DATA, 0, number, masked))
    visitor.until(lambda: stream.body == masked)
    visitor.send(frame(DATA, END_STREAM, number))
    assert visitor.answer(number).reset is None


def test_a_wrong_accept_is_a_502_and_a_refusal_passes(tunnel, visitor):
    def wrong(exchange):
        exchange.keep = False
        exchange.head(101, [("Connection", "upgrade"), ("Upgrade", "websocket"),
                            ("Sec-WebSocket-Accept", "AAAAAAAAAAAAAAAAAAAAAAAAAAA=")])
        while exchange.wire.fill():
            pass

    tunnel.origin.on("/wrong", wrong)
    assert visitor.answer(websocket(visitor, "/wrong")).status == 502
    assert visitor.answer(websocket(visitor, "/nowhere")).status == 404


def test_a_page_does_not_pass_for_a_websocket(tunnel, visitor):
    """By RFC 8441 any 2xx would accept it."""
    def page(exchange):
        exchange.keep = False
        exchange.head(200, [("Transfer-Encoding", "chunked")])
        exchange.chunk(b"\x81\x05hello")
        while exchange.wire.fill():
            pass

    tunnel.origin.on("/page", page)
    answer = visitor.answer(websocket(visitor, "/page"))
    assert answer.status == 502 and b"hello" not in answer.body


def test_a_head_in_continuations_passes(visitor):
    block = visitor.block(visitor.fields())
    parts = [block[:9], block[9:10], block[10:]]
    number = visitor.begin()
    visitor.send(frame(HEADERS, END_STREAM, number, parts[0]) +
                 frame(CONTINUATION, 0, number, parts[1]) +
                 frame(CONTINUATION, END_HEADERS, number, parts[2]))
    assert visitor.answer(number).body == b"hello"
