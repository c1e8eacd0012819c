# SPDX-License-Identifier: MIT
"""If --relay leads to another server, the agent says what answers and what to give instead."""
import socket
import ssl
import threading

import harness
import pytest


class Something:
    """Listens on a port of loopback and calls `serve` with each connection."""

    def __init__(self, serve, host="127.0.0.1"):
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        self.listener = socket.create_server((host, 0), family=family)
        self.port = self.listener.getsockname()[1]
        self.serve = serve
        threading.Thread(target=self._run, daemon=True).start()

    def _run(self):
        while True:
            try:
                sock, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self._one, args=(sock,), daemon=True).start()

    def _one(self, sock):
        with sock:
            try:
                self.serve(sock)
            except OSError:
                pass

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()


def says(text, first=False):
    """A server that sends these bytes, before the peer's if `first`, and closes."""
    def serve(sock):
        if first:
            sock.sendall(text)
        sock.recv(65536)
        if not first:
            sock.sendall(text)
        sock.shutdown(socket.SHUT_WR)
        sock.recv(65536)
    return serve


def refuses_tls(sock):
    ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).wrap_socket(sock, server_side=True)  # no certificate


SSH = b"SSH-2.0-OpenSSH_9.2p1 Debian-2\r\n"
BAD_REQUEST = b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
ALERT = bytes([21, 3, 3, 0, 2, 2, 70])

CASES = {
    "https to plain HTTP": ("https", says(BAD_REQUEST), "does not speak TLS: give --relay http://"),
    "https to SSH": ("https", says(SSH, True), "does not speak TLS: give --relay http://"),
    "https to zeros": ("https", says(bytes(40)), "does not speak TLS: give --relay http://"),
    "https to an alert": ("https", says(ALERT), "protocol version.*speaks https"),
    "https without certificate": ("https", refuses_tls, "handshake failure.*speaks https"),
    "https to nothing": ("https", says(b""), "ended the TLS handshake.*speaks https"),
    "http to TLS": ("http", says(ALERT), "not answer in HTTP .*TLS give --relay https://"),
    "http to SSH": ("http", says(SSH, True), "not answer in HTTP .*TLS give --relay https://"),
    "http to nothing": ("http", says(b""), "not answer in HTTP .*TLS give --relay https://"),
    "http to a TLS port that says so": ("http", says(BAD_REQUEST), "answered with 400.*https"),
    "http to a page": ("http", says(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"),
                       "answered with 200: is it an adit relay"),
    "http to another page": ("http", says(b"HTTP/1.1 301 x\r\nLocation: /\r\n\r\n"),
                             "answered with 301.*it redirects"),
}


@pytest.mark.parametrize("scheme, serve, words", CASES.values(), ids=CASES)
def test_what_is_there_instead_of_a_relay_is_said(tmp_path, scheme, serve, words):
    with Something(serve) as there:
        url = f"{scheme}://127.0.0.1:{there.port}"
        with harness.Program(tmp_path, "adit", "http", "80", "--relay", url) as agent:
            agent.wait_for(words, "stderr")
            told = agent.text("stderr")
            assert "lib(0)" not in told and "SYSCALL" not in told and url in told


def test_a_relay_without_tls_is_named_in_the_way_it_is_to_be_given(tmp_path):
    with harness.Relay(tmp_path, "--listen", "[::1]:0") as relay:
        port = relay.wait_for(r"http://\[::1\]:(\d+)$")[1]
        for host in (f"127.0.0.1:{relay.port}", f"[::1]:{port}", f"localhost:{relay.port}"):
            with harness.Program(tmp_path, "adit", "http", "80", "--relay",
                                 f"https://{host}") as agent:
                agent.wait_for(f"give --relay http://{host} ".replace("[", r"\["), "stderr")
