# SPDX-License-Identifier: MIT
"""Output that is not read, for instance by a stopped pager, stops no traffic."""
import contextlib
import fcntl
import os
import re
import signal
import subprocess

import harness
import live_lines
import pytest
from client import Client

LONG = "/?" + "x" * 180  # its line is printed whole


def fill(pipe):
    """Writes into a pipe until it is full. Returns the number of bytes."""
    flags = fcntl.fcntl(pipe, fcntl.F_GETFL)
    fcntl.fcntl(pipe, fcntl.F_SETFL, flags | os.O_NONBLOCK)
    size = 0
    with contextlib.suppress(BlockingIOError):
        while True:
            size += os.write(pipe, b"." * 4096)
    fcntl.fcntl(pipe, fcntl.F_SETFL, flags)
    return size


class Unread:
    """A program whose stdout and stderr are pipes that are read only on demand."""

    def __init__(self, directory, name, *args, full=()):
        self.pipes = {"stdout": os.pipe(), "stderr": os.pipe()}
        self.filled = {which: fill(self.pipes[which][1]) for which in full}
        argv = [harness.BIN / name, *args, "--data", directory / name]
        under = harness.VALGRIND if harness.UNDER_VALGRIND else []
        self.process = subprocess.Popen(
            [*under, *map(str, argv)], stdin=subprocess.DEVNULL, stdout=self.pipes["stdout"][1],
            stderr=self.pipes["stderr"][1], env=harness.environment(directory),
            preexec_fn=harness._die_with_parent)
        for _, write in self.pipes.values():
            os.close(write)
        self.text = {"stdout": b"", "stderr": b""}

    def read_until(self, pattern, which="stdout"):
        """Reads until the output matches the pattern."""
        while not (found := re.search(pattern, self.text[which])):
            piece = os.read(self.pipes[which][0], 65536)
            assert piece, f"the program ended: {self.text}"
            self.text[which] += piece
        return found

    def skip_filling(self, which):
        while len(self.text[which]) < self.filled[which]:
            self.text[which] += os.read(self.pipes[which][0], 65536)
        self.text[which] = self.text[which][self.filled[which]:]

    def rest(self, which):
        while piece := os.read(self.pipes[which][0], 65536):
            self.text[which] += piece
        return self.text[which]

    def stop(self, how=signal.SIGTERM):
        self.process.send_signal(how)
        code = self.process.wait(harness.DEADLINE)
        assert code == 0, (code, self.text)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        for read, _ in self.pipes.values():
            os.close(read)


@contextlib.contextmanager
def unread_agent(relay, origin, directory, **options):
    with Unread(directory, "adit", "http", origin.address, "--relay", relay.url,
                **options) as agent:
        agent.host = agent.read_until(rb"http://(\S+) -> .*\n")[1].decode()
        yield agent


@pytest.fixture(scope="module")
def origin():
    with harness.Origin() as started:
        yield started


def exchanges(relay, agent, count):
    with relay.visit(agent.host) as visitor:
        for _ in range(count):
            assert visitor.fetch("GET", LONG).body == b"hello"


def test_lines_that_nobody_reads_stop_nothing_and_are_counted(relay, origin, tmp_path):
    count = 4000  # over 800 KiB of lines; pipe and queue hold 320 KiB
    with unread_agent(relay, origin, tmp_path) as agent:
        exchanges(relay, agent, count)
        dropped = int(agent.read_until(rb"adit: (\d+) lines were dropped\n")[1])
        printed = agent.text["stdout"].partition(b" lines were dropped")[0].count(b" GET    /")
        assert dropped > 0 and dropped + printed == count
        exchanges(relay, agent, 1)  # the pipe has room again
        agent.read_until(rb"were dropped\n(?s:.*) GET    /\?x+\n")
        assert all(line.startswith("adit: ") or live_lines.parsed(line).target == LONG
                   for line in agent.text["stdout"].decode().splitlines())
        agent.stop()


def test_lines_that_find_room_are_all_there_in_order(relay, origin, tmp_path):
    # A pipe has 16 pages. A write that does not fit into the last one begins another, so only half
    # of their 64 KiB is sure; a line has some 85 bytes.
    count = 300
    with unread_agent(relay, origin, tmp_path) as agent:
        with relay.visit(agent.host) as visitor:
            for number in range(count):
                visitor.request("GET", f"/{number}")
            for number in range(count):
                assert visitor.response().status == 404
        agent.stop()
        targets = re.findall(rb"  404  .* GET    /(\d+)\n", agent.rest("stdout"))
        assert list(map(int, targets)) == list(range(count))


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGINT])
def test_a_reader_that_stands_still_does_not_delay_the_end(relay, origin, tmp_path, how):
    with unread_agent(relay, origin, tmp_path) as agent:
        exchanges(relay, agent, 2500)
        agent.stop(how)


def test_a_reader_that_leaves_stops_nothing(relay, origin, tmp_path):
    with unread_agent(relay, origin, tmp_path) as agent:
        read, _ = agent.pipes["stdout"]
        os.dup2(os.open(os.devnull, os.O_RDONLY | os.O_CLOEXEC), read)  # closes the read end
        exchanges(relay, agent, 100)
        agent.stop()


def test_a_log_that_nobody_reads_stops_no_agent(origin, tmp_path):
    relay = harness.Relay(tmp_path)
    with unread_agent(relay, origin, tmp_path, full=("stderr",)) as agent:
        relay.stop()
        with harness.Relay(tmp_path, port=relay.port) as again:  # the log pipe is still full
            agent.read_until(rb"connected again")
            exchanges(again, agent, 10)
            agent.skip_filling("stderr")
            agent.read_until(rb"adit: the relay .* has gone", "stderr")  # once there is room
            agent.stop()


def test_a_log_that_nobody_reads_stops_no_relay(origin, tmp_path):
    with Unread(tmp_path, "aditd", "--listen", "127.0.0.1:0", full=("stderr",)) as relay:
        port = int(relay.read_until(rb"listening on http://127\.0\.0\.1:(\d+)\n")[1])
        args = ("http", origin.address, "--relay", f"http://127.0.0.1:{port}", "--url", "quiet")
        with harness.Program(tmp_path, "adit", *args) as agent:
            agent.wait_for("^adit: http")
            with Client(("127.0.0.1", port), "quiet.localhost") as visitor:
                assert visitor.fetch("GET", "/").body == b"hello"
        relay.stop()
