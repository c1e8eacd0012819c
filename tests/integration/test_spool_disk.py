# SPDX-License-Identifier: MIT
"""A disk that is full while a program appends to its spool: traffic goes on, and each exchange is in
the record once, or counted as missing."""
import contextlib
import os
import pathlib
import subprocess
import sys

import bodies
import harness
import mounts
import pytest
import spool
from client import until
from record import RESPONSE, Record

KIB, MIB = 1024, 1024 * 1024
DISK = 160 * MIB  # what waits in memory, its rows and their log
# Copies a record in one transaction. SQLite would follow /proc/PID/root as a symbolic link.
COPY = """import sqlite3, sys
with sqlite3.connect(f"file:{sys.argv[1]}?mode=ro", uri=True) as db:
    assert db.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    db.execute("VACUUM INTO ?", sys.argv[2:])
"""
# Truncates the log, and holds the record until its input ends: no rows can be written then.
LOCK = """import sqlite3, sys
db = sqlite3.connect(sys.argv[1], isolation_level=None, timeout=60)
while db.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0]:
    pass
db.execute("BEGIN IMMEDIATE")
print(end="x", flush=True)
sys.stdin.read()
"""
ROOM = 100 * KIB  # for a part of a batch
FULL_RECORD = 64 * MIB
FULL = "cannot be written: the disk is full. Traffic goes on"
pytestmark = pytest.mark.skipif(not mounts.may_mount(), reason="may not mount")


class Disk:
    """A disk that only a proxy and its commands see; it outlives the proxy."""

    def __init__(self, directory, size=DISK, *args):
        self.data, self.copy = directory / "adit", directory / "copy"
        self.data.mkdir()
        self.copy.mkdir()
        self.way = harness.Proxied(directory, *args, prepare=mounts.small_disk(self.data, size))
        self.holder = subprocess.Popen(self.inside(self.way.proxy.pid, "cat"),
                                       stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self.holder.stdin.write(b"x")  # comes back from where the disk is seen
        self.holder.stdin.flush()
        assert self.holder.stdout.read(1) == b"x"
        self.seen = pathlib.Path(f"/proc/{self.holder.pid}/root{self.data}")
        self.sent = 0

    @staticmethod
    def inside(pid, *words):
        return ["nsenter", "-t", str(pid), "-m", *words]

    def __enter__(self):
        return self

    def __exit__(self, kind, *_):
        if kind:
            print(self.way.proxy.report())
        self.way.close()
        self.holder.communicate()

    def fill(self):
        with open(self.seen / "filler", "wb", buffering=0) as file:
            room = os.statvfs(self.seen)
            os.posix_fallocate(file.fileno(), 0, max(1, (room.f_bavail - 16) * room.f_frsize))
            file.seek(0, os.SEEK_END)
            with contextlib.suppress(OSError):
                while True:
                    file.write(b"x" * 4096)
            file.truncate(file.tell() - ROOM)

    def empty(self):
        (self.seen / "filler").unlink()

    def send(self, count, size):
        """Each is answered, whatever the disk does."""
        for number in range(self.sent, self.sent + count):
            body = bodies.make(number, size)
            assert self.way.fetch("POST", f"/mirror?{number}", body=body).body == body
        self.sent += count

    def run(self, *words):
        done = subprocess.run(self.inside(self.holder.pid, *words), stdin=subprocess.DEVNULL,
                              capture_output=True, text=True, timeout=harness.DEADLINE,
                              env=harness.environment(self.data))
        assert done.returncode == 0 and not harness.REPORTS.search(done.stderr), done
        return done

    def listed(self):
        """Has all rows written, and returns what `requests` says."""
        return self.run(harness.BIN / "adit", "requests", "--limit", "1", "--data", self.data)

    def record(self):
        (self.copy / "record.db").unlink(missing_ok=True)
        self.run(sys.executable, "-c", COPY, self.data / "record.db", self.copy / "record.db")
        return Record(self.copy)

    def check_rows(self):
        """Each exchange is there once at most, with the bytes that it had. Returns the numbers."""
        found = []
        with self.record() as record:
            for row in record.exchanges("target LIKE '/mirror?%'"):
                number = int(row["target"].partition("?")[2])
                whole = bodies.make(number, row["response_bytes"])
                assert record.body(row["seq"], RESPONSE) == whole[:row["response_kept"]]
                assert row["response_kept"] == len(whole) or row["flags"] & 2
                found.append(number)
        assert len(set(found)) == len(found)
        return found


@pytest.fixture
def disk(tmp_path):
    with Disk(tmp_path) as disk:
        disk.send(10, 50 * KIB)
        disk.listed()
        assert disk.check_rows() == list(range(10))
        yield disk


def test_what_memory_does_not_hold_while_the_disk_is_full_is_counted(disk):
    proxy = disk.way.proxy
    disk.fill()
    disk.send(60, MIB)  # twice that in events, three times what waits in memory
    proxy.wait_for(FULL, "stderr")
    disk.send(300, 1)
    disk.empty()
    told = proxy.wait_for(r"the record is written again; (\d+) exchanges are missing so far, and"
                          " parts of other exchanges' bodies", "stderr",
                          within=3 * harness.DEADLINE)
    disk.send(10, 50 * KIB)
    assert "/mirror?379" in disk.listed().stdout
    found = disk.check_rows()
    assert set(range(10)) | set(range(370, 380)) <= set(found)
    with disk.record() as record:
        shed, count, trouble = (record.number(f"SELECT {column} FROM writer")
                                for column in ("shed", "exchanges", "trouble"))
        missing = record.number("SELECT sum(request_bytes - request_kept + response_bytes"
                                " - response_kept) FROM exchange")
        assert record.number("SELECT shed_bytes FROM writer") == missing > 0
    assert len(found) == count and count + shed == disk.sent and shed == int(told[1])
    assert trouble == "the disk is full"
    text = proxy.text("stderr")
    assert text.count(FULL) == 1 and "faster than" not in text


def test_a_spool_that_has_filled_the_disk_makes_room_for_rows(tmp_path):
    """The record is at its limit and would fit. Nobody else frees anything, and the log has no room."""
    with Disk(tmp_path, FULL_RECORD * 3 // 2, "--limit", f"record-size={FULL_RECORD}") as disk:
        for _ in range(FULL_RECORD // (16 * MIB)):
            disk.send(8, MIB)  # both ways
            disk.listed()
        lock = subprocess.Popen(disk.inside(disk.holder.pid, sys.executable, "-c", LOCK,
                                            disk.data / "record.db"),
                                stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        assert lock.stdout.read(1) == b"x"
        while FULL not in disk.way.proxy.text("stderr"):
            disk.send(4, MIB)
        lock.communicate()

        def one_more_has_a_row():
            disk.send(1, 50 * KIB)  # what is sent while the disk is still full may be lost, which is told
            return f"/mirror?{disk.sent - 1}" in disk.listed().stdout
        until(one_more_has_a_row, "rows have room", 3 * harness.DEADLINE)
        assert disk.sent - 1 in disk.check_rows()


def all_is_whole(disk):
    """Whether all bytes of the spool's segments count: a batch that did not fit has left none."""
    segments = [segment for one in spool.spools(disk.seen) for segment in spool.segments(one)]
    return segments and all(segment.counts for segment in segments)


def test_a_program_that_ends_on_a_full_disk_says_how_many_are_missing(disk):
    disk.fill()
    disk.send(20, 200 * KIB)
    disk.way.proxy.wait_for(FULL, "stderr")
    disk.way.proxy.stop()
    told = disk.way.proxy.wait_for(r"the last (\d+) exchanges could not be recorded: the disk is"
                                   " full", "stderr")
    assert not spool.spools(disk.seen) or all_is_whole(disk)
    disk.empty()
    disk.listed()
    found = disk.check_rows()
    assert len(found) + int(told[1]) == disk.sent and found == list(range(len(found)))
    assert not spool.spools(disk.seen)


def test_a_program_that_is_killed_on_a_full_disk_leaves_what_it_had_appended(disk):
    disk.fill()
    disk.send(20, 200 * KIB)
    disk.way.proxy.wait_for(FULL, "stderr")
    disk.way.proxy.kill()
    disk.empty()
    disk.listed()
    found = disk.check_rows()
    assert found == list(range(len(found))) and len(found) >= 10
    with disk.record() as record:
        assert record.number("SELECT count(*) FROM exchange WHERE outcome IS NULL") == 0
    assert not spool.spools(disk.seen)
