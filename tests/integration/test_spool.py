# SPDX-License-Identifier: MIT
"""The spool of a program that records: by its description in docs/record.md alone it can be read,
and what a killed program has appended comes into the record."""
import contextlib
import sqlite3
import subprocess

import harness
import pytest
import spool
from client import until
from patience import DEADLINE
from record import REQUEST, RESPONSE, Record, exchanges, xxh3

BODY = bytes(range(256)) * 1000  # several events, and no text
SECRET = "s3cret-in-a-field"
NUMBERS = {"1", "2", "3"}


@pytest.fixture(params=["relay", "agent"])
def which(request):
    return request.param


@pytest.fixture
def end(way, which):
    return getattr(way, which)


@pytest.fixture
def way(tmp_path):
    """A tunnel whose record exists already."""
    def reply(exchange):
        exchange.head(103, [("Link", "</a.css>")])
        exchange.reply(BODY, status=201, fields=[("X-Answer", "yes")])
    with harness.Tunnel(tmp_path, compare=False) as tunnel:
        tunnel.origin.on("/reply", reply)
        ask(tunnel, "0")
        for part in (tunnel.relay, tunnel.agent):
            until(lambda part=part: exchanges(part.data, "outcome='complete'"), "a record")
        yield tunnel


def ask(way, number):
    fields = [("X-Number", number), ("Authorization", SECRET)]
    assert way.fetch("POST", f"/reply?{number}", fields, BODY[:1000])


@contextlib.contextmanager
def no_rows(data):
    """Locks the record: its program appends to its spool, and writes no rows."""
    with contextlib.closing(sqlite3.connect(data / "record.db", isolation_level=None)) as db:
        db.execute("BEGIN IMMEDIATE")
        yield


def spooled(data):
    """The ended exchanges of NUMBERS in the spools of a record, by number."""
    found = {}
    for one in spool.spools(data):
        for exchange in spool.exchanges(one):
            number = exchange["target"].decode().partition("?")[2]
            if exchange["ended"] and number in NUMBERS:
                found[number] = exchange
    return found


def ask_unindexed(way, end):
    """Makes exchanges that the spool of one end has, and no row."""
    for number in sorted(NUMBERS):
        ask(way, number)
    until(lambda: spooled(end.data).keys() == NUMBERS, "the exchanges are in the spool")
    return spooled(end.data)


def check(exchange, number):
    lines = exchange["lines"].decode().lower()
    assert exchange["method"] == b"POST" and exchange["target"].decode() == f"/reply?{number}"
    assert f"x-number: {number}\r\n" in lines and "authorization: [redacted]\r\n" in lines
    assert [head["status"] for head in exchange["heads"]] == [103, 201]
    assert b"x-answer: yes\r\n" in exchange["heads"][1]["lines"].lower()
    assert exchange["bodies"] == [BODY[:1000], BODY]
    assert exchange["facts"]["status"] == 201 and exchange["facts"]["outcome"] == 0
    for side, body in (("request", BODY[:1000]), ("response", BODY)):
        facts = exchange["facts"][side]
        assert facts["bytes"] == len(body) and facts["digest"] == xxh3(body)


def test_anyones_tools_can_read_it(way, end):
    with no_rows(end.data):
        for number, exchange in ask_unindexed(way, end).items():
            check(exchange, number)
        for one in spool.spools(end.data):
            for segment in spool.segments(one):
                assert segment.pid == end.pid and segment.program.split()[0] == end.name
                assert segment.shed == segment.shed_bytes == 0
            assert one.stat().st_mode & 0o777 == 0o700
            for path in one.iterdir():
                assert path.stat().st_mode & 0o777 == 0o600
                assert SECRET.encode() not in path.read_bytes()


def read_by_a_command(way, which):
    end = getattr(way, which)
    subprocess.run([harness.BIN / end.name, "requests", "--json", "--data", end.data],
                   stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, timeout=DEADLINE,
                   env=harness.environment(end.data), check=True)


def record_again(way, which):
    getattr(way, which).kill()
    getattr(way, f"restart_{which}")()
    end = getattr(way, which)
    until(lambda: len(exchanges(end.data, "outcome='complete'")) > len(NUMBERS), "all are rows")


@pytest.mark.parametrize("comes", [read_by_a_command, record_again])
def test_what_a_killed_program_appended_comes_into_the_record_once(way, which, comes):
    data = getattr(way, which).data
    with no_rows(data):
        told = ask_unindexed(way, getattr(way, which))
        getattr(way, which).kill()
    assert spooled(data) == told
    for _ in range(2):
        comes(way, which)
        targets = [row["target"] for row in exchanges(data)]
        assert sorted(targets) == sorted(f"/reply?{number}" for number in {"0"} | NUMBERS)
    until(lambda: spooled(data) == {}, "what is in rows is removed, which follows the rows")
    with Record(data) as record:
        for number, exchange in told.items():
            row, = record.exchanges(f"target='/reply?{number}'")
            facts = exchange["facts"]
            assert row["id"].encode() == exchange["id"] and row["outcome"] == "complete"
            for name in ("began_ns", "duration_ns", "answered_ns", "service_first_ns",
                         "sent_on_ns"):
                assert row[name] == {**exchange, **facts}[name]
            for side, name in ((REQUEST, "request"), (RESPONSE, "response")):
                assert row[f"{name}_digest"] == facts[name]["digest"]
                assert record.body(row["seq"], side) == exchange["bodies"][side]
            assert row["request_head"] == exchange["lines"]
            assert row["response_head"] == exchange["heads"][1]["lines"]
