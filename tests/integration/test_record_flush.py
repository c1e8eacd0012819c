# SPDX-License-Identifier: MIT
"""A command over the record sees every exchange that ended before the command began: the command
asks the recording programs to write, and waits."""
import contextlib
import json
import os
import pathlib
import shutil
import signal
import socket
import sqlite3
import subprocess
import sys
import threading

import mounts
import pytest
from client import until
from fake_writer import prefix
from harness import BIN, Proxied, Proxy, Tunnel, environment
from patience import DEADLINE

ROUNDS = 20
REPORTED = 5  # rounds that wait for reports: agents send reports each half second
MISSING = "the newest exchanges may be missing"
READERS_MAX = 128


class Side:
    """One recording program, and the commands over its record."""

    def __init__(self, way, part, inside=None, prepare=None):
        self.way, self.part, self.prepare = way, part, prepare
        self.program, self.data = part.name, part.data
        self.enter = ["nsenter", "-t", str(inside), "-m"] if inside else []  # its mounts

    def run(self, *words, status=0):
        done = subprocess.run(
            [*self.enter, BIN / self.program, *words, "--data", self.data], stdin=subprocess.DEVNULL,
            capture_output=True, text=True, timeout=DEADLINE, env=environment(self.data),
            preexec_fn=self.prepare)
        assert done.returncode == status, done
        return done

    def says(self, *words):
        done = self.run(*words)
        assert done.stderr == ""
        return done.stdout


@pytest.fixture(params=["relay", "agent", "proxy"])
def side(request, tmp_path):
    with (Proxied if request.param == "proxy" else Tunnel)(tmp_path) as way:
        way.origin.on("/hello", lambda exchange: exchange.reply(b"hello"))
        yield Side(way, way.relay if request.param == "relay" else way.agent)


def sockets(data):
    """The names of the sockets on which writers listen for readers of this record."""
    listed = (line.split() for line in pathlib.Path("/proc/net/unix").read_text().splitlines()[1:])
    return [words[7][1:] for words in listed
            if len(words) == 8 and words[7].startswith("@" + prefix(data))
            and int(words[3], 16) & 0x10000]


def finds(side, command, path):
    """Whether this command finds the newest exchange, which has this path."""
    only = f"path={path}"
    if command == "requests":
        return path in side.says("requests", "--limit", "1")
    if command == "show":
        return path in side.says("show", "last")
    if command == "stats":
        return sum(group["count"] for group in
                   json.loads(side.says("stats", only, "--json"))["groups"]) == 1
    if command == "export":
        return path in side.says("export", only, "--jsonl")
    if command == "verify --all":
        return sum(json.loads(side.says("verify", "--all", only, "--json"))["counts"].values()) == 1
    if command == "diff":
        newest = json.loads(side.says("diff", "last", "last", "--json"))["before"]["id"]
        return path in side.says("show", newest)
    assert command == "delete"
    return side.says("delete", only, "--yes").startswith("deleted 1 exchange")


@pytest.mark.parametrize("command", ["requests", "show", "stats", "export", "verify --all",
                                     "diff", "delete"])
def test_a_command_right_behind_a_request_finds_it(side, command):
    rounds = ROUNDS if command != "verify --all" else REPORTED
    with side.way.visit() as visitor:
        found = []
        for number in range(rounds):
            assert visitor.fetch("GET", f"/nothing/{number}").status == 404
            found.append(finds(side, command, f"/nothing/{number}"))
    assert found == [True] * rounds


def test_an_exchange_of_every_kind_is_over_when_its_answer_is(side):
    """Kinds: a known length, chunked, no body, and an answer of our own."""
    side.way.origin.on("/chunked", lambda x: (x.head(fields=[("Transfer-Encoding", "chunked")]),
                                              x.chunk(b"a" * 1000), x.last_chunk()))
    side.way.origin.on("/close", lambda x: x.close())
    for number in range(ROUNDS // 4):
        for method, path in (("GET", "/hello"), ("HEAD", "/hello"), ("GET", "/chunked"),
                             ("POST", "/close")):
            target = f"{path}?n{number}"
            with side.way.visit() as visitor:
                visitor.fetch(method, target)
            row = json.loads(side.says("requests", "--limit", "1", "--json"))
            assert (row["request"]["target"], row["request"]["method"]) == (target, method)
            assert row["outcome"] is not None, row


def test_replay_last_sends_the_request_that_was_last(side):
    if side.program == "aditd":
        pytest.skip("aditd has no replay")
    for number in range(ROUNDS):
        side.way.fetch("POST", f"/hello?n{number}", body=b"x")
        side.run("replay", "last", "--yes")
        newest = json.loads(side.says("requests", "--limit", "1", "--json"))
        assert newest["request"]["target"] == f"/hello?n{number}" and newest["replay_of"], newest


def test_the_very_first_request_of_a_record_is_found(tmp_path):
    with Proxied(tmp_path) as way:
        way.fetch("GET", "/hello")
        assert "/hello" in Side(way, way.agent).says("show", "last")


def test_verify_right_behind_a_request_knows_what_the_other_end_has_seen(tmp_path):
    with Tunnel(tmp_path) as way:
        for number in range(REPORTED):
            way.fetch("POST", f"/echo?n{number}", body=b"x" * 100)
            for part in (way.agent, way.relay):
                assert " same" in Side(way, part).says("verify", "last").splitlines()[0]


def test_finished_exchanges_are_found_under_constant_load(side):
    stop = threading.Event()
    counts = []

    def flood():
        with side.way.visit() as visitor:
            count = 0
            while not stop.is_set():
                assert visitor.fetch("GET", "/hello?flood").status == 200
                count += 1
            counts.append(count)

    visitors = [threading.Thread(target=flood) for _ in range(4)]
    for visitor in visitors:
        visitor.start()
    try:
        for number in range(ROUNDS // 2):
            side.way.fetch("GET", f"/hello?mine{number}")
            done = side.run("requests", f"query~mine{number}")
            assert f"mine{number}" in done.stdout or MISSING in done.stderr, done
    finally:
        stop.set()
        for visitor in visitors:
            visitor.join()
    assert len(counts) == 4


def test_a_writer_that_stands_still_is_told(side):
    side.way.fetch("GET", "/hello?before")
    side.says("show", "last")
    os.kill(side.part.pid, signal.SIGSTOP)
    try:
        done = side.run("requests")
        assert MISSING in done.stderr and str(side.part.pid) in done.stderr, done
        assert "before" in done.stdout
        assert MISSING in side.run("show", "zzzz", status=1).stderr
    finally:
        os.kill(side.part.pid, signal.SIGCONT)
    assert "before" in side.says("requests")


def test_following_begins_at_once(tmp_path):
    with Proxied(tmp_path) as way:
        side = Side(way, way.agent)
        way.fetch("GET", "/hello?before")
        side.says("requests")
        os.kill(way.agent.pid, signal.SIGSTOP)
        try:
            with subprocess.Popen([BIN / "adit", "requests", "--follow", "--data", side.data],
                                  stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                                  env=environment(side.data)) as follows:
                assert "before" in follows.stdout.readline()
                follows.terminate()
                assert MISSING not in follows.stderr.read()
        finally:
            os.kill(way.agent.pid, signal.SIGCONT)


def test_nobody_waits_for_the_dead(tmp_path):
    data = tmp_path / "adit"
    proxy = Proxy(tmp_path, "http://127.0.0.1:9")
    side = Side(None, proxy)
    with proxy.visit() as visitor:
        visitor.fetch("GET", "/first")
    side.says("requests")
    assert len(sockets(data)) == 1
    proxy.kill()
    assert sockets(data) == []
    assert "/first" in side.says("requests")


def test_nothing_is_left_beside_the_record(tmp_path):
    with Proxied(tmp_path) as way:
        way.fetch("GET", "/hello")
        Side(way, way.agent).says("requests")
        assert all(path.is_file() or path.name == "spool" for path in way.agent.data.iterdir())
    assert list((way.agent.data / "spool").iterdir()) == []
    assert sockets(way.agent.data) == []


@pytest.mark.skipif(os.getuid() != 0, reason="needs another user")
def test_other_users_are_neither_asked_nor_answered(tmp_path):
    with Proxied(tmp_path) as way:
        side = Side(way, way.agent)
        way.fetch("GET", "/hello?first")
        side.says("requests")
        name, = sockets(side.data)
        script = ("import os, socket, sys; os.setuid(65534)\n"
                  "asks = socket.socket(socket.AF_UNIX); asks.connect(chr(0) + sys.argv[1])\n"
                  "print(asks.recv(8), flush=True)\n"
                  "listens = socket.socket(socket.AF_UNIX)\n"
                  "listens.bind(chr(0) + sys.argv[2]); listens.listen()\n"
                  "print('listens', flush=True); sys.stdin.read()")
        with subprocess.Popen([sys.executable, "-c", script, name, prefix(side.data) + "0"],
                              stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as other:
            assert other.stdout.readline() == "b''\n"
            assert other.stdout.readline() == "listens\n"
            assert len(sockets(side.data)) == 2
            way.fetch("GET", "/hello?second")
            assert "second" in side.says("requests", "--limit", "1")
            other.stdin.close()


@pytest.mark.skipif(os.getuid() != 0, reason="needs another user")
def test_another_user_cannot_make_a_reader_wait(tmp_path):
    """Another user's socket looks like a writer's and accepts no connection."""
    with Proxied(tmp_path) as way:
        side = Side(way, way.agent)
        way.fetch("GET", "/hello?first")
        side.says("requests")
        script = ("import os, socket, sys; os.setuid(65534)\n"
                  "listens = socket.socket(socket.AF_UNIX)\n"
                  "listens.bind(chr(0) + sys.argv[1]); listens.listen(0)\n"
                  "full = socket.socket(socket.AF_UNIX); full.connect(chr(0) + sys.argv[1])\n"
                  "print('listens', flush=True); sys.stdin.read()")
        with subprocess.Popen([sys.executable, "-c", script, prefix(side.data) + "0"],
                              stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as other:
            assert other.stdout.readline() == "listens\n"
            way.fetch("GET", "/hello?second")
            assert "second" in side.says("requests", "--limit", "1")
            other.stdin.close()


def test_all_who_write_a_record_are_asked(tmp_path):
    with Proxied(tmp_path) as one, Proxied(tmp_path) as two:
        one.fetch("GET", "/hello")
        two.fetch("GET", "/hello")
        Side(one, one.agent).says("requests")
        assert len(sockets(one.agent.data)) == 2
        for number in range(ROUNDS):
            way = (one, two)[number % 2]
            way.fetch("GET", f"/hello?n{number}")
            assert f"n{number}" in Side(way, way.agent).says("requests", "--limit", "1")


def connect(name, count):
    """Connects `count` readers, which ask by connecting and then neither send nor read."""
    readers = []
    for _ in range(count):
        readers.append(socket.socket(socket.AF_UNIX))
        readers[-1].connect("\0" + name)
        readers[-1].settimeout(DEADLINE)
    return readers


def test_readers_that_stay_hold_up_nobody(side):
    side.way.fetch("GET", "/hello")
    name, = sockets(side.data)
    readers = connect(name, READERS_MAX - 1)
    for number in range(ROUNDS):
        side.way.fetch("GET", f"/hello?n{number}")
        assert f"n{number}" in side.says("requests", "--limit", "1")
    for reader in readers:
        assert reader.recv(1) == b"w"
        reader.close()


def test_readers_that_have_left_take_no_files(tmp_path):
    """Readers leave no descriptors open, even after waiting for a report that cannot come."""
    with Tunnel(tmp_path, compare=False) as way:
        side = Side(way, way.relay)
        way.origin.on("/kill", lambda exchange: way.agent.kill())
        way.fetch("GET", "/kill")
        way.own.remove(way.agent)
        side.says("requests")
        files = pathlib.Path(f"/proc/{way.relay.pid}/fd")
        before = len(list(files.iterdir()))
        for _ in range(ROUNDS):
            side.says("requests")
        assert len(list(files.iterdir())) <= before + 2


def test_readers_that_a_locked_record_keeps_waiting_are_bounded(tmp_path):
    """Waiting readers use descriptors of a program that serves traffic."""
    with Proxied(tmp_path) as way:
        side = Side(way, way.agent)
        way.fetch("GET", "/hello?first")
        side.says("requests")
        name, = sockets(side.data)
        db = sqlite3.connect(side.data / "record.db", isolation_level=None, timeout=DEADLINE)
        db.execute("BEGIN IMMEDIATE")
        way.fetch("GET", "/hello?second")
        readers = connect(name, READERS_MAX)
        for reader in connect(name, 10):
            assert reader.recv(2) == b"b"
            reader.close()
        assert MISSING in side.run("requests").stderr
        db.execute("ROLLBACK")
        db.close()
        for reader in readers:
            assert reader.recv(1) == b"w"
            reader.close()
        assert "second" in side.says("requests", "--limit", "1")


def test_a_directory_that_is_made_again_is_listened_for(tmp_path):
    with Proxied(tmp_path) as way:
        side = Side(way, way.agent)
        way.fetch("GET", "/hello?before")
        side.says("show", "last")
        shutil.rmtree(side.data)
        side.data.mkdir(0o700)
        way.fetch("GET", "/hello?lost")
        until(lambda: sockets(side.data), "a socket")
        way.fetch("GET", "/hello?after")
        assert "after" in side.run("requests").stdout


def test_a_record_that_somebody_locks_is_waited_for(tmp_path):
    with Proxied(tmp_path) as way:
        side = Side(way, way.agent)
        way.fetch("GET", "/hello?first")
        side.says("requests")
        db = sqlite3.connect(way.agent.data / "record.db", isolation_level=None, timeout=DEADLINE)
        db.execute("BEGIN IMMEDIATE")
        way.fetch("GET", "/hello?second")
        done = side.run("requests")
        assert MISSING in done.stderr and "second" not in done.stdout and "first" in done.stdout
        db.execute("ROLLBACK")
        db.close()
        assert "second" in side.says("requests", "--limit", "1")


needs_mounts = pytest.mark.skipif(not mounts.may_mount(), reason="may not mount")


@needs_mounts
def test_a_disk_that_is_full_is_told(tmp_path):
    data = tmp_path / "adit"
    data.mkdir()
    with Proxied(tmp_path, prepare=mounts.small_disk(data, 20 << 20)) as way:
        seen = pathlib.Path(f"/proc/{way.agent.pid}/root{data}")
        side = Side(way, way.agent, inside=way.agent.pid)
        way.fetch("GET", "/hello?first")
        assert "first" in side.says("requests")
        with open(seen / "filler", "wb", buffering=0) as file, contextlib.suppress(OSError):
            while True:
                file.write(b"x" * 4096)
        for number in range(50):
            way.fetch("POST", f"/echo?n{number}", body=bytes(50_000))
        way.agent.wait_for("cannot be written: the disk is full", "stderr")
        done = side.run("requests")
        assert MISSING in done.stderr and "first" in done.stdout
        (seen / "filler").unlink()
        way.agent.wait_for("the record is written again", "stderr")
        assert "n49" in side.run("requests").stdout


@needs_mounts
def test_a_reader_that_may_only_read_asks_too(tmp_path):
    with Proxied(tmp_path) as way:
        side = Side(way, way.agent, prepare=mounts.read_only(way.agent.data))
        for number in range(ROUNDS):
            way.fetch("GET", f"/hello?n{number}")
            assert f"n{number}" in side.says("requests", "--limit", "1")
