# SPDX-License-Identifier: MIT
"""The agent's link over TLS, which nginx terminates in front of the relay."""
import re
import signal
import threading

import bodies
import harness
import pytest
from client import Truncated
from tls_front import TlsFront

BOUND = r"^adit: http://web\.localhost:\d+ -> "
SIZE = 1 << 30 if harness.MEMORY_IS_THEIRS else 1 << 26  # checkers are slow


@pytest.fixture(scope="module")
def origin():
    with harness.Origin() as started:
        yield started


@pytest.fixture
def front(tmp_path):
    with TlsFront(tmp_path) as started:
        yield started


@pytest.fixture
def agent(front, origin):
    with front.agent(origin) as started:
        started.wait_for(BOUND)
        yield started


def test_large_bodies_arrive_whole_each_way_and_at_once(front, agent):
    seen = {}

    def send():
        with front.visit() as visitor:
            visitor.request("POST", "/echo", body=bodies.pieces(7, SIZE, 262144), chunked=True)
            seen.update(visitor.response().json())

    sending = threading.Thread(target=send)
    sending.start()
    with front.visit() as visitor:
        _, count, digest = visitor.download(f"/bytes?size={SIZE}&seed=8&step=262144")
    sending.join()
    assert (count, digest) == (SIZE, bodies.digest(8, SIZE))
    assert (seen["size"], seen["sha256"]) == (SIZE, bodies.digest(7, SIZE))


def test_a_restart_of_the_proxy_cuts_what_is_open_and_the_name_comes_back(front, agent, origin):
    asked, release = threading.Event(), threading.Event()

    def endless(exchange):
        exchange.head(200, [("Transfer-Encoding", "chunked")])
        while True:
            exchange.chunk(b"x" * 65536)

    def thinking(exchange):
        asked.set()
        release.wait(harness.DEADLINE)

    origin.on("/endless", endless)
    origin.on("/thinking", thinking)
    with front.visit() as reader, front.visit() as waiter:
        reader.request("GET", "/endless")
        reader.exactly(1 << 20)
        waiter.request("GET", "/thinking")
        assert asked.wait(harness.DEADLINE)
        front.stop()
        front.start()
        assert waiter.response().code == "ADIT-AGENT-LOST"
        with pytest.raises(Truncated):
            for _ in cut(reader):
                pass
    release.set()
    agent.wait_for(r"^adit: connected again, http://web\.localhost")
    # The first retry is due within 1.5 s, so that a proxy that is back by then serves it within two.
    waits = re.findall(r"connecting again in (\d+) ms, of (\d+)", agent.text("stderr"))
    assert int(waits[0][0]) <= int(waits[0][1]) == 1500
    with front.visit() as visitor:
        assert visitor.fetch("GET", "/").body == b"hello"


def cut(reader):
    """Reads on to the end, which comes before the last chunk."""
    while reader.fill():
        tail = bytes(reader.buffer[-5:])
        reader.buffer.clear()
        assert tail != b"0\r\n\r\n"
        yield
    raise Truncated("no last chunk")


@pytest.mark.parametrize("names, trusted, why", [
    (("localhost",), False, "unable to get local issuer certificate"),
    (("other.example",), True, "hostname mismatch")])
def test_a_wrong_certificate_is_refused_with_the_verifiers_reason(origin, tmp_path, names, trusted,
                                                                  why):
    with TlsFront(tmp_path, names) as front:
        if not trusted:
            front.authority = ("/etc/ssl/certs/ca-certificates.crt",)
        with front.agent(origin) as agent:
            agent.wait_for(rf"cannot trust the relay {front.url}: .* \({why}\)", "stderr")
        assert "tunnel 1" not in front.relay.text("stderr")


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM])
def test_an_agent_that_ends_while_bodies_pass_both_ways_takes_its_leave(front, origin, how):
    def mirror(visitor):
        try:
            visitor.request("POST", "/mirror", body=iter(lambda: b"x" * 65536, b""), chunked=True)
        except OSError:
            pass

    agent = front.agent(origin)
    agent.wait_for(BOUND)
    with front.visit() as visitor:
        threading.Thread(target=mirror, args=(visitor,), daemon=True).start()
        visitor.exactly(4 << 20)
        agent.stop(how)
        front.relay.wait_for("name web free: its agent has left", "stderr")
