# SPDX-License-Identifier: MIT
"""Each failure of connect(), to the relay or to the service, is reported with the address and with
advice, and the agent recovers when the network is back."""
import ctypes
import os
import shutil
import signal
import socket
import subprocess
import threading

import harness
import pytest
from fake_relay import FakeRelay
from faults import Faults
from test_dial import black_hole

CLONE_NEWNET = 0x40000000
TOKEN = "0123456789abcdef0123456789abcdef"

needs_strace = pytest.mark.skipif(harness.UNDER_VALGRIND or not shutil.which("strace"),
                                  reason="strace follows the programs")


class Network:
    """A network namespace with nothing in it but a loopback that is down."""

    def __init__(self):
        self.holder = subprocess.Popen(["unshare", "-n", "sh", "-c", "echo up; exec sleep infinity"],
                                       stdout=subprocess.PIPE, text=True)
        self.is_there = self.holder.stdout.readline() == "up\n"
        self.path = f"/proc/{self.holder.pid}/ns/net"

    def enter(self):
        """Moves a program that is being started into the namespace."""
        fd = os.open(self.path, os.O_RDONLY)
        assert ctypes.CDLL(None, use_errno=True).setns(fd, CLONE_NEWNET) == 0
        os.close(fd)

    def ip(self, command):
        subprocess.run(["nsenter", f"--net={self.path}", "ip", *command.split()], check=True)

    def close(self):
        self.holder.kill()
        self.holder.wait()
        self.holder.stdout.close()


@pytest.fixture
def network():
    if not shutil.which("unshare") or not shutil.which("ip") or os.geteuid() != 0:
        pytest.skip("network namespaces need root, unshare and ip")
    made = Network()
    if not made.is_there:
        made.close()
        pytest.skip("there are no network namespaces here")
    yield made
    made.close()


def tokens(directory):
    path = directory / "token"
    path.write_text(TOKEN)
    path.chmod(0o600)
    return path


# Without nodad, duplicate address detection delays listening on an IPv6 address.
FAMILIES = {"IPv4": ("10.9.8.7", "10.9.8.7/32", "", ""),
            "IPv6": ("[fd09::7]", "fd09::7/128", "nodad", "-6 ")}


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("route, words, advice", [
    (None, "(network is unreachable|address not available)", "is its network up|no IPv6"),
    ("unreachable", "(host|network) is unreachable", "is it up|network up"),
    ("prohibit", "permission denied", "forbids it"),
    ("blackhole", "invalid argument", "drops packets to it"),
    ("none", "connection refused", "is it running"),
])
def test_a_relay_without_a_way_to_it_is_told_and_found_later(tmp_path, network, family, route, words,
                                                             advice):
    host, prefix, nodad, which = FAMILIES[family]
    url = f"http://{host}:7080"
    if route:
        network.ip("link set lo up")
    if route == "none":
        network.ip(f"{which}addr add {prefix} dev lo {nodad}")
    elif route:
        network.ip(f"{which}route add {route} {prefix}")
    env = {"ADIT_TOKEN": TOKEN}
    with harness.Program(tmp_path, "adit", "http", "80", "--relay", url, env=env,
                         prepare=network.enter) as agent:
        at = f"{host}:7080".replace("[", r"\[").replace("]", r"\]")
        told = agent.wait_for(rf"\({at}: {words}\); (.*)", "stderr")
        assert any(part in told[0] for part in advice.split("|")), told[0]
        if route and route != "none":
            network.ip(f"{which}route del {route} {prefix}")
        network.ip("link set lo up")
        if route != "none":
            network.ip(f"{which}addr add {prefix} dev lo {nodad}")
        with harness.Relay(tmp_path, "--listen", f"{host}:7080", "--token-file", tokens(tmp_path),
                           prepare=network.enter):
            agent.wait_for("^adit: http")
            agent.stop()  # with status 0, while the link is up


@pytest.mark.parametrize("taken, told", [
    ("-6 addr del ::1/128 dev lo", r"127\.0\.0\.1:7080: connection refused"),
    ("addr del 127.0.0.1/8 dev lo", r"\[::1\]:7080: connection refused")])
def test_of_two_addresses_the_one_that_says_most_is_told(tmp_path, network, taken, told):
    network.ip("link set lo up")
    network.ip(taken)
    with harness.Program(tmp_path, "adit", "http", "80", prepare=network.enter) as agent:
        agent.wait_for(rf"cannot reach the relay http://localhost:7080 \({told}\)", "stderr")


def test_a_relay_that_swallows_everything_is_told(tmp_path):
    with black_hole() as port, harness.Program(tmp_path, "adit", "http", "80", "--relay",
                                               f"127.0.0.1:{port}") as agent:
        agent.wait_for(rf"\(127\.0\.0\.1:{port}: connection timed out\); .*firewall", "stderr")


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM])
def test_without_a_network_it_ends_cleanly(tmp_path, network, how):
    agent = harness.Program(tmp_path, "adit", "http", "80", "--relay", "http://10.9.8.7:7080",
                            prepare=network.enter)
    agent.wait_for("network is unreachable", "stderr")
    agent.stop(how)


def test_without_a_network_a_name_is_not_resolved_and_that_is_told(tmp_path, network):
    with harness.Program(tmp_path, "adit", "http", "80", "--relay", "http://relay.invalid",
                         prepare=network.enter) as agent:
        agent.wait_for(r"cannot reach the relay http://relay.invalid \(\w.*\); .*name", "stderr")


ERRORS = [
    ("ECONNREFUSED", "connection refused", "is it running", 502),
    ("ENETUNREACH", "network is unreachable", "is its network up", 502),
    ("EHOSTUNREACH", "host is unreachable", "is it up", 502),
    ("ENETDOWN", "network is down", "is down", 502),
    ("EADDRNOTAVAIL", "address not available", "no free port", 502),
    ("EAFNOSUPPORT", "address family not supported", "family", 502),
    ("EACCES", "permission denied", "forbids", 502),
    ("EPERM", "operation not permitted", "forbids", 502),
    ("EINVAL", "invalid argument", "route", 502),
    ("ETIMEDOUT", "connection timed out", "firewall", 504),
    ("ECONNRESET", "connection reset by peer", "resets connections", 502),
    ("ENOBUFS", "no buffer space available", "short of memory", 503),
    ("ENOMEM", "not enough memory", "short of memory", 503),
    ("EAGAIN", "resource temporarily unavailable", "short of a resource", 503),
]


@needs_strace
@pytest.mark.parametrize("error, words, advice, _", ERRORS, ids=[row[0] for row in ERRORS])
def test_an_error_of_the_link_is_told_and_over_with_its_cause(own_tunnel, error, words, advice, _):
    agent, relay = own_tunnel.agent, own_tunnel.relay
    with Faults(agent.pid, own_tunnel.directory / "strace", f"connect:error={error}") as faults:
        relay.stop()
        told = agent.wait_for(rf"cannot reach the relay {relay.url} "
                              rf"\(127\.0\.0\.1:{relay.port}: {words}.*\); (.*)", "stderr")
        assert advice in told[1]
    assert faults.hits > 0
    own_tunnel.restart_relay()
    agent.wait_for("^adit: connected again")
    assert own_tunnel.fetch("GET", "/").body == b"hello"


@needs_strace
@pytest.mark.parametrize("error, words, _, status", ERRORS, ids=[row[0] for row in ERRORS])
def test_an_error_of_the_service_is_answered(own_tunnel, error, words, _, status):
    with Faults(own_tunnel.agent.pid, own_tunnel.directory / "strace", f"connect:error={error}"):
        answer = own_tunnel.fetch("GET", "/")
    assert answer.status == status
    assert own_tunnel.fetch("GET", "/").body == b"hello"


@needs_strace
@pytest.mark.parametrize("call, error, words", [
    ("socket", "EMFILE", "too many open files"), ("socket", "ENFILE", "file table overflow"),
    ("socket", "ENOBUFS", "no buffer space"), ("socket", "EAFNOSUPPORT", "family not supported"),
    ("bind", "EACCES", "Unix socket.*denied"), ("listen", "ENOMEM", "Unix socket.*memory"),
    ("getsockname", "ENOBUFS", "Unix socket.*buffer"), ("dup3", "EBUSY", "[Rr]esource busy")])
def test_what_the_link_needs_beside_connect_may_fail(own_tunnel, call, error, words):
    agent = own_tunnel.agent
    own_tunnel.relay.stop()
    agent.wait_for("has gone", "stderr")
    with Faults(agent.pid, own_tunnel.directory / "strace", f"{call}:error={error}") as faults:
        own_tunnel.restart_relay()
        agent.wait_for(f"cannot reach the relay .*{words}", "stderr")
    assert faults.hits > 0
    agent.wait_for("^adit: connected again")
    assert own_tunnel.fetch("GET", "/").body == b"hello"


@needs_strace
def test_an_address_that_breaks_off_is_told_and_not_the_one_where_nothing_is(tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as was_open:
        port = was_open.getsockname()[1]
    with harness.Program(tmp_path, "adit", "http", "80", "--relay", f"localhost:{port}") as agent:
        agent.wait_for("connection refused", "stderr")
        # every other connection; localhost makes two
        with Faults(agent.pid, tmp_path / "strace", "connect:error=ECONNRESET:when=1+2"):
            agent.wait_for(rf":{port}: connection reset by peer\)", "stderr")


@needs_strace
@pytest.mark.parametrize("when", ["1", "2", "1+1"])
def test_after_any_failure_of_connect_it_ends_cleanly(own_tunnel, when):
    agent = own_tunnel.agent
    rule = f"connect:error=ENETUNREACH:when={when}"
    with Faults(agent.pid, own_tunnel.directory / "strace", rule):
        own_tunnel.relay.stop()
        agent.wait_for("cannot reach the relay", "stderr")
    agent.stop()


@needs_strace
@pytest.mark.parametrize("error", ["ENOMEM", "EACCES", "ECONNREFUSED", "ENETUNREACH"])
@pytest.mark.parametrize("ends", [True, False], ids=["ends", "goes on"])
@pytest.mark.parametrize("which", [2, 3])
def test_a_connect_that_hands_over_may_fail_too(tmp_path, error, ends, which):
    leave = threading.Event()

    def keeps(link):
        link.greet()
        link.bound(link.read_bind())
        leave.wait(harness.DEADLINE)

    def stays(link):
        link.greet()
        link.bound(link.read_bind())
        link.rest()

    with FakeRelay(keeps, stays) as relay:
        agent = harness.Program(tmp_path, "adit", "http", "80", "--relay", relay.url, "--record",
                                "none")
        agent.wait_for("^adit: http")
        rule = f"connect:error={error}:when={which}+3"  # three calls; libwebsockets makes the last
        with Faults(agent.pid, tmp_path / "strace", rule) as faults:
            leave.set()
            agent.wait_for("cannot reach the relay", "stderr")
        assert faults.hits > 0
        if not ends:
            agent.wait_for("^adit: connected again")
        agent.stop()
