# SPDX-License-Identifier: MIT
"""Bodies that decode to many times their size cost each command bounded memory, and the output says
what was not decoded."""
import gzip
import json
import os
import re
import subprocess
import zlib

import harness
import pytest
from exchanges import Record

KIB, MIB = 1024, 1024 * 1024
MOST = 128 * KIB    # limit on decoded bytes of a body, plus 100 times its received bytes
SURE = 16 * KIB     # decoded beyond the budget too, plus 16 times the received bytes
BUDGET = 256 * MIB
ZEROS = b"\0" * MIB


def deflated(megabytes, window=31):
    packer = zlib.compressobj(9, zlib.DEFLATED, window)
    return b"".join([packer.compress(ZEROS) for _ in range(megabytes)]) + packer.flush()


# 256 MiB in 657 bytes by gzip twice; and smaller bodies in other codings.
TWICE = gzip.compress(deflated(256), 9, mtime=0)
BOMBS = {
    "gzip, gzip": TWICE,
    "gzip": deflated(4),
    "deflate": deflated(4, 15),
    "DEFLATE": deflated(4, -15),
    "gzip, gzip, gzip": gzip.compress(TWICE),
    "gzip" + ", gzip" * 7: TWICE,
}


@pytest.fixture
def record(tmp_path):
    with Record(tmp_path / "adit") as made:
        yield made


def fields(coding):
    return [("Content-Encoding", coding), ("Content-Type", "text/plain")]


def capped(record, *words, most):
    """The output of a command, which must end before it has written more than `most`."""
    with subprocess.Popen([harness.BIN / "adit", *words, "--data", record.directory],
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                          env=harness.environment(record.directory)) as program:
        text = b""
        while len(text) <= most and (piece := os.read(program.stdout.fileno(), MIB)):
            text += piece
        if len(text) > most:
            program.kill()
        error = program.stderr.read().decode()
        assert len(text) <= most, len(text)
        assert program.wait() == 0, error
    return text, error


def test_bombs_are_what_they_are_said_to_be():
    assert len(TWICE) < 1500
    assert gzip.decompress(gzip.decompress(TWICE)) == ZEROS * 256


@pytest.mark.parametrize("coding", BOMBS)
def test_of_a_bomb_the_beginning_is_decoded(record, coding):
    bomb = BOMBS[coding]
    bound = MOST + 100 * len(bomb)
    record.add(response=bomb, response_fields=fields(coding))
    done = record.run("show", "last", "--body", "response")
    assert done.returncode == 1 and b"--decode-all" in done.stderr
    assert len(done.stdout) <= bound
    line = json.loads(capped(record, "export", "--jsonl", most=8 * bound)[0])
    assert not line["response"]["body"]["decoded"]["whole"]
    text, error = capped(record, "export", "--har", most=8 * bound)
    assert json.loads(text) and "of 1 exchange not all was decoded" in error
    assert b"--decode-all" in record.run("show", "last").stdout


def test_many_bombs_cost_no_more_than_what_all_of_them_may(record):
    with record.together():
        names = [record.add(response=TWICE, response_fields=fields("gzip, gzip")) for _ in range(20)]
    text, error = capped(record, "export", "--jsonl", most=60 * MIB)
    assert len(text.splitlines()) == 20
    for words in (("requests", "body~zzz"), ("stats", "body~zzz"), ("delete", "body~zzz", "--yes")):
        done = record.run(*words)
        assert done.returncode == 0
        told = re.search(r"of 20 exchanges not all was decoded or searched.*--decode-all.*: (.*)\n",
                         done.stderr.decode())
        assert set(told[1].split()) <= {*names, "…"} and len(told[1].split()) == 4


def test_beyond_the_budget_usual_bodies_are_still_searched(record):
    """Bombs that use up the budget cannot hide other bodies from a search."""
    bomb = deflated(8)
    room = MOST + 100 * len(bomb)
    with record.together():
        for _ in range(BUDGET // (room - SURE - 16 * len(bomb)) + 2):
            record.add(response=bomb, response_fields=fields("gzip"))
        plain = b" ".join(os.urandom(3).hex().encode() for _ in range(50_000)) + b" needle"
        record.add(request=gzip.compress(plain), request_fields=fields("gzip"), target="/usual")
        last = record.add(response=bomb, response_fields=fields("gzip"), target="/last")
    done = record.run("requests", "body~needle", "--limit", "all", "--json")
    assert [json.loads(line)["request"]["target"] for line in done.stdout.splitlines()] == ["/usual"]
    assert len(record.run("show", last, "--body", "response").stdout) == room


def test_all_is_decoded_when_it_is_asked_for(record):
    body = gzip.compress(ZEROS * 2 + b"needle")
    record.add(response=body, response_fields=fields("gzip"))
    assert record.output("requests", "body~needle", "--decode-all").count(b"\n") == 1
    assert record.run("requests", "body~needle").stdout == b""
    assert record.output("show", "last", "--body", "response", "--decode-all") == \
        ZEROS * 2 + b"needle"


def test_usual_bodies_are_decoded_whole(record):
    for ratio in (10, 90):
        text = b"".join(os.urandom(10) * ratio for _ in range(30_000 // ratio * 10))
        record.add(response=gzip.compress(text), response_fields=fields("gzip"))
        assert record.output("show", "last", "--body", "response") == text


def test_messages_of_a_websocket_are_no_way_round(record):
    packer = zlib.compressobj(9, zlib.DEFLATED, -15)
    packed = b"".join(packer.compress(ZEROS) for _ in range(2)) + \
        packer.flush(zlib.Z_SYNC_FLUSH)[:-4]
    record.add(status=101, flags=32, messages=[(0, 2, 1, len(packed), packed)])
    text, error = capped(record, "export", "--jsonl", most=MIB)
    message, = json.loads(text)["messages"]
    assert message["decoded"] is None and "--decode-all" in error
    text, error = capped(record, "export", "--jsonl", "--decode-all", most=16 * MIB)
    assert json.loads(text)["messages"][0]["decoded"]["whole"] and not error


def test_fields_of_forms_are_bounded_in_har(record):
    record.add(method="POST", request=b"a&" * 500_000, target="/?" + "a&" * 4000,
               request_fields=[("Content-Type", "application/x-www-form-urlencoded"),
                               ("Cookie", "a=;" * 10_000)])
    entry = json.loads(capped(record, "export", "--har", most=2 * MIB)[0])["log"]["entries"][0]
    assert len(entry["request"]["postData"]["params"]) == 1000
    assert len(entry["request"]["queryString"]) == 1000
    assert len(entry["request"]["cookies"]) == 1000
