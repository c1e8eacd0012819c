# SPDX-License-Identifier: MIT
"""A command whose output is not read does not make the record grow."""
import concurrent.futures
import contextlib
import fcntl
import json
import os
import select
import signal
import subprocess

import harness
from client import until
from record import Record

MIB = 1024 * 1024
PIPE = 65536
USUAL = 20 * MIB   # size of the log while no reader blocks it, plus a transaction
BOUND = 72 * MIB   # the same while a reader blocks it


class Still:
    """A command whose output is not read until the test reads it to its end."""

    def __init__(self, directory, *args):
        self.out, write = os.pipe()
        fcntl.fcntl(self.out, fcntl.F_SETPIPE_SZ, PIPE)
        self.process = subprocess.Popen(
            [harness.BIN / "adit", *args, "--data", directory], stdin=subprocess.DEVNULL,
            stdout=write, stderr=subprocess.PIPE, env=harness.environment(directory))
        self.poll = write  # kept open: poll() on it shows when the pipe is full

    def stands_still(self):
        poll = select.poll()
        poll.register(self.poll, select.POLLOUT)
        return not poll.poll(0)

    def rest(self):
        os.close(self.poll)
        text = b""
        while piece := os.read(self.out, PIPE):
            text += piece
        os.close(self.out)
        error = self.process.stderr.read()
        self.process.stderr.close()
        return text, error, self.process.wait(harness.DEADLINE)


def log_bytes(data):
    with contextlib.suppress(FileNotFoundError):
        return (data / "record.db-wal").stat().st_size
    return 0


def send(proxied, count, waits=True):
    body = os.urandom(MIB)
    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        for answer in pool.map(lambda _: proxied.fetch("POST", "/mirror?big", body=body),
                               range(count)):
            assert answer.body == body
    if not waits:
        return
    # This command waits until all is written.
    subprocess.run([harness.BIN / "adit", "requests", "--limit", "0", "--data", proxied.proxy.data],
                   stderr=subprocess.DEVNULL, check=True, timeout=harness.DEADLINE)


def ids(text):
    return [json.loads(line)["id"] for line in text.splitlines()]


def test_readers_that_stand_still_do_not_pin_the_log(tmp_path):
    data = tmp_path / "adit"
    data.mkdir(mode=0o700)
    with Record(data, create=True) as record:
        record.fill(3000, lambda n: {"target": f"/{n}", "flags": 24})
        large = record.add(response=b"x" * MIB, target="/large")
        spoken = record.add(status=101, flags=32, target="/spoken")
        record.db.execute(
            "INSERT INTO message SELECT (SELECT max(seq) FROM exchange), seq - 1, 0, 1, 0, 0, 2,"
            " x'6162' FROM exchange")
        before = [row["id"] for row in record.exchanges()]
    with harness.Proxied(tmp_path, "--limit", "record-size=24m") as proxied:
        readers = [Still(data, *args.split()) for args in (
            "requests --limit all --json", "requests --limit 100000", "requests --follow --limit all",
            "export --jsonl -", "export --har -", f"show {large} --body response",
            f"show {spoken}", "stats --by path --limit 3000")]
        for reader in readers:
            until(reader.stands_still, f"{reader.process.args} stands still")
        most = 0
        for _ in range(10):
            send(proxied, 4)
            most = max(most, log_bytes(data))
        assert most <= USUAL
        readers[2].process.terminate()
        ends = [reader.rest() for reader in readers]
        assert {end[2] for end in ends} <= {0, -signal.SIGTERM}
        with Record(data) as record:
            left = {row["id"] for row in record.exchanges()}
    listed = ids(ends[0][0])
    assert listed == sorted(set(listed)) and left & set(before) <= set(listed) <= set(before)
    exported = ids(ends[3][0])
    assert exported == sorted(set(exported)) and left & set(before) <= set(exported)


def test_another_program_that_holds_the_record_stops_it_and_not_the_disk(tmp_path):
    with harness.Proxied(tmp_path, "--limit", "record-size=24m") as proxied:
        data = proxied.proxy.data
        send(proxied, 1)
        with Record(data) as record:
            until(lambda: record.number("SELECT count(*) FROM exchange"), "it is recorded")
            record.db.execute("BEGIN")
            assert record.number("SELECT count(*) FROM exchange") == 1
            most = 0
            while "stands still" not in proxied.proxy.text("stderr"):
                send(proxied, 4, waits=False)
                most = max(most, log_bytes(data))
            send(proxied, 8, waits=False)
            most = max(most, log_bytes(data))
            assert most <= BOUND
            record.db.execute("COMMIT")
        proxied.proxy.wait_for("the record is written again", "stderr")
        send(proxied, 1)
        until(lambda: log_bytes(data) <= USUAL, "the log is short again")
