# SPDX-License-Identifier: MIT
"""The local service behind the tunnel: an HTTP/1.1 server that tests script.

Every connection has a thread. The handler of a request's path, built-in or set by `Origin.on`,
answers the request and returns. An exception of a handler ends the connection, and fails the test
unless the exception means that the peer has left.
"""
import dataclasses
import json
import queue
import socket
import threading
import traceback
from urllib.parse import parse_qs, urlsplit

import bodies
import wire
from patience import DEADLINE
from wire import Fields, Malformed, Truncated, Wire  # noqa: F401


@dataclasses.dataclass
class Request:
    method: str
    target: str
    version: str
    fields: Fields
    connection: int  # number of its connection, from 1

    @property
    def path(self):
        return urlsplit(self.target).path

    def option(self, name, otherwise):
        """A number or a word of the query, of the type of `otherwise`."""
        values = parse_qs(urlsplit(self.target).query).get(name)
        return type(otherwise)(values[0]) if values else otherwise

    def get(self, name, otherwise=None):
        return self.fields.get(name, otherwise)


class Exchange:
    """One request on a connection and the means to answer it."""

    def __init__(self, wire_, request):
        self.wire = wire_
        self.request = request
        self.keep = request.version == "HTTP/1.1"
        self.sent = 0  # bytes of response body the kernel took
        self.received = 0  # bytes of request body read
        self.trailers = Fields()
        self._body = wire_.body(request.fields, "none")

    def body(self):
        """Yields the request's body as it arrives; afterwards `trailers` are known."""
        if "100-continue" in self.request.fields.tokens("expect") and not self.received:
            self.wire.send(b"HTTP/1.1 100 Continue\r\n\r\n")
        for piece in self._body:
            self.received += len(piece)
            yield piece
        self.trailers = self.wire.trailers

    def head(self, status=200, fields=(), reason="Told"):
        self.wire.send(wire.message(f"HTTP/1.1 {status} {reason}", fields))

    def send(self, data):
        self.wire.send(data)
        self.sent += len(data)

    def chunk(self, data):
        self.wire.send(wire.chunk(data))
        self.sent += len(data)

    def last_chunk(self, trailers=()):
        self.wire.send(wire.last_chunk(trailers))

    def reply(self, body=b"", status=200, fields=()):
        """A whole answer with Content-Length; to HEAD without the body."""
        if isinstance(body, str):
            body = body.encode()
        length = [("Content-Length", str(len(body)))]
        if self.request.method == "HEAD":
            body = b""
        self.wire.send(wire.message(f"HTTP/1.1 {status} Told", list(fields) + length) + body)
        self.sent += len(body)

    def reply_json(self, value, fields=()):
        self.reply(json.dumps(value), 200, [("Content-Type", "application/json"), *fields])

    def reset(self):
        self.keep = False
        self.wire.reset()

    def close(self):
        self.keep = False
        self.wire.close()

    def peer_leaves(self):
        """Waits until the peer ends the connection, without expecting anything more from it."""
        self.keep = False
        self.wire.rest()


class Origin:
    """A listening service on a free port. `requests` holds the heads of all requests, in order."""

    def __init__(self, host="127.0.0.1", port=0):
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        self.listener = socket.create_server((host, port), family=family, backlog=1024)
        self.host = host
        self.port = self.listener.getsockname()[1]
        self.address = f"[{host}]:{self.port}" if ":" in host else f"{host}:{self.port}"
        self.requests = []
        self.exchanges = []
        self.accepted = 0
        self.errors = []
        self._handlers = dict(BUILT_IN)
        self._lock = threading.Lock()
        self._open = {}
        self._events = queue.Queue()
        self._accepting = threading.Thread(target=self._accept, daemon=True)
        self._accepting.start()

    @property
    def open_connections(self):
        with self._lock:
            return len(self._open)

    def on(self, path, handler):
        """Answers requests for this path by handler(exchange). Paths without a handler get 404."""
        self._handlers[path] = handler

    def tell(self, what):
        """Called by handlers: passes a value to the test, which waits for the value by `told`."""
        self._events.put(what)

    def told(self, within=DEADLINE):
        """The next value that a handler passed by `tell`."""
        return self._events.get(timeout=within)

    def seen(self, path):
        return [request for request in list(self.requests) if request.path == path]

    def stop_listening(self):
        try:
            self.listener.shutdown(socket.SHUT_RDWR)  # wakes accept, which close does not
        except OSError:
            pass
        self.listener.close()

    def drop_connections(self):
        with self._lock:
            wires = list(self._open.values())
        for each in wires:
            each.close()

    def kill(self):
        self.stop_listening()
        self.drop_connections()

    def stop(self):
        self.kill()
        assert not self.errors, "in the origin: " + "\n".join(self.errors)

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        self.stop()

    def _accept(self):
        while True:
            try:
                sock, _ = self.listener.accept()
            except OSError:
                return
            with self._lock:
                self.accepted += 1
                number = self.accepted
                self._open[number] = Wire(sock)
            threading.Thread(target=self._serve, args=(number,), daemon=True).start()

    def _serve(self, number):
        each = self._open[number]
        try:
            while self._one_exchange(each, number):
                pass
        except (Truncated, OSError):
            pass
        except Exception:  # a failed assertion in a handler, or a request that is not HTTP/1.1
            self.errors.append(traceback.format_exc())
        finally:
            each.close()
            with self._lock:
                del self._open[number]

    def _one_exchange(self, each, number):
        if not each.buffer and not each.fill():
            return False
        words = each.line().decode("latin-1").split(" ")
        if len(words) != 3 or not words[2].startswith("HTTP/1."):
            raise Malformed(f"request line {words}")
        request = Request(words[0], words[1], words[2], each.fields(), number)
        exchange = Exchange(each, request)
        self.requests.append(request)
        self.exchanges.append(exchange)
        self._handlers.get(request.path, not_found)(exchange)
        if not exchange.keep:
            return False
        for _ in exchange.body():  # the rest that the handler did not read
            pass
        return "close" not in request.fields.tokens("connection")


# The built-in handlers.

def not_found(exchange):
    exchange.reply("nothing here", 404)


def echo(exchange):
    """Describes the request that arrived, as JSON."""
    digest = bodies.sha256(exchange.body())
    request = exchange.request
    exchange.reply_json({
        "method": request.method, "target": request.target, "version": request.version,
        "fields": request.fields, "size": exchange.received, "sha256": digest,
        "trailers": exchange.trailers, "connection": request.connection})


def generated(exchange):
    """/bytes?size=&seed=&how=length|chunked|close&step= answers with a body made from a seed."""
    option = exchange.request.option
    size, seed, step, how = (option("size", 0), option("seed", 1), option("step", 65536),
                             option("how", "length"))
    framing = {"length": [("Content-Length", str(size))],
               "chunked": [("Transfer-Encoding", "chunked")],
               "close": [("Connection", "close")]}[how]
    exchange.head(200, [("Content-Type", "application/octet-stream"), *framing])
    for piece in bodies.pieces(seed, size, step):
        (exchange.chunk if how == "chunked" else exchange.send)(piece)
    if how == "chunked":
        exchange.last_chunk()
    exchange.keep = exchange.keep and how != "close"


def mirror(exchange):
    """Sends each piece of the request's body back as soon as it came."""
    exchange.head(200, [("Transfer-Encoding", "chunked")])
    for piece in exchange.body():
        exchange.chunk(piece)
    exchange.last_chunk()


def hello(exchange):
    exchange.reply("hello")


BUILT_IN = {"/": hello, "/echo": echo, "/bytes": generated, "/mirror": mirror}
