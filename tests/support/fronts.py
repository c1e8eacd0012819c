# SPDX-License-Identifier: MIT
"""Runs the proxies of packaging/examples in front of a relay, as shipped but for names, ports and
certificates."""
import contextlib
import ctypes
import os
import pathlib
import signal
import socket
import subprocess

import nginx
from client import until
from patience import DEADLINE

EXAMPLES = pathlib.Path(__file__).resolve().parents[2] / "packaging/examples"


def _die_with_parent():
    ctypes.CDLL(None).prctl(1, signal.SIGTERM)  # PR_SET_PDEATHSIG


def shipped(name, changes):
    """The text of an example after these replacements, each of which must apply."""
    text = (EXAMPLES / name).read_text()
    for old, new in changes:
        assert old in text, f"{old} is not in {name}"
        text = text.replace(old, new)
    return text


class Front:
    """A proxy on `port` of all addresses; `start` runs the proxy in front of a relay."""

    def __init__(self, directory, cert, key):
        self.directory = pathlib.Path(directory)
        self.cert, self.key = cert, key
        self.process = None
        self.stack = contextlib.ExitStack()
        self.reserve()

    def names(self, relay):
        """The replacements: names, ports and certificates of this test."""
        return [("example.com", "localhost"), ("127.0.0.1:7080", f"127.0.0.1:{relay.port}")]

    def run(self, argv, **options):
        log = self.stack.enter_context(open(self.directory / "front.log", "wb"))
        self.process = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                                        preexec_fn=_die_with_parent, **options)

    def certificates(self):
        return [("/etc/ssl/example.com/fullchain.pem", str(self.cert)),
                ("/etc/ssl/example.com/privkey.pem", str(self.key))]

    def log(self):
        return (self.directory / "front.log").read_text(errors="replace")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.process:
            self.process.terminate()
            self.process.wait()
        self.stack.close()


class NginxFront(Front):
    """nginx inherits our listening sockets, as from its predecessor in a binary upgrade."""

    def reserve(self):
        self.sockets = [socket.create_server(("0.0.0.0", 0), backlog=512)]
        self.port = self.sockets[0].getsockname()[1]
        with contextlib.suppress(OSError):  # a machine without IPv6
            self.sockets.append(socket.create_server(
                ("::", 0), family=socket.AF_INET6, backlog=512, dualstack_ipv6=False))

    def start(self, relay):
        v6 = (("[::]:443", f"[::]:{self.sockets[1].getsockname()[1]}") if len(self.sockets) > 1 else
              ("    listen [::]:443 ssl http2;\n", ""))
        inner = shipped("nginx.conf", [*self.certificates(), *self.names(relay), v6,
                                       ("listen 443", f"listen {self.port}")])
        user = "user root;" if os.geteuid() == 0 else ""  # others cannot enter tmp_path
        path = self.directory / "nginx.conf"
        path.write_text(nginx.CONFIG.format(user=user, directory=self.directory, config="").replace(
            "http {", "http {\n" + inner, 1))
        descriptors = [each.fileno() for each in self.sockets]
        self.run(["/usr/sbin/nginx", "-e", self.directory / "error.log", "-p", self.directory, "-c",
                  path], pass_fds=descriptors,
                 env={**os.environ, "NGINX": "".join(f"{each};" for each in descriptors)})
        for each in self.sockets:
            each.close()


class CaddyFront(Front):
    """Caddy sets SO_REUSEPORT, so the test reserves its port by a socket that does not listen."""

    def reserve(self):
        self.sockets = []
        for _ in range(2):
            kept = self.stack.enter_context(socket.socket(socket.AF_INET6))
            kept.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
            kept.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
            kept.bind(("::", 0))
            self.sockets.append(kept)
        self.port, self.plain = (each.getsockname()[1] for each in self.sockets)

    def start(self, relay):
        path = self.directory / "Caddyfile"
        path.write_text(f"{{\nadmin off\nhttps_port {self.port}\nhttp_port {self.plain}\n}}\n" + shipped(
            "Caddyfile", [*self.certificates(), *self.names(relay)]))
        self.run(["/usr/bin/caddy", "run", "--adapter", "caddyfile", "--config", path],
                 env={**os.environ, "HOME": str(self.directory),
                      "XDG_DATA_HOME": str(self.directory), "XDG_CONFIG_HOME": str(self.directory)})


FRONTS = {"nginx": NginxFront, "caddy": CaddyFront}


def wait_until_it_serves(front):
    """Waits until a connection is accepted and answered; any answer to plain HTTP will do."""
    def answers():
        try:
            with socket.create_connection(("127.0.0.1", front.port), DEADLINE) as sock:
                sock.sendall(b"GET / HTTP/1.0\r\n\r\n")
                return sock.recv(1)
        except ConnectionRefusedError:
            assert front.process.poll() is None, front.log()
            return None

    until(answers, "the proxy serves", DEADLINE)
