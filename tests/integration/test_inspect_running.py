# SPDX-License-Identifier: MIT
"""The commands describe running exchanges, and exchanges whose recorder was killed."""
import gzip
import json
import time

import pytest
from exchanges import Record

REQUEST_WHOLE, RESPONSE_WHOLE, UPGRADED = 8, 16, 32
SECOND = 1_000_000_000
# The row of a running exchange; after a kill it is the same, but nobody holds the lock.
RUNS = {"outcome": None, "duration_ns": None, "response_digest": None, "flags": REQUEST_WHOLE,
        "far_outcome": None, "far_flags": None}


@pytest.fixture(params=["runs", "gone"])
def record(request, tmp_path):
    """(a record with one writer, whether that is alive)"""
    kept = Record(tmp_path / "adit")
    if request.param == "runs":
        with kept.lives():
            yield kept, True
    else:
        yield kept, False


def entry(record):
    (found,) = json.loads(record.output("export", "--har"))["log"]["entries"]
    return found


def test_a_coded_body_that_is_still_coming_is_not_called_broken(record):
    kept, lives = record
    packed = gzip.compress(b"x" * 1000)[:-4]
    kept.add(response=packed, response_fields=[("Content-Encoding", "gzip")], **RUNS)
    why = "more of it is to come" if lives else "it did not come whole"
    assert f"x\n  ({why}: this is as far as it could be decoded)" in kept.output("show", "last").decode()
    done = kept.run("show", "last", "--body", "response")
    assert (done.returncode, done.stdout) == (1, b"x" * 1000) and why in done.stderr.decode()
    assert entry(kept)["response"]["content"]["comment"] == why


def test_how_long_it_has_lasted_is_told(record):
    kept, lives = record
    kept.add(response=b"abc", began_ns=time.time_ns() - 5 * SECOND, response_first_ns=SECOND,
             response_last_ns=2 * SECOND, **RUNS)
    shown = kept.output("show", "last").decode()
    assert ("it still runs, 5" if lives else "recorder gone after 2.00 s or more") in shown
    assert "response  3 bytes, " + ("so far" if lives else "not whole") in shown
    if lives:
        assert 5000 <= entry(kept)["time"] < 500_000
    else:
        assert entry(kept)["time"] == 2000
    timings = entry(kept)["timings"]
    assert timings["receive"] >= 1900 and timings["wait"] > 0


def test_an_exchange_without_an_answer_says_why(record):
    kept, lives = record
    kept.add(request=b"abc", **RUNS | {"status": None, "answered_ns": None})
    assert entry(kept)["response"]["_error"] == ("still running" if lives else "recorder gone")
    assert "< no response" in kept.output("show", "last").decode()


@pytest.mark.parametrize("ended", [False, True])
def test_an_upgrade_to_another_protocol_has_bodies(record, ended):
    kept, _ = record
    kept.add(request=b"ask\n", response=b"answer\n",
             **({} if ended else RUNS) | {"status": 101, "flags": UPGRADED})
    shown = kept.output("show", "last").decode()
    assert "\n    ask\n" in shown and "\n    answer\n" in shown
    assert kept.output("show", "last", "--body", "response") == b"answer\n"


def test_bad_heads_are_shown_and_move_no_cursor(record):
    kept, _ = record
    kept.add(status=502, error="ADIT-UPSTREAM-INVALID", detail="a \x1b[2J at byte 3",
             bad_head=b"HTTP/1.1 20\x1b[2J OK\r\nX: \xff\n\r\n")
    shown = kept.output("show", "last").decode()
    assert "< in place of a valid head came\n<? HTTP/1.1 20" in shown and "\n<? X: " in shown
    assert "\ndetail    a " in shown and "\x1b" not in shown and "\n<? \n<? \n" not in shown
    for words in (("show", "last", "--json"), ("export", "--jsonl")):
        told = json.loads(kept.output(*words))
        assert told["detail"] == "a \x1b[2J at byte 3"
        assert "base64" in told["response"]["bad_head"]
    assert json.loads(kept.output("requests", "--json"))["detail"] == "a \x1b[2J at byte 3"
