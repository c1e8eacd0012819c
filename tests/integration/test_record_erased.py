# SPDX-License-Identifier: MIT
"""No file of the state directory contains deleted bytes: neither pages from which SQLite moved
rows, nor its log, nor records put aside."""
import concurrent.futures
import contextlib
import json
import random
import re
import sqlite3
import subprocess

import harness
import pytest
from client import until
from record import CHUNK, Record

SECRET = re.compile(rb"SECRET(\d{6})\|")
KIB = 1024


def marked(number, size):
    word = b"SECRET%06d|" % number
    return word * (size // len(word) + 1)  # whole words, different for each number


def found(directory):
    """The numbers of the exchanges whose words are in any file."""
    numbers = set()
    for path in directory.rglob("*"):
        if path.is_file():
            numbers |= {int(number) for number in SECRET.findall(path.read_bytes())}
    return numbers


def run(directory, *args, status=0):
    done = subprocess.run([harness.BIN / "adit", *args, "--data", directory], text=True,
                          stdin=subprocess.DEVNULL, capture_output=True, timeout=harness.DEADLINE,
                          env=harness.environment(directory))
    assert done.returncode == status, done
    return done


def send(proxied, numbers):
    """Runs exchanges concurrently, so that SQLite interleaves and moves their rows."""
    def one(number):
        size = (50, 900, 3000, 30_000, 150_000)[number % 5]
        kind = "gone" if number % 2 else "kept"
        answer = proxied.fetch("POST", f"/mirror?{kind}", [("X-Word", marked(number, 60).decode())],
                               body=marked(number, size))
        assert answer.body == marked(number, size)
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        list(pool.map(one, numbers))


def gone(numbers):
    return {number for number in numbers if number % 2}


@pytest.mark.parametrize("writes", [True, False])
def test_deleted_bytes_are_in_no_file(tmp_path, writes):
    numbers = range(1, 300)
    with harness.Proxied(tmp_path) as proxied:
        data = proxied.proxy.data
        send(proxied, numbers)
        if not writes:
            proxied.proxy.stop()
        done = run(data, "delete", "target=/mirror?gone", "--yes", "--json")
        told = json.loads(done.stdout)
        assert told["deleted"] == len(gone(numbers)) and told["overwritten"]
        if writes:
            send(proxied, range(1000, 1010))
        with Record(data) as record:
            assert record.number("PRAGMA integrity_check") == "ok"
        left = found(data)
    assert not left & gone(numbers)
    assert left >= set(numbers) - gone(numbers)


def tangled(directory, count, seed):
    """A record by a finished writer, in which rows grew while others were written."""
    chance = random.Random(seed)
    record = Record(directory, create=True)
    running = []
    for number in range(count):
        with record.together():
            record.add(target=f"/{number % 2}", request_head=marked(number, chance.randint(9, 900)))
            running.append((number + 1, [0]))
            for seq, at in chance.sample(running, min(4, len(running))):
                size = chance.choice((50, 1500, 20_000, CHUNK))
                record.db.execute("INSERT INTO body VALUES(?, 1, ?, ?)",
                                  (seq, at[0], marked(seq - 1, size)))
                at[0] += len(marked(0, size))
                record.db.execute("UPDATE exchange SET response_kept=?, response_bytes=?,"
                                  " response_head=? WHERE seq=?",
                                  (at[0], at[0], marked(seq - 1, chance.randint(9, 2000)), seq))
            running = running[-9:]
    record.db.execute("INSERT INTO message SELECT seq, 0, 0, 1, 0, 0, 12, request_head"
                      " FROM exchange")
    return record


def test_copies_of_rows_that_were_moved_go_too(tmp_path):
    for seed in range(3):
        directory = tmp_path / str(seed)
        with tangled(directory, 400, seed) as record:
            record.db.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
        run(directory, "delete", "path=/1", "--yes")
        assert found(directory) == set(range(0, 400, 2))
        with Record(directory) as record:
            assert record.number("PRAGMA integrity_check") == "ok"
            for seq, head in record.db.execute("SELECT seq, request_head FROM exchange"):
                assert set(SECRET.findall(head)) <= {b"%06d" % (seq - 1)}


def test_leftovers_of_a_delete_go_with_the_next_one(tmp_path):
    with tangled(tmp_path, 300, 7) as record:
        record.db.execute("PRAGMA secure_delete=OFF")
        for table, column in (("body", "exchange"), ("message", "exchange"), ("exchange", "seq")):
            record.db.execute(f"DELETE FROM {table} WHERE {column} % 2 = 0")
        record.db.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
    assert found(tmp_path) & set(range(1, 300, 2))
    assert run(tmp_path, "delete", "path=/nothing", "--yes").stdout.startswith("deleted 0 ")
    assert found(tmp_path) == set(range(0, 300, 2))


def test_a_file_that_does_not_tell_where_its_rows_are_is_told_of(tmp_path):
    """A file without auto_vacuum, as sqlite3 makes it from a dump, has no map of its pages."""
    with tangled(tmp_path, 300, 5) as record:
        record.db.execute("PRAGMA journal_mode=DELETE")
        record.db.execute("PRAGMA auto_vacuum=NONE")
        record.db.execute("VACUUM")
        record.db.execute("PRAGMA journal_mode=WAL")
    done = run(tmp_path, "delete", "path=/1", "--yes", "--json", status=1)
    assert json.loads(done.stdout)["overwritten"] is False
    assert "'PRAGMA auto_vacuum=2; VACUUM'" in done.stderr
    with Record(tmp_path, create=False) as record:
        assert record.number("SELECT count(*) FROM exchange") == 150
    with contextlib.closing(sqlite3.connect(tmp_path / "record.db")) as db:
        db.executescript("PRAGMA auto_vacuum=2; VACUUM")
    told = json.loads(run(tmp_path, "delete", "path=/1", "--yes", "--json").stdout)
    assert told["deleted"] == 0 and told["overwritten"]
    assert found(tmp_path) == set(range(0, 300, 2))


def test_an_early_end_has_overwritten_nothing(tmp_path):
    with tangled(tmp_path, 20, 5) as record:
        record.db.execute("CREATE TRIGGER never BEFORE DELETE ON exchange"
                          " BEGIN SELECT RAISE(ABORT, 'no'); END")
    told = json.loads(run(tmp_path, "delete", "path=/1", "--yes", "--json", status=1).stdout)
    assert told["deleted"] == 0 and not told["overwritten"]


def test_a_reader_that_stands_still_is_told_of(tmp_path):
    with tangled(tmp_path, 100, 1) as record:
        record.db.execute("BEGIN")
        assert record.number("SELECT count(*) FROM exchange") == 100
        done = run(tmp_path, "delete", "path=/1", "--yes", status=1)
        assert "deleted 50 " in done.stdout and "keeps the record open" in done.stderr
        assert found(tmp_path) & set(range(1, 100, 2))
        record.db.execute("COMMIT")
        run(tmp_path, "delete", "path=/1", "--yes")
        assert found(tmp_path) == set(range(0, 100, 2))


def test_records_that_were_put_aside_are_told_of_and_go_with_all(tmp_path):
    with Record(tmp_path, create=True) as record:
        record.add()
    (tmp_path / "record.db.damaged-1700000000000").write_bytes(marked(1, 100))
    (tmp_path / "record.db.damaged-1700000000000-wal").write_bytes(marked(2, 100))
    done = run(tmp_path, "delete", "path=/nothing", "--yes")
    assert "--all deletes them" in done.stderr and found(tmp_path) == {1, 2}
    done = run(tmp_path, "delete", "--all", "--yes")
    assert done.stderr == "" and not found(tmp_path)


def test_trimmed_bytes_are_in_no_file_once_it_is_quiet(tmp_path):
    with harness.Proxied(tmp_path, "--limit", "record-size=1m") as proxied:
        data = proxied.proxy.data
        send(proxied, range(1, 200))

        def only_what_is_kept():
            with Record(data) as record:
                kept = set()
                for table in ("exchange", "bodies"):
                    for row in record.db.execute(f"SELECT * FROM {table}"):
                        for value in row:
                            if isinstance(value, bytes):
                                kept |= {int(n) for n in SECRET.findall(value)}
                total = record.number("SELECT coalesce(max(seq), 0) - count(*) FROM exchange")
            return total > 0 and found(data) <= kept
        until(only_what_is_kept, "what was trimmed is in no file")
