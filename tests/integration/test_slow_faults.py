# SPDX-License-Identifier: MIT
"""System calls fail under a running relay and a running agent. No failure makes a byte wrong: an
exchange is whole, or visibly cut, or refused; and the same process serves again afterwards.

Not injected, since libuv answers it with abort():
- errors of epoll_wait other than EINTR, and all errors of epoll_ctl: both fail only when the
  program is wrong or the kernel has no memory for a few bytes;
- a table of descriptors that cannot grow, for lack of a few KiB;
- errors of read and write, which libuv uses for its own descriptors (signals, threads, wake-ups).
  Sockets are read by recvfrom and written by sendto and sendmsg.
Not injected, since strace would cause another fault than the named one:
- close: strace skips the call, so the connection stays open;
- ECONNRESET and EPIPE of sends: the peer has closed then, so that input ends too;
- futex: glibc ends the program if a waking call gets EINTR or EAGAIN, which only waiting calls get
  from the kernel; strace cannot tell the two kinds apart.
A failed brk returns the end of the heap instead of an error: hence retval.
"""
import concurrent.futures
import hashlib
import itertools
import shutil
import signal
import subprocess

import bodies
import harness
import pytest
from client import Malformed, Truncated, until
from faults import Faults
from origin import BUILT_IN, Origin

pytestmark = pytest.mark.skipif(
    harness.UNDER_VALGRIND or not shutil.which("strace"), reason="strace follows the programs")

SIZE = 300_000  # bytes of a body: several turns of the loop
VISITORS = 4


def download(visitor, seed, how, fields=()):
    head, size, digest = visitor.download(f"/bytes?size={SIZE}&seed={seed}&how={how}", fields)
    return head, (size, digest) == (SIZE, bodies.digest(seed, SIZE))


def upload(visitor, seed, chunked):
    answer = visitor.fetch("POST", "/echo", body=list(bodies.pieces(seed, SIZE)) if chunked
                           else bodies.make(seed, SIZE), chunked=chunked)
    seen = answer.json() if answer.status == 200 else {}
    return answer, (seen.get("size"), seen.get("sha256")) == (SIZE, bodies.digest(seed, SIZE))


def both_ways(visitor, seed):
    answer = visitor.fetch("POST", "/mirror", body=bodies.pieces(seed, 60_000, 5000), chunked=True)
    return answer, hashlib.sha256(answer.body).hexdigest() == bodies.digest(seed, 60_000)


KINDS = [
    lambda visitor, seed: download(visitor, seed, "length"),
    lambda visitor, seed: download(visitor, seed, "chunked"),
    lambda visitor, seed: download(visitor, seed, "close"),
    lambda visitor, seed: upload(visitor, seed, False),
    lambda visitor, seed: upload(visitor, seed, True),
    both_ways,
    lambda visitor, seed: download(visitor, seed, "length", [("Connection", "close")]),
]


def outcome(tunnel, kind, seed):
    """Returns "whole", "cut" or "refused"; anything else fails the test."""
    try:
        with tunnel.visit() as visitor:
            answer, is_right = kind(visitor, seed)
    except (Truncated, ConnectionError):
        return "cut"
    except Malformed as error:
        raise AssertionError(f"not HTTP: {error}") from None
    if answer.status == 200:
        assert is_right, "a whole response has wrong bytes"
        return "whole"
    assert (answer.code or "").startswith("ADIT-"), f"{answer.status} without a code of adit"
    return "refused"


def visit_all(tunnel, seeds):
    """Each visitor makes an exchange of each kind. Returns the outcomes."""
    def one(seed):
        return [outcome(tunnel, kind, seed) for kind in KINDS]
    with concurrent.futures.ThreadPoolExecutor(VISITORS) as pool:
        return list(itertools.chain(*pool.map(one, [next(seeds) for _ in range(VISITORS)])))


def leaves_quietly(handler):
    """Wraps a handler, so that the agent may leave in the middle of an exchange."""
    def serve(exchange):
        try:
            handler(exchange)
        except OSError:
            exchange.keep = False
    return serve


@pytest.fixture
def tunnel(tmp_path):
    with harness.Tunnel(tmp_path) as started:
        for path, handler in BUILT_IN.items():
            started.origin.on(path, leaves_quietly(handler))
        yield started


def serves(tunnel):
    return outcome(tunnel, KINDS[0], 7) == "whole"


def withstand(tunnel, name, *rules):
    seeds = itertools.count(1)
    program = tunnel.relay if name == "relay" else tunnel.agent
    assert serves(tunnel)
    faults = Faults(program.pid, tunnel.directory / "strace", *rules)
    with faults:
        outcomes = visit_all(tunnel, seeds)
    assert program.process.poll() is None, f"the program ended\n{program.report()}"
    until(lambda: serves(tunnel), "it serves again", 20 + harness.DEADLINE, 0.05)
    assert set(visit_all(tunnel, seeds)) == {"whole"}
    assert faults.hits > 0, f"no system call failed: {outcomes}"


def cases(*rows):
    """(program, SYSCALLS, errors, counts) as parameters with names."""
    for program, calls, errors, counts in rows:
        for error, when in itertools.product(errors.split(), counts.split()):
            yield pytest.param(program, f"{calls}:error={error}:when={when}",
                               id=f"{program}-{calls}-{error}-{when}")


@pytest.mark.parametrize("program, rule", cases(
    # interrupted, or to be repeated later
    ("relay", "epoll_wait,epoll_pwait", "EINTR", "1 3+4 1+2"),
    ("agent", "epoll_wait,epoll_pwait", "EINTR", "1 3+4 1+2"),
    ("relay", "recvfrom", "EINTR EAGAIN", "5 3+4"),
    ("agent", "recvfrom", "EINTR EAGAIN", "5 3+4"),
    ("relay", "sendto,sendmsg", "EINTR EAGAIN", "5 3+4"),
    ("agent", "sendto,sendmsg", "EINTR EAGAIN", "5 3+4"),
    ("relay", "accept4", "EINTR EAGAIN ECONNABORTED", "1 2+3"),
    ("agent", "connect", "EINTR", "1 2+3"),
))
def test_calls_that_are_put_off(tunnel, program, rule):
    withstand(tunnel, program, rule)


@pytest.mark.parametrize("program, rule", cases(
    ("relay", "recvfrom", "ECONNRESET EIO ENOBUFS ENOMEM ETIMEDOUT", "3 5+9"),
    ("agent", "recvfrom", "ECONNRESET EIO ENOBUFS ENOMEM ETIMEDOUT", "3 5+9"),
    ("relay", "sendto,sendmsg", "EIO ENOBUFS ENOMEM", "3 5+9"),
    ("agent", "sendto,sendmsg", "EIO ENOBUFS ENOMEM", "3 5+9"),
    ("relay", "shutdown", "ENOTCONN ENOBUFS", "1 1+1"),
))
def test_connections_that_break(tunnel, program, rule):
    withstand(tunnel, program, rule)


@pytest.mark.parametrize("program, rule", cases(
    ("agent", "socket", "EMFILE ENFILE ENOMEM ENOBUFS EPERM", "1 2+2 1+1"),
    ("agent", "connect", "ECONNREFUSED ENETUNREACH EADDRNOTAVAIL EPERM EAGAIN ENOBUFS", "1 2+2 1+1"),
    ("agent", "getsockopt", "ENOBUFS ECONNREFUSED", "1 1+1"),
    ("agent", "setsockopt", "ENOBUFS EPERM ENOMEM", "1 1+1"),
    ("relay", "setsockopt", "ENOBUFS EPERM ENOMEM EINVAL", "1 1+1"),
    ("relay", "getsockopt", "ENOBUFS", "1 1+1"),
    ("relay", "accept4", "EMFILE ENFILE ENOMEM ENOBUFS EPERM EPROTO", "1 2+3 1..20+1"),
))
def test_lack_of_resources(tunnel, program, rule):
    withstand(tunnel, program, rule)


@pytest.mark.parametrize("program, when", [
    *itertools.product(["relay", "agent"], ["1", "2", "3"]), *itertools.product(["relay", "agent"], ["1+2", "1+1"])])
def test_memory_that_is_not_there(tunnel, program, when):
    withstand(tunnel, program, f"mmap:error=ENOMEM:when={when}", f"brk:retval=0:when={when}")


NO_THREAD = "clone,clone3:error=EAGAIN"


def test_no_thread_can_be_started_while_a_relay_runs(tmp_path):
    """The threads that a relay has from its start do all that it needs threads for."""
    names = tmp_path / "relay" / "aditd" / "names"
    with Origin() as origin, harness.Relay(tmp_path / "relay") as relay:
        with Faults(relay.pid, tmp_path / "strace", NO_THREAD):
            with harness.Agent(tmp_path / "agent", relay, origin.port) as agent:
                until(lambda: names.exists() and agent.label in names.read_text(),
                      "the name is written")
        assert relay.process.poll() is None, relay.report()


@pytest.mark.skipif(harness.SANITIZED, reason="a sanitizer starts threads, and dislikes strace")
@pytest.mark.parametrize("arguments", [
    ["aditd", "--listen", "127.0.0.1:0"],
    ["adit", "proxy", "--port", "0", "--url", "9"],
    ["adit", "http", "9", "--relay", "http://127.0.0.1:9"],
], ids=["aditd", "proxy", "agent"])
@pytest.mark.parametrize("when", ["1+1", "2+1", "4+1"])
def test_a_start_without_threads_says_so(tmp_path, arguments, when):
    program, *rest = arguments
    ended = subprocess.run(
        ["strace", "-f", "-o", tmp_path / "strace", "-e", f"inject={NO_THREAD}:when={when}",
         "-e", "trace=clone,clone3", harness.BIN / program, *rest, "--data", tmp_path / "data"],
        capture_output=True, text=True, timeout=harness.DEADLINE)
    assert ended.returncode == 1, ended
    assert "cannot start 4 threads: resource temporarily unavailable." in ended.stderr
