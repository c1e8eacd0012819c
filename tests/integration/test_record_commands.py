# SPDX-License-Identifier: MIT
"""requests, stats and delete over a record."""
import fcntl
import json
import os
import pty
import re
import signal
import struct
import subprocess
import termios
import time

import harness
import pytest
from record import RESPONSE, SECOND, Record


def run(directory, *args, program="adit", status=0):
    """Runs a command on the record of `directory`, and waits. Returns stdout and stderr."""
    done = subprocess.run(
        [harness.BIN / program, *map(str, args), "--data", directory], text=True, errors="replace",
        stdin=subprocess.DEVNULL, capture_output=True, timeout=harness.DEADLINE,
        env=harness.environment(directory))
    assert done.returncode == status, done
    assert not harness.REPORTS.search(done.stderr), done.stderr
    return done.stdout, done.stderr


def objects(directory, *args):
    return [json.loads(line) for line in run(directory, *args, "--json")[0].splitlines()]


@pytest.fixture
def record(tmp_path):
    with Record(tmp_path / "data", create=True) as made:
        yield made


class Following:
    """A running `requests --follow`."""

    def __init__(self, record, *args):
        self.program = harness.Program(
            record.directory, "adit", "requests", *args, "--follow", "--data", record.directory,
            data=False)

    def __enter__(self):
        return self.program

    def __exit__(self, *_):
        self.program.kill()


# requests

def test_the_newest_are_listed_the_newest_last(record):
    record.fill(60)
    listed = objects(record.directory, "requests")
    assert [x["seq"] for x in listed] == list(range(11, 61))
    assert [x["seq"] for x in objects(record.directory, "requests", "--limit", 2)] == [59, 60]
    everything = objects(record.directory, "requests", "--limit", "all")
    assert [x["seq"] for x in everything] == list(range(1, 61))
    assert objects(record.directory, "requests", "--limit", 0) == []


def test_a_line_tells_what_passed(record):
    id_ = record.add(method="POST", target="/a?b", response=b"x" * 4096, status=201,
                     duration_ns=12_345_678)
    out, err = run(record.directory, "requests")
    assert re.fullmatch(
        rf"{id_}  2023-11-14T22:13:21\+00:00  201     4\.0 KiB    12\.3 ms  POST   /a\?b\n", out)
    assert err == ""


def test_json_has_the_columns(record):
    id_ = record.add(target="/\xff", visitor="::1", error="ADIT-LOOP", replay_of="0" * 16)
    shown, = objects(record.directory, "requests")
    row, = record.exchanges()
    for name in ("seq", "id", "began_ns", "visitor", "outcome", "error", "replay_of",
                 "duration_ns"):
        assert shown[name] == row[name], name
    for name in ("protocol", "method", "scheme", "host", "target"):
        assert shown["request"][name] == row[name], name
    assert shown["response"]["status"] == row["status"]
    for side in ("request", "response"):
        for name in ("bytes", "kept", "stalled_ns"):
            assert shown[side]["body"][name] == row[f"{side}_{name}"], name
    assert shown["id"] == id_ and shown["tunnel"] == "web" and shown["program"] == "adit http"
    assert shown["began"].startswith("2023-11-14T22:13:21.") and shown["connect_ns"] is None


def test_how_it_ended_is_told_when_it_did_not_end_well(record):
    record.add(outcome="visitor gone")
    record.add(outcome="refused", error="ADIT-NO-TUNNEL")
    record.running()
    out, _ = run(record.directory, "requests")
    ends = [line.rpartition("  ")[2] for line in out.splitlines()]
    assert ends == ["visitor gone", "ADIT-NO-TUNNEL", "recorder gone"]
    with record.lives():
        out, _ = run(record.directory, "requests")
        assert out.splitlines()[2].endswith("  running")


def test_bytes_of_visitors_do_not_reach_the_terminal_raw(record):
    record.add(target="/\x1b]0;x\x07\x9b31m\u202e\n", method="A\x1b", host="\x1b[2J",
               outcome="\x1b[m", visitor="\x1b")
    for args in (["requests"], ["requests", "--json"], ["stats"], ["stats", "--by", "host"],
                 ["stats", "--by", "method"], ["stats", "--json"]):
        out, err = run(record.directory, *args)
        assert not re.search(r"[\x00-\x09\x0b-\x1f\x7f-\x9f\u202e]", out + err), args


def test_several_words_are_one_filter(record):
    record.fill(6, lambda n: {"status": 500 + n, "method": "PUT" if n % 2 else "GET"})
    found = objects(record.directory, "requests", "method=PUT", "status>=503")
    assert [x["response"]["status"] for x in found] == [503, 505]
    same = objects(record.directory, "requests", "method=PUT status>=503")
    assert same == found


def test_a_mistake_in_a_filter_is_shown_and_exits_2(record):
    for command in (["requests"], ["stats"], ["delete", "--yes"]):
        out, err = run(record.directory, *command, "status>=", status=2)
        assert out == "" and "status>=" in err and "^" in err


def test_losses_and_trouble_are_told(record):
    record.writer("aditd", shed=3, shed_bytes=4096, trouble="the disk is full\x1b[m")
    for command in ("requests", "stats"):
        out, err = run(record.directory, command)
        assert "3 exchanges and 4.0 KiB" in err and r"the disk is full\x1b[m" in err
        assert "disk" not in out


@pytest.mark.parametrize("columns", [80, 100, 150])
def test_lines_fit_a_terminal_and_have_colours_there(record, columns):
    record.add(target="/" + "é" * 500)
    record.add(target="/" + "é" * 500, method="POST")
    parent, child = pty.openpty()
    fcntl.ioctl(child, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
    command = [harness.BIN / "adit", "requests", "--limit", "1", "--data", record.directory]
    outputs = []
    for more in ({}, {"NO_COLOR": "1"}):
        subprocess.run(command, stdout=child, stderr=subprocess.PIPE, timeout=harness.DEADLINE,
                       env={**harness.environment(record.directory), "TERM": "xterm", **more})
        came = b""
        while came.count(b"\n") < 2:
            came += os.read(parent, 65536)
        heading, line = came.decode().splitlines()
        assert re.match(r"(\x1b\[2m)?ID +TIME UTC +STATUS +SIZE +DURATION +METHOD PATH", heading)
        outputs.append(line)
    os.close(parent)
    os.close(child)
    assert "\x1b[32m200\x1b[0m" in outputs[0] and "\x1b" not in outputs[1]
    assert outputs[1].endswith("…") and len(outputs[1]) == columns
    assert re.sub(r"\x1b\[\d+m", "", outputs[0]) == outputs[1]


# --follow

def test_follow_prints_what_comes_and_what_ends(record):
    old = record.add()
    with record.lives():
        before = record.running(target="/before")
        with Following(record) as program:
            program.wait_for(f"^{old} ")
            program.wait_for(rf"^{before} .* running$")
            new = record.add(target="/new")
            program.wait_for(f"^{new} .*/new  +web.localhost:7080$")
            later = record.running(target="/later")
            program.wait_for(rf"^{later} .* running$")
            for id_ in (before, later):
                record.db.execute("UPDATE exchange SET outcome='complete', status=200,"
                                  " duration_ns=5000000 WHERE id=?", (id_,))
                program.wait_for(f"^{id_} .* 5.0 ms .* web.localhost:7080$")
            program.stop(signal.SIGINT)
            assert len(program.printed["stdout"]) == 6  # one line per end


def test_follow_prints_what_matches_in_the_end(record):
    with record.lives(), Following(record, "status=503") as program:
        id_ = record.running()
        record.add(status=503, target="/first")
        program.wait_for("/first ")
        record.db.execute("UPDATE exchange SET outcome='complete', status=503, duration_ns=1"
                          " WHERE id=?", (id_,))
        program.wait_for(f"^{id_} ")
        program.stop(signal.SIGTERM)


def test_follow_tells_of_exchanges_whose_recorder_died(record):
    with Following(record) as program:
        with record.lives():
            id_ = record.running()
            program.wait_for(rf"^{id_} .* running$")
        program.wait_for(rf"^{id_} .* recorder gone$")


def test_follow_goes_on_when_rows_are_used_again(record):
    record.fill(5)
    with Following(record) as program:
        program.wait_for(".", number=5)
        run(record.directory, "delete", "--all", "--yes")
        record.db.execute("INSERT INTO writer(program, version, pid, began_ns) VALUES('x','',1,1)")
        record.add(target="/again")
        program.wait_for("/again ")


@pytest.mark.parametrize("rows", [0, 1])
def test_follow_ends_when_nobody_reads(record, rows):
    for _ in range(rows):
        record.add()
    reading, writing = os.pipe()
    program = subprocess.Popen([harness.BIN / "adit", "requests", "--follow", "--data",
                                record.directory], stdout=writing, stderr=subprocess.PIPE)
    os.close(writing)
    os.close(reading)
    _, err = program.communicate(timeout=harness.DEADLINE)
    assert program.returncode == -signal.SIGPIPE
    assert rows == 0 or err == b""


def test_a_reader_that_leaves_ends_the_listing_quietly(record):
    record.fill(20000)
    program = subprocess.Popen(
        [harness.BIN / "adit", "requests", "--limit", "all", "--data", record.directory],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    program.stdout.readline()
    program.stdout.close()
    assert program.stderr.read() == b""
    assert program.wait(harness.DEADLINE) == -signal.SIGPIPE
    program.stderr.close()


# stats

def test_stats_sum_up_exactly(record):
    record.fill(100, lambda n: {"target": f"/a?{n}", "duration_ns": (100 - n) * 1000})
    record.fill(3, lambda n: {"target": "/b", "duration_ns": SECOND, "response": b"xy"})
    with record.lives():
        record.running(target="/a")
        out = json.loads(run(record.directory, "stats", "--json")[0])
    b, a = out["groups"]
    assert (b["key"], b["count"], b["response"]["body"]["bytes"]) == ("/b", 3, 6)
    assert b["duration"]["total_ns"] == 3 * SECOND
    assert (a["key"], a["count"], a["duration"]["average_ns"]) == ("/a", 100, 50500)
    assert [a["duration"][f"p{n}_ns"] for n in (50, 90, 99)] == [50_000, 90_000, 99_000]
    assert out["all"]["count"] == 103 and out["running"] == 1 and out["percentiles_exact"]


@pytest.mark.parametrize("by, keys", [("path", {"/0", "/1", "/2"}), ("host", {"h0", "h1"}),
                                      ("status", {"200", "-"}), ("method", {"GET", "PUT"})])
def test_stats_group_by(record, by, keys):
    record.fill(6, lambda n: {"target": f"/{n % 3}?x", "host": f"h{n % 2}",
                              "status": None if n == 0 else 200, "method": ["GET", "PUT"][n % 2]})
    out = json.loads(run(record.directory, "stats", "--by", by, "--json")[0])
    assert {group["key"] or "-" for group in out["groups"]} == keys and out["by"] == by
    text, _ = run(record.directory, "stats", "--by", by)
    lines = text.splitlines()
    assert {line.split("  ")[-1] for line in lines[1:-1]} == keys and lines[-1].endswith("  all")
    few, err = run(record.directory, "stats", "--by", by, "--limit", 1)
    assert len(few.splitlines()) == 3 and "--limit" in err


# delete

def counts(record):
    return [record.number(f"SELECT count(*) FROM {table}")
            for table in ("exchange", "body", "message")]


def holds_together(record):
    """Whether each tunnel's size is the sum of its exchanges' sizes, and no row is orphaned."""
    wrong = record.number(
        "SELECT count(*) FROM tunnel t WHERE bytes != (SELECT total(size) FROM exchange e"
        " WHERE e.tunnel = t.id)")
    orphans = [record.number(f"SELECT count(*) FROM {table} WHERE exchange NOT IN"
                             " (SELECT seq FROM exchange)") for table in ("body", "message")]
    return wrong == 0 and orphans == [0, 0]


def test_delete_takes_what_matches_and_nothing_else(record):
    record.fill(1000, lambda n: {"status": 500 if n % 4 == 0 else 200, "response": b"x" * 100,
                                 "tunnel": f"t{n % 3}"})
    record.db.execute("INSERT INTO message SELECT seq, 0, 0, 1, 0, 0, 2, x'6162' FROM exchange")
    out, _ = run(record.directory, "delete", "status=500", "--yes", "--json")
    told = json.loads(out)
    assert told["deleted"] == 250 and told["bytes"] == 250 * 1100 and told["running"] == 0
    assert counts(record) == [750, 750, 750] and holds_together(record)
    assert record.number("SELECT count(*) FROM exchange WHERE status = 500") == 0
    out, _ = run(record.directory, "delete", "--all", "--yes")
    assert out.startswith("deleted 750 exchanges")
    assert counts(record) == [0, 0, 0] and holds_together(record)
    assert record.number("PRAGMA freelist_count") == 0  # free pages are returned
    assert record.number("PRAGMA integrity_check") == "ok"


def test_delete_leaves_alone_what_runs(record):
    with record.lives():
        running = record.running()
        record.add()
        out, _ = run(record.directory, "delete", "--all", "--yes", "--json")
        assert json.loads(out) | {"bytes": 0} == {
            "deleted": 1, "bytes": 0, "running": 1, "overwritten": True, "damaged_records_left": 0}
        assert [x["id"] for x in record.exchanges()] == [running]
    out, _ = run(record.directory, "delete", "--all", "--yes", "--json")  # its recorder is dead
    assert json.loads(out)["deleted"] == 1 and counts(record)[0] == 0


def test_delete_takes_large_exchanges_piece_by_piece(record):
    id_ = record.add(response=os.urandom(20 << 20), request=os.urandom(5 << 20))
    record.add(response=b"stays", target="/stays")
    out, _ = run(record.directory, "delete", f"id={id_}", "--yes", "--json")
    told = json.loads(out)
    assert told["deleted"] == 1 and told["bytes"] == 1000 + (25 << 20)
    assert counts(record) == [1, 1, 0] and holds_together(record)
    row, = record.exchanges()
    assert record.body(row["seq"], RESPONSE) == b"stays"


def test_delete_works_beside_a_writer_that_writes(record):
    record.fill(3000, lambda n: {"response": b"x" * 5000})
    program = harness.Program(record.directory, "adit", "delete", "--all", "--yes", "--data",
                              record.directory, data=False)
    added = 0
    while added == 0 or program.process.poll() is None:
        record.add(target="/new")
        added += 1
        time.sleep(0.02)  # recorders pause too, and so unlock the record
    program.exit_code()
    deleted = int(re.search(r"deleted (\d+)", program.text("stdout").replace(",", ""))[1])
    left = record.number("SELECT count(*) FROM exchange")
    assert deleted >= 3000 and deleted + left == 3000 + added and holds_together(record)
    assert record.number("SELECT count(*) FROM exchange WHERE target = '/'") == 0


def test_delete_wants_to_be_told_what_and_that_it_is_meant(record):
    record.add()
    for args in ([], ["--yes"], ["--all"], ["status=200"], ["--all", "status=200", "--yes"]):
        out, err = run(record.directory, "delete", *args, status=2)
        assert out == "" and err.startswith("adit delete: ") and "--help" in err
    assert counts(record)[0] == 1


@pytest.mark.parametrize("answer, left", [("n\n", 1), ("\n", 1), ("y\n", 0)])
def test_delete_asks_at_a_terminal(record, answer, left):
    record.add()
    parent, child = pty.openpty()
    program = subprocess.Popen(
        [harness.BIN / "adit", "delete", "--all", "--data", record.directory], stdin=child,
        stdout=subprocess.PIPE, stderr=child)
    os.close(child)
    asked = b""
    while b"[y/N]" not in asked:
        asked += os.read(parent, 1000)
    os.write(parent, answer.encode())
    program.communicate(timeout=harness.DEADLINE)
    os.close(parent)
    assert b"Delete 1 exchange" in asked
    assert program.returncode == left and counts(record)[0] == left


# All three commands.

@pytest.mark.parametrize("program, state", [("adit", "agent"), ("aditd", "relay")])
@pytest.mark.parametrize("command", ["requests", "stats", "delete"])
def test_help_begins_with_examples(tmp_path, program, state, command):
    out, err = run(tmp_path, command, "--help", program=program)
    assert err == "" and out.splitlines()[2].startswith(f"  {program} {command}")
    assert f"adit/{state}" in out and "@" not in out and "Exit status" in out


@pytest.mark.parametrize("args", [
    ["requests", "--nonsense"], ["requests", "--limit"], ["requests", "--limit", "x"],
    ["requests", "--limit", "-1"], ["stats", "--by", "\x1b"], ["stats", "--limit", "0"],
    ["delete", "--nonsense"]], ids=" ".join)
def test_mistakes_are_explained_and_exit_2(tmp_path, args):
    done = subprocess.run([harness.BIN / "adit", *args], text=True, capture_output=True,
                          env=harness.environment(tmp_path))
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith(f"adit {args[0]}: ") and "--help" in done.stderr
    assert "\x1b" not in done.stderr


@pytest.mark.parametrize("command", [["requests"], ["stats"], ["delete", "--all", "--yes"]])
def test_where_there_is_no_record_it_says_what_to_do_and_makes_none(tmp_path, command):
    out, err = run(tmp_path / "none", *command, status=1)
    assert out == "" and "no record yet" in err and "adit http" in err
    assert not (tmp_path / "none").exists()
    _, err = run(tmp_path / "none", *command, program="aditd", status=1)
    assert "aditd" in err


def test_a_record_is_read_beside_writers_and_where_nothing_may_be_written(record):
    record.add(target="/seen")
    with record.together():
        record.add(target="/unseen")
        assert [x["request"]["target"] for x in objects(record.directory, "requests")] == ["/seen"]
    record.db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    record.db.close()
    assert not (record.directory / "record.db-wal").exists()
    record.directory.chmod(0o500)
    try:
        assert len(objects(record.directory, "requests")) == 2
    finally:
        record.directory.chmod(0o700)
