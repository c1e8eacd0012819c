# SPDX-License-Identifier: MIT
"""A visitor that speaks HTTP/2 by prior knowledge, frame by frame: it sends what it is told to,
legal or not, and collects what comes back."""
import socket
import struct

import hpack
from patience import DEADLINE

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
DATA, HEADERS, PRIORITY, RST_STREAM, SETTINGS, PUSH_PROMISE, PING, GOAWAY, WINDOW_UPDATE, \
    CONTINUATION = range(10)
END_STREAM, END_HEADERS, ACK = 1, 4, 1
NO_ERROR, PROTOCOL_ERROR, INTERNAL_ERROR = 0, 1, 2
REFUSED_STREAM, CANCEL, ENHANCE_YOUR_CALM = 7, 8, 11
INITIAL_WINDOW_SIZE = 4


def frame(kind, flags=0, stream=0, payload=b""):
    return struct.pack(">I", len(payload))[1:] + struct.pack(">BBI", kind, flags, stream) + payload


def settings(**values):
    names = {"window": INITIAL_WINDOW_SIZE}
    return frame(SETTINGS, payload=b"".join(
        struct.pack(">HI", names[name], value) for name, value in values.items()))


def window_update(stream, by):
    return frame(WINDOW_UPDATE, 0, stream, struct.pack(">I", by))


def reset(stream, code=CANCEL):
    return frame(RST_STREAM, 0, stream, struct.pack(">I", code))


class Stream:
    def __init__(self):
        self.heads = []  # of responses, then of trailers: lists of (name, value)
        self.body = b""
        self.ended = False
        self.reset = None  # a code

    @property
    def over(self):
        return self.ended or self.reset is not None

    @property
    def status(self):
        return int(dict(self.heads[-1 if ":status" in dict(self.heads[-1]) else -2])[":status"])

    def get(self, name):
        return dict(self.heads[0]).get(name)


class H2Client:
    def __init__(self, address, host, **values):
        self.host = host
        self.socket = socket.create_connection(address, DEADLINE)
        self.decoder = hpack.Decoder()
        self.decoder.max_header_list_size = 1 << 20
        self.streams = {}
        self.goaway = None  # a code
        self.settings = {}
        self.pings = 0
        self.buffer = b""
        self.next = 1
        self.closed = False
        self.grants = True  # credit for bodies
        self.send(PREFACE + settings(**values))

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.socket.close()

    def send(self, data):
        """False once the relay has closed the connection."""
        try:
            self.socket.sendall(data)
            return True
        except (ConnectionError, BrokenPipeError):
            self.closed = True
            return False

    def fields(self, method="GET", path="/", more=()):
        return [(":method", method), (":scheme", "http"), (":authority", self.host),
                (":path", path), *more]

    def block(self, fields):
        """The fields as they are, by literals without indexing: HPACK hides nothing."""
        out = b""
        for name, value in fields:
            name, value = (part if isinstance(part, bytes) else part.encode()
                           for part in (name, value))
            out += b"\x00" + b"".join(self._string(part) for part in (name, value))
        return out

    @staticmethod
    def _string(text):
        if len(text) < 127:
            return bytes([len(text)]) + text
        left, out = len(text) - 127, b"\x7f"
        while left >= 128:
            out += bytes([left % 128 + 128])
            left //= 128
        return out + bytes([left]) + text

    def begin(self):
        """The number of a new stream, whose frames the caller sends."""
        number = self.next
        self.next += 2
        self.streams[number] = Stream()
        return number

    def open(self, fields, end=True, body=b""):
        """Begins a request. Returns the number of its stream."""
        number = self.begin()
        block = self.block(fields)
        first, rest = block[:16384], block[16384:]
        flags = END_STREAM if end and not body else 0
        out = frame(HEADERS, flags | (0 if rest else END_HEADERS), number, first)
        while rest:
            part, rest = rest[:16384], rest[16384:]
            out += frame(CONTINUATION, 0 if rest else END_HEADERS, number, part)
        if body:
            out += frame(DATA, END_STREAM if end else 0, number, body)
        self.send(out)
        return number

    def read(self, most=1 << 18):
        """Reads once. False at the end of the connection."""
        try:
            data = self.socket.recv(most)
        except ConnectionError:
            data = b""
        if not data:
            self.closed = True
            return False
        self.buffer += data
        while len(self.buffer) >= 9:
            length = int.from_bytes(self.buffer[:3], "big")
            if len(self.buffer) < 9 + length:
                break
            kind, flags, stream = struct.unpack(">BBI", self.buffer[3:9])
            payload, self.buffer = self.buffer[9:9 + length], self.buffer[9 + length:]
            self._take(kind, flags, stream, payload)
        return True

    def _take(self, kind, flags, number, payload):
        stream = self.streams.setdefault(number, Stream())
        if kind == SETTINGS and not flags & ACK:
            for at in range(0, len(payload), 6):
                name, value = struct.unpack(">HI", payload[at:at + 6])
                self.settings[name] = value
            self.send(frame(SETTINGS, ACK))
        elif kind == PING and flags & ACK:
            self.pings += 1
        elif kind == GOAWAY:
            self.goaway = struct.unpack(">I", payload[4:8])[0]
        elif kind == RST_STREAM:
            stream.reset = struct.unpack(">I", payload)[0]
        elif kind == HEADERS:
            assert flags & END_HEADERS
            stream.heads.append(self.decoder.decode(payload))
        elif kind == DATA:
            stream.body += payload
            if payload and self.grants:
                self.send(window_update(0, len(payload)) + window_update(number, len(payload)))
        if kind in (DATA, HEADERS) and flags & END_STREAM:
            stream.ended = True

    def until(self, condition):
        while not condition():
            assert self.read(), f"the connection ended, by GOAWAY {self.goaway}"

    def answer(self, number):
        """The stream, once it is over."""
        stream = self.streams[number]
        self.until(lambda: stream.over)
        return stream

    def fetch(self, method="GET", path="/", more=(), body=b""):
        return self.answer(self.open(self.fields(method, path, more), body=body))

    def drain(self):
        """Reads to the end of the connection. Returns the code of its GOAWAY."""
        while self.read():
            pass
        return self.goaway
