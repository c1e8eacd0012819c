# SPDX-License-Identifier: MIT
"""While thousands of visitors are slow, silent or leave, others are served; afterwards no
connection and little memory is left."""
import contextlib
import concurrent.futures
import os
import re
import resource
import shutil
import socket
import struct
import subprocess
import threading
import time

import harness
import pytest
from client import until
from record import ended

MANY = 8000
LEAVERS = 10_000


@pytest.fixture(scope="module", autouse=True)
def enough_files():
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard < 2 * MANY:
        pytest.skip("too few open files are allowed")
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, 20_000), hard))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


@pytest.fixture
def tunnel(tmp_path):
    """A tunnel whose visitors may use all the files, with time limits of a fifth of the
    defaults."""
    limits = ["head-time=4s", "body-time=6s", "send-time=12s", "keepalive-time=15s"]
    options = [word for limit in limits for word in ("--limit", limit)]
    with harness.Relay(tmp_path, *options) as relay, harness.Tunnel(tmp_path, relay=relay) as made:
        yield made


class Crowd:
    """Connections that send only the bytes given to `send`."""

    def __init__(self, address, count):
        self.socks = []
        for _ in range(count):
            sock = socket.create_connection(address, harness.DEADLINE)
            sock.setblocking(False)
            self.socks.append(sock)

    def send(self, data):
        for sock in self.socks:
            with contextlib.suppress(OSError):
                sock.send(data)

    def still_open(self):
        count = 0
        for sock in self.socks:
            try:
                while sock.recv(65536):
                    pass
            except BlockingIOError:
                count += 1
            except OSError:
                pass
        return count

    def close(self):
        for sock in self.socks:
            sock.close()


class SteadyVisitor:
    """A visitor that sends requests throughout. Every answer must be right, or a 503 with
    Retry-After."""

    def __init__(self, tunnel):
        self.tunnel = tunnel
        self.answers = 0
        self.refusals = 0
        self.over = threading.Event()
        self.pool = concurrent.futures.ThreadPoolExecutor(1)
        self.future = self.pool.submit(self._ask)

    def _ask(self):
        while not self.over.is_set():
            answer = self.tunnel.fetch("POST", "/echo", body=b"12345")
            if answer.status == 503 and answer.get("retry-after"):
                self.refusals += 1
                time.sleep(0.1)
            else:
                assert answer.json()["size"] == 5
                self.answers += 1

    def stop(self):
        self.over.set()
        self.future.result(harness.DEADLINE)
        self.pool.shutdown()
        return self.answers, self.refusals


def visitors(tunnel):
    return tunnel.fetch("GET", "/_adit/health", host="localhost").json()["visitors"]


SLOW = {
    "silent": [],
    "heads": [b"GET / HTTP/1.1\r\nHost: "] + [b"x"] * 3,
    "bodies": [b"POST /echo HTTP/1.1\r\nHost: HOST\r\nContent-Length: 100000\r\n\r\n"] + [b"x"] * 3,
}


@pytest.mark.parametrize("kind", SLOW)
def test_thousands_of_slow_visitors_are_let_go_and_others_served(tunnel, kind):
    before = tunnel.relay.resident()
    crowd = Crowd(tunnel.relay.address, MANY)
    good = SteadyVisitor(tunnel)
    try:
        for text in SLOW[kind]:
            crowd.send(text.replace(b"HOST", tunnel.host.encode()))
            time.sleep(0.5)
        until(lambda: crowd.still_open() == 0, "all were let go", 12 * harness.DEADLINE, 0.5)
        answers, refusals = good.stop()
        assert answers > 20 and refusals < 20 + answers / 10  # a full tunnel refuses
        if harness.MEMORY_IS_THEIRS:
            assert tunnel.relay.resident() - before < 64 << 20
    finally:
        crowd.close()
    until(lambda: visitors(tunnel) == 1, "no visitor is left", 3 * harness.DEADLINE)
    assert tunnel.fetch("GET", "/").body == b"hello"
    assert "connected again" not in tunnel.agent.text("stdout")


@pytest.mark.parametrize("how", ["upload", "download"])
def test_a_tunnel_full_of_slow_visitors_has_room_for_others(own_tunnel, how):
    """1,100 exchanges that make no progress, where 1,024 may run at once."""
    tunnel = own_tunnel
    text = {"upload": "POST /echo HTTP/1.1\r\nHost: %s\r\nContent-Length: 100000\r\n\r\n",
            "download": "GET /bytes?size=9000000 HTTP/1.1\r\nHost: %s\r\n\r\n"}[how]
    crowd = Crowd(tunnel.relay.address, 1100)
    crowd.send((text % tunnel.host).encode())
    try:
        until(lambda: tunnel.fetch("GET", "/").status == 200, "there is room", harness.DEADLINE)
        since = time.monotonic()
        while time.monotonic() - since < 3:
            assert tunnel.fetch("POST", "/echo", body=b"12345").json()["size"] == 5
    finally:
        crowd.close()


ATTACKS = {
    "slow heads": ["-H", "-i", "2", "-x", "24"],
    "slow bodies": ["-B", "-i", "2", "-s", "8192", "-x", "10", "-t", "POST"],
    "ranges": ["-R", "-a", "10", "-b", "3000", "-t", "HEAD"],
    "slow readers": ["-X", "-w", "10", "-y", "20", "-n", "2", "-z", "16", "-k", "3"],
}


@pytest.mark.parametrize("attack", ATTACKS)
def test_slowhttptest_does_not_close_the_service(tunnel, attack):
    assert shutil.which("slowhttptest"), "scripts/setup installs it"
    tunnel.origin.on("/large", lambda exchange: exchange.reply(b"x" * 3_000_000))
    path = "/large" if attack == "slow readers" else "/"
    proxy = "%s:%d" % tunnel.relay.address  # absolute-form: the resolver knows no .localhost
    result = subprocess.run(
        ["slowhttptest", *ATTACKS[attack], "-c", "900", "-r", "300", "-l", "15", "-p", "10",
         "-v", "1", "-d", proxy, "-u", f"http://{tunnel.host}{path}"],
        capture_output=True, text=True, timeout=120, check=False, cwd=tunnel.directory)
    text = re.sub(r"\x1b\[[0-9;]*m", "", result.stdout)
    assert re.search(r"Exit status:\s*(Hit test time limit|No open connections left)", text), text
    available = re.findall(r"service available:\s*(YES|NO)", text)
    assert available and set(available) == {"YES"}, text
    until(lambda: visitors(tunnel) == 1, "no visitor is left", 5 * harness.DEADLINE)
    assert tunnel.fetch("GET", "/").body == b"hello"


def leave(sock, number):
    if number % 2:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    sock.close()


@pytest.fixture
def unrecorded(tmp_path):
    """A tunnel that records nothing: other tests check the memory of recorders."""
    off = ("--record", "none")
    with harness.Relay(tmp_path, *off) as relay:
        with harness.Tunnel(tmp_path, *off, relay=relay, compare=False) as tunnel:
            yield tunnel


def test_ten_thousand_visitors_who_leave_leave_nothing_behind(unrecorded):
    """The visitors leave at every point of an exchange, by FIN or RST."""
    tunnel = unrecorded
    host = tunnel.host.encode()
    get = b"GET /bytes?size=300000 HTTP/1.1\r\nHost: " + host + b"\r\n\r\n"
    post = b"POST /echo HTTP/1.1\r\nHost: " + host + b"\r\nContent-Length: 300000\r\n\r\n"
    points = [b"GET / HTTP/1.1\r\n", get, get, post, post + b"x" * 5000]
    tunnel.fetch("GET", "/")
    before = [part.resident() for part in (tunnel.relay, tunnel.agent)]

    def some(first):
        for number in range(first, LEAVERS, 8):
            sock = socket.create_connection(tunnel.relay.address, harness.DEADLINE)
            sock.sendall(points[number % 5])
            if number % 5 == 2:
                sock.recv(1000)
            leave(sock, number)

    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        for done in [pool.submit(some, first) for first in range(8)]:
            done.result()
    until(lambda: visitors(tunnel) == 1, "no visitor is left", 3 * harness.DEADLINE)
    until(lambda: tunnel.origin.open_connections < 50, "no exchange is left", harness.DEADLINE)
    assert tunnel.fetch("POST", "/echo", body=b"12345").json()["size"] == 5
    assert "connected again" not in tunnel.agent.text("stdout")
    if harness.MEMORY_IS_THEIRS:
        for part, was in zip((tunnel.relay, tunnel.agent), before):
            assert part.resident() - was < 16 << 20


def open_files(program):
    return len(os.listdir(f"/proc/{program.pid}/fd"))


def test_a_relay_without_files_left_waits_and_serves_again(own_tunnel):
    tunnel = own_tunnel
    few = open_files(tunnel.relay) + 20
    subprocess.run(["prlimit", f"--nofile={few}:{few}", "--pid", str(tunnel.relay.pid)], check=True)
    crowd = Crowd(tunnel.relay.address, 100)  # most of them in the backlog
    tunnel.relay.wait_for("connections have to wait", "stderr")
    crowd.close()
    until(lambda: tunnel.fetch("GET", "/").body == b"hello", "it serves again", harness.DEADLINE)
    assert len(re.findall("have to wait", tunnel.relay.text("stderr"))) == 1


def test_an_agent_without_files_left_refuses_and_serves_again(own_tunnel):
    tunnel = own_tunnel
    tunnel.fetch("GET", "/")
    ended(tunnel.agent.data, "target='/'")  # the files of its record are open now
    few = open_files(tunnel.agent)
    go_on = threading.Event()

    def waits(exchange):
        assert go_on.wait(harness.DEADLINE)
        exchange.reply("at last")

    tunnel.origin.on("/waits", waits)
    subprocess.run(["prlimit", f"--nofile={few + 2}:{few + 2}", "--pid", str(tunnel.agent.pid)],
                   check=True)
    made = [tunnel.visit() for _ in range(6)]
    for visitor in made:
        visitor.request("GET", "/waits")
    until(lambda: len(re.findall(r"  50\d  .* GET    /waits", tunnel.agent.text("stdout"))) >= 3,
          "some are refused", harness.DEADLINE)
    go_on.set()
    answers = [visitor.response() for visitor in made]
    assert {answer.status for answer in answers} <= {200, 502, 503}
    assert all(answer.code for answer in answers if answer.status != 200)
    for visitor in made:
        visitor.close()
    assert tunnel.fetch("GET", "/").body == b"hello"
