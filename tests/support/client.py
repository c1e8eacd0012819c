# SPDX-License-Identifier: MIT
"""A visitor: raw HTTP/1.1 on one connection to the relay."""
import dataclasses
import json
import socket
import time

import bodies
import wire
from patience import DEADLINE
from wire import Fields, Malformed, Truncated, Wire  # noqa: F401 (tests import them from here)


@dataclasses.dataclass
class Response:
    status: int
    reason: str
    version: str
    fields: Fields
    interim: list = dataclasses.field(default_factory=list)  # earlier 1xx, as Responses
    body: bytes = b""
    trailers: Fields = dataclasses.field(default_factory=Fields)

    def get(self, name, otherwise=None):
        return self.fields.get(name, otherwise)

    def json(self):
        return json.loads(self.body)

    @property
    def code(self):
        """The relay's or the agent's code of a refusal, None when the origin answered."""
        return self.get("adit-error")


class Client(Wire):
    def __init__(self, address, host, timeout=DEADLINE, source=None, slow=False):
        """Connects, from the address `source` if given. The kernel of a `slow` visitor takes few
        bytes at a time, so that most of an answer waits in the relay."""
        sock = socket.socket(socket.AF_INET6 if ":" in address[0] else socket.AF_INET)
        if slow:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_MAXSEG, 500)
        if source:
            sock.bind((source, 0))
        sock.settimeout(timeout)
        try:
            sock.connect(address)
        except BaseException:
            sock.close()
            raise
        super().__init__(sock)
        self.host = host

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        self.close()

    def head(self, method, target, fields=(), host=None, version="HTTP/1.1"):
        """The text of a request head, with Host first."""
        host = [("Host", self.host if host is None else host)]
        return wire.message(f"{method} {target} {version}", host + list(fields))

    def request(self, method, target, fields=(), body=None, chunked=False, **head):
        """Sends a request. `body` is bytes, or an iterable of bytes together with `chunked`."""
        fields = list(fields)
        if chunked:
            fields.append(("Transfer-Encoding", "chunked"))
        elif body is not None:
            fields.append(("Content-Length", str(len(body))))
        start = self.head(method, target, fields, **head)
        if not chunked:
            self.send(start + (body or b""))
            return
        self.send(start)
        for piece in (body,) if isinstance(body, bytes) else body:
            if piece:
                self.send(wire.chunk(piece))
        self.send(wire.last_chunk())

    def response_head(self):
        """The next final head, with the 1xx heads before it in `interim`. A 101 is final."""
        interim = []
        while True:
            version, _, rest = self.line().decode("latin-1").partition(" ")
            status, _, reason = rest.partition(" ")
            if version not in ("HTTP/1.1", "HTTP/1.0") or not status.isdigit():
                raise Malformed(f"status line {version} {rest}")
            head = Response(int(status), reason, version, self.fields(), interim)
            if head.status >= 200 or head.status == 101:
                return head
            interim.append(head)

    def response_body(self, head, method="GET"):
        if method == "HEAD" or head.status in (204, 304):
            return iter(())
        return self.body(head.fields, "close")

    def response(self, method="GET"):
        head = self.response_head()
        head.body = b"".join(self.response_body(head, method))
        head.trailers = self.trailers
        return head

    def fetch(self, method, target, fields=(), body=None, chunked=False, **head):
        self.request(method, target, fields, body, chunked, **head)
        return self.response(method)

    def download(self, target, fields=()):
        """Fetches without keeping the body. Returns (head, body's length, body's SHA-256)."""
        self.request("GET", target, fields)
        head = self.response_head()
        size = 0

        def counted():
            nonlocal size
            for piece in self.response_body(head):
                size += len(piece)
                yield piece
        digest = bodies.sha256(counted())
        return head, size, digest

    def is_closed(self, within=DEADLINE):
        """Whether the relay ends the connection without further bytes."""
        self.sock.settimeout(within)
        try:
            return self.rest() == b""
        except socket.timeout:
            return False


def until(holds, what, within=DEADLINE, pause=0.01):
    """Waits until `holds()` returns a true value. Returns this value."""
    end = time.monotonic() + within
    while not (value := holds()):
        assert time.monotonic() < end, f"not within {within} s: {what}"
        time.sleep(pause)
    return value
