# SPDX-License-Identifier: MIT
"""Every command shows bodies that contradict their Content-Encoding unchanged."""
import gzip
import json
import zlib

import pytest
from exchanges import Record

TEXT = b'{"order":"needle"}'
DAMAGED = bytearray(gzip.compress(bytes(range(256)) * 40 + TEXT, mtime=0))
DAMAGED[len(DAMAGED) // 2] ^= 0x55


@pytest.fixture
def record(tmp_path):
    return Record(tmp_path / "adit")


@pytest.mark.parametrize("coding", ["gzip", "x-gzip", "deflate", "br", "zstd", "GZIP, identity",
                                    "gzip, br"])
def test_text_that_is_not_coded_is_shown_found_and_exported_as_it_came(record, coding):
    fields = [("Content-Encoding", coding), ("Content-Type", "application/json")]
    record.add(response=TEXT, request=TEXT, response_fields=fields, request_fields=fields,
               method="POST")
    text = record.output("show", "last").decode()
    assert text.count('"order": "needle"') == 2
    assert text.count(", although Content-Encoding says so: this is as it came)") == 2
    assert record.output("show", "last", "--body", "response") == TEXT
    for words in ("body~needle", "req.body~needle", "res.body~needle"):
        assert len(record.output("requests", words, "--json").splitlines()) == 1, words
    entry = json.loads(record.output("export", "--har"))["log"]["entries"][0]
    assert entry["response"]["content"]["text"].encode() == TEXT
    assert entry["response"]["content"]["size"] == len(TEXT)
    assert "compression" not in entry["response"]["content"]
    assert entry["request"]["postData"]["text"].encode() == TEXT
    line = json.loads(record.output("export", "--jsonl"))
    assert line["response"]["body"]["content"].encode() == TEXT
    assert line["response"]["body"]["decoded"] is None


def test_a_body_that_is_wrong_in_the_middle_is_as_it_came(record):
    record.add(response=bytes(DAMAGED), response_fields=[("Content-Encoding", "gzip")])
    done = record.run("show", "last", "--body", "response")
    assert (done.returncode, done.stdout) == (0, bytes(DAMAGED))
    assert "it is not gzip, although Content-Encoding says so" in record.output(
        "show", "last").decode()


@pytest.mark.parametrize("packed", [gzip.compress(TEXT * 100), zlib.compress(TEXT * 100)],
                         ids=["gzip", "deflate"])
def test_a_body_of_which_a_part_was_kept_is_decoded_as_far_as_it_goes(record, packed):
    coding = "gzip" if packed[:2] == b"\x1f\x8b" else "deflate"
    record.add(response=packed, response_bytes=len(packed) + 1000,
               response_fields=[("Content-Encoding", coding)])
    done = record.run("show", "last", "--body", "response")
    assert done.returncode == 1 and TEXT in done.stdout
    assert "although" not in record.output("show", "last").decode()


def test_members_and_what_is_behind_the_last_are_decoded_and_told(record):
    whole = gzip.compress(b"one ") + gzip.compress(b"two")
    fields = [("Content-Encoding", "gzip")]
    record.add(response=whole, response_fields=fields)
    assert record.output("show", "last", "--body", "response") == b"one two"
    record.add(response=whole + b"\0\0\0", response_fields=fields)
    done = record.run("show", "last", "--body", "response")
    assert (done.returncode, done.stdout) == (1, b"one two")


def test_two_that_are_wrong_in_the_same_way_are_the_same(record):
    ids = [record.add(response=TEXT, response_fields=[("Content-Encoding", "gzip")])
           for _ in range(2)]
    assert b"order" not in record.output("diff", *ids)
