# SPDX-License-Identifier: MIT
"""An agent or a relay that sends valid or invalid bytes of the tunnel's protocol (docs/protocol.md)
as a test says.

Every call is synchronous on one socket: messages are built and sent, and `read` takes one WebSocket
frame of the peer. Incoming bytes are checked only where a test does so.
"""
import base64
import contextlib
import json
import os
import socket
import struct

import hpack

DATA, HEADERS, PRIORITY, RST_STREAM, SETTINGS, PUSH_PROMISE, PING, GOAWAY, WINDOW_UPDATE, \
    CONTINUATION = range(10)
END_STREAM, ACK, END_HEADERS = 1, 1, 4
CONT, TEXT, BINARY, CLOSE, WS_PING, WS_PONG = 0, 1, 2, 8, 9, 10
HELLO, WELCOME, REFUSED, PIPE_DATA, PIPE_ACK = 1, 2, 3, 4, 5
MUX, CONTROL, REPORT = 0, 1, 2
PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
CANCEL, REFUSED_STREAM, ENHANCE_YOUR_CALM = 8, 7, 11
OWNER = "ab" * 32


class Closed(Exception):
    """The peer ended the link. `code` is the code of its close frame, None without a frame."""

    def __init__(self, code):
        super().__init__(f"link closed with {code}")
        self.code = code


# Bytes of each layer.

def ws_frame(opcode, payload=b"", fin=True, masked=True, length=None, rsv=0):
    """A WebSocket frame; `length` replaces the true length in its head."""
    size = len(payload) if length is None else length
    head = bytes([(0x80 if fin else 0) | rsv | opcode])
    mark = 0x80 if masked else 0
    if size < 126:
        head += bytes([mark | size])
    elif size < 65536:
        head += bytes([mark | 126]) + struct.pack(">H", size)
    else:
        head += bytes([mark | 127]) + struct.pack(">Q", size)
    # A mask of zeros leaves the payload as it is.
    return head + (bytes(4) if masked else b"") + payload


def record(kind, payload, length=None):
    size = len(payload) if length is None else length
    return bytes([kind]) + size.to_bytes(3, "big") + payload


def h2(kind, flags=0, stream=0, payload=b"", length=None):
    """An HTTP/2 frame (RFC 9113 §4.1)."""
    size = len(payload) if length is None else length
    return size.to_bytes(3, "big") + bytes([kind, flags]) + struct.pack(">I", stream) + payload


def settings(**values):
    ids = {"table": 1, "push": 2, "streams": 3, "window": 4, "frame": 5, "heads": 6}
    payload = b"".join(struct.pack(">HI", ids[name], value) for name, value in values.items())
    return h2(SETTINGS, 0, 0, payload)


def window_update(stream, more):
    return h2(WINDOW_UPDATE, 0, stream, struct.pack(">I", more))


def rst(stream, code=CANCEL):
    return h2(RST_STREAM, 0, stream, struct.pack(">I", code))


def literal(fields):
    """A header block that uses no table (RFC 7541 §6.2.2)."""
    def text(value):
        value = value.encode("latin-1") if isinstance(value, str) else value
        return integer(len(value), 7, 0) + value
    return b"".join(b"\x10" + text(name) + text(value) for name, value in fields)


def integer(value, bits, first):
    most = (1 << bits) - 1
    if value < most:
        return bytes([first | value])
    out = [first | most]
    value -= most
    while value >= 128:
        out.append(value & 127 | 128)
        value >>= 7
    return bytes(out + [value])


def head(stream, fields, end=False, block=None):
    """HEADERS with CONTINUATIONs as needed."""
    block = literal(fields) if block is None else block
    pieces = [block[at:at + 16384] for at in range(0, len(block), 16384)] or [b""]
    out = b""
    for number, piece in enumerate(pieces):
        flags = END_HEADERS if number == len(pieces) - 1 else 0
        flags |= END_STREAM if end and number == 0 else 0
        out += h2(HEADERS if number == 0 else CONTINUATION, flags, stream, piece)
    return out


def response(stream, status=200, fields=(), end=False):
    return head(stream, [(":status", str(status)), *fields], end)


def data(stream, payload=b"", end=False):
    return h2(DATA, END_STREAM if end else 0, stream, payload)


DIGITS = "0123456789abcdefghjkmnpqrstvwxyz"


def number(value):
    """A number in groups of seven bits, the lowest first."""
    out = b""
    while value >= 128:
        out += bytes([value & 127 | 128])
        value >>= 7
    return out + bytes([value])


def report(exchange_id, request=(0, b""), response=(0, b""), flags=0x30, times=(1, 0, 1, 1)):
    """A report (docs/protocol.md §5.1); a body is (bytes, digest)."""
    bits = 0
    for digit in exchange_id:
        bits = bits << 5 | DIGITS.index(digit)
    sides = b"".join(number(size) + (digest if size else b"") for size, digest in
                     (request, response))
    return bits.to_bytes(10, "big") + bytes([flags]) + sides + b"".join(map(number, times))


class Peer:
    """One link, its pipe and the frames that arrived. `acks`: whether DATA is acknowledged."""

    def __init__(self, sock, is_agent, acks=True):
        self.sock = sock
        self.is_agent = is_agent
        self.acks = acks
        self.raw = bytearray()  # bytes of WebSocket frames
        self.stream = bytearray()  # bytes of records
        self.mux_bytes = bytearray()
        self.sent = self.received = 0
        self.frames = []  # (kind, flags, stream, payload) not yet taken
        self.reports = b""
        self.messages = []  # (kind, JSON) of links and records, not yet taken
        self.decoder = hpack.Decoder()
        self.dropped = b""  # fragments of a head that is dropped
        self.preface_left = len(PREFACE) if is_agent else 0  # the relay is HTTP/2's client
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    # Sending.

    def ws(self, opcode, payload=b"", **how):
        how.setdefault("masked", self.is_agent)
        self.sock.sendall(ws_frame(opcode, payload, **how))

    def message(self, kind, payload=b""):
        self.ws(BINARY, bytes([kind]) + payload)

    def pipe(self, payload):
        """Sends bytes of the pipe's stream in a DATA message."""
        self.message(PIPE_DATA, struct.pack(">Q", self.sent) + payload)
        self.sent += len(payload)

    def mux(self, *frames):
        """Sends HTTP/2 frames, in as many records and messages as needed."""
        payload = b"".join(frames)
        for at in range(0, len(payload), 65536):
            self.pipe(record(MUX, payload[at:at + 65536]))

    def control(self, **message):
        self.pipe(record(CONTROL, json.dumps(message).encode()))

    def ack(self, offset=None):
        self.message(PIPE_ACK, struct.pack(">Q", self.received if offset is None else offset))

    # Receiving.

    def read(self):
        """Reads one WebSocket frame of the peer."""
        first, second = self._exactly(2)
        size = second & 127
        if size == 126:
            size = struct.unpack(">H", self._exactly(2))[0]
        elif size == 127:
            size = struct.unpack(">Q", self._exactly(8))[0]
        mask = self._exactly(4) if second & 128 else bytes(4)
        payload = self._exactly(size)
        if any(mask):
            wide = int.from_bytes((mask * (size // 4 + 1))[:size], "big")
            payload = (int.from_bytes(payload, "big") ^ wide).to_bytes(size, "big")
        opcode = first & 15
        if opcode == CLOSE:
            raise Closed(struct.unpack(">H", payload[:2])[0] if len(payload) >= 2 else None)
        if opcode == BINARY:
            self._take_message(payload)

    def _exactly(self, count):
        while len(self.raw) < count:
            try:
                more = self.sock.recv(262144)
            except ConnectionError:
                raise Closed(None) from None
            if not more:
                raise Closed(None)
            self.raw += more
        taken = bytes(self.raw[:count])
        del self.raw[:count]
        return taken

    def _take_message(self, payload):
        kind = payload[0]
        if kind in (HELLO, WELCOME, REFUSED):
            self.messages.append((kind, json.loads(payload[1:])))
        elif kind == PIPE_DATA:
            self.received += len(payload) - 9
            self.stream += payload[9:]
            self._take_records()
            if self.acks:
                self.ack()

    def _take_records(self):
        while len(self.stream) >= 4:
            size = int.from_bytes(self.stream[1:4], "big")
            if len(self.stream) < 4 + size:
                return
            kind, payload = self.stream[0], bytes(self.stream[4:4 + size])
            del self.stream[:4 + size]
            if kind == CONTROL:
                self.messages.append((CONTROL, json.loads(payload)))
            elif kind == REPORT:
                self.reports += payload
            else:
                self.mux_bytes += payload
                self._take_frames()

    def _take_frames(self):
        skipped = min(self.preface_left, len(self.mux_bytes))
        del self.mux_bytes[:skipped]
        self.preface_left -= skipped
        while not self.preface_left and len(self.mux_bytes) >= 9:
            size = int.from_bytes(self.mux_bytes[:3], "big")
            if len(self.mux_bytes) < 9 + size:
                return
            kind, flags = self.mux_bytes[3], self.mux_bytes[4]
            stream = struct.unpack(">I", self.mux_bytes[5:9])[0]
            self.frames.append((kind, flags, stream, bytes(self.mux_bytes[9:9 + size])))
            del self.mux_bytes[:9 + size]

    def said(self):
        """The next JSON message: (kind, message)."""
        while not self.messages:
            self.read()
        return self.messages.pop(0)

    def frame(self, *kinds, stream=None):
        """The next frame of these kinds (and stream); others before it are dropped."""
        while True:
            while self.frames:
                found = self.frames.pop(0)
                if found[0] in kinds and stream in (None, found[2]):
                    return found
                self._drop(found)
            self.read()

    def _drop(self, frame):
        """Feeds the head of a dropped frame to the HPACK decoder: every head changes its table."""
        kind, flags, _, payload = frame
        if kind in (HEADERS, CONTINUATION):
            self.dropped += payload
            if flags & END_HEADERS:
                self.decoder.decode(self.dropped, raw=True)
                self.dropped = b""

    def head_fields(self, stream=None):
        """The next head: (stream, fields as a dict, whether the head ends the stream)."""
        kind, flags, stream, block = self.frame(HEADERS, stream=stream)
        while not flags & END_HEADERS:
            _, more, _, piece = self.frame(CONTINUATION)
            block += piece
            flags |= more & END_HEADERS
        fields = self.decoder.decode(block, raw=True)
        named = {name.decode("latin-1"): value.decode("latin-1") for name, value in fields}
        return stream, named, bool(flags & END_STREAM)

    def close_code(self):
        """Reads until the peer ends the link. Returns the code of its close frame, None without a
        frame."""
        try:
            while True:
                self.read()
                self.frames.clear()
        except Closed as closed:
            return closed.code

    def close(self):
        with contextlib.suppress(OSError):
            self.sock.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


class AgentPeer(Peer):
    """An agent played by the test, connected to a relay. `bound` is the relay's answer to the
    agent's bind."""

    def __init__(self, relay, timeout, name=None, owner=OWNER, greet=True, little=False,
                 source=None, token=None, **options):
        sock = socket.socket(socket.AF_INET6 if ":" in relay.address[0] else socket.AF_INET)
        sock.settimeout(timeout)
        if source:
            sock.bind((source, 0))
        if little:  # a small buffer in the kernel fills soon, and blocks the relay
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        sock.connect(relay.address)
        super().__init__(sock, True, **options)
        self.host = self.bound = None
        self._handshake(relay.address, token)
        if greet:
            self.hello(owner)
            self.mux(settings())
            self.bind(name)

    def _handshake(self, address, token):
        host = f"[{address[0]}]" if ":" in address[0] else address[0]
        credentials = f"Authorization: Bearer {token}\r\n" if token else ""
        key = base64.b64encode(os.urandom(16)).decode()
        self.sock.sendall(
            f"GET /_adit/v1/tunnel HTTP/1.1\r\nHost: {host}:{address[1]}\r\n"
            "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
            f"Sec-WebSocket-Key: {key}\r\nSec-WebSocket-Protocol: adit.v1\r\n{credentials}"
            "\r\n".encode())
        while b"\r\n\r\n" not in self.raw:
            more = self.sock.recv(4096)
            assert more, bytes(self.raw)
            self.raw += more
        answer, _, rest = bytes(self.raw).partition(b"\r\n\r\n")
        assert answer.startswith(b"HTTP/1.1 101 "), answer
        self.raw[:] = rest

    def hello(self, owner=OWNER, **members):
        hello = {"type": "hello", "version": 1, "software": "speaker", "owner": owner, **members}
        self.message(HELLO, json.dumps(hello).encode())
        assert self.said()[0] == WELCOME

    def bind(self, name=None, number=1):
        named = {"name": name} if name else {}
        self.control(type="bind", id=str(number), **named)
        _, self.bound = self.said()
        assert self.bound["type"] == "bound", self.bound
        self.host = self.bound["url"].removeprefix("http://")

    def request(self):
        """The next request: (stream, fields, whether the request has no body)."""
        return self.head_fields()

    def answer(self, stream, body=b"hello", status=200, fields=()):
        length = [("content-length", str(len(body)))]
        self.mux(response(stream, status, [*fields, *length]), data(stream, body, end=True))


class RelayPeer(Peer):
    """A relay played by the test, on one accepted connection of a real agent."""

    next_stream = 1

    def __init__(self, sock, greet=True, **options):
        super().__init__(sock, False, **options)
        self._handshake()
        if greet:
            self.welcome()

    def _handshake(self):
        while b"\r\n\r\n" not in self.raw:
            more = self.sock.recv(4096)
            if not more:
                raise Closed(None)
            self.raw += more
        request, _, rest = bytes(self.raw).partition(b"\r\n\r\n")
        self.raw[:] = rest
        lines = request.decode("latin-1").split("\r\n")[1:]
        fields = {name.lower(): value.strip() for name, _, value in
                  (line.partition(":") for line in lines)}
        self.sock.sendall(
            b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            b"Sec-WebSocket-Protocol: adit.v1\r\nSec-WebSocket-Accept: "
            + accept_value(fields["sec-websocket-key"]) + b"\r\n\r\n")
        self.sock.recv(1, socket.MSG_PEEK)  # the relay never speaks before the hello

    def welcome(self):
        """Does the handshake of the tunnel until the agent is bound."""
        assert self.said()[0] == HELLO
        self.message(WELCOME, b'{"type":"welcome","version":1,"software":"speaker"}')
        self.pipe(record(MUX, PREFACE + settings(push=0)))
        _, bind = self.said()
        name = bind.get("name", "played")
        self.control(type="bound", id=bind["id"], name=name, url=f"http://{name}.example")

    def ask(self, path="/", method="GET", fields=(), end=True, stream=None):
        """Begins a request and returns its stream."""
        if stream is None:
            stream, self.next_stream = self.next_stream, self.next_stream + 2
        start = [(":method", method), (":scheme", "http"), (":authority", "played.example"),
                 (":path", path), ("adit-bind", "1")]
        self.mux(head(stream, [*start, *fields], end))
        return stream

    def answer(self, stream):
        """The final response on a stream: (fields, body); None when it was reset."""
        fields, body, over = None, b"", False
        while not over:
            kind, flags, _, payload = self.frame(HEADERS, DATA, RST_STREAM, stream=stream)
            if kind == RST_STREAM:
                return None
            if kind == HEADERS:
                assert flags & END_HEADERS
                decoded = self.decoder.decode(payload, raw=True)
                fields = fields or {n.decode(): v.decode("latin-1") for n, v in decoded}
            else:
                body += payload
            over = flags & END_STREAM
        return fields, body


def accept_value(key):
    import hashlib
    guid = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
    return base64.b64encode(hashlib.sha1((key + guid).encode()).digest())


class PlayedRelay:
    """Accepts each link of a real agent as a RelayPeer."""

    def __init__(self, timeout, port=0):
        self.listener = socket.create_server(("127.0.0.1", port))
        self.listener.settimeout(timeout)
        self.timeout = timeout
        self.port = self.listener.getsockname()[1]
        self.address = ("127.0.0.1", self.port)
        self.url = f"http://127.0.0.1:{self.port}"

    def accept(self, **options):
        sock, _ = self.listener.accept()
        sock.settimeout(self.timeout)
        return RelayPeer(sock, **options)

    def close(self):
        self.listener.close()
