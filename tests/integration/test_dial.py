# SPDX-License-Identifier: MIT
"""The agent connects to a service with several addresses, and copes with a lack of descriptors."""
import contextlib
import os
import pathlib
import resource
import socket
import time

import harness
import pytest
from client import until
from origin import Origin


@contextlib.contextmanager
def black_hole(host="127.0.0.1"):
    """An address that answers nothing: a listener whose queue is full drops what else comes."""
    with contextlib.ExitStack() as held:
        listener = held.enter_context(socket.socket())
        listener.bind((host, 0))
        listener.listen(0)
        address = listener.getsockname()
        silent = False
        while not silent:
            filler = held.enter_context(socket.socket())
            filler.settimeout(0.3)
            try:
                filler.connect(address)
            except TimeoutError:
                silent = True
        yield address[1]


def starve(pid):
    """Lowers the limit of open files so that no more can be opened. Returns the old limit."""
    resource_now = resource.prlimit(pid, resource.RLIMIT_NOFILE)
    resource.prlimit(pid, resource.RLIMIT_NOFILE, (0, resource_now[1]))  # what is open stays so
    return resource_now


@pytest.fixture
def starving(own_tunnel):
    pid = own_tunnel.agent.pid
    before = starve(pid)
    yield own_tunnel
    resource.prlimit(pid, resource.RLIMIT_NOFILE, before)


def test_an_address_that_is_silent_does_not_hold_up_the_other(relay, tmp_path):
    with black_hole() as port, Origin("::1", port) as origin:
        with harness.Agent(tmp_path, relay, port) as agent:
            for _ in range(2):  # the second time it is tried first
                with relay.visit(agent.host) as visitor:
                    assert visitor.fetch("GET", "/", [("Connection", "close")]).body == b"hello"
        assert origin.accepted > 0


def test_an_address_that_is_silent_alone_is_a_timeout(relay, tmp_path):
    limit = ("--limit", "connect-time=1s")
    with black_hole() as port, harness.Agent(tmp_path, relay, f"127.0.0.1:{port}", *limit) as agent:
        with relay.visit(agent.host) as visitor:
            since = time.monotonic()
            answer = visitor.fetch("GET", "/")
            assert time.monotonic() - since >= 0.9
            assert (answer.status, answer.code) == (504, "ADIT-UPSTREAM-TIMEOUT")


def test_without_descriptors_the_refusal_says_that_we_are_busy(starving):
    answer = starving.fetch("GET", "/")
    assert (answer.status, answer.code) == (503, "ADIT-TOO-MANY-STREAMS")


def test_it_serves_again_when_there_are_descriptors_again(own_tunnel):
    before = starve(own_tunnel.agent.pid)
    assert own_tunnel.fetch("GET", "/").status == 503
    resource.prlimit(own_tunnel.agent.pid, resource.RLIMIT_NOFILE, before)
    assert own_tunnel.fetch("GET", "/").body == b"hello"


@pytest.mark.skipif(harness.UNDER_VALGRIND, reason="Valgrind keeps descriptors of its own")
def test_the_agent_takes_all_the_descriptors_it_may_have(own_tunnel):
    soft, hard = resource.prlimit(own_tunnel.agent.pid, resource.RLIMIT_NOFILE)
    assert soft == hard


def connecting(pid):
    """The connections of a process that are neither open nor given up."""
    rows = [line.split() for line in pathlib.Path("/proc/net/tcp").read_text().splitlines()[1:]]
    waiting = {f"socket:[{row[9]}]" for row in rows if row[3] == "02"}  # SYN_SENT
    links = set()
    for name in os.listdir(f"/proc/{pid}/fd"):
        with contextlib.suppress(FileNotFoundError):
            links.add(os.readlink(f"/proc/{pid}/fd/{name}"))
    return waiting & links


def test_connections_that_lost_the_race_are_closed(relay, tmp_path):
    with black_hole() as port, Origin("::1", port):
        with harness.Agent(tmp_path, relay, port) as agent:
            with relay.visit(agent.host) as visitor:
                visitor.request("GET", "/")
                assert visitor.response().body == b"hello"
            until(lambda: not connecting(agent.pid), "the loser is closed", harness.DEADLINE)
