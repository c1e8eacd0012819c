# SPDX-License-Identifier: MIT
"""The record of a program that a command cannot ask for a flush: one in another network namespace,
say, or one that has no socket. What is in its spool is told, and `delete` does not succeed."""
import contextlib
import fcntl
import json
import os
import subprocess

import harness
import pytest
from client import until
from fake_writer import FakeWriter
from record import Record, ended
from test_no_unix_sockets import SYS_SOCKET, forbid_unix_sockets
from test_record_erased import found, marked
from test_record_spool import Load, begin, has_record, recorded

MISSING = "the newest exchanges may be missing"
SIZE = 20_000
ROUNDS = 10


def run(data, *words, status=0):
    done = subprocess.run([harness.BIN / "adit", *words, "--data", data], stdin=subprocess.DEVNULL,
                          capture_output=True, text=True, timeout=harness.DEADLINE,
                          env=harness.environment(data))
    assert status is None or done.returncode == status, done
    return done


@contextlib.contextmanager
def held_spool(data):
    """The spool of a program that lives, as its files alone show it. Yields its segment."""
    directory = data / "spool" / "held"
    directory.mkdir(parents=True, mode=0o700)
    (data / "spool").chmod(0o700)
    lock = os.open(directory, os.O_RDONLY)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield directory / "00000001.seg"
    finally:
        os.close(lock)


def test_events_of_a_program_that_was_not_asked_are_told(tmp_path):
    with Record(tmp_path, create=True) as record:
        record.add(target="/old")
    with held_spool(tmp_path) as segment:
        segment.touch(mode=0o600)
        assert run(tmp_path, "requests").stderr == ""
        segment.write_bytes(b"x")
        done = run(tmp_path, "requests")
        assert "/old" in done.stdout and done.stderr.count(MISSING) == 1
        assert str(segment.parent.parent) in done.stderr
        done = run(tmp_path, "delete", "path=/nothing", "--yes", "--json", status=1)
        assert json.loads(done.stdout)["overwritten"] is False
        assert done.stderr.count(MISSING) == 1 and "run this again" in done.stderr
        segment.write_bytes(b"")
        done = run(tmp_path, "delete", "path=/old", "--yes", "--json")
        assert json.loads(done.stdout)["overwritten"] and done.stderr == ""


@pytest.mark.skipif(SYS_SOCKET is None, reason="the number of socket() is not known here")
def test_delete_that_succeeds_has_left_nothing_in_a_spool_that_nobody_empties(tmp_path):
    """Under load rows are written, and the segment with the same events goes on."""
    with harness.Proxied(tmp_path, prepare=forbid_unix_sockets) as way:
        data = way.proxy.data
        way.fetch("POST", "/mirror?first", body=b"x")
        ended(data, "target='/mirror?first'")
        refused = 0
        with Load(way, 2) as load:
            load.until(20)
            for number in range(ROUNDS):
                way.fetch("POST", "/mirror?gone", body=marked(number, SIZE))
                until(lambda number=number: number in found(data), "it is in a file")
                done = run(data, "delete", "target=/mirror?gone", "--yes", status=None)
                if done.returncode == 0:
                    assert not found(data), done
                else:
                    assert MISSING in done.stderr, done
                    refused += 1
        assert refused > 0
        until(lambda: run(data, "delete", "target=/mirror?gone", "--yes",
                          status=None).returncode == 0, "a quiet program has emptied its spool")
        assert not found(data)


def test_delete_reaches_what_became_rows_while_another_program_was_waited_for(tmp_path):
    """The proxy has answered when its newest exchanges become rows: their events are in a segment
    that goes on."""
    with harness.Proxied(tmp_path) as way:
        has_record(way, way.proxy)
        with FakeWriter(way.proxy.data) as slow:
            command = begin(way.proxy, "delete", "target=/mirror?gone", "--yes")
            reader = slow.reader()
            for number in range(ROUNDS):
                way.fetch("POST", "/mirror?gone", body=marked(number, SIZE))
                until(lambda: len(recorded(way.proxy, "target='/mirror?gone' AND outcome IS NOT"
                                                      " NULL")) > number, "it has a row")
                reader.progress(number)
            slow.listener.close()
            reader.written()
            out, err = command.communicate(timeout=harness.DEADLINE)
        assert command.returncode == 0 and out.startswith(f"deleted {ROUNDS} "), (out, err)
        assert not found(way.proxy.data)
