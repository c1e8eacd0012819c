# SPDX-License-Identifier: MIT
"""The agent's link over TLS, which nginx terminates in front of the relay."""
import itertools
import re
import signal
import threading
import time

import bodies
import harness
import pytest
from client import Truncated, until
from tls_front import TlsFront

BOUND = r"^adit: (http://web\.localhost:\d+) -> "
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


@pytest.mark.parametrize("missed", [0, 1])
def test_after_a_restart_of_the_proxy_the_agent_is_back_within_two_seconds(front, agent, capsys,
                                                                           missed):
    """Also when an attempt came while nothing listened."""
    front.stop()
    agent.wait_for("connecting again in", "stderr", number=1 + missed)
    front.start()
    listens = time.monotonic()
    again = agent.wait_for(r"^adit: connected again, (\S+) -> ")
    with front.visit() as visitor:
        assert visitor.fetch("GET", "/").body == b"hello"
    seconds = time.monotonic() - listens
    assert again[1] == agent.wait_for(BOUND)[1]
    # By the agent's own words, since a busy machine makes everything late. The last wait began
    # before nginx listened; half a second is left for the handshakes and the name.
    waits = re.findall(r"connecting again in (\d+) ms, of (\d+),", agent.text("stderr"))
    *before, (last, bound) = [(int(chosen), int(of)) for chosen, of in waits]
    assert last < bound
    assert bound == 1500 or sum(chosen for chosen, _ in before) >= 1500  # away for longer
    with capsys.disabled():
        print(f"\nfrom nginx that listens to an answer {seconds:.3f} s, last wait {last} ms")


def endless(exchange):
    exchange.head(200, [("Transfer-Encoding", "chunked")])
    while True:
        exchange.chunk(b"x" * 65536)


def after_a_mib(body):
    """Reads so much. Returns the rest, to be read."""
    size = 0
    while size < 1 << 20:
        size += len(next(body))
    return body


def read(body):
    for _ in body:
        pass


def begin_download(visitor, target):
    visitor.request("GET", target)
    return after_a_mib(visitor.response_body(visitor.response_head()))


def begin_upload(visitor):
    """A thread that sends a body as long as somebody takes it."""
    def send():
        try:
            visitor.request("POST", "/upload", body=itertools.repeat(b"x" * 65536), chunked=True)
        except OSError:
            pass

    thread = threading.Thread(target=send)
    thread.start()
    return thread


def test_a_restart_of_the_proxy_cuts_what_is_open_for_all_to_see(front, agent, origin):
    release = threading.Event()

    def thinking(exchange):
        origin.tell("asked")
        release.wait(harness.DEADLINE)

    def upload(exchange):
        rest = after_a_mib(exchange.body())
        origin.tell("uploads")
        read(rest)
        origin.tell("the upload is whole")

    origin.on("/endless", endless)
    origin.on("/thinking", thinking)
    origin.on("/upload", upload)
    with front.visit() as chunks, front.visit() as bytes_, front.visit() as waiter, \
            front.visit() as sender:
        waiter.request("GET", "/thinking")
        assert origin.told() == "asked"
        cut = [begin_download(chunks, "/endless"), begin_download(bytes_, f"/bytes?size={1 << 40}")]
        sending = begin_upload(sender)
        assert origin.told() == "uploads"
        front.stop()
        front.start()
        for body in cut:
            with pytest.raises(Truncated):
                read(body)
        sending.join()
        for visitor in (waiter, sender):
            assert visitor.response().code == "ADIT-AGENT-LOST"
    release.set()
    agent.wait_for("^adit: connected again")
    agent.stop()
    front.relay.stop()
    harness.compare_records(agent.data, front.relay.data)
    until(lambda: not origin.open_connections, "the origin has seen the ends")
    origin.tell("nothing else")
    assert origin.told() == "nothing else"


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
