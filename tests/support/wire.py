# SPDX-License-Identifier: MIT
"""Strict HTTP/1.1 on a socket: lines end in CRLF only. For both the client and the origin."""
import socket
import struct


class Truncated(Exception):
    """The peer left before the message was complete."""


class Malformed(Exception):
    """The peer sent bytes that are not HTTP/1.1."""


class Fields(list):
    """(name, value) pairs in the order of arrival. Lookup ignores the case of names."""

    def all(self, name):
        return [value for key, value in self if key.lower() == name.lower()]

    def get(self, name, otherwise=None):
        values = self.all(name)
        return values[0] if values else otherwise

    def tokens(self, name):
        return [t.strip().lower() for v in self.all(name) for t in v.split(",") if t.strip()]


class Wire:
    """A socket with a buffer, and functions that read parts of messages."""

    def __init__(self, sock):
        self.sock = sock
        self.buffer = bytearray()
        self.trailers = Fields()  # of the chunked body read last
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def send(self, data):
        self.sock.sendall(data)

    def fill(self):
        """Reads once. Returns False at the end of the stream; raises Truncated on a reset."""
        try:
            data = self.sock.recv(262144)
        except ConnectionError as error:
            raise Truncated(f"connection reset: {error}") from None
        self.buffer += data
        return bool(data)

    def take(self, count):
        taken = bytes(self.buffer[:count])
        del self.buffer[:count]
        return taken

    def exactly(self, count):
        while len(self.buffer) < count:
            if not self.fill():
                raise Truncated(f"{len(self.buffer)} of {count} bytes came")
        return self.take(count)

    def line(self):
        while (end := self.buffer.find(b"\r\n")) < 0:
            if not self.fill():
                raise Truncated("end of stream inside a line")
        line = self.take(end + 2)[:-2]
        if b"\n" in line or b"\r" in line:
            raise Malformed(f"bare CR or LF in {line!r}")
        return line

    def fields(self):
        fields = Fields()
        while line := self.line():
            name, colon, value = line.partition(b":")
            if not colon or not name or name != name.strip() or b" " in name:
                raise Malformed(f"field line {line!r}")
            fields.append((name.decode("latin-1"), value.strip(b" \t").decode("latin-1")))
        return fields

    def body(self, fields, otherwise):
        """Yields the body as it arrives. Without a framing field, the body is empty if `otherwise`
        is "none", and ends with the connection if "close"."""
        self.trailers = Fields()
        if "Transfer-Encoding".lower() in (name.lower() for name, _ in fields):
            if fields.tokens("transfer-encoding") != ["chunked"] or fields.all("content-length"):
                raise Malformed(f"framing {fields}")
            return self._chunked()
        lengths = fields.all("content-length")
        if len(lengths) > 1 or (lengths and not lengths[0].isdigit()):
            raise Malformed(f"Content-Length {lengths}")
        if lengths:
            return self._counted(int(lengths[0]))
        return iter(()) if otherwise == "none" else self._until_close()

    def _counted(self, left):
        while left:
            if not self.buffer and not self.fill():
                raise Truncated(f"{left} bytes of the body are missing")
            piece = self.take(left)
            left -= len(piece)
            yield piece

    def _chunked(self):
        while True:
            size = self.line().split(b";")[0]
            if not size or size.strip(b"0123456789abcdefABCDEF"):
                raise Malformed(f"chunk size {size!r}")
            if int(size, 16) == 0:
                break
            yield from self._counted(int(size, 16))
            if self.exactly(2) != b"\r\n":
                raise Malformed("no CRLF after a chunk")
        self.trailers = self.fields()

    def _until_close(self):
        while self.buffer or self.fill():
            yield self.take(len(self.buffer))

    def rest(self):
        """All bytes until the peer closes or resets."""
        try:
            while self.fill():
                pass
        except Truncated:
            pass
        return self.take(len(self.buffer))

    def reset(self):
        """Closes with an RST."""
        linger = struct.pack("ii", 1, 0)
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
        self.close()

    def close(self):
        """Shuts the connection down, even while another thread reads or writes it."""
        try:
            if not self._lingers():
                self.sock.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass
        self.sock.close()

    def _lingers(self):
        value = self.sock.getsockopt(socket.SOL_SOCKET, socket.SO_LINGER, 8)
        return struct.unpack("ii", value) == (1, 0)


def chunk(data):
    return b"%x\r\n%s\r\n" % (len(data), data)


def last_chunk(trailers=()):
    return b"0\r\n" + field_lines(trailers) + b"\r\n"


def field_lines(fields):
    return b"".join(f"{name}: {value}\r\n".encode("latin-1") for name, value in fields)


def message(start_line, fields):
    return start_line.encode("latin-1") + b"\r\n" + field_lines(fields) + b"\r\n"
