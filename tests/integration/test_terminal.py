# SPDX-License-Identifier: MIT
"""A terminal shows all text from a record, a command line or a peer: the terminal obeys, hides and
reorders none of the text."""
import re
import signal
import subprocess
import unicodedata
from random import Random

import harness
import hostile_text
import live_lines
import pytest
from exchanges import Record
from terminal import on_terminal, what_is_obeyed

OVER_ALL = [("requests", "--limit", "all"), ("requests", "--json", "--limit", "all"), ("stats",),
            ("stats", "--by", "path"), ("stats", "--by", "host"), ("stats", "--json"),
            ("verify", "--all"), ("verify", "--all", "--json"), ("export", "--curl"),
            ("export", "--har"), ("export", "--jsonl"), ("delete", "status=200")]
OVER_ONE = [("show",), ("show", "--raw"), ("show", "--body", "request"),
            ("show", "--body", "response"), ("show", "--raw", "--body", "response"),
            ("show", "--no-decode"), ("show", "--json"), ("verify",), ("export", "--curl"),
            ("replay", "--to", "http://127.0.0.1:1")]


def shown(tmp_path, program, words, data, columns=0, typed=b""):
    argv = [harness.BIN / program, *words, "--data", data]
    return on_terminal(argv, tmp_path, columns, typed)[1]


@pytest.mark.parametrize("seed", range(6))
def test_whatever_is_in_a_record_a_terminal_obeys_none_of_it(tmp_path, seed):
    random = Random(seed)
    made = Record(tmp_path / "data")
    hostile_text.doctor(made, random, hostile_text.FOR_TERMINALS, 12)
    program = ["adit", "aditd"][seed % 2]
    for words in OVER_ALL:
        came = shown(tmp_path, program, words, made.directory, random.choice([0, 40, 200]), b"n\n")
        assert not what_is_obeyed(came), words
    for number in range(8):
        hostile_text.add(made, random, hostile_text.FOR_TERMINALS,
                         hostile_text.COLUMNS + hostile_text.LINES, flags=24)
        made.db.execute("UPDATE exchange SET id=CAST(? AS TEXT) WHERE seq=?", (
            b"01jdq" + hostile_text.hostile(random, hostile_text.FOR_TERMINALS)[:11],
            made.number("SELECT max(seq) FROM exchange")))
        words = OVER_ONE[(seed + number) % len(OVER_ONE)]
        if words[0] == "replay" and program == "aditd":
            continue
        came = shown(tmp_path, program, (words[0], "last", *words[1:]), made.directory,
                     random.choice([0, 40, 200]), b"n\n")
        assert not what_is_obeyed(came), words
        came = shown(tmp_path, program, ("diff", "last", "last"), made.directory)
        assert not what_is_obeyed(came)


@pytest.mark.parametrize("words", [("--raw",), ("--body", "response"), ("--body", "request"),
                                   ("--raw", "--body", "response")], ids=" ".join)
def test_bytes_go_to_pipes_as_they_are_and_to_terminals_only_when_forced(tmp_path, words):
    evil = b"a\x1b]52;c;eA==\x07\r\nb\x1b[2J\xe2\x80\xae\xff\t\n"
    made = Record(tmp_path / "data")
    made.add(request=evil, response=evil)
    bytes_of = made.output("show", "last", *words)
    assert evil in bytes_of
    came = shown(tmp_path, "adit", ("show", "last", *words), made.directory)
    assert not what_is_obeyed(came, colours=False)
    assert b"a\\x1b]52;c;eA==\\x07\nb\\x1b[2J\\xe2\\x80\\xae\\xff\t\n" in came
    came = shown(tmp_path, "adit", ("show", "last", *words, "--force"), made.directory)
    assert came == bytes_of
    refused = made.run("show", "last", "--force")
    assert refused.returncode == 2 and b"--raw" in refused.stderr


@pytest.mark.parametrize("columns", [20, 80, 120, 160])
def test_a_line_is_as_long_as_the_terminal_whatever_is_in_it(tmp_path, columns):
    """The rest of a longer line would begin where other lines begin."""
    wide = ["日本語" * 60, "e\u0301\u0301" * 200, "\U0001f600" * 90, "\u202e" * 60, "\x1b[31m" * 50,
            "ไทยก็" * 60, "\u1112\u1161\u11ab" * 60]
    made = Record(tmp_path / "data")
    for text in wide:
        made.add(target="/" + text, host="a")
    if columns == 160:
        made.add(target="/" + wide[0], host=wide[1], method=wide[0], outcome=wide[1], error=wide[3])
        wide.append("")
    came = shown(tmp_path, "adit", ("requests",), made.directory, columns).decode()
    lines = came.splitlines()
    assert len(lines) == len(wide) + 1  # the heading
    for line in lines:
        assert len(terminal_cells(line)) <= columns, line
    assert not what_is_obeyed(came.encode())


def terminal_cells(line):
    line = re.sub(r"\x1b\[\d+m", "", line)
    cells = []
    for char in line:
        if unicodedata.category(char) in ("Mn", "Me") or "HANGUL JUNGSEONG" in unicodedata.name(
                char) or "HANGUL JONGSEONG" in unicodedata.name(char):
            continue
        cells += [char] * (2 if unicodedata.east_asian_width(char) in "WF" else 1)
    return cells


EVIL = b"\x1b]52;c;eA==\x07\xc2\x9b2J\xe2\x80\xae\xe3\x85\xa4\nforged"


@pytest.mark.parametrize("program, words", [
    ("adit", [EVIL]), ("adit", [b"-" + EVIL]), ("adit", [b"http", EVIL]),
    ("adit", [b"http", b"1", b"--relay", EVIL]),
    ("adit", [b"http", b"1", b"--limit", EVIL]), ("adit", [b"http", b"1", b"--limit", b"a=" + EVIL]),
    ("adit", [b"http", b"1", b"--token-file", EVIL]), ("adit", [b"http", b"1", b"--" + EVIL]),
    ("adit", [b"http", b"1", b"--relay", b"http://127.0.0.1:1", b"--data", b"/dev/null/" + EVIL]),
    ("adit", [b"proxy", b"http://" + EVIL]), ("adit", [b"proxy", b"1", b"--listen", EVIL]),
    ("adit", [b"show", EVIL]), ("adit", [b"show", b"--" + EVIL]), ("adit", [b"requests", EVIL]),
    ("adit", [b"requests", b"path~" + EVIL]), ("adit", [b"requests", b"status=" + EVIL]),
    ("adit", [b"requests", b"--limit", EVIL]), ("adit", [b"show", b"last", b"--body", EVIL]),
    ("adit", [b"stats", b"--by", EVIL]), ("adit", [b"export", EVIL, b"--har"]),
    ("adit", [b"export", b"--har", b"/nowhere/" + EVIL]), ("adit", [b"export", b"--har", EVIL]),
    ("adit", [b"replay", EVIL]), ("adit", [b"replay", b"last", b"--to", EVIL]),
    ("adit", [b"replay", b"last", b"--header", EVIL]), ("adit", [b"diff", EVIL, EVIL]),
    ("adit", [b"show", b"last", b"--data", b"/nowhere/" + EVIL]),
    ("aditd", [EVIL]), ("aditd", [b"--listen", EVIL]), ("aditd", [b"--domain", EVIL]),
    ("aditd", [b"--token-file", EVIL]), ("aditd", [b"--limit", EVIL]), ("aditd", [b"--" + EVIL]),
    ("aditd", [b"--data", b"/dev/null/" + EVIL]), ("aditd", [b"requests", EVIL])])
def test_what_was_typed_is_repeated_on_one_line_and_harmlessly(tmp_path, program, words):
    (tmp_path / "data").mkdir()
    made = Record(tmp_path / "data")
    made.add()
    argv = [harness.BIN / program, *words]
    if b"--data" not in words:
        argv += ["--data", tmp_path / "data"]
    on_pipe = subprocess.run(argv, capture_output=True, check=False, timeout=harness.DEADLINE,
                             stdin=subprocess.DEVNULL, cwd=tmp_path,
                             env=harness.environment(tmp_path))
    for came in (on_terminal(argv, tmp_path)[1], on_pipe.stdout + on_pipe.stderr):
        assert came and not what_is_obeyed(came, colours=False), came
        assert not [line for line in came.splitlines() if line.startswith(b"forged")], came


@pytest.mark.parametrize("name", ["http_proxy", "all_proxy", "ALL_PROXY"])
def test_what_the_environment_names_is_repeated_harmlessly(tmp_path, name):
    for evil in (EVIL.decode(), "http://" + EVIL.decode(), "http://a:b@" + EVIL.decode() + ":1"):
        with subprocess.Popen(
                [harness.BIN / "adit", "http", "1", "--relay", "http://relay.example",
                 "--data", tmp_path], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
                env={**harness.environment(tmp_path), name: evil}) as child:
            line = child.stderr.readline()
            child.kill()
            line += child.stderr.read()
        assert line and not what_is_obeyed(line, colours=False), line
        assert b"\nforged" not in line


def clean(piece):
    """Removes the bytes that a field value cannot have."""
    return bytes(b for b in piece if b >= 0x20 and b != 0x7f or b == 9)


def test_live_lines_show_nothing_that_a_terminal_obeys(tmp_path):
    """The same holds for blocks of heads and bodies, the table of paths, and the log."""
    random = Random(3)
    with harness.Proxied(tmp_path, "--print-bodies", "--verbose") as way:
        for number in range(40):
            pieces = [hostile_text.hostile(random, hostile_text.FOR_TERMINALS) for _ in range(4)]
            body = pieces[0] * random.choice([1, 60])

            def evil(exchange, pieces=pieces, body=body):
                exchange.wire.send(
                    b"HTTP/1.1 200 " + pieces[random.randrange(4)] + b"\r\nX-A: " + clean(pieces[1])
                    + b"\r\nContent-Type: " + random.choice([b"text/plain", clean(pieces[2])])
                    + b"\r\nConnection: close\r\nContent-Length: %d\r\n\r\n" % len(body) + body)

            way.origin.on("/evil", evil)
            with way.visit() as visitor:
                visitor.send(b"POST /evil?" + clean(pieces[3]).replace(b" ", b"") + b" HTTP/1.1\r\nHost: "
                             + random.choice([way.host.encode(), clean(pieces[0])]) + b"\r\nX-B: "
                             + clean(pieces[1]) + b"\r\nConnection: close\r\nContent-Length: %d\r\n\r\n"
                             % len(body) + body)
                while b"\r\n\r\n" not in visitor.buffer and visitor.fill():
                    pass
        way.proxy.process.send_signal(signal.SIGUSR1)
        way.proxy.wait_for(r"  path$")
        way.fetch("GET", "/last")
        way.proxy.wait_for(" GET /last ")
        for which in ("stdout", "stderr"):
            text = way.proxy.text(which)
            assert "\ufffd" not in text and not what_is_obeyed(text.encode(), colours=False)
            begins = r"adit: | {2,}"  # no foreign text begins a line
            assert all(re.match(begins, line) or live_lines.parsed(line)
                       for line in text.splitlines() if line), text
