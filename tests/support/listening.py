# SPDX-License-Identifier: MIT
"""A service that keeps the bytes of each request."""
import dataclasses
import socket
import threading

from patience import DEADLINE
from wire import Truncated, Wire


@dataclasses.dataclass
class Heard:
    """A request as bytes; Fields has split its field lines."""
    method: bytes
    target: bytes
    version: bytes
    fields: list  # of (name, value)
    body: bytes
    trailers: list


def heard(wire):
    """The next request of a connection, or None at its end."""
    if not wire.buffer and not wire.fill():
        return None
    line = wire.line()
    method, target, version = line.split(b" ")
    fields = wire.fields()
    if "100-continue" in fields.tokens("expect"):
        wire.send(b"HTTP/1.1 100 Continue\r\n\r\n")
    body = b"".join(wire.body(fields, "none"))
    return Heard(method, target, version,
                 [(name.encode("latin-1"), value.encode("latin-1")) for name, value in fields],
                 body, list(wire.trailers))


class Listening:
    """Answers every request with 204 and closes the connection."""

    def __init__(self):
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=1024)
        self.host = f"127.0.0.1:{self.listener.getsockname()[1]}"
        self.requests = []
        self.errors = []
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        while True:
            try:
                sock, _ = self.listener.accept()
            except OSError:
                return
            sock.settimeout(DEADLINE)
            self._serve(Wire(sock))

    def _serve(self, wire):
        try:
            request = heard(wire)
            if request:
                self.requests.append(request)
                wire.send(b"HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n")
        except Truncated:
            pass
        except Exception as error:  # the request is not HTTP
            self.errors.append(repr(error))
        finally:
            wire.close()

    def take(self):
        """The requests that arrived since the last call."""
        taken, self.requests = self.requests, []
        assert not self.errors, self.errors
        return taken

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()
