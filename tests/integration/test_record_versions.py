# SPDX-License-Identifier: MIT
"""A record that a program of an older version has filled: the commands read it as it is, and after a
program has taken it over they say the same of it."""
import contextlib
import json
import os
import sqlite3
import subprocess

import harness
import pytest
from client import until
from record import Record, schema, version, xxh3

# Where the statements of a version begin.
STEPS = {2: "ALTER TABLE exchange ADD COLUMN response_protocol",
         3: "ALTER TABLE tunnel ADD COLUMN owner",
         4: "ALTER TABLE exchange ADD COLUMN slot"}
OLD = "host=old"
BODY = bytes(range(256)) * 400  # two rows of the table body
CHUNK = 65536
SMALL = b'{"small": true}'
# A value for every column of an exchange that an older version has.
FULL = {
    "writer": 1, "tunnel": 1, "began_ns": 1_700_000_000_000_000_000, "visitor": "192.0.2.7",
    "protocol": "HTTP/1.1", "method": "POST", "scheme": "http", "host": "old.localhost:7080",
    "upstream": "127.0.0.1:8080", "status": 201, "outcome": "complete", "error": None,
    "replay_of": "01jdq00000000009", "flags": 8 + 16, "size": 2000, "sent_on_ns": 100_000,
    "connect_ns": 50_000, "service_first_ns": 2_000_000, "answered_ns": 3_000_000,
    "duration_ns": 9_000_000, "request_first_ns": 10, "request_last_ns": 20,
    "request_stalled_ns": 5, "response_first_ns": 30, "response_last_ns": 40,
    "response_stalled_ns": 6, "far_outcome": "complete", "far_flags": 8 + 16,
    "far_sent_on_ns": 200_000, "far_connect_ns": None, "far_answered_ns": 4_000_000,
    "far_duration_ns": 9_500_000,
    "interim": b"103\r\nLink: </a.css>\r\n\r\n",
    "response_head": b"Content-Type: application/json\r\nX-Answer: yes\r\n",
    "request_trailers": None, "response_trailers": b"X-Sum: 2\r\n",
    # since version 2
    "response_protocol": "HTTP/1.0", "reason": "Made Up", "detail": None, "bad_head": None,
}


def insert(db, table, columns):
    names, marks = ", ".join(columns), ", ".join("?" * len(columns))
    return db.execute(f"INSERT INTO {table}({names}) VALUES({marks})",
                      list(columns.values())).lastrowid


def add(db, number, request=b"", response=b"", **columns):
    """Adds an exchange with all columns that the record has. Returns its id."""
    known = {row[1] for row in db.execute("PRAGMA table_info(exchange)")}
    row = {**FULL, "seq": number, "id": f"01jdq{number:011}", "target": f"/{number}?q=1",
           "request_head": b"Host: old.localhost:7080\r\nX-Sent: yes\r\n"
                           b"Content-Length: %d\r\n" % len(request)}
    for side, body in (("request", request), ("response", response)):
        row.update({f"{side}_bytes": len(body), f"{side}_kept": len(body),
                    f"{side}_digest": xxh3(body), f"far_{side}_bytes": len(body),
                    f"far_{side}_digest": xxh3(body),
                    f"{side}_body": body if 0 < len(body) <= 1024 else None})
    row = {name: value for name, value in {**row, **columns}.items() if name in known}
    assert row.keys() == known
    insert(db, "exchange", row)
    for side, body in enumerate((request, response)):
        if len(body) > 1024:
            db.executemany("INSERT INTO body VALUES(?, ?, ?, ?)",
                           ((number, side, at, body[at:at + CHUNK])
                            for at in range(0, len(body), CHUNK)))
    db.execute("UPDATE tunnel SET bytes = bytes + 2000")
    return row["id"]


def fill(db, of):
    """The ids of the exchanges, by what is special in them."""
    insert(db, "writer", {"program": "adit http", "version": "0.1", "pid": 4711, "began_ns": 1,
                          "ended_ns": 2, "exchanges": 5, "shed": 1, "shed_bytes": 70,
                          "trouble": "the disk is full"})
    insert(db, "writer", {"program": "adit http", "version": "0.1", "pid": 4712, "began_ns": 3})
    insert(db, "tunnel", {"name": "old", **({"owner": "ab" * 32, "address": "192.0.2.1"}
                                            if of >= 3 else {})})
    ids = {"small": add(db, 1, SMALL, SMALL), "large": add(db, 2, BODY, BODY),
           "refused": add(db, 3, status=502, outcome="upstream gone", error="ADIT-UPSTREAM-BAD",
                          detail="a field line has no colon", bad_head=b"HTTP/1.1 200 OK\r\nx\r\n"),
           "spoken": add(db, 4, status=101, flags=8 + 16 + 32, request_trailers=b"X-Sum: 1\r\n"),
           "running": add(db, 5, writer=2, outcome=None, flags=0, status=None, duration_ns=None,
                          response_head=None, far_outcome=None)}
    for number, text in enumerate((b"hello", b"again")):
        db.execute("INSERT INTO message VALUES(4, ?, ?, 1, 0, 5, ?, ?)",
                   (number, number, len(text), text))
    db.execute("INSERT INTO span VALUES(1, 1, 5, ?, ?)", (ids["small"], ids["running"]))
    return ids


@pytest.fixture(params=sorted(of - 1 for of in STEPS))
def old(request, tmp_path):
    """The directory of a record of an older version, that version, and the ids in it."""
    of, data = request.param, tmp_path / "adit"
    data.mkdir(0o700)
    assert schema().count(STEPS[of + 1]) == 1 and version() == max(STEPS)
    with contextlib.closing(sqlite3.connect(data / "record.db")) as db:
        db.executescript("PRAGMA auto_vacuum=INCREMENTAL; PRAGMA journal_mode=WAL;"
                         f"{schema()[:schema().index(STEPS[of + 1])]}"
                         f"PRAGMA application_id={0x61646974}; PRAGMA user_version={of};")
        ids = fill(db, of)
        db.commit()
    os.chmod(data / "record.db", 0o600)
    return data, of, ids


def command(data, *words, status=0):
    done = subprocess.run([harness.BIN / "adit", *words, "--data", data],
                          stdin=subprocess.DEVNULL, capture_output=True, timeout=harness.DEADLINE,
                          env=harness.environment(data))
    assert done.returncode == status, (words, done.stdout, done.stderr)
    return done.stdout


def all_that_is_said(data, ids):
    """Runs every command that reads. Returns their output about exchanges that have ended."""
    ended = [name for name in ids if name != "running"]
    said = {("listed", *how): command(data, "requests", f"{OLD} path!=/5", *how)
            for how in ((), ("--json",))}
    for name in ended:
        for how in ((), ("--json",), ("--raw",)):
            lacks = name == "spoken" and "--raw" in how  # its messages
            said[name, *how] = command(data, "show", ids[name], *how, status=int(lacks))
    for side in ("request", "response"):
        said["body", side] = command(data, "show", ids["large"], "--body", side)
    for form in ("--har", "--curl", "--jsonl"):
        said[form] = command(data, "export", f"{OLD} path!=/5", form, "-")
    said["diff"] = command(data, "diff", ids["small"], ids["large"], status=1)
    said["stats"] = command(data, "stats", f"{OLD} path!=/5", "--by", "path")
    said["verify"] = command(data, "verify", ids["large"])
    return said


def user_version(data):
    with Record(data) as record:
        return record.number("PRAGMA user_version")


def check(said, ids, of):
    listed = [json.loads(line) for line in said["listed", "--json"].splitlines()]
    assert [row["id"] for row in listed] == [ids[name] for name in ids if name != "running"]
    assert said["body", "request"] == said["body", "response"] == BODY
    small, = (row for row in listed if row["id"] == ids["small"])
    assert small["request"]["method"] == "POST" and small["response"]["status"] == 201
    assert (b"Made Up" in said["small", "--raw"]) == (of >= 2)
    assert (b"no colon" in said["refused",]) == (of >= 2)
    assert b"hello" in said["spoken",] and b"again" in said["spoken",]
    assert b"same" in said["verify"]


def test_the_commands_read_a_record_of_an_older_version_as_it_is(old):
    data, of, ids = old
    said = all_that_is_said(data, ids)
    check(said, ids, of)
    assert b"recorder gone" in command(data, "requests", f"{OLD} path=/5")
    assert user_version(data) == of


def test_a_record_that_was_taken_over_says_the_same(old, tmp_path):
    data, of, ids = old
    before = all_that_is_said(data, ids)
    with harness.Proxied(tmp_path) as way:
        way.fetch("POST", "/mirror?new", body=b"new")
        until(lambda: user_version(data) == version(), "it is taken over")
        assert b"/mirror?new" in command(data, "requests")
        after = all_that_is_said(data, ids)
        for what in before:
            assert after[what] == before[what], what
        with Record(data) as record:
            row, = record.exchanges(f"e.id='{ids['running']}'")
            assert (row["outcome"], row["duration_ns"]) == ("recorder gone", None)
            assert record.number("SELECT count(*) FROM writer WHERE shed=1 AND shed_bytes=70") == 1


def test_exchanges_of_an_older_version_are_deleted_for_good(old):
    data, of, ids = old
    command(data, "delete", OLD, "--yes")
    assert command(data, "requests", OLD) == b""
    for path in data.glob("record.db*"):
        assert BODY[:1000] not in path.read_bytes() and b"X-Answer" not in path.read_bytes()
