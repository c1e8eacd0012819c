# SPDX-License-Identifier: MIT
"""Trouble with the record stops no traffic and is reported once; recording resumes afterwards."""
import contextlib
import json
import os
import pathlib
import re
import sqlite3
import subprocess
import threading

import bodies
import harness
import mounts
import pytest
from client import until
from faults import Faults
from record import RESPONSE, Record, exchanges

KIB, MIB = 1024, 1024 * 1024
HELD = 64 * MIB  # limit on the memory of rows that wait to be written
BOTH = pytest.mark.parametrize("which", ["agent", "relay"])
needs_mounts = pytest.mark.skipif(not mounts.may_mount(), reason="may not mount")


def program(tunnel, which):
    return getattr(tunnel, which)


def passes(tunnel, number, size=100_000):
    body = bodies.make(number, size)
    assert tunnel.fetch("POST", f"/mirror?{number}", body=body).body == body


def is_recorded(end, target):
    return until(lambda: exchanges(end.data, f"target='{target}' AND outcome IS NOT NULL"),
                 f"{target} is in the record", within=3 * harness.DEADLINE)


def recording_goes_on(tunnel, end, number=999):
    passes(tunnel, number)
    row, = is_recorded(end, f"/mirror?{number}")
    with Record(end.data) as record:
        assert record.body(row["seq"], RESPONSE) == bodies.make(number, 100_000)
        assert record.number("PRAGMA integrity_check") == "ok"


def warnings(end):
    return [line for line in end.text("stderr").splitlines()
            if "record" in line and not re.search(" (info|debug) aditd: ", line)]


def start(directory, which, make):
    """Starts a tunnel after `make` has prepared the data directory of `which`."""
    name = {"agent": "adit", "relay": "aditd"}[which]
    data = directory / name
    data.mkdir(parents=True, mode=0o700)
    make(data)
    return harness.Tunnel(directory, compare=False)


# State of the record at the start.

def good_record(data):
    with Record(data, create=True) as record:
        record.fill(2000)
    for path in data.glob("record.db-*"):
        path.unlink()


def garbage(data):
    (data / "record.db").write_bytes(os.urandom(100_000))


def truncated(data):
    good_record(data)
    os.truncate(data / "record.db", 50_000)


def corrupted(data):
    good_record(data)
    with open(data / "record.db", "r+b") as file:
        for page in range(1, 100):
            file.seek(4096 * page)
            file.write(os.urandom(2000))


@pytest.mark.parametrize("make", [garbage, truncated, corrupted])
@BOTH
def test_a_damaged_record_is_put_aside(tmp_path, which, make):
    with start(tmp_path, which, make) as tunnel:
        end = program(tunnel, which)
        passes(tunnel, 1)
        end.wait_for("the record was damaged and is now .*damaged-", "stderr")
        recording_goes_on(tunnel, end)
        assert len(warnings(end)) <= 2, warnings(end)
        kept = [path for path in end.data.glob("record.db.damaged-*") if path.suffix != ".db"]
        assert kept and any(path.stat().st_size >= 50_000 for path in kept)


@BOTH
def test_a_later_versions_record_is_left_alone(tmp_path, which):
    def later(data):
        good_record(data)
        with sqlite3.connect(data / "record.db") as db:
            db.execute("PRAGMA user_version=1000")
        db.close()
    with start(tmp_path, which, later) as tunnel:
        end = program(tunnel, which)
        before = (end.data / "record.db").read_bytes()
        for number in range(5):
            passes(tunnel, number)
        end.wait_for("cannot be written: a later version of adit has created it", "stderr")
        end.stop()
        assert (end.data / "record.db").read_bytes() == before
        assert 1 <= len(warnings(end)) <= 2, warnings(end)  # the second reports the losses


# Trouble while the program runs.

def overwrite(path):
    with open(path, "r+b") as file:
        file.write(os.urandom(max(path.stat().st_size, 200_000)))


def cut(path):
    os.truncate(path, 5000)


def replace(path):
    other = path.with_name("other")
    other.write_bytes(os.urandom(100_000))
    os.replace(other, path)


def remove(path):
    path.unlink()


# More bytes than SQLite's cache holds, in a record at its limit: SQLite reads damaged pages.
BEFORE, SIZE = 120, ("--limit", f"record-size={20 * MIB}")


@pytest.mark.parametrize("how", [overwrite, cut, replace, remove])
@BOTH
def test_a_record_that_breaks_while_it_is_written(tmp_path, which, how):
    with harness.Relay(tmp_path, *SIZE) as relay, \
            harness.Tunnel(tmp_path, *SIZE, relay=relay, compare=False) as tunnel:
        end = program(tunnel, which)
        for number in range(BEFORE):
            passes(tunnel, number)
        is_recorded(end, f"/mirror?{BEFORE - 1}")
        how(end.data / "record.db")
        numbers = iter(range(BEFORE, 10_000))

        def is_well():  # the damage may be noticed later
            number = next(numbers)
            passes(tunnel, number)
            if not re.search("was damaged|was moved or removed", end.text("stderr")):
                return False
            with contextlib.suppress(sqlite3.DatabaseError), Record(end.data) as record:
                return (record.number("PRAGMA integrity_check") == "ok"
                        and record.exchanges(f"target='/mirror?{number - 1}'"))
        until(is_well, "recording has begun again", within=3 * harness.DEADLINE, pause=0.05)
        recording_goes_on(tunnel, end, 20_000)
        assert len(warnings(end)) <= 4, warnings(end)


def test_two_programs_put_one_damaged_record_aside(tmp_path):
    with harness.Relay(tmp_path) as relay, harness.Origin() as origin:
        of = {"relay": relay, "origin": origin, "compare": False}
        with harness.Tunnel(tmp_path, *SIZE, **of) as first, \
                harness.Tunnel(tmp_path, *SIZE, **of) as second:
            both = (first, second)
            for number in range(BEFORE):
                for at, tunnel in enumerate(both):
                    passes(tunnel, 2 * number + at)
            is_recorded(second.agent, f"/mirror?{2 * BEFORE - 1}")
            overwrite(first.agent.data / "record.db")
            numbers = iter(range(2 * BEFORE, 10_000))

            def are_well():
                number = next(numbers)
                for at, tunnel in enumerate(both):
                    assert tunnel.fetch("GET", f"/bytes?size=99999&{number}-{at}").status == 200
                if not any("was damaged" in tunnel.agent.text("stderr") for tunnel in both):
                    return False
                with contextlib.suppress(sqlite3.DatabaseError), \
                        Record(first.agent.data) as record:
                    return (record.number("PRAGMA integrity_check") == "ok" and
                            len(record.exchanges(f"target LIKE '/%&{number - 1}-_'")) == 2)
            until(are_well, "both record again", within=3 * harness.DEADLINE, pause=0.05)
            for at, tunnel in enumerate(both):
                recording_goes_on(tunnel, tunnel.agent, 20_000 + at)
        with Record(tmp_path / "adit") as record:
            assert record.number("PRAGMA integrity_check") == "ok"
            assert len(record.exchanges("target LIKE '/mirror?2000_'")) == 2


def test_a_record_locked_by_another_program_is_waited_for(own_tunnel):
    tunnel, end = own_tunnel, own_tunnel.agent
    passes(tunnel, 1)
    is_recorded(end, "/mirror?1")
    other = sqlite3.connect(end.data / "record.db", isolation_level=None,
                            timeout=harness.DEADLINE)
    other.execute("BEGIN EXCLUSIVE")
    for number in range(2, 12):
        passes(tunnel, number)
    end.wait_for("cannot be written: another process keeps it locked", "stderr")
    passes(tunnel, 12)
    other.execute("COMMIT")
    other.close()
    end.wait_for("the record is written again; 0 exchanges are missing", "stderr",
                 within=3 * harness.DEADLINE)
    for number in range(2, 13):
        is_recorded(end, f"/mirror?{number}")
    assert len(warnings(end)) == 2
    recording_goes_on(tunnel, end)


class Peak:
    """The peak memory of programs, compared with their memory at the start."""

    def __init__(self, *ends):
        self.ends = ends
        self.before = [end.resident() for end in ends]
        self.most = list(self.before)
        self.over = threading.Event()
        self.thread = threading.Thread(target=self._watch)

    def _watch(self):
        while not self.over.wait(0.01):
            self.most = [max(most, end.resident()) for most, end in zip(self.most, self.ends)]

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.over.set()
        self.thread.join()

    def check(self):
        if harness.MEMORY_IS_THEIRS:
            for before, most in zip(self.before, self.most):
                assert most - before <= HELD, (before, most)


@BOTH
def test_what_does_not_fit_is_counted_and_memory_is_bounded(tmp_path, which):
    count = 60
    with harness.Tunnel(tmp_path) as tunnel:
        end = program(tunnel, which)
        passes(tunnel, 1)
        is_recorded(end, "/mirror?1")
        with Peak(end) as peak, Faults(end.pid, tmp_path / "strace", "pwritev:error=ENOSPC",
                                       within=harness.DEADLINE):
            for number in range(2, count):
                passes(tunnel, number, MIB)
            for number in range(count, 3 * count):
                tunnel.fetch("GET", f"/?{number}")
            end.wait_for("the disk is full", "stderr")
        end.wait_for("the record is written again", "stderr", within=3 * harness.DEADLINE)
        recording_goes_on(tunnel, end)
        passes(tunnel, 1000)
        is_recorded(end, "/mirror?1000")
        peak.check()
        with Record(end.data) as record:
            shed = record.number("SELECT shed FROM writer")
            assert record.number("SELECT exchanges FROM writer") + shed == 3 * count + 1
            missing = record.number("SELECT sum(request_bytes - request_kept + response_bytes"
                                    " - response_kept) FROM exchange")
            # The relay reserves room for the ends of exchanges; small exchanges fit into that room.
            assert missing > 0 and (shed > 0 or which == "relay")
            assert record.number("SELECT shed_bytes FROM writer") == missing
            assert record.number("SELECT count(*) FROM exchange") + shed == 3 * count + 1
            assert record.number("SELECT trouble FROM writer") == "the disk is full"
            for row in record.exchanges("target LIKE '/mirror?%'"):
                number = int(row["target"].partition("?")[2])
                whole = bodies.make(number, row["response_bytes"])
                assert record.body(row["seq"], RESPONSE) == whole[:row["response_kept"]]
                assert row["flags"] & 2 or row["response_kept"] == len(whole)
        told = [line for line in warnings(end) if "are missing so far, and parts of other" in line]
        assert len(told) == 1, warnings(end)
        assert not [line for line in warnings(end) if "faster than" in line]


@BOTH
def test_a_disk_that_takes_its_time_stops_nobody(tmp_path, which):
    with harness.Tunnel(tmp_path) as tunnel:
        end = program(tunnel, which)
        passes(tunnel, 1)
        is_recorded(end, "/mirror?1")
        slow = ("pwrite64:delay_enter=300000", "fdatasync,fsync:delay_enter=2000000")
        with Faults(end.pid, tmp_path / "strace", *slow, within=harness.DEADLINE):
            for number in range(2, 40):
                passes(tunnel, number)
        recording_goes_on(tunnel, end)
        for number in range(2, 40):
            is_recorded(end, f"/mirror?{number}")


@pytest.mark.parametrize("error,says", [("EIO", "the disk reports an error"), ("ENOSPC", "the disk is full"),
                                        ("EROFS", "cannot be written")])
@BOTH
def test_writes_that_fail_are_tried_again(tmp_path, which, error, says):
    with harness.Tunnel(tmp_path) as tunnel:
        end = program(tunnel, which)
        passes(tunnel, 1)
        is_recorded(end, "/mirror?1")
        with Faults(end.pid, tmp_path / "strace", f"pwrite64:error={error}",
                    within=harness.DEADLINE):
            for number in range(2, 12):
                passes(tunnel, number)
            end.wait_for(says, "stderr")
        end.wait_for("the record is written again; 0 exchanges are missing", "stderr")
        recording_goes_on(tunnel, end)
        for number in range(2, 12):
            is_recorded(end, f"/mirror?{number}")


# Disks.

def listed(relay, data):
    """The targets in the record of a relay that has a file system of its own."""
    done = subprocess.run(
        ["nsenter", "-t", str(relay.pid), "-m", harness.BIN / "aditd", "requests", "--json",
         "--limit", "all", "--data", data], capture_output=True, text=True)
    return [json.loads(line)["request"]["target"] for line in done.stdout.splitlines()]


@needs_mounts
def test_a_full_disk_is_waited_for(tmp_path):
    data = tmp_path / "aditd"
    data.mkdir()
    with harness.Relay(tmp_path, prepare=mounts.small_disk(data, 20 * MIB)) as relay:
        filler = pathlib.Path(f"/proc/{relay.pid}/root{data}/filler")
        with harness.Tunnel(tmp_path, relay=relay, compare=False) as tunnel:
            passes(tunnel, 1)
            until(lambda: "/mirror?1" in listed(relay, data), "the first")
            with open(filler, "wb", buffering=0) as file, contextlib.suppress(OSError):
                while True:
                    file.write(b"x" * 4096)
            with Peak(relay) as peak:
                for number in range(2, 40):
                    passes(tunnel, number, 50_000)
                relay.wait_for("cannot be written: the disk is full. Traffic goes on", "stderr")
            assert len([line for line in warnings(relay) if "disk is full" in line]) == 1
            peak.check()
            filler.unlink()
            relay.wait_for("the record is written again; 0 exchanges are missing so far$",
                           "stderr", within=3 * harness.DEADLINE)
            passes(tunnel, 40)
            until(lambda: "/mirror?40" in listed(relay, data), "the last")
            assert set(listed(relay, data)) == {f"/mirror?{number}" for number in range(1, 41)}


@needs_mounts
def test_a_directory_that_may_only_be_read_is_told_at_the_start(tmp_path):
    data = tmp_path / "aditd"
    data.mkdir(mode=0o700)
    good_record(data)
    relay = harness.Program(tmp_path, "aditd", "--listen", "127.0.0.1:0",
                            prepare=mounts.read_only(data))
    assert relay.exit_code() == 1
    assert relay.text("stderr").split(maxsplit=1)[1] == (
        f"error aditd: cannot use the state directory {data}: Read-only file system."
        " Choose one with --data DIR")


@pytest.mark.skipif(os.getuid() != 0, reason="needs another user")
def test_a_record_that_may_only_be_read_is_told(reachable_path):
    """The directory is writable; the record in it belongs to another user."""
    data = reachable_path / "aditd"
    data.mkdir(mode=0o700)
    good_record(data)
    os.chmod(data / "record.db", 0o400)
    os.chown(data, 65534, 65534)
    with harness.Relay(reachable_path, prepare=lambda: os.setuid(65534)) as relay:
        with harness.Tunnel(reachable_path, relay=relay, compare=False) as tunnel:
            passes(tunnel, 1)
            relay.wait_for("cannot be written: it cannot be opened", "stderr")
            passes(tunnel, 2)
    assert len(warnings(relay)) == 2
    assert re.search("the last 2 exchanges could not be recorded", relay.text("stderr"))
