# SPDX-License-Identifier: MIT
"""diff and verify report each difference of two exchanges, or of the two ends of one, and no
other."""
import gzip
import json

import pytest
from exchanges import CHUNK, Record, digest

SAME = {"far_flags": 8 | 16}


@pytest.fixture
def record(tmp_path):
    return Record(tmp_path / "adit")


# verify

@pytest.mark.parametrize("columns, verdict, status", [
    ({}, "same", 0),
    ({"far_response_digest": digest(b"other")}, "differs", 1),
    ({"far_request_bytes": 99}, "differs", 1),
    ({"far_outcome": None, "far_flags": None}, "unverified", 0),
    ({"far_flags": 8}, "unverified", 0),
    ({"flags": 16, "far_request_bytes": 99}, "unverified", 0),
    ({"response_digest": digest(b"x"), "far_response_digest": digest(b"x")}, "damaged", 1),
    ({"keep_response": 3, "response_digest": digest(b"x"), "far_response_digest": digest(b"x")},
     "same", 0),
    ({"flags": 8 | 16 | 32, "response_digest": digest(b"x"),
      "far_response_digest": digest(b"x")}, "same", 0),
])
def test_an_exchange_is_judged(record, columns, verdict, status):
    record.add(request=b"asked", response=b"a" * (CHUNK + 1), **columns)
    text = record.output("verify", "last", status=status).decode()
    assert text.split()[1] == verdict
    told = json.loads(record.output("verify", "last", "--json", status=status))
    assert told["exchanges"][0]["verdict"] == verdict
    assert told["counts"][verdict] == 1 and sum(told["counts"].values()) == 1


def test_differences_are_told_with_counts_and_digests(record):
    record.add(response=b"here", far_response_digest=digest(b"there"), far_response_bytes=5)
    text = record.output("verify", "last", status=1).decode()
    assert f"response: 4 bytes {digest(b'here').hex()} here" in text
    assert f"5 bytes {digest(b'there').hex()} at the other end" in text
    assert "request: same" in text


def test_a_byte_changed_in_a_kept_body_is_found(record):
    record.add(response=b"a" * 3 * CHUNK)
    assert record.run("verify", "--all").returncode == 0
    record.db.execute("UPDATE body SET bytes=? WHERE at=?", (b"a" * (CHUNK - 1) + b"b", CHUNK))
    text = record.output("verify", "--all", status=1).decode()
    assert "damaged" in text and "what is kept does not have the digest" in text
    record.db.execute("DELETE FROM body WHERE at=?", (CHUNK,))
    assert record.run("verify", "--all").returncode == 1


def test_all_are_counted_and_only_what_is_not_the_same_has_a_line(record):
    for _ in range(3):
        record.add()
    cut = record.add(far_flags=8, method="POST")
    wrong = record.add(far_response_bytes=1, target="/wrong")
    lines = record.output("verify", "--all", status=1).decode().splitlines()
    assert [line.split()[0] for line in lines if not line.startswith(" ")] == [cut, wrong, "5"]
    assert lines[-1] == "5 exchanges: 3 same, 1 differ, 1 unverified, 0 damaged"
    text = record.output("verify", "--all", "method=POST").decode()
    assert text.endswith("1 exchange: 0 same, 0 differ, 1 unverified, 0 damaged\n")
    counts = json.loads(record.output("verify", "--all", "--json", status=1))["counts"]
    assert counts == {"same": 3, "differs": 1, "unverified": 1, "damaged": 0, "running": 0}


def test_exchanges_outside_a_tunnel_have_no_other_end(record):
    record.add()
    alone = record.add(tunnel="", far_outcome=None, far_flags=None)
    assert record.output("verify", "--all").decode() == (
        "1 exchange: 1 same, 0 differ, 0 unverified, 0 damaged; 1 passed no tunnel\n")
    assert "there is no other end" in record.output("verify", alone).decode()
    record.add(tunnel="", far_outcome=None, far_flags=None, response=b"x", response_digest=bytes(16))
    text = record.output("verify", "--all", status=1).decode()
    assert "  damaged  " in text and "1 damaged; 1 passed no tunnel" in text


def test_verify_refuses_wrong_words(record):
    record.add()
    for words in [(), ("last", "last"), ("--all", "x=>"), ("--nothing",)]:
        assert record.run("verify", *words).returncode == 2
    assert record.run("verify", "nothere").returncode == 1


# diff

def differences(record, first, second, status=1):
    told = json.loads(record.output("diff", first, second, "--json", status=status))
    assert told["same"] == (status == 0) == (told["differences"] == [])
    return told["differences"]


def test_exchanges_that_differ_in_time_alone_are_the_same(record):
    fields = [("A", "1"), ("B", "2"), ("C", "3"), ("C", "4")]
    first = record.add(response=b"x", request_fields=fields)
    second = record.add(response=b"x", duration_ns=1, visitor="other", request_fields=[
        ("c", "3"), ("B", "2"), ("A", "1"), ("C", "4")])
    assert differences(record, first, second, status=0) == []
    text = record.output("diff", first, second).decode()
    assert "the same\n" in text and "duration" in text


def test_values_and_fields_are_compared_by_name(record):
    first = record.add(method="GET", target="/a", status=200, request_fields=[
        ("Gone", "1"), ("Same", "1"), ("Changed", "1"), ("Two", "a"), ("Two", "b")])
    second = record.add(method="PUT", target="/a", status=None, request_fields=[
        ("Same", "1"), ("changed", "2"), ("Two", "b"), ("Two", "a"), ("New", "")])
    found = [(d["kind"], d["name"], d["before"], d["after"])
             for d in differences(record, first, second)]
    assert found == [
        ("value", "method", "GET", "PUT"), ("field", "Gone", "1", None),
        ("field", "Changed", "1", "2"), ("field", "Two", "a", "b"), ("field", "Two", "b", "a"),
        ("field", "New", None, ""), ("value", "status", "200", None)]
    text = record.output("diff", first, second, status=1).decode()
    assert "request line\n-method: GET\n+method: PUT\n" in text
    assert "-Changed: 1\n+Changed: 2\n" in text and "+New: \n" in text


def test_interim_responses_and_trailers_are_compared(record):
    first = record.add(interim=b"103\r\nLink: a\r\n\r\n", response_trailers=b"T: 1\r\n")
    second = record.add(interim=b"103\r\nLink: b\r\n\r\n")
    found = differences(record, first, second)
    assert [(d["part"], d["line"]) for d in found if d.get("mark") in ("-", "+")] == [
        ("interim responses", "Link: a"), ("interim responses", "Link: b")]
    assert [(d["part"], d["name"], d["after"]) for d in found if d["kind"] == "field"] == [
        ("response trailers", "T", None)]


def body_difference(record, one, other, one_fields=(), other_fields=(), **columns):
    first = record.add(response=one, response_fields=one_fields)
    second = record.add(response=other, response_fields=other_fields, **columns)
    return [d for d in differences(record, first, second) if d["part"] == "response body"]


def test_json_is_compared_laid_out_and_decoded(record):
    coding = [("Content-Encoding", "gzip")]
    found = body_difference(record, gzip.compress(b'{"a":1,"b":[1,2]}'),
                            gzip.compress(b'{"a":1,\n"b":[1,3]}'), coding, coding)
    assert [(d["mark"], d["line"]) for d in found if d["mark"] in "+-"] == [
        ("-", "    2"), ("+", "    3")]
    assert [d["kind"] for d in body_difference(record, b"[1]", b"[ 1 ]")] == ["layout"]


def test_the_same_content_in_another_coding_is_the_same_body(record):
    assert body_difference(record, b"content", gzip.compress(b"content"), (),
                           [("Content-Encoding", "gzip")]) == []


def test_text_is_compared_by_lines_and_bytes_by_offset(record):
    found = body_difference(record, b"a\nb\nc\n", b"a\nB\nc\n")
    assert "".join(d["mark"] for d in found) == "@ -+ "
    found = body_difference(record, b"\xff\x00\x01", b"\xff\x00\x02\x03")
    assert found == [{"part": "response body", "kind": "bytes", "before_bytes": 3,
                      "after_bytes": 4, "offset": 2}]
    one = "".join(f"a{n}\n" for n in range(3000)).encode()
    found = body_difference(record, one, one.replace(b"a", b"b"))
    assert [(d["kind"], d["offset"]) for d in found] == [("bytes", 0)]


def test_parts_are_compared_as_far_as_they_go(record):
    found = body_difference(record, b"0123456789", b"0123456xyz", keep_response=4)
    assert [d["kind"] for d in found] == ["unkept"]
    found = body_difference(record, b"0123456789", b"01x3456789", keep_response=4)
    assert [(d["kind"], d["offset"]) for d in found] == [("bytes", 2)]
    first = record.add(response=b"0123456789")
    second = record.add(response=b"0123456789", keep_response=4)
    assert differences(record, first, second, status=0) == []


def test_messages_are_compared(record):
    first = record.add(status=101, flags=32, response=b"mask1",
                       messages=[(0, 1, 0, 1, b"a"), (1, 1, 0, 1, b"b")])
    second = record.add(status=101, flags=32, response=b"mask2",
                        messages=[(0, 1, 0, 1, b"a"), (1, 1, 0, 2, b"b\n")])
    found = differences(record, first, second)
    assert [(d["part"], d["line"]) for d in found if d["mark"] in "+-"] == [
        ("messages", "< text 1 b"), ("messages", "< text 2 b\\n")]


def test_diff_has_the_statuses_of_diff(record):
    first = record.add()
    for words in [(), (first,), (first, first, first), (first, first, "--x")]:
        assert record.run("diff", *words).returncode == 2
    done = record.run("diff", first, "nothere")
    assert done.returncode == 2 and not done.stdout and done.stderr
    assert record.run("diff", first, "last").returncode == 0
