# SPDX-License-Identifier: MIT
"""A scripted relay: sends the HTTP answer to the handshake, then link messages as a test says
(docs/protocol.md §1 to §5). Each connection has a thread that runs `serve(link)`."""
import base64
import hashlib
import json
import socket
import struct
import threading

from wire import Truncated, Wire, message

GUID = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
HELLO, WELCOME, REFUSED, DATA, ACK = range(1, 6)
BINARY, CLOSE = 2, 8


class Link(Wire):
    """The relay's end of one connection."""

    def __init__(self, sock):
        super().__init__(sock)
        self.sent = 0  # bytes of the relay's stream sent
        self.stream = b""  # bytes of the agent's stream, not consumed yet

    def request(self):
        """Reads the handshake. Returns its request line and fields."""
        return self.line().decode(), self.fields()

    def answer(self, status, fields=(), body=b""):
        self.send(message(f"HTTP/1.1 {status} Told",
                          [*fields, ("Content-Length", str(len(body)))]) + body)

    def upgrade(self):
        _, fields = self.request()
        accept = hashlib.sha1((fields.get("sec-websocket-key") + GUID).encode()).digest()
        self.send(message("HTTP/1.1 101 Told", [
            ("Upgrade", "websocket"), ("Connection", "upgrade"),
            ("Sec-WebSocket-Accept", base64.b64encode(accept).decode()),
            ("Sec-WebSocket-Protocol", "adit.v1")]))

    def frame(self, opcode, payload):
        size = len(payload)
        short = bytes([size]) if size < 126 else b"\x7e" + struct.pack(">H", size)
        self.send(bytes([0x80 | opcode]) + short + payload)

    def read_frame(self):
        """The next frame of the agent as (opcode, payload)."""
        first, second = self.exactly(2)
        size = second & 0x7f
        if size >= 126:
            size = int.from_bytes(self.exactly(2 if size == 126 else 8), "big")
        mask = self.exactly(4)
        return first & 0x0f, bytes(b ^ mask[i % 4] for i, b in enumerate(self.exactly(size)))

    def read_message(self, *kinds):
        """The next link message of one of these kinds, without its first byte."""
        while True:
            opcode, payload = self.read_frame()
            if opcode == CLOSE:
                raise Truncated("the agent leaves")
            if payload[0] in kinds:
                return payload[1:]

    def greet(self):
        self.upgrade()
        self.read_message(HELLO)
        welcome = {"type": "welcome", "version": 1, "software": "fake"}
        self.frame(BINARY, bytes([WELCOME]) + json.dumps(welcome).encode())

    def read_bind(self):
        """The agent's bind."""
        while len(self.stream) < 4 or len(self.stream) < 4 + int.from_bytes(self.stream[1:4], "big"):
            self.stream += self.read_message(DATA)[8:]
        size = int.from_bytes(self.stream[1:4], "big")
        record, self.stream = self.stream[4:4 + size], self.stream[4 + size:]
        return json.loads(record)

    def say(self, control):
        """Sends a control record."""
        text = json.dumps(control).encode()
        record = b"\x01" + len(text).to_bytes(3, "big") + text
        self.frame(BINARY, bytes([DATA]) + self.sent.to_bytes(8, "big") + record)
        self.sent += len(record)

    def bound(self, bind):
        name = bind.get("name") or "given"
        self.say({"type": "bound", "id": bind["id"], "name": name,
                  "url": f"http://{name}.localhost"})

    def refused(self, bind, code):
        self.say({"type": "refused", "id": bind["id"], "code": code, "message": "It was told so."})


class FakeRelay:
    """Serves each connection by the next of these functions; the last function serves all further
    connections."""

    def __init__(self, *serve):
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=64)
        self.url = f"http://127.0.0.1:{self.listener.getsockname()[1]}"
        self.serve = serve
        self.links = []
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        while True:
            try:
                sock, _ = self.listener.accept()
            except OSError:
                return
            link = Link(sock)
            serve = self.serve[min(len(self.links), len(self.serve) - 1)]
            self.links.append(link)
            threading.Thread(target=self._run, args=(serve, link), daemon=True).start()

    @staticmethod
    def _run(serve, link):
        try:
            serve(link)
        except (Truncated, OSError):
            pass
        link.close()

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()
        for link in self.links:
            link.close()
