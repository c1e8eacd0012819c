# SPDX-License-Identifier: MIT
"""What a program has spooled is in the record after its death, once and whole."""
import contextlib
import os
import pathlib
import re
import resource
import shutil
import sqlite3
import subprocess
import threading
import time

import bodies
import harness
import mounts
import pytest
from client import Truncated, until
from record import REQUEST, RESPONSE, Record, schema
from test_record_erased import found, marked
from test_record_websocket import SHED, echo, masked, messages, of_side, upgrade
from tunnel_peer import TEXT

KIB, MIB = 1024, 1024 * 1024
MISSING = "cannot be moved"
FILES = 16  # those of SQLite and a command's own; a spool adds one segment, however many it has
TO_SPOOL = 1  # seconds; RECORDER_GATHER_MS is 40, machines that are busy take longer
needs_mounts = pytest.mark.skipif(not mounts.may_mount(), reason="may not mount")
needs_root = pytest.mark.skipif(os.getuid() != 0, reason="needs another user")
KILLED = pytest.mark.parametrize("which", ["agent", "relay", "proxy"])


def make_way(which, directory, *args):
    if which == "proxy":
        return harness.Proxied(directory, *args)
    return harness.Tunnel(directory, *args, compare=False)


def part_of(way, which):
    return way.relay if which == "relay" else way.agent


def begin(part, *words, enter=(), prepare=None):
    """Starts a command over the record of this program."""
    return subprocess.Popen(
        [*enter, harness.BIN / part.name, *words, "--data", part.data], stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        env=harness.environment(part.data), preexec_fn=prepare)


def end(process):
    out, err = process.communicate(timeout=harness.DEADLINE)
    assert process.returncode == 0, (out, err)
    assert not harness.REPORTS.search(err), err
    return out, err


def run(part, *words, **how):
    return end(begin(part, *words, **how))


def all_rows(part):
    return {row["target"]: row for row in recorded(part)}


def recorded(part, where="1"):
    with Record(part.data) as record:
        return record.exchanges(where)


def spool(part):
    return part.data / "spool"


def segments(part):
    return sorted(spool(part).glob("*/*.seg"))


def spooled(part):
    """What is in the spool. A segment may go meanwhile."""
    content = b""
    for path in segments(part):
        with contextlib.suppress(FileNotFoundError):
            content += path.read_bytes()
    return content


@contextlib.contextmanager
def locked(part):
    """Keeps rows from being written, so that all is in the spool alone."""
    db = sqlite3.connect(part.data / "record.db", isolation_level=None, timeout=harness.DEADLINE)
    db.execute("BEGIN IMMEDIATE")
    try:
        yield
    finally:
        db.execute("ROLLBACK")
        db.close()


def target(number):
    return f"/mirror?n{number}-"


def send(way, numbers, size=1000):
    with way.visit() as visitor:
        for number in numbers:
            body = bodies.make(number, size)
            assert visitor.fetch("POST", target(number), body=body).body == body


def is_spooled(way, part):
    """Waits until all that is over is in the spool: what comes later is there too."""
    with way.visit() as visitor:
        visitor.fetch("POST", "/mirror?sentinel", body=b"x")
    until(lambda: b"/mirror?sentinel" in spooled(part), "the sentinel is in the spool")


def has_record(way, part):
    """Waits until the program has opened its record."""
    way.fetch("POST", "/mirror?first", body=b"x")
    run(part, "requests")


def check_rows(part, numbers, size=1000):
    """Each is in the record once, whole."""
    with Record(part.data) as record:
        assert record.number("PRAGMA integrity_check") == "ok"
        for number in numbers:
            rows = record.exchanges(f"target='{target(number)}'")
            assert [row["outcome"] for row in rows] == ["complete"], (number, rows)
            for side in (REQUEST, RESPONSE):
                assert record.body(rows[0]["seq"], side) == bodies.make(number, size)


def leave_spool(way, part, numbers, size=1000):
    """Kills a program whose spool has these exchanges, and the record has none of them."""
    has_record(way, part)
    with locked(part):
        send(way, numbers, size)
        is_spooled(way, part)
        part.kill()
    assert not {target(number) for number in numbers} & {row["target"] for row in recorded(part)}
    if part in getattr(way, "own", ()):
        way.own.remove(part)


class Load:
    """Visitors that ask until they are stopped, or until nobody answers. `answered` has the times
    at which exchanges were over."""

    def __init__(self, way, visitors=4, size=1000, pad=0):
        self.way, self.size = way, size
        self.answered = {}
        self.over = threading.Event()
        self.threads = [threading.Thread(target=self._visit, args=(pad + 1_000_000 * n,))
                        for n in range(1, visitors + 1)]

    def _visit(self, number):
        body = bodies.make(1, self.size)
        with contextlib.suppress(OSError, Truncated), \
                self.way.visit() as visitor:
            while not self.over.is_set():
                answer = visitor.fetch("POST", target(number), body=body)
                if answer.body != body:  # the other end was killed
                    return
                self.answered[number] = time.monotonic()
                number += 1

    def __enter__(self):
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self.over.set()
        for thread in self.threads:
            thread.join()

    def until(self, count):
        until(lambda: len(self.answered) >= count, f"{count} answers")


# Killed.

@KILLED
def test_what_was_answered_before_a_kill_is_in_the_record(tmp_path, which):
    with make_way(which, tmp_path) as way:
        part = part_of(way, which)
        has_record(way, part)
        with Load(way) as load:
            begun = time.monotonic()
            load.until(300)
            until(lambda: time.monotonic() > begun + 2 * TO_SPOOL * harness.PATIENCE, "the load")
            part.kill()
            killed = time.monotonic()
        if part in getattr(way, "own", ()):
            way.own.remove(part)
        safe = [number for number, at in load.answered.items()
                if at < killed - TO_SPOOL * harness.PATIENCE]
        assert len(safe) > 10
        out, err = run(part, "requests", "--limit", "1")
        assert out and MISSING not in err
        body = bodies.make(1, 1000)
        with Record(part.data) as record:
            rows = {}
            for row in record.exchanges("target LIKE '/mirror?n%'"):
                rows.setdefault(row["target"], []).append(row)
            assert all(len(same) == 1 for same in rows.values())
            for number in safe:
                row, = rows[target(number)]
                assert row["outcome"] == "complete", row
                assert {record.body(row["seq"], side) for side in (0, 1)} == {body}
            assert record.number("SELECT count(*) FROM exchange WHERE outcome IS NULL") == 0
            assert record.number("SELECT sum(shed) FROM writer") == 0
        assert list(spool(part).iterdir()) == []
        harness.verify_record(part.name, part.data)
        if which != "proxy":
            other = way.relay if which == "agent" else way.agent
            run(other, "requests", "--limit", "1")
            harness.compare_records(way.agent.data, way.relay.data)
            other.stop()  # long after the last exchange
            way.own.remove(other)
            assert has_ended(other)


def has_ended(part):
    """Whether a program has indexed its spool and ended its writer."""
    with Record(part.data) as record:
        return list(spool(part).iterdir()) == [] and record.number(
            "SELECT (SELECT count(*) FROM spool) + (SELECT count(*) FROM writer"
            " WHERE ended_ns IS NULL)") == 0


def test_messages_are_in_the_record_though_a_kill_was_amid_them(tmp_path):
    early, cut, late = (masked(TEXT, text) for text in (b"early", b"cut by the kill", b"late"))
    with harness.Proxied(tmp_path) as way:
        has_record(way, way.proxy)
        with way.visit() as visitor:
            upgrade(way, visitor, "/socket")
            echo(visitor, [early, cut[:-5]])
            run(way.proxy, "requests")
            with locked(way.proxy):
                echo(visitor, [cut[-5:], late])
                until(lambda: spooled(way.proxy).count(late) == 2, "both are in the spool")
                way.proxy.kill()
        run(way.proxy, "requests")
        row, found = messages(way.proxy, "/socket")
        assert row["outcome"] == "recorder gone" and row["flags"] & SHED
        assert [m["number"] for m in found] == list(range(6))
        for side in (REQUEST, RESPONSE):
            assert of_side(found, side) == [(TEXT, b"early"), (TEXT, b""), (TEXT, b"late")]
            assert [m["size"] for m in found if m["side"] == side] == [5, 15, 4]


def test_two_commands_at_once_see_all_that_a_killed_program_left(tmp_path):
    with harness.Proxied(tmp_path) as way:
        leave_spool(way, way.proxy, range(50))
        both = [begin(way.proxy, "requests", "--limit", "100") for _ in range(2)]
        for out, err in map(end, both):
            assert err == "" and all(target(number) in out for number in range(50)), (out, err)
        check_rows(way.proxy, range(50))


def test_a_command_recovers_while_another_program_writes(tmp_path):
    with harness.Proxied(tmp_path) as one, harness.Proxied(tmp_path) as two, \
            harness.Proxied(tmp_path) as three:
        for way in (one, two, three):
            has_record(way, way.proxy)
        with Load(two, 2, pad=100_000_000) as load:
            leave_spool(one, one.proxy, range(50))
            count = len(load.answered)
            out, err = run(two.proxy, "requests", "query~n49-")
            assert target(49) in out and err == ""
            load.until(count + 10)
        check_rows(one.proxy, range(50))
        run(two.proxy, "requests", "--limit", "1")
        targets = [row["target"] for row in recorded(two.proxy)]
        assert {target(number) for number in load.answered} <= set(targets)
        assert targets.count("/mirror?first") == 3 + 1
        with Record(two.proxy.data) as record:
            assert record.number("SELECT count(*) FROM writer WHERE ended_ns IS NULL") == 2


def test_the_next_program_recovers(tmp_path):
    with harness.Proxied(tmp_path) as way:
        leave_spool(way, way.proxy, range(50))
        with harness.Proxied(tmp_path, origin=way.origin):
            until(lambda: target(49) in {row["target"] for row in recorded(way.proxy)}, "the rows")
            check_rows(way.proxy, range(50))


def test_what_grew_too_old_in_a_spool_goes_once_it_is_in_the_record(tmp_path):
    with harness.Proxied(tmp_path) as way:
        leave_spool(way, way.proxy, range(10))
        with harness.Proxied(tmp_path, "--limit", "record-age=1s", origin=way.origin) as later:
            until(lambda: not segments(way.proxy), "the rows")

            def are_gone():
                later.fetch("GET", "/mirror?looks")
                return not recorded(way.proxy, "target LIKE '/mirror?n%'")
            until(are_gone, "what is too old goes")


# Trouble with the spool.

def open_to_all(directory):
    directory.chmod(0o777)
    return lambda: directory.chmod(0o700)


def of_another(directory):
    os.chown(directory, 65534, -1)
    return lambda: os.chown(directory, os.getuid(), -1)


@pytest.mark.parametrize("spoil", [open_to_all, pytest.param(of_another, marks=needs_root)])
def test_a_spool_that_others_may_write_is_told_and_left(tmp_path, spoil):
    with harness.Proxied(tmp_path) as way:
        leave_spool(way, way.proxy, range(10))
        directory, = spool(way.proxy).iterdir()
        mend = spoil(directory)
        for _ in range(2):
            out, err = run(way.proxy, "requests")
            assert "first" in out and MISSING in err and str(spool(way.proxy)) in err
        assert segments(way.proxy)
        mend()
        assert run(way.proxy, "requests")[1] == ""
        check_rows(way.proxy, range(10))


@needs_root
def test_root_recovers_what_a_killed_program_of_a_user_left(reachable_path):
    data = reachable_path / "adit"
    data.mkdir(mode=0o700)
    os.chown(data, 65534, 65534)

    def as_nobody():
        os.setgroups([])
        os.setgid(65534)
        os.setuid(65534)
    with harness.Proxied(reachable_path, prepare=as_nobody) as way:
        leave_spool(way, way.proxy, range(10))
        out, err = run(way.proxy, "delete", f"target={target(0)}", "--yes")
        assert out.startswith("deleted 1 ") and err == ""
        assert all(path.stat().st_uid == 65534 for path in data.rglob("*"))
        check_rows(way.proxy, range(1, 10))
        assert not recorded(way.proxy, f"target='{target(0)}'")


@needs_mounts
def test_a_command_that_may_only_read_says_what_is_missing(tmp_path):
    with harness.Proxied(tmp_path) as way:
        leave_spool(way, way.proxy, range(10))
        out, err = run(way.proxy, "requests", prepare=mounts.read_only(way.proxy.data))
        assert MISSING in err and "first" in out
        assert run(way.proxy, "requests")[1] == ""
        check_rows(way.proxy, range(10))


def test_junk_in_a_spool_holds_up_nothing(tmp_path):
    with harness.Proxied(tmp_path) as way:
        leave_spool(way, way.proxy, range(10))
        directory, = spool(way.proxy).iterdir()
        segment = segments(way.proxy)[-1]
        with open(segment, "ab") as file:  # the end of a batch that was cut
            file.write(segment.read_bytes()[100:3000])
        (directory / "00000999.seg").write_bytes(os.urandom(50_000))
        (directory / "00000998.seg").write_bytes(segment.read_bytes())
        (directory / "junk").write_bytes(os.urandom(5000))
        (spool(way.proxy) / "file").write_bytes(b"junk")
        (spool(way.proxy) / "empty").mkdir()
        out, err = run(way.proxy, "requests")
        assert target(9) in out and "damaged or missing" in err
        check_rows(way.proxy, range(10))
        assert run(way.proxy, "requests")[1] == "" and not segments(way.proxy)
        with Record(way.proxy.data) as record:
            assert record.number("SELECT count(*) FROM writer WHERE ended_ns IS NULL") == 0
        (directory / "junk").unlink()


@pytest.mark.parametrize("way_of", ["remove", "move"])
def test_a_spool_that_goes_while_its_program_runs_loses_nothing(tmp_path, way_of):
    with harness.Proxied(tmp_path) as way:
        has_record(way, way.proxy)
        with locked(way.proxy):
            send(way, range(10))
            is_spooled(way, way.proxy)
            if way_of == "remove":
                shutil.rmtree(spool(way.proxy))
            else:
                spool(way.proxy).rename(way.proxy.data / "elsewhere")
            send(way, range(10, 20))
        assert run(way.proxy, "requests")[1] == ""
        send(way, range(20, 30))
        assert run(way.proxy, "requests")[1] == ""
        check_rows(way.proxy, range(30))


def test_a_directory_that_is_moved_away_has_what_was_before(tmp_path):
    with harness.Proxied(tmp_path) as way:
        has_record(way, way.proxy)
        send(way, range(10))
        run(way.proxy, "requests")
        way.proxy.data.rename(tmp_path / "away")
        way.proxy.data.mkdir(0o700)
        send(way, range(10, 20))
        until(lambda: (way.proxy.data / "record.db").exists(), "another record")
        until(lambda: (run(way.proxy, "requests"), way.proxy.data / "record.db")[1].exists()
              and target(19) in {row["target"] for row in recorded(way.proxy)}, "the rows")
        check_rows(way.proxy, range(10, 20))
        with Record(tmp_path / "away") as record:
            assert record.number("SELECT count(*) FROM exchange WHERE target LIKE '/mirror?n%'"
                                 " AND outcome='complete'") == 10


# A record that cannot be written.

def test_a_record_that_is_locked_for_long_sheds_nothing(tmp_path):
    size = 30_000
    with harness.Proxied(tmp_path) as way:
        has_record(way, way.proxy)
        with locked(way.proxy):
            send(way, range(100), size)
            way.proxy.wait_for("cannot be written", "stderr")
            send(way, range(100, 200), size)
        out, err = run(way.proxy, "requests", "--limit", "1")
        assert target(199) in out
        check_rows(way.proxy, range(200), size)
        with Record(way.proxy.data) as record:
            assert record.number("SELECT sum(shed) + sum(shed_bytes) FROM writer") == 0


def test_what_a_full_spool_loses_is_counted(tmp_path):
    """A spool that has eleven sixteenths of the record's size loses what is oldest."""
    with harness.Proxied(tmp_path, "--limit", "record-size=4m") as way:
        has_record(way, way.proxy)

        def has_lost():
            content = spooled(way.proxy)
            return len(content) >= 2 * MIB and target(0).encode() not in content
        with locked(way.proxy):
            send(way, range(100), 50_000)
            until(has_lost, "the oldest is gone")
            assert len(spooled(way.proxy)) < 3.25 * MIB
        assert target(99) in run(way.proxy, "requests", "--limit", "1")[0]
        with Record(way.proxy.data) as record:
            shed = record.number("SELECT sum(shed) FROM writer")
            kept = [row["target"] for row in record.exchanges("target LIKE '/mirror?n%'")]
            assert record.number("SELECT sum(exchanges) FROM writer") == 101 - shed
        assert kept and kept[-1] == target(99) and 0 < shed < 100
        check_rows(way.proxy, range(99, 100), 50_000)


def test_a_program_that_ends_while_its_record_is_locked_leaves_a_spool(tmp_path):
    with harness.Proxied(tmp_path) as way:
        has_record(way, way.proxy)
        with locked(way.proxy):
            send(way, range(50))
            way.proxy.stop()
        assert run(way.proxy, "requests")[1] == ""
        check_rows(way.proxy, range(50))
        assert list(spool(way.proxy).iterdir()) == []


@KILLED
def test_a_stop_right_behind_a_burst_loses_nothing(tmp_path, which):
    with make_way(which, tmp_path) as way:
        part = part_of(way, which)
        has_record(way, part)
        with Load(way, 4) as load:
            load.until(400)
        part.stop()
        if part in getattr(way, "own", ()):
            way.own.remove(part)
        assert has_ended(part)
        targets = [row["target"] for row in recorded(part, "outcome='complete'")]
        assert {target(number) for number in load.answered} <= set(targets)
        assert len(set(targets)) == len(targets)


@needs_mounts
def test_a_full_disk_is_recovered_from(tmp_path):
    data = tmp_path / "adit"
    data.mkdir()
    with harness.Proxied(tmp_path, prepare=mounts.small_disk(data, 20 * MIB)) as way:
        seen = pathlib.Path(f"/proc/{way.proxy.pid}/root{data}")
        has_record_in(way, seen)
        filler = open(seen / "filler", "wb", buffering=0)
        with filler as file, contextlib.suppress(OSError):
            while True:
                file.write(b"x" * 4096)
        send(way, range(50), 50_000)
        way.proxy.wait_for("cannot be written: the disk is full", "stderr")
        (seen / "filler").unlink()
        way.proxy.wait_for("the record is written again", "stderr")
        enter = ["nsenter", "-t", str(way.proxy.pid), "-m"]
        out, err = run(way.proxy, "requests", "--limit", "100", enter=enter)
        assert all(target(number) in out for number in range(50))


def has_record_in(way, seen):
    way.fetch("POST", "/mirror?first", body=b"x")
    until(lambda: (seen / "record.db").exists(), "a record")


# What must not stay.

def test_delete_reaches_the_spool_under_load(tmp_path):
    with harness.Proxied(tmp_path) as way:
        has_record(way, way.proxy)
        with Load(way, 3) as load:
            load.until(50)
            for round in range(5):
                numbers = range(10 * round, 10 * round + 10)
                for number in numbers:
                    kind = "gone" if number % 2 else "kept"
                    way.fetch("POST", f"/mirror?{kind}", body=marked(number, 20_000))
                run(way.proxy, "delete", "target=/mirror?gone", "--yes")
                left = {int(number) for number in re.findall(rb"SECRET(\d{6})\|",
                                                             spooled(way.proxy))}
                assert not [number for number in left if number % 2]
        run(way.proxy, "delete", "target=/mirror?gone", "--yes")
        assert not [number for number in found(way.proxy.data) if number % 2]


def serves(relay, agent):
    with relay.visit(agent.host) as visitor:
        return visitor.fetch("POST", "/mirror?begin", body=b"x").status == 200


def size_of(directory):
    total = 0
    for path in directory.rglob("*"):
        with contextlib.suppress(FileNotFoundError):
            total += path.stat().st_size
    return total


def test_record_size_bounds_the_spool_too(tmp_path):
    limit = 16 * MIB
    with harness.Tunnel(tmp_path, compare=False) as quiet, harness.Agent(
            tmp_path / "loud", quiet.relay, quiet.origin.address) as loud:
        quiet.relay.stop()
        quiet.own.remove(quiet.relay)
        quiet.relay = harness.Relay(tmp_path, "--limit", f"record-size={limit >> 20}m",
                                    port=quiet.relay.port)
        quiet.own.insert(0, quiet.relay)
        for agent in (quiet.agent, loud):
            until(lambda: serves(quiet.relay, agent), "both tunnels")
        send(quiet, range(10))
        body = bodies.make(5, 200_000)
        largest = 0
        for _ in range(3 * limit // (2 * len(body))):
            with quiet.relay.visit(loud.host) as visitor:
                assert visitor.fetch("POST", "/mirror?loud", body=body).status == 200
            largest = max(largest, size_of(quiet.relay.data))
        send(quiet, range(10, 20))
        run(quiet.relay, "requests", "--limit", "1")
        # the database, an eighth more, its log, and the spool's part
        assert largest < 2.5 * limit, largest
        check_rows(quiet.relay, range(20))


# Old records, and few files.

def test_a_record_of_an_earlier_version_is_taken_over(tmp_path):
    data = tmp_path / "adit"
    data.mkdir(0o700)
    old = schema()[:schema().index("ALTER TABLE exchange ADD COLUMN slot")]
    with contextlib.closing(sqlite3.connect(data / "record.db")) as db:
        db.executescript(f"PRAGMA auto_vacuum=INCREMENTAL; PRAGMA journal_mode=WAL; {old}"
                         f" PRAGMA application_id={0x61646974}; PRAGMA user_version=3;")
        record = Record.__new__(Record)
        record.directory, record.path, record.db = data, data / "record.db", db
        record.next, record.tunnels = 1, {}
        record.writer("adit http")
        record.add(target="/old", request=b"x" * 100_000)
        record.running(target="/ran")
        db.commit()
    os.chmod(data / "record.db", 0o600)
    with harness.Proxied(tmp_path) as way:
        send(way, range(10))
        out, err = run(way.proxy, "requests")
        assert "/old" in out and "/ran" in out and target(9) in out and err == ""
        check_rows(way.proxy, range(10))
        leave_spool(way, way.proxy, range(10, 20))
        run(way.proxy, "requests")
        check_rows(way.proxy, range(20))
        with Record(data) as record:
            assert record.number("SELECT outcome FROM exchange WHERE target='/ran'") == \
                "recorder gone"


def few_files(count):
    return lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (count, count))


def test_few_files_are_enough_to_recover_many_segments(tmp_path):
    with harness.Proxied(tmp_path, "--limit", "record-size=4m") as way:
        has_record(way, way.proxy)
        with locked(way.proxy):
            for number in range(12):
                send(way, [number], 60_000)
                until(lambda: target(number).encode() in spooled(way.proxy), "it is spooled")
            is_spooled(way, way.proxy)
            way.proxy.kill()
        assert len(segments(way.proxy)) > 5
        assert run(way.proxy, "requests", prepare=few_files(FILES))[1] == ""
        check_rows(way.proxy, range(12), 60_000)
        assert not segments(way.proxy)
