# SPDX-License-Identifier: MIT
"""On a terminal, `show` uses colours, cuts long bodies and prints the command that shows all of a
body; in a pipe, `show` prints whole bodies without colours."""
import re
import shlex
import subprocess
from random import Random

import harness
import hostile_text
import pytest
from exchanges import Record
from terminal import COLOURS, on_terminal, what_is_obeyed
from test_terminal import terminal_cells

ROWS_LEAST, ROWS_MOST, LINE_ROWS = 20, 60, 8


@pytest.fixture(name="record")
def _record(tmp_path):
    return Record(tmp_path / "it's data")


def shown(record, tmp_path, *words, columns=80, rows=40, env=()):
    """The output on a terminal of that size."""
    argv = ["env", *env, "sh", "-c", f"stty rows {rows} && exec \"$@\"", "sh", harness.BIN / "adit",
            "show", "last", *words, "--data", record.directory]
    status, came = on_terminal(argv, tmp_path, columns)
    assert status == 0 and not what_is_obeyed(came), came
    return came.decode()


def plain(text):
    return COLOURS.sub(b"", text.encode()).decode()


def in_colour(code, text):
    return f"\x1b[{code}m{text}\x1b[0m"


def test_colours_tell_names_from_values_and_ours_from_theirs(record, tmp_path):
    record.add(status=404, request=b"a=1", response=b"x", request_fields=[
        ("X-A", "value"), ("X-Forwarded-For", "192.0.2.1"),
        ("Content-Type", "application/x-www-form-urlencoded")])
    text = shown(record, tmp_path)
    for piece in (in_colour(1, "GET /"), in_colour(2, "> ") + in_colour(36, "X-A:") + " value\n",
                  in_colour(2, ">+ ") + in_colour(2, "X-Forwarded-For: 192.0.2.1") + "\n",
                  in_colour(33, "404 Not Found\n").replace("\n\x1b[0m", "\x1b[0m\n"),
                  "    " + in_colour(36, "a") + " = 1\n", in_colour(2, "ended    "), in_colour(36, "#")):
        assert piece in text, piece
    assert plain(text) == record.output("show", "last").decode()


@pytest.mark.parametrize("status, code", [(200, "32"), (301, "0"), (404, "33"), (500, "31"), (101, "0")])
def test_a_status_has_the_colour_of_its_class(record, tmp_path, status, code):
    record.add(status=status)
    assert re.search(rf"\x1b\[{code}m{status} ", shown(record, tmp_path))


@pytest.mark.parametrize("env", [["NO_COLOR=1"], ["TERM=dumb"]], ids=str)
def test_colours_are_left_out_on_request(record, tmp_path, env):
    record.add(status=404, response=b"line\n" * 1000)
    text = shown(record, tmp_path, env=env)
    assert "\x1b" not in text and "more lines" in text
    assert "\x1b" in shown(record, tmp_path, env=["NO_COLOR="])


@pytest.mark.parametrize("rows, most", [(10, ROWS_LEAST), (33, 33), (200, ROWS_MOST)])
def test_a_long_body_is_cut_to_about_a_screen_and_the_command_for_all_of_it_works(
        record, tmp_path, rows, most):
    body = b"".join(b"line %d\n" % number for number in range(1000))
    identity = record.add(response=body)
    text = plain(shown(record, tmp_path, rows=rows))
    lines = re.findall(r"^    line (\d+)$", text, re.M)
    assert lines == [str(number) for number in range(most)]
    rest, command = re.search(r"^  \u2026 (.*); all of it:\n  (.*)$", text, re.M).groups()
    assert re.fullmatch(rf"{1000 - most} more lines \([\d.]+ KiB\)", rest)
    assert shlex.split(command) == ["adit", "show", identity, "--body", "response", "--data",
                                    str(record.directory)]
    pasted = subprocess.run(["sh", "-c", command], check=True, stdout=subprocess.PIPE, timeout=harness.DEADLINE,
                            env={**harness.environment(tmp_path), "PATH": f"{harness.BIN}:/usr/bin:/bin"})
    assert pasted.stdout == body
    assert record.output("show", "last").decode().count("    line ") == 1000


def test_the_command_repeats_what_was_asked_for(record, tmp_path):
    record.add(response=b"line\n" * 1000)
    for words in (["--decode-all"], ["--no-decode"], ["--no-decode", "--decode-all"]):
        text = plain(shown(record, tmp_path, *words))
        command = shlex.split(re.search(r"all of it:\n  (.*)$", text, re.M)[1])
        assert ("--raw" in command) == ("--no-decode" in words)
        assert ("--decode-all" in command) == ("--decode-all" in words)


@pytest.mark.parametrize("seed", range(2))
def test_hostile_forms_and_parts_are_shown_and_not_obeyed(record, tmp_path, seed):
    random = Random(seed)
    pieces = hostile_text.FOR_TERMINALS
    for kind in ("application/x-www-form-urlencoded", "multipart/form-data; boundary=B", "text/plain"):
        some = [hostile_text.hostile(random, pieces) for _ in range(12)]
        body = (b"&".join(b"=".join(some[at:at + 2]) for at in range(0, 12, 2)) if "form-u" in kind
                else b"".join(b'--B\r\nContent-Disposition: form-data; name="' + some[at] + b'"; filename='
                              + some[at + 1] + b"\r\nContent-Type: " + some[at + 2] + b"\r\n\r\n"
                              + some[at + 3] + b"\r\n" for at in range(0, 12, 4)) + b"--B--")
        record.add(request=body, response=body, request_fields=[("Content-Type", kind)],
                   response_fields=[("Content-Type", kind)])
        begins = r"[><][+?]? ?|http://|tunnel |ended|request|response|other end|note|    |  part |  [\u2026(]|$"
        for line in plain(shown(record, tmp_path, columns=200)).split("\n")[1:]:
            assert re.match(begins + r"|(relay|tunnel|agent|connect|service|body) +\d|  adit show", line), line


def test_json_is_laid_out_before_it_is_cut(record, tmp_path):
    record.add(response=b"[" + b",".join(b"%d" % number for number in range(150_000)) + b"]")
    lines = plain(shown(record, tmp_path)).split("\n")
    assert lines[lines.index("    ["):][:3] == ["    [", "      0,", "      1,"]
    assert re.search(r"^  \u2026 149962 more lines", "\n".join(lines), re.M)


@pytest.mark.parametrize("columns", [40, 80, 200])
def test_a_long_line_is_cut_and_wide_characters_count_as_what_they_take(record, tmp_path, columns):
    record.add(response="\u65e5\u672c".encode() * 3000 + b"\n" + b"last\n",
               response_fields=[("Content-Type", "text/plain")])
    text = plain(shown(record, tmp_path, columns=columns))
    rows = re.findall(r"^    [\u65e5\u672c]+$|^    [\u65e5\u672c]* \u2026 [\d.]+ KiB more on this line$",
                      text, re.M)
    assert LINE_ROWS - 1 <= len(rows) <= LINE_ROWS and rows[-1].endswith("line")
    assert all(len(terminal_cells(row)) in (columns, columns - 1) for row in rows[:-1])
    assert len(terminal_cells(rows[-1])) <= columns
    assert "\n    last\n" in text and "  \u2026 lines were cut; all of it:\n  adit show" in text
    whole = record.output("show", "last").decode()
    assert "\u65e5\u672c" * 3000 + "\n    last\n" in whole and "\u2026" not in whole


@pytest.mark.parametrize("columns", [30, 80, 131])
def test_nothing_that_was_sent_begins_a_row_however_long_it_is(record, tmp_path, columns):
    """The rest of a wrapped row would begin where adit's own lines begin."""
    filler = "\u65e5e\u0301\t\x1b\u202e" * 20 + "\u20ac" * 300
    record.add(target="/" + filler, host="h" * 300, method="M" * 200, reason=filler, request=filler.encode(),
               response=b'--B\r\nContent-Disposition: x; name="' + filler.encode() + b'"\r\n\r\n\r\n--B--',
               request_fields=[("X-" + "n" * 300, filler)], bad_head=filler.encode(),
               response_fields=[("Content-Type", "multipart/x; boundary=B")])
    seen = 0
    for line in plain(shown(record, tmp_path, columns=columns)).split("\n")[3:]:
        assert len(terminal_cells(line.expandtabs(8))) <= columns or not re.search("[\u65e5\u20ac]|[hnM]{9}", line)
        if re.search("[\u65e5\u20ac]|[hnM]{9}", line):
            assert re.match(r"    |> |< |<\? |http://|  part 1", line), line
            seen += 1
    assert seen > 20


@pytest.mark.parametrize("columns, row", [(40, 4), (60, 8), (80, 16), (200, 16)])
def test_binary_bodies_are_hex_within_the_terminal(record, tmp_path, columns, row):
    record.add(response=bytes(range(256)) * 100)
    text = plain(shown(record, tmp_path, columns=columns, rows=60))
    hex_lines = [line for line in text.split("\n") if re.match(r"    [0-9a-f]{8}  ", line)]
    assert len(hex_lines) == min(256 // row, 60) and max(map(len, hex_lines)) <= columns
    assert bytes.fromhex(hex_lines[1][14:14 + 3 * row]) == bytes(range(row, 2 * row))
    assert re.search(r"^  \u2026 .* all of it:$", text, re.M)
    assert all(len(line) <= columns for line in text.split("\n") if re.match("request|response", line))


def test_messages_are_cut_too(record, tmp_path):
    record.add(status=101, flags=32, messages=[
        (number % 2, 1, 0, 300, b"m%d" % number + b"x" * 300) for number in range(100)])
    text = plain(shown(record, tmp_path, rows=30))
    lines = [line for line in text.split("\n") if re.match(r"(->|<-) text ", line)]
    assert len(lines) == 30 and lines[29].split()[6].startswith("m29x")
    assert "  \u2026 70 more messages; all of them:\n  adit show" in text
    assert len(re.findall(r"^(?:->|<-) text ", record.output("show", "last").decode(), re.M)) == 100


@pytest.mark.parametrize("columns, bars", [(40, False), (60, False), (62, True), (120, True)])
def test_the_bar_is_left_out_where_it_has_no_room(record, tmp_path, columns, bars):
    record.add()
    text = plain(shown(record, tmp_path, columns=columns))
    rows = re.findall(r"^(?:relay|tunnel|agent|connect|service|body) +[\d.]+ ms.*$", text, re.M)
    assert len(rows) == 6 and all(len(row) <= columns for row in rows)
    assert ("#" in text) == bars


def test_the_first_lines_say_what_it_is(record, monkeypatch):
    monkeypatch.setenv("TZ", "UTC")
    identity = record.add(replay_of="01jdq00000000000")
    assert record.output("show", "last").decode().split("\n")[:6] == [
        f"{identity}  2025-11-25 18:00:01 +0000  adit http", "http://web.localhost:7080/",
        "tunnel web  from 192.0.2.1  to localhost:8080", "replay of 01jdq00000000000", "",
        "> GET / HTTP/1.1"]


def test_what_the_relay_has_set_is_marked_in_the_agents_record_only(tmp_path):
    with harness.Tunnel(tmp_path) as tunnel:
        tunnel.origin.on("/x", lambda exchange: exchange.reply("x", 200, [("Via", "1.1 adit-service")]))
        tunnel.fetch("GET", "/x", [("Via", "1.0 adit-other"), ("X-Forwarded-For", "203.0.113.9"), ("X-Own", "1")])
        texts = {}
        for program, end in (("adit", tunnel.agent), ("aditd", tunnel.relay)):
            texts[program] = subprocess.run(
                [harness.BIN / program, "show", "last", "--data", end.data], check=True, text=True,
                stdout=subprocess.PIPE, env=harness.environment(tmp_path), timeout=harness.DEADLINE).stdout
    marked = re.findall(r"^>\+ ([^:]+): ", texts["adit"], re.M)
    assert [name.lower() for name in marked] == ["forwarded", "x-forwarded-for", "x-forwarded-proto",
                                                 "x-forwarded-host", "via"]
    assert re.search(r"^> via: 1\.0 adit-other$", texts["adit"], re.M | re.I)
    assert re.search(r"^< via: 1\.1 adit-service$", texts["adit"], re.M | re.I)
    assert "note      >+ marks fields that the relay has set\n" in texts["adit"]
    assert "+ " not in texts["aditd"] and "> X-Forwarded-For: 203.0.113.9\n" in texts["aditd"]


def test_an_answer_of_our_own_is_marked(record):
    record.add(status=502, error="ADIT-UPSTREAM-REFUSED", response=b"no\n",
               interim=b"103\r\nLink: a\r\n\r\n", response_fields=[("Date", "now")])
    text = record.output("show", "last").decode()
    assert "\n< Link: a\n" in text and "\n<+ 502 Bad Gateway\n<+ Date: now\n\n    no\n" in text
    assert "note      <+ marks an answer that adit gave itself\n" in text


@pytest.mark.parametrize("beyond", [0, 1, 2, 3])
def test_nothing_is_cut_where_the_words_on_it_would_take_as_many_rows(record, tmp_path, beyond):
    body = b"".join(b"line %d\n" % number for number in range(ROWS_LEAST + beyond))
    record.add(response=body)
    text = plain(shown(record, tmp_path, rows=10))
    cut = beyond > 2
    assert ("more line" in text) == cut
    assert text.count("    line ") == (ROWS_LEAST if cut else ROWS_LEAST + beyond)


def multipart(*parts):
    body = b"".join(b"--B\r\nContent-Disposition: form-data; name=\"%s\"\r\n\r\n%s\r\n" % part for part in parts)
    return {"request": body + b"--B--\r\n",
            "request_fields": [("Content-Type", "multipart/form-data; boundary=B")]}


def test_a_long_part_leaves_room_for_those_behind_it(record, tmp_path):
    lines = b"\n".join(b"row %d" % number for number in range(100))
    record.add(method="POST", **multipart((b"file", lines), (b"other", lines), (b"name", b"joe")))
    text = plain(shown(record, tmp_path, rows=30))
    for number, name in enumerate(("file", "other", "name"), 1):
        assert f'  part {number}: name "{name}"' in text
    assert "\n    joe\n" in text and text.count("\n    row ") == 20
    assert text.count("\n  \u2026 90 more lines of this part\n") == 2
    assert re.search(r"^  \u2026 180 more lines \([\d.]+ KiB\); all of it:$", text, re.M)
    piped = record.output("show", "last").decode()
    assert piped.count("\n    row ") == 200 and "more lines" not in piped


def test_parts_that_fit_are_not_cut(record, tmp_path):
    record.add(method="POST", **multipart((b"file", b"\n".join([b"row"] * 15)), (b"name", b"joe")))
    text = plain(shown(record, tmp_path, rows=30))
    assert text.count("    row\n") == 15 and "more line" not in text
