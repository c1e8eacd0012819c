# SPDX-License-Identifier: MIT
"""`show` prints an exchange as it was, whatever its bytes, and none of them moves the cursor."""
import gzip
import json
import re
import zlib

import pytest
from exchanges import Record

HOSTILE = b"\x1b]0;owned\x07 \x9b31m \xc2\x9b31m \xe2\x80\xae \r \x00 \x7f"
CONTROL = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e]")


@pytest.fixture
def record(tmp_path):
    return Record(tmp_path / "adit")


def shown(record, *words, **options):
    return record.output("show", *words, **options).decode()


def test_heads_are_shown_in_order_with_duplicates_interim_responses_and_trailers(record):
    record.add(method="POST", target="/x?y", request=b"hello",
               request_fields=[("B", "1"), ("A", "2"), ("B", "3")],
               response_fields=[("Set-Cookie", "a"), ("Set-Cookie", "b")], status=201,
               interim=b"103\r\nLink: </a>\r\n\r\n103\r\nLink: </b>\r\n\r\n",
               response=b"done", response_trailers=b"Sum: 1\r\n")
    text = shown(record, "last")
    wanted = ["> POST /x?y HTTP/1.1", "> Host: web.localhost:7080", "> B: 1", "> A: 2", "> B: 3", "", "    hello", "",
              "< 103 Early Hints", "< Link: </a>", "<", "< 103 Early Hints", "< Link: </b>", "<",
              "< 201 Created", "< Set-Cookie: a", "< Set-Cookie: b", "", "    done", "< trailers",
              "< Sum: 1"]
    assert "\n".join(wanted) in text
    assert "complete after 9.0" in text
    assert "other end complete: request same, response same" in text


def test_json_is_laid_out_and_keeps_its_numbers(record):
    body = b'{"b":1.0,"a":[1e400,12345678901234567890]}'
    packed = gzip.compress(body)
    record.add(response=packed, response_fields=[("Content-Encoding", "gzip")])
    wanted = ('    {\n      "b": 1.0,\n      "a": [\n        1e400,\n        12345678901234567890\n'
              '      ]\n    }\n')
    assert wanted in shown(record, "last")
    assert record.output("show", "last", "--body", "response") == body
    assert record.output("show", "last", "--body", "response", "--raw") == packed
    assert "1f 8b 08" in shown(record, "last", "--no-decode")


def test_broken_json_is_shown_as_it_is(record):
    record.add(response=b'{"a":1,\n"b":[')
    assert '    {"a":1,\n    "b":[\n' in shown(record, "last")


def test_nothing_that_was_sent_reaches_the_terminal(record):
    value = HOSTILE.replace(b"\r", b"").replace(b"\n", b"")
    record.add(request=b"text " + HOSTILE.replace(b"\x00", b""), response=HOSTILE, method="G\x1b[2J",
               target="/\x1b[31m", request_fields=[("X", value)], response_fields=[("Y", value)],
               interim=b"103\r\nA: " + value + b"\r\n\r\n", response_trailers=lines_of(value),
               outcome="\x1b[2J", error="\x1b[2J", visitor="\x1b[2J", upstream="\x9b", host="\x1b",
               far_outcome="\x1b[2J", replay_of="\x1b[2J", flags=8 | 16)
    record.add(status=101, flags=32, messages=[(0, 1, 0, len(HOSTILE), HOSTILE),
                                               (1, 8, 0, 30, b"\x03\xe8\x1b[2J"),
                                               (1, 99, 0, 30, b"\x1b")])
    first = record.db.execute("SELECT id FROM exchange").fetchone()[0]
    for words in [("show", first), ("show", "last"), ("show", first, "--json"),
                  ("show", "last", "--json"), ("diff", first, "last"),
                  ("diff", first, "last", "--json"), ("verify", first), ("verify", "last"),
                  ("export", "--jsonl"), ("export", "--har"), ("export", "--curl")]:
        text = record.run(*words).stdout.decode()
        assert len(text) > 20 and not CONTROL.search(text), (words, text)


def lines_of(value):
    return b"Z: " + value + b"\r\n"


def test_long_and_binary_bodies_are_cut_and_say_how_to_get_all(record):
    body = b"line\n" * 300_000  # 16 lines of hex, and what fits into 1 MiB
    identity = record.add(response=body, request=bytes(range(256)) * 300)
    text = shown(record, "last")
    assert text.count("    line\n") == (1 << 20) // 5
    assert "  … 90285 more lines (440.8 KiB); all of it:\n  adit show" in text
    assert f"adit show {identity} --body response" in text
    assert f"adit show {identity} --body request" in text
    assert "00000000  00 01 02 03" in text
    assert record.output("show", "last", "--body", "response") == body
    assert record.output("show", "last", "--body", "request") == bytes(range(256)) * 300


def test_a_part_of_a_body_is_written_with_a_word_and_status_1(record):
    record.add(response=b"0123456789", keep_response=4, flags=8)
    done = record.run("show", "last", "--body", "response")
    assert (done.returncode, done.stdout) == (1, b"0123")
    assert b"only 4 of 10 bytes were kept" in done.stderr
    assert "(4 B of 10 B were kept)" in shown(record, "last")
    packed = gzip.compress(b"x" * 1000)
    record.add(response=packed[:-4], response_fields=[("Content-Encoding", "gzip")])
    done = record.run("show", "last", "--body", "response")
    assert (done.returncode, done.stdout) == (1, b"x" * 1000)
    assert b"content coding is broken" in done.stderr


def test_no_body_is_none_whatever_its_coding_would_have_been(record):
    record.add(method="HEAD", response_fields=[("Content-Encoding", "gzip")])
    assert record.output("show", "last", "--body", "response") == b""
    assert "(" not in shown(record, "last")
    assert b"comment" not in record.output("export", "--har")


def test_raw_is_the_bytes_of_the_wire(record):
    record.add(method="PUT", target="/a", request=b"in", request_fields=[("Content-Length", "2")],
               interim=b"100\r\n\r\n", response=b"out",
               response_fields=[("Transfer-Encoding", "chunked")], response_trailers=b"T: 1\r\n")
    assert record.output("show", "last", "--raw") == (
        b"PUT /a HTTP/1.1\r\nHost: web.localhost:7080\r\nContent-Length: 2\r\n\r\nin"
        b"HTTP/1.1 100 Continue\r\n\r\n"
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nout\r\n0\r\nT: 1\r\n\r\n")


def deflated(texts):
    """Messages as permessage-deflate sends them, each referring to those before it."""
    packer = zlib.compressobj(wbits=-15)
    for text in texts:
        data = packer.compress(text) + packer.flush(zlib.Z_SYNC_FLUSH)
        assert data.endswith(b"\0\0\xff\xff")
        yield data[:-4]


def test_messages_are_shown_in_order_and_inflated(record):
    one, two = deflated([b"hello hello hello", b"hello hello again"])
    record.add(status=101, flags=32, messages=[
        (0, 1, 1, len(one), one), (1, 1, 0, 5, b"plain"), (0, 1, 1, len(two), two),
        (1, 2, 0, 3, b"\x00\x01\xff"), (0, 9, 0, 0, b""), (1, 1, 0, 50, b"cut he"),
        (1, 8, 0, 5, b"\x03\xe8bye"), (0, 1, 1, 9, one[:3]), (0, 1, 1, len(two), two)])
    text = shown(record, "last")
    found = [(line[:2], line[3:9].strip(), line[33:].strip()) for line in text.splitlines()
             if re.match("(->|<-) ", line)]
    assert found[:7] == [
        ("->", "text", "hello hello hello"), ("<-", "text", "plain"),
        ("->", "text", "hello hello again"), ("<-", "binary", "00 01 ff"), ("->", "ping", ""),
        ("<-", "text", "cut he (cut)"), ("<-", "close", "1000 bye")]
    assert [line[2].endswith(("(compressed) (cut)", "(compressed)")) for line in found[7:]] == [True] * 2
    messages = json.loads(shown(record, "last", "--json"))["messages"]
    assert messages[2]["decoded"] == {"whole": True, "content": "hello hello again"}
    assert messages[3]["content"] == {"base64": "AAH/"}
    plain = json.loads(shown(record, "last", "--json", "--no-decode"))["messages"]
    assert [message["decoded"] for message in plain] == [None] * 9


def split(record):
    """The parts of the time that are known."""
    parts = json.loads(shown(record, "last", "--json"))["split"]
    return {name.removesuffix("_ns"): ns for name, ns in parts.items() if ns is not None}


def test_the_time_is_split_between_what_both_ends_measured(record):
    record.add()
    parts = split(record)
    assert parts == {"relay": 500_000, "tunnel": 3_500_000, "agent": 1_000_000,
                     "connect": 1_000_000, "service": 5_000_000, "body": 3_000_000}
    rows = re.findall(r"^(\w+) +([\d.]+) ms  [#.]{40}$", shown(record, "last"), re.M)
    assert [name for name, _ in rows] == list(parts)
    record.add(far_flags=None, far_outcome=None, far_answered_ns=None)
    parts = split(record)
    assert parts == {"own": 1_000_000, "connect": 1_000_000, "service": 5_000_000,
                     "body": 2_000_000}


@pytest.mark.parametrize("columns, wanted", [
    ({"flags": 8 | 16 | 1}, "[redacted]"),
    ({"flags": 8 | 16 | 2}, "not all of it was kept"),
    ({"flags": 8 | 16 | 4}, "not to be kept"),
    ({"status": None, "outcome": "visitor gone"}, "no response"),
    ({"status": 502, "error": "ADIT-UPSTREAM-REFUSED"}, "itself: ADIT-UPSTREAM-REFUSED"),
    ({"far_outcome": None, "far_flags": None}, "has not reported"),
    ({"far_flags": 8}, "did not come whole at the other end"),
])
def test_what_became_of_it_is_told(record, columns, wanted):
    record.add(**columns)
    assert wanted in shown(record, "last")


def test_a_running_exchange_is_shown(record):
    record.db.execute("UPDATE writer SET ended_ns=NULL")
    record.add(outcome=None, status=None, duration_ns=None, answered_ns=None, request_digest=None,
               response_digest=None, far_outcome=None, far_flags=None)
    assert re.search("still runs|recorder gone", shown(record, "last"))


def test_wrong_words_are_refused(record):
    identity = record.add()
    for words in [(), ("a", "b"), ("last", "--body", "x"), ("last", "--json", "--raw"), ("--x",)]:
        assert record.run("show", *words).returncode == 2
    done = record.run("show", "nothere")
    assert done.returncode == 1 and done.stderr and not done.stdout
    assert identity[:14] in shown(record, identity[:14])
    assert shown(record, "--help").startswith("adit show")


def test_both_programs_have_the_same_commands(record):
    identity = record.add(response=b"\0" * 10_000)
    ours, theirs = (record.run("show", "last", program=program).stdout.decode()
                    for program in ("adit", "aditd"))
    assert f"aditd show {identity} --body response" in theirs
    assert theirs.replace("aditd show", "adit show") == ours
    for words in (["diff", identity, "last"], ["verify", "last"], ["export", "--jsonl"]):
        both = [record.run(*words, program=program) for program in ("adit", "aditd")]
        assert both[0].returncode == both[1].returncode == 0
        assert both[0].stdout == both[1].stdout
