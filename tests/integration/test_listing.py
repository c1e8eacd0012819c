# SPDX-License-Identifier: MIT
"""`requests` prints lines that fit the terminal, whatever bytes they show."""
import json
import re
import signal
import subprocess
import time
from random import Random

import exchanges
import harness
import hostile_text
import pytest
from record import SECOND, Record
from terminal import Screen, columns_of, on_terminal, what_is_obeyed

WIDTHS = [*range(12, 40, 4), 40, 41, 45, 46, 52, 56, 57, 60, 63, 68, 69, 74, 75, 80, 81, 100, 120, 160, 200]
HEADING = re.compile(r"ID +TIME \S+ +STATUS +SIZE +DURATION +METHOD PATH")


def command(directory, *args, program="adit"):
    return [harness.BIN / program, *map(str, args), "--data", directory]


def run(directory, *args, status=0):
    done = subprocess.run(command(directory, *args), capture_output=True, text=True, check=False,
                          stdin=subprocess.DEVNULL, timeout=harness.DEADLINE,
                          env=harness.environment(directory))
    assert done.returncode == status, done
    assert not harness.REPORTS.search(done.stderr), done.stderr
    return done.stdout, done.stderr


def at_terminal(record, columns, *args):
    status, came = on_terminal(command(record.directory, "requests", *args), record.directory, columns)
    assert status == 0 and not what_is_obeyed(came)
    return [line for line in came.decode().splitlines() if not line.startswith("adit requests: ")]


def plain(line):
    return re.sub(r"\x1b\[\d+m", "", line)


@pytest.fixture(name="record")
def record_(tmp_path):
    with Record(tmp_path / "data", create=True) as made:
        yield made


@pytest.fixture(autouse=True)
def zone(monkeypatch):
    monkeypatch.setenv("TZ", "UTC")


@pytest.fixture
def now(monkeypatch):
    """The present, in a zone where it is just past noon, so that the day does not end meanwhile."""
    seconds = time.time()
    monkeypatch.setenv("TZ", f"NOON{int(seconds // 3600 % 24) - 12:+d}")
    return int(seconds) * SECOND


# widths

LONG = ["/" + "日本語" * 60, "/" + "e\u0301\u0301" * 200, "/" + "\U0001f600" * 90, "/" + "x" * 3000,
        "/" + "\u202e" * 60, "/" + "\x1b[31m" * 50, "/" + "ไทยก็" * 60, "/" + "\u1112\u1161\u11ab" * 60]


@pytest.fixture(scope="module")
def long_lines(tmp_path_factory):
    """Lines that could be too long, each in another column."""
    random = Random(1)
    with exchanges.Record(tmp_path_factory.mktemp("long_lines") / "data") as made:
        for text in LONG:
            made.add(target=text)
            made.add(host=text)
            made.add(method=text)
            made.add(outcome="refused", error=text, target=text)
            made.add(replay_of=text, outcome=text, target="/p")
        for id_ in ("", "x", "not an id at all", "日本語日本語", "\x1b[2J\u202e"):
            made.add(id=id_, replay_of=id_)
        made.add(response=b"x", response_bytes=1 << 60, duration_ns=1 << 60, began_ns=1)
        made.add(began_ns=-5, duration_ns=-3, response_bytes=-7)
        hostile_text.doctor(made, random, hostile_text.FOR_TERMINALS, 12)
        yield made


@pytest.mark.parametrize("hosts", [True, False], ids=["several hosts", "one host"])
def test_no_line_is_wider_than_its_terminal(record, long_lines, hosts):
    if not hosts:
        for text in LONG:
            record.add(target=text, host=LONG[0])
            record.add(target=text, host=LONG[0], error=text, outcome="refused", replay_of="0" * 16)
    made = long_lines if hosts else record
    count = made.number("SELECT count(*) FROM exchange")
    for columns in WIDTHS:
        for args in (("--limit", "1000"), ("--limit", "all")):
            lines = at_terminal(made, columns, *args)
            assert len(lines) == count + 1
            for line in lines:
                assert columns_of(line) <= columns, (columns, line)


@pytest.mark.parametrize("columns", [40, 52, 60, 69, 80, 120, 200])
def test_the_important_columns_are_seen_at_every_width(record, columns):
    first = record.add(target="/api/v1/customers/1234567/orders")
    record.add(target="/api/v1/customers/1234567/orders", replay_of=first)
    record.add(target="/api/v1/customers/1234567/orders", outcome="refused", status=502,
               error="ADIT-UPSTREAM-REFUSED")
    record.add(target="/api/v1/customers/1234567/orders", outcome="visitor gone")
    record.running(target="/api/v1/customers/1234567/orders")
    with record.lives():
        lines = [plain(line) for line in at_terminal(record, columns)]
    assert lines[0].startswith("ID ") and " METHOD PATH" in lines[0]
    for number, line in enumerate(lines[1:], 1):
        assert line.startswith(f"00000{number}  "), line
        assert re.search(r" (200|502|  -)  .*GET    /api/", line), line
    for line, remark in zip(lines[2:], ("replay", "UPSTR", "visit", "running")):
        assert remark in line, line


def test_columns_go_in_their_order_and_stand_under_their_names(record, now):
    record.add(began_ns=now, response=b"x" * 13, duration_ns=500_000, target="/orders")
    today = {}
    for columns in range(40, 90):
        heading, line = map(plain, at_terminal(record, columns))
        assert line.index("GET") == heading.index("METHOD"), (heading, line)
        assert line.index("/orders") == heading.index("PATH")
        names = [name for name in ("TIME", "DURATION", "SIZE") if name in heading]
        assert names == ["TIME", "DURATION", "SIZE"][:len(names)]
        assert [bool(re.search(form, line)) for form in (r"\d:\d\d:\d\d", " 0.5 ms ", " 13 B ")] == [
            name in names for name in ("TIME", "DURATION", "SIZE")]
        today[columns] = len(names)
    assert today[40] == 0 and today[60] >= 2 and today[80] == 3
    assert [today[n + 1] - today[n] for n in range(40, 89)].count(1) == 3


def test_a_heading_names_the_zone_and_the_only_host(record):
    record.add()
    lines = at_terminal(record, 120)
    assert plain(lines[0]).endswith("METHOD PATH at web.localhost:7080") and " TIME UTC " in lines[0]
    assert "web" not in lines[1]
    record.add(host="other.localhost:7080")
    lines = [plain(line) for line in at_terminal(record, 120)]
    assert lines[0].endswith("METHOD PATH, HOST")
    assert lines[1].endswith("  web.localhost:7080") and lines[2].endswith("  other.localhost:7080")
    assert "web" not in at_terminal(record, 120, "host=other")[1]


def test_hosts_that_are_too_long_to_be_kept_are_told(record):
    record.add(host="x" * 300 + "a")
    record.add(host="x" * 300 + "b")
    lines = run(record.directory, "requests")[0].splitlines()
    assert lines[0].endswith("xa") and lines[1].endswith("xb")


def test_times_have_a_date_where_one_is_needed(record, now):
    record.add(began_ns=now)
    lines = [plain(line) for line in at_terminal(record, 80)]
    assert re.match(r"ID      TIME NOON STATUS ", lines[0])
    assert re.match(r"\S{6}  12:\d\d:\d\d  200", lines[1])
    record.add(began_ns=now - 400 * 86400 * SECOND)
    lines = [plain(line) for line in at_terminal(record, 80)]
    assert re.match(r"\S{6}             12:\d\d:\d\d  200", lines[1])
    assert re.match(r"\S{6}  \d{4}-\d\d-\d\d 12:\d\d:\d\d  200", lines[2])


@pytest.mark.parametrize("zone_, shown", [
    ("UTC0", "TIME UTC "), ("<+0545>-5:45", "+0545 "), ("<VERYLONGNAME>0", "VERYLONGN "),
    ("CEST-2", "TIME CEST ")])
def test_a_heading_names_the_zone_in_its_column(record, monkeypatch, zone_, shown):
    monkeypatch.setenv("TZ", zone_)
    record.add(began_ns=time.time_ns())
    heading, line = map(plain, at_terminal(record, 100))
    if re.match(r"\S{6}  \d\d:", line):  # unless the day has just ended
        assert shown in heading, heading
    assert heading.index("METHOD") == line.index("GET")


def test_a_heading_names_no_zone_where_there_are_several(record, monkeypatch):
    monkeypatch.setenv("TZ", "CET-1CEST,M3.5.0,M10.5.0/3")
    record.add(began_ns=1690000000 * SECOND)
    record.add(began_ns=1700000000 * SECOND)
    lines = [plain(line) for line in at_terminal(record, 100)]
    assert "  TIME local  " in lines[0]
    assert "2023-07-22 06:26:40" in lines[1] and "2023-11-14 23:13:20" in lines[2]


def test_colours_are_for_terminals_that_want_them(record):
    for status in (200, 302, 404, 500):
        record.add(status=status)
    argv = command(record.directory, "requests")
    for more, coloured in (({}, True), ({"NO_COLOR": "1"}, False), ({"NO_COLOR": ""}, True),
                           ({"TERM": "dumb"}, False)):
        with Screen(argv, record.directory, 80, **more) as screen:
            screen.wait_for("500")
            came = screen.came.decode()
        assert ("\x1b" in came) == coloured, more
        if coloured:
            for text in ("\x1b[32m200\x1b[0m", "\x1b[33m404\x1b[0m", "\x1b[31m500\x1b[0m"):
                assert text in came


def test_into_a_pipe_all_is_whole(record):
    first = record.add(target="/" + "x" * 500)
    record.add(replay_of=first, method="M" * 40, error="ADIT-" + "E" * 100, outcome="refused")
    out, err = run(record.directory, "requests")
    assert err == ""
    a, b = out.splitlines()
    assert a == (f"{first}  2023-11-14T22:13:21+00:00  200         0 B     1.0 ms  GET    /"
                 + "x" * 500)
    assert b.endswith("M" * 40 + " /                   ADIT-" + "E" * 100 + f", replay of {first}")


def test_into_a_pipe_a_host_is_told_where_several_differ_or_nobody_knows(record):
    record.add()
    assert "web" not in run(record.directory, "requests")[0]
    assert "web.localhost:7080" in run(record.directory, "requests", "--limit", "all")[0]
    record.add(host="WEB.localhost:7080")
    assert "web" not in run(record.directory, "requests")[0]
    record.add(host="b")
    assert [line.split()[-1] for line in run(record.directory, "requests")[0].splitlines()] == [
        "web.localhost:7080", "WEB.localhost:7080", "b"]


# nothing

def test_nothing_found_says_what_is_there_and_what_to_do(record):
    out, err = run(record.directory, "requests")
    assert out == "" and "nothing is recorded here yet" in err and "adit http 8080" in err
    record.fill(3)
    out, err = run(record.directory, "requests", "path~^/x", "--status", "500")
    assert out == "" and err.count("\n") == 1
    assert "nothing matches status=500 (path~^/x) among the 3 exchanges here" in err
    assert "from 2023-11-14 22:13:21 to 2023-11-14 22:13:23" in err
    out, err = run(record.directory, "requests", "status=500", "--json")
    assert out == "" and "nothing matches" in err
    assert run(record.directory, "requests", "--limit", "0") == ("", "")
    assert "nothing matches" in run(record.directory, "stats", "--status", "500")[1]
    for form in ("--curl", "--jsonl", "--har"):
        out, err = run(record.directory, "export", "status=500", form)
        assert err.startswith("adit export: nothing matches status=500 among the 3 exchanges here")
        assert run(record.directory, "export", form)[1] == ""


# options

@pytest.mark.parametrize("args, found", [
    (["--status", "500"], [3]), (["--status", "5xx"], [3, 4]), (["--status", ">=503"], [4]),
    (["--method", "post"], [2]), (["--method", "!=GET"], [2]), (["--path", "/a.b"], [1, 2]),
    (["--path", "b/c"], [2]), (["--path", "/a*c"], [2]), (["--host", "b"], [4]),
    (["--since", "2023-11-14T22:13:23Z"], [3, 4]), (["--until", "2023-11-14T22:13:23Z"], [1, 2, 3]),
    (["--body", "need+le"], [3]), (["--grep", "c$|needle"], [2, 3]),
    (["--status", "5xx", "--host", "b"], [4]), (["--status=5xx", "status=500 or status=200"], [3]),
    (["status=500 or status=200", "--path", "/a."], [1, 2])], ids=str)
def test_options_are_comparisons(record, args, found):
    record.add(target="/a.b")
    record.add(target="/a.b/c", method="POST")
    record.add(target="/aXb", status=500, response=b"a needle")
    record.add(target="/", status=503, host="b.localhost")
    out, _ = run(record.directory, "requests", "--json", *args)
    assert [json.loads(line)["seq"] for line in out.splitlines()] == found


@pytest.mark.parametrize("args, said", [
    (["--status", "abc"], r"    status=abc\n           \^\^\^\nadit requests: a status is 100 to 999"),
    (["--since", "soon"], r"    since=soon\n          \^\^\^\^\nadit requests: "),
    (["--body", "("], r"    body~\"\(\"\n"), (["--body", ""], "body~"),
    (["--status", "500", "path~"], r"    path~\n         \^\n"),
    (["--path", "x" * 5000], "too long")], ids=lambda value: str(value)[:20])
def test_wrong_values_are_told_as_the_filter_tells_them(record, args, said):
    out, err = run(record.directory, "requests", *args, status=2)
    assert out == "" and re.search(said, err), err


@pytest.mark.parametrize("far, told", [
    ("visitor gone", "visitor gone"), ("upstream gone", "upstream gone"), ("complete", "reset"),
    ("reset", "reset"), (None, "reset")])
def test_breaking_off_by_the_other_program_is_told_with_its_reason(record, far, told):
    record.add(target="/hang", status=None, outcome="reset", far_outcome=far)
    out, _ = run(record.directory, "requests")
    assert out.rstrip("\n").split("  /hang ")[1].strip() == told


# ids

def test_every_command_takes_an_end_of_an_id(record):
    ids = [record.add(target=f"/{number}", id=f"1m8a4jp1njsgb7c{number}") for number in range(3)]
    for words in (["show"], ["show", "--json"], ["verify"], ["export", "--har=-"],
                  ["export", "--jsonl=-"], ["export", "--curl=-"]):
        out, _ = run(record.directory, *words, "gb7c1")
        assert ids[1] in out or "/1" in out, words
        out, err = run(record.directory, *words, "gb7c9", status=1)
        assert "/1" not in out and "gb7c9" in err and "requests" in err
    out, err = run(record.directory, "diff", "gb7c1", "SGB7C2", status=1)
    assert ids[1] in out and ids[2] in out
    assert ids[1] in run(record.directory, "show", "last-1")[0]
    out, err = run(record.directory, "show", "1m8a", status=1)
    assert out == "" and err.splitlines()[1:] == [
        f"  {ids[n]}  2023-11-14 22:13:{21 + n}  GET /{n}" for n in (2, 1, 0)]
    out, _ = run(record.directory, "requests", "id=gb7c1")
    assert out.startswith(ids[1]) and out.count("\n") == 1
    assert "several" in run(record.directory, "replay", "1m8a", "--yes", status=1)[1]


# --follow

def end(record, id_, **columns):
    columns = {"outcome": "complete", "status": 200, "duration_ns": 5_000_000, **columns}
    names = ", ".join(f"{name}=?" for name in columns)
    record.db.execute(f"UPDATE exchange SET {names} WHERE id=?", (*columns.values(), id_))


def test_follow_has_a_line_for_a_beginning_and_one_for_an_end(record, now):
    argv = command(record.directory, "requests", "--follow")
    with record.lives(), Screen(argv, record.directory, 100) as screen:
        waits = screen.wait_for(".")
        assert "nothing is recorded here yet" in waits and "Ctrl-C" in waits
        first = record.running(target="/events", began_ns=now)
        assert screen.wait_for(" running$").startswith(first[-6:])
        second = record.running(target="/" + "x" * 300, began_ns=now)
        screen.wait_for(second[-6:])
        end(record, first)
        assert screen.wait_for(first[-6:], 2).endswith("  5.0 ms  GET    /events")
        screen.resize(50)
        end(record, second, outcome="reset")
        assert screen.wait_for(second[-6:], 2).endswith("…  reset")
        record.add(target="/other", host="b.localhost", began_ns=now)
        assert screen.wait_for("/other").endswith("  b.localhost")
        screen.process.send_signal(signal.SIGINT)
        assert screen.process.wait(harness.DEADLINE) == 0
        lines = screen.lines()
    assert len([line for line in lines if "METHOD PATH" in line]) == 1 and len(lines) == 7
    assert lines[1].endswith("PATH at web.localhost:7080")
    for number, line in enumerate(lines):
        assert columns_of(line) <= (100 if number < 5 else 50)
    assert len({line.index("GET") for line in lines[2:5]}) == 1


def test_follow_tells_losses_on_lines_of_their_own(record):
    record.add()
    record.db.execute("UPDATE writer SET shed=3, shed_bytes=4096, trouble='full'")
    argv = command(record.directory, "requests", "--follow")
    with Screen(argv, record.directory, 80) as screen:
        screen.wait_for("could not always be written: full")
        record.add(target="/next")
        screen.wait_for("/next$")
        for line in screen.lines():
            assert re.match(r"ID  |00000\d  .* GET    /(next)?$|adit requests: ", line), line


@pytest.mark.parametrize("program, maker", [("adit", "adit http 8080"), ("aditd", "aditd")])
def test_follow_waits_for_a_record(tmp_path, program, maker):
    data = tmp_path / "data"
    argv = command(data, "requests", "--follow", program=program)
    with Screen(argv, tmp_path, 80) as screen:
        assert f"waiting until {maker} creates one" in screen.wait_for("no record yet")
        with Record(data, create=True) as made:
            made.add(target="/first")
            screen.wait_for("/first")
    with Screen(command(tmp_path / "none", "requests", "--follow"), tmp_path, 80) as screen:
        screen.wait_for("no record yet")
        screen.process.send_signal(signal.SIGINT)
        assert screen.process.wait(harness.DEADLINE) == 0


# stats

@pytest.mark.parametrize("columns", [40, 47, 60, 80, 100, 200])
def test_the_table_of_stats_fits(record, columns):
    for text in LONG:
        record.add(target=text, duration_ns=1 << 58)
        record.add(host=text, target="/short")
    status, came = on_terminal(command(record.directory, "stats"), record.directory, columns)
    lines = came.decode().splitlines()
    assert status == 0 and len(lines) == len(LONG) + 3
    for line in lines:
        assert columns_of(line) <= columns, line
    assert lines[0].endswith("  path") and [line for line in lines if line.endswith("  /short")]


@pytest.mark.parametrize("columns", [40, 80, 200])
def test_the_lines_of_verify_fit(record, columns):
    for text in LONG:
        record.add(target=text)
        record.add(method=text, target="/short")
    _, came = on_terminal(command(record.directory, "verify", "--all"), record.directory, columns)
    lines = [line for line in came.decode().splitlines() if "  unverified  " in line]
    assert len(lines) == 2 * len(LONG)
    for line in lines:
        assert columns_of(line) <= columns, line
    assert "/" + "x" * 3000 + " /short" in run(record.directory, "verify", "--all")[0]
