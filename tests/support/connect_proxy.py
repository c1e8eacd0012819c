# SPDX-License-Identifier: MIT
"""An HTTP proxy that speaks CONNECT (RFC 9110 §9.3.6) and keeps its requests."""
import socket
import threading

from tls_proxy import pump
from wire import Truncated, Wire


class ConnectProxy:
    """Answers 200 to every request and connects to `to`. An `answer(wire)` sends another answer,
    and returns whether to connect. `asked` holds (request line, fields) of each request."""

    def __init__(self, to, answer=None):
        self.to = to
        self.answer = answer or (lambda wire: wire.send(b"HTTP/1.1 200 OK\r\n\r\n") or True)
        self.asked = []
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=64)
        self.at = f"127.0.0.1:{self.listener.getsockname()[1]}"
        self.url = f"http://{self.at}"
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        while True:
            try:
                sock, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(sock,), daemon=True).start()

    def _serve(self, inner):
        wire = Wire(inner)
        try:
            self.asked.append((wire.line().decode(), wire.fields()))
            if self.answer(wire):
                with socket.create_connection(self.to) as outer:
                    back = threading.Thread(target=pump, args=(outer, inner), daemon=True)
                    back.start()
                    pump(inner, outer)
                    back.join()
        except (Truncated, OSError):
            pass
        wire.close()

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()
