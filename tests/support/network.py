# SPDX-License-Identifier: MIT
"""A network namespace in which visitors of a relay have any address, as on the internet.

An address of loopback may stand for many visitors, so tests of shares need other addresses.
"""
import contextlib
import ctypes
import os
import shutil
import subprocess

import pytest

CLONE_NEWNET = 0x40000000
RELAY = "192.0.2.1"  # visitors and agents have others of 192.0.2.0/24
RELAY_V6 = "2001:db8:1::1"
# Addresses for visitors: four of one /64, one of another.
V6 = [f"2001:db8:6:6::{n}" for n in range(1, 5)] + ["2001:db8:6:7::1"]


class PublicNetwork:
    """With prepare=streets.enter a program starts in the namespace; inside() moves this thread."""

    def __init__(self):
        v6 = "; ".join(f"ip -6 addr add {address}/128 dev lo nodad" for address in [RELAY_V6, *V6])
        self.holder = subprocess.Popen(
            ["unshare", "-n", "sh", "-c",
             f"ip link set lo up && ip route add local 192.0.2.0/24 dev lo && {{ {v6}; echo up; "
             "exec sleep infinity; }"],
            stdout=subprocess.PIPE, text=True)
        self.is_there = self.holder.stdout.readline() == "up\n"
        self.path = f"/proc/{self.holder.pid}/ns/net"

    def enter(self):
        _set_network(self.path)

    @contextlib.contextmanager
    def inside(self):
        before = os.open("/proc/thread-self/ns/net", os.O_RDONLY)
        self.enter()
        try:
            yield
        finally:
            assert ctypes.CDLL(None, use_errno=True).setns(before, CLONE_NEWNET) == 0
            os.close(before)

    def close(self):
        self.holder.kill()
        self.holder.wait()
        self.holder.stdout.close()


def _set_network(path):
    fd = os.open(path, os.O_RDONLY)
    assert ctypes.CDLL(None, use_errno=True).setns(fd, CLONE_NEWNET) == 0
    os.close(fd)


@pytest.fixture(scope="module")
def streets():
    if not shutil.which("unshare") or not shutil.which("ip") or os.geteuid() != 0:
        pytest.skip("network namespaces need root, unshare and ip")
    made = PublicNetwork()
    if not made.is_there:
        made.close()
        pytest.skip("there are no network namespaces here")
    yield made
    made.close()
