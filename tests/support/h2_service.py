# SPDX-License-Identifier: MIT
"""A service that speaks HTTP/2 by prior knowledge, frame by frame, as a script tells it."""
import socket
import struct
import threading

import hpack
from h2_client import (ACK, CONTINUATION, DATA, END_HEADERS, END_STREAM, GOAWAY, HEADERS,
                       NO_ERROR, PING, PREFACE, RST_STREAM, SETTINGS, WINDOW_UPDATE, frame, reset,
                       window_update)
from patience import DEADLINE


FIRST_WINDOW = 65535


class Ended(Exception):
    """The other end has closed the connection."""


class Request:
    def __init__(self, stream, fields):
        self.stream, self.fields = stream, fields
        self.body = b""
        self.trailers = None
        self.ended = False
        self.reset = None  # a code

    def get(self, name):
        return dict(self.fields).get(name)


class Connection:
    def __init__(self, sock, number):
        self.number = number  # of the service's connections, from 0
        self.socket = sock
        self.encoder, self.decoder = hpack.Encoder(), hpack.Decoder()
        self.requests = {}
        self.begun = []  # numbers of streams that `request` has not returned
        self.settings = {}
        self.buffer = b""
        self.grants = True  # credit for bodies
        self.windows = {0: FIRST_WINDOW}  # for what is sent

    def send(self, data):
        try:
            self.socket.sendall(data)
        except OSError as error:
            raise Ended from error

    def greet(self, **values):
        names = {"streams": 3, "window": 4}
        self.send(frame(SETTINGS, payload=b"".join(
            struct.pack(">HI", names[name], value) for name, value in values.items())))

    def _receive(self, count):
        while len(self.buffer) < count:
            try:
                data = self.socket.recv(1 << 18)
            except OSError as error:
                raise Ended from error
            if not data:
                raise Ended
            self.buffer += data
        taken, self.buffer = self.buffer[:count], self.buffer[count:]
        return taken

    def read(self):
        """Takes one frame."""
        head = self._receive(9)
        kind, flags, stream = struct.unpack(">BBI", head[3:])
        payload = self._receive(int.from_bytes(head[:3], "big"))
        request = self.requests.get(stream)
        assert kind != CONTINUATION
        if kind == SETTINGS and not flags & ACK:
            for at in range(0, len(payload), 6):
                name, value = struct.unpack(">HI", payload[at:at + 6])
                self.settings[name] = value
            self.send(frame(SETTINGS, ACK))
        elif kind == PING and not flags & ACK:
            self.send(frame(PING, ACK, 0, payload))
        elif kind == HEADERS and not request:
            request = self.requests[stream] = Request(stream, self.decoder.decode(payload))
            self.begun.append(stream)
        elif kind == HEADERS:
            request.trailers = self.decoder.decode(payload)
        elif kind == DATA:
            request.body += payload
            if payload and self.grants:
                self.send(window_update(0, len(payload)) + window_update(stream, len(payload)))
        elif kind == WINDOW_UPDATE:
            self.windows[stream] = self._window(stream) + struct.unpack(">I", payload)[0]
        elif kind == RST_STREAM and request:
            request.reset = struct.unpack(">I", payload)[0]
        if kind in (DATA, HEADERS) and flags & END_STREAM:
            request.ended = True

    def _window(self, stream):
        return self.windows.get(stream, self.settings.get(4, FIRST_WINDOW))

    def send_some(self, stream, size):
        """Sends at most `size` bytes of a body, as the windows allow. Returns how many."""
        size = min(size, 16384, self._window(0), self._window(stream))
        if size <= 0:
            return 0
        self.data(stream, b"x" * size)
        self.windows[0] -= size
        self.windows[stream] = self._window(stream) - size
        return size

    def until(self, holds):
        while not holds():
            self.read()

    def request(self, whole=True):
        """The next request."""
        self.until(lambda: self.begun and (
            not whole or self.requests[self.begun[0]].ended))
        return self.requests[self.begun.pop(0)]

    def head(self, stream, fields, end=False):
        block = self.encoder.encode(fields)
        self.send(frame(HEADERS, END_HEADERS | (END_STREAM if end else 0), stream, block))

    def data(self, stream, body, end=False):
        self.send(frame(DATA, END_STREAM if end else 0, stream, body))

    def answer(self, request, body=b"hello", status="200", more=()):
        self.head(request.stream, [(":status", status), *more])
        self.data(request.stream, body, end=True)

    def goaway(self, last, code=NO_ERROR):
        self.send(frame(GOAWAY, 0, 0, struct.pack(">II", last, code)))

    def reset(self, request, code):
        self.send(reset(request.stream, code))

    def serve(self):
        """Answers all requests from here on."""
        while True:
            self.answer(self.request())


class H2Service:
    """Runs `script(connection)` for each connection; `requests` are all that came."""

    def __init__(self, script, greets=True):
        self.script, self.greets = script, greets
        self.connections = []
        self.failures = []
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.address = f"http://127.0.0.1:{self.port}"
        threading.Thread(target=self._accept, daemon=True).start()

    @property
    def requests(self):
        return [each for connection in list(self.connections)
                for each in list(connection.requests.values())]

    def _accept(self):
        while True:
            try:
                sock, _ = self.listener.accept()
            except OSError:
                return
            sock.settimeout(DEADLINE)
            threading.Thread(target=self._run, args=(sock,), daemon=True).start()

    def _run(self, sock):
        connection = Connection(sock, None)
        try:
            if connection._receive(len(PREFACE)) != PREFACE:
                return
            if self.greets:
                connection.greet()
            connection.number = len(self.connections)
            self.connections.append(connection)
            self.script(connection)
            while True:  # until the other end has closed
                connection.read()
        except Ended:
            pass
        except Exception as error:  # pylint: disable=broad-except
            self.failures.append(error)
        finally:
            sock.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()
        assert not self.failures, self.failures
