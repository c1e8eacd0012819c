# SPDX-License-Identifier: MIT
"""Gives visitors an address other than loopback's: a connection from loopback may come from a
proxy, which carries many visitors."""
import contextlib
import re
import socket

import harness
import pytest
from client import Client
from patience import DEADLINE

TOKEN = "a-token-that-is-long-enough"


def address():
    """An address of this machine that other machines can reach. Sends nothing."""
    for family, there in ((socket.AF_INET, "203.0.113.1"), (socket.AF_INET6, "2001:db8::1")):
        with socket.socket(family, socket.SOCK_DGRAM) as sock, contextlib.suppress(OSError):
            sock.connect((there, 9))
            return sock.getsockname()[0]
    return pytest.skip("this machine has no address but loopback's")


class LanProxied(harness.Proxied):
    """A proxy that listens on `address()`."""

    def __init__(self, directory, *args, **options):
        self.at = address()
        super().__init__(directory, "--host", self.at, *args, **options)

    def visit(self, host=None):
        return Client((self.at, self.proxy.port), host or self.host, DEADLINE)


class LanTunnel(harness.Tunnel):
    """A tunnel whose relay listens on `address()` too."""

    def __init__(self, directory, *agent_args, **options):
        at = address()
        shown = f"[{at}]" if ":" in at else at
        directory.mkdir(parents=True, exist_ok=True)
        token = directory / "token"
        token.touch(0o600)
        token.write_text(TOKEN)
        with_token = ("--token-file", token)
        relay = harness.Relay(directory, "--listen", f"{shown}:0", *with_token)
        port = int(relay.wait_for(rf"listening on http://{re.escape(shown)}:(\d+)$")[1])
        self.at = (at, port)
        try:
            super().__init__(directory, *with_token, *agent_args, relay=relay, **options)
        except BaseException:
            relay.kill()
            raise
        self.own.insert(0, relay)

    def visit(self, host=None):
        return Client(self.at, host or self.host, DEADLINE)
