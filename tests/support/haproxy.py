# SPDX-License-Identifier: MIT
"""Runs HAProxy on a free port of loopback, with a configuration of the test."""
import ctypes
import pathlib
import signal
import socket
import subprocess

from client import until
from patience import DEADLINE

CONFIG = """
defaults
    timeout connect 60s
    timeout client 60s
    timeout server 60s
{config}
"""


def _die_with_parent():
    ctypes.CDLL(None).prctl(1, signal.SIGTERM)  # PR_SET_PDEATHSIG


class Haproxy:
    """`config` has {bind} for the address to listen on."""

    def __init__(self, directory, config, **values):
        directory = pathlib.Path(directory)
        directory.mkdir(parents=True, exist_ok=True)
        listener = socket.create_server(("127.0.0.1", 0), backlog=512)
        self.address = listener.getsockname()
        self.port = self.address[1]
        path, self.log = directory / "haproxy.cfg", directory / "haproxy.log"
        inner = config.format(bind=f"fd@{listener.fileno()}", **values)
        path.write_text(CONFIG.format(config=inner))
        with listener, open(self.log, "wb") as log:
            self.process = subprocess.Popen(
                ["/usr/sbin/haproxy", "-db", "-f", path], pass_fds=[listener.fileno()],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log, preexec_fn=_die_with_parent)

    def wait_until(self, serves):
        """Waits until serves() is true; a connection waits in the backlog while HAProxy starts."""
        def ready():
            assert self.process.poll() is None, self.log.read_text(errors="replace")
            return serves()

        until(ready, "HAProxy serves", DEADLINE)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.terminate()
        self.process.wait()
