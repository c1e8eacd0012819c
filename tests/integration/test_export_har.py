# SPDX-License-Identifier: MIT
"""Exported archives are accepted by programs that read HAR (support/har.py has their rules)."""
import json
from random import Random

import any_request
import har
import pytest
from exchanges import Record

PROGRAMS = ["aditd", "adit proxy", "adit http", "adit replay"]


@pytest.fixture
def record(tmp_path):
    made = Record(tmp_path / "adit")
    made.writers = {program: made.writer(program) for program in PROGRAMS}
    return made


def entries(record, *words):
    return har.load(record.output("export", *words, "--har"))


def test_all_entries_belong_to_a_page(record):
    assert json.loads(record.run("export", "--har").stdout)["log"]["pages"] == []
    for _ in range(2):
        record.add()
    page, = json.loads(record.output("export", "--har"))["log"]["pages"]
    assert page["startedDateTime"] == "2025-11-25T18:00:01.000Z"
    assert [entry["pageref"] for entry in entries(record)] == [page["id"]] * 2
    newest_first = json.loads(record.output("export", "last", f"01jdq{1:011d}", "--har"))["log"]
    assert newest_first["pages"] == [page]


def test_bytes_behind_an_upgrade_are_neither_a_body_nor_a_time_of_sending(record):
    upgrade = [("Connection", "Upgrade"), ("Upgrade", "websocket")]
    record.add(status=101, flags=32 | 8 | 16, request_bytes=39, request_kept=0, response_bytes=77,
               sent_on_ns=2_000_000, connect_ns=1_000_000, answered_ns=7_000_000,
               request_last_ns=900_000_000, response_last_ns=950_000_000, duration_ns=10**9,
               request_fields=upgrade, messages=[(0, 1, 0, 2, b"hi"), (1, 2, 0, 9, b"\xff")])
    entry, = entries(record)
    assert entry["timings"] == {"blocked": 1, "connect": 1, "dns": -1, "ssl": -1, "send": 0,
                                "wait": 5, "receive": 993}
    assert "postData" not in entry["request"] and entry["_resourceType"] == "websocket"
    assert (entry["_adit"]["requestBytes"], entry["_adit"]["responseBytes"]) == (39, 77)
    record.add(status=101, flags=32, request_fields=[("Upgrade", "irc")])
    assert "_resourceType" not in entries(record, "last")[0]


@pytest.mark.parametrize("known, time, parts", [
    ({"sent_on_ns": None, "connect_ns": None, "answered_ns": None}, 0, (0, 0, 0)),
    ({"sent_on_ns": 10**6, "connect_ns": None, "answered_ns": None}, 1, (0, 0, 0)),
    ({"sent_on_ns": 10**6, "connect_ns": None, "answered_ns": 5 * 10**6}, 5, (0, 4, 0)),
    ({"sent_on_ns": 10**6, "connect_ns": None, "answered_ns": 5 * 10**6,
      "response_last_ns": 3 * 10**9}, 3000, (0, 4, 2995)),
    ({"sent_on_ns": 10**6, "connect_ns": None, "answered_ns": None,
      "request_last_ns": 3 * 10**9}, 3000, (2999, 0, 0)),
], ids=["begun", "sent on", "answered", "streams", "uploads"])
def test_the_time_of_what_never_ended_is_as_far_as_it_is_known(record, known, time, parts):
    record.add(outcome=None, duration_ns=None, **known)
    entry, = entries(record)
    assert entry["time"] == time
    assert tuple(entry["timings"][name] for name in ("send", "wait", "receive")) == parts


def test_pairs_are_unescaped_and_still_may_be_once_more(record):
    text = "a=%20+x&%C3%A9=1%25&b[]=2&=n&c&%zz=%zz&p=%2541&&x=%00"
    record.add(target="/?" + text, method="POST", request=text.encode(),
               request_fields=[("Content-Type", "application/x-www-form-urlencoded")])
    request = entries(record)[0]["request"]
    assert request["url"].endswith(
        "/?a=%20+x&%C3%A9=1%25&b%5B%5D=2&=n&c&%25zz=%25zz&p=%2541&&x=%00")
    values = ["  x", "1%25", "2", "n", "", "%25zz", "%2541", "\0"]
    names = ["a", "é", "b[]", "", "c", "%zz", "p", "x"]
    assert request["queryString"] == [{"name": n, "value": v} for n, v in zip(names, values)]
    names[5] = "%25zz"
    assert request["postData"]["params"] == [{"name": n, "value": v} for n, v in zip(names, values)]
    assert request["postData"]["text"] == text


def test_cookies_have_names_and_values_that_were_sent(record):
    record.add(flags=1 | 24,
               request_fields=[("Cookie", ""), ("Cookie", "; ;a=1;=x"), ("Cookie", "[redacted]")],
               response_fields=[("Set-Cookie", "=x"), ("Set-Cookie", "b"), ("Set-Cookie", ""),
                                ("Set-Cookie", "[redacted]")])
    entry, = entries(record)
    assert entry["request"]["cookies"] == [{"name": "a", "value": "1"}]
    assert entry["response"]["cookies"] == [{"name": "b", "value": ""}]
    assert {"name": "Cookie", "value": "[redacted]"} in entry["request"]["headers"]


def test_what_a_record_lacks_has_a_value_that_importers_take(record):
    record.add(host=None, upstream=None, target="/", method="", began_ns=-5)
    record.add(host="a b", target="*", method="OPTIONS", status=None, response_head=None)
    record.add(host="[::1]:80", scheme="https", target="/|^`{}[]\"<>\\ \xe9%", request=b"x")
    record.add(request_fields=[("", "nameless")], response_fields=[("", "")])
    record.running(request_bytes=0)
    made = entries(record)
    assert [entry["request"]["url"] for entry in made[:3]] == [
        "http://unknown.invalid/", "http://unknown.invalid/*",
        "https://[::1]:80/%7C%5E%60%7B%7D%5B%5D%22%3C%3E%5C%20%C3%A9%25"]
    assert made[2]["request"]["postData"]["mimeType"] == "application/octet-stream"
    assert made[4]["response"]["content"]["mimeType"] == "x-unknown"


def test_any_request_is_taken(record):
    random = Random(11)
    for number in range(200):
        any_request.add(record, any_request.a_request(random, "h.localhost"), "h.localhost",
                        PROGRAMS[number % len(PROGRAMS)])
    assert len(entries(record)) == 200
