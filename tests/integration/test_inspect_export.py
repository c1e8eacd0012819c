# SPDX-License-Identifier: MIT
"""Exported archives follow the HAR specification. (Commands: test_export_curl.)"""
import base64
import gzip
import json
import re
import resource
import shutil
import stat
import subprocess
from random import Random

import har
import harness
import pytest
from exchanges import Record
from shells import SHELLS

CONTROL = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e]")
ALL_BYTES = bytes(range(256))


@pytest.fixture
def record(tmp_path):
    return Record(tmp_path / "adit")


# HAR.

def har_of(record, *words):
    return har.load(record.output("export", *words, "--har"))


def test_har_is_what_its_specification_says(record):
    page = "<p>é</p>".encode() * 100
    record.add(method="POST", target="/form?a=1&b=&c&a=%20", request=b"x=1&y=%26",
               request_fields=[("Content-Type", "application/x-www-form-urlencoded; charset=utf-8"),
                               ("Cookie", "s=1; t=a=b")], status=302,
               response_fields=[("Location", "/there"),
                                ("Set-Cookie", "s=2; Path=/; HttpOnly; Secure; Domain=a.b")])
    record.add(response=gzip.compress(page), request_last_ns=3_000_000,
               response_fields=[("Content-Type", "text/html"), ("Content-Encoding", "gzip")])
    record.add(method="PUT", request=ALL_BYTES, response=ALL_BYTES * 1000)
    record.add(status=None, outcome="visitor gone", answered_ns=None, flags=8, target="*")
    record.add(target="?\xff", request_fields=[("X", b"\xff\xe9")], keep_response=3,
               response=b"0123456789")
    entries = har_of(record)
    assert [entry["_adit"]["id"] for entry in entries] == [f"01jdq{n:011d}" for n in range(1, 6)]
    form, coded, binary, none, odd = entries
    assert form["request"]["url"] == "http://web.localhost:7080/form?a=1&b=&c&a=%20"
    assert [(p["name"], p["value"]) for p in form["request"]["queryString"]] == [
        ("a", "1"), ("b", ""), ("c", ""), ("a", " ")]
    assert form["request"]["postData"]["text"] == "x=1&y=%26"
    assert form["request"]["postData"]["params"] == [{"name": "x", "value": "1"},
                                                     {"name": "y", "value": "&"}]
    assert form["request"]["cookies"] == [{"name": "s", "value": "1"},
                                          {"name": "t", "value": "a=b"}]
    assert form["response"]["cookies"] == [{"name": "s", "value": "2", "path": "/",
                                            "httpOnly": True, "secure": True, "domain": "a.b"}]
    assert form["response"]["redirectURL"] == "/there"
    assert form["response"]["statusText"] == "Found"
    assert coded["response"]["content"]["text"].encode() == page
    assert coded["response"]["content"]["compression"] == len(page) - len(gzip.compress(page))
    assert coded["timings"] == {"blocked": 1, "dns": -1, "connect": 1, "send": 1, "wait": 4,
                                "receive": 2, "ssl": -1}
    assert base64.b64decode(binary["request"]["postData"]["text"]) == ALL_BYTES
    assert binary["request"]["postData"]["encoding"] == "base64"
    assert none["response"]["status"] == 0
    assert odd["response"]["content"]["comment"] == "3 of 10 bytes were kept"
    assert odd["request"]["headers"] == [{"name": "X", "value": "\xff\xe9"}]
    assert odd["request"]["url"].isascii()


def test_har_of_nothing_and_of_a_filter(record):
    assert json.loads(record.run("export", "--har").stdout)["log"]["entries"] == []
    record.add(status=200)
    wanted = record.add(status=503)
    assert [entry["_adit"]["id"] for entry in har_of(record, "status>=500")] == [wanted]


def test_har_has_messages_as_chrome_writes_them(record):
    record.add(status=101, flags=32, messages=[(0, 1, 0, 2, b"hi"), (1, 2, 0, 2, b"\xff\x00")])
    entry, = har_of(record)
    began = 1764093601
    assert entry["_webSocketMessages"] == [
        {"type": "send", "time": pytest.approx(began + 0.001, abs=1e-6), "opcode": 1, "data": "hi"},
        {"type": "receive", "time": pytest.approx(began + 0.002, abs=1e-6), "opcode": 2,
         "data": base64.b64encode(b"\xff\x00").decode()}]


@pytest.mark.parametrize("reader", [
    ["node", "-e", "const h=JSON.parse(require('fs').readFileSync(0));"
                   "console.log(h.log.entries.map(e=>e.response.content.text.length).join())"],
    ["jq", "-r", "[.log.entries[].response.content.text|length]|join(\",\")"],
], ids=lambda reader: reader[0])
def test_har_is_read_by_others(record, reader):
    if not shutil.which(reader[0]):
        pytest.skip(f"no {reader[0]} here")
    record.add(response="é\u2028\x7f\x01\"\\".encode())
    record.add(response=b"\xff" * 300)
    done = subprocess.run(reader, input=record.output("export", "--har"), capture_output=True,
                          check=True, timeout=harness.DEADLINE)
    assert done.stdout.strip() == b"6,400"


# JSON lines.

def test_jsonl_loses_nothing(record):
    fields = [("A", "1"), ("a", "2"), ("B", b"\xff\x80"), ("A", "é\u2028")]
    packed = gzip.compress(b"hello")
    record.add(method="POST", request=ALL_BYTES * 1000, request_fields=fields, response=packed,
               response_fields=[("Content-Encoding", "gzip")],
               interim=b"103\r\nLink: x\r\nLink: y\r\n\r\n100\r\n\r\n", status=200,
               response_trailers=b"T: 1\r\n", target="/\xe9")
    record.add(response=b"text\x00\x1b")
    first, second = map(json.loads, record.output("export", "--jsonl").splitlines())
    assert base64.b64decode(first["request"]["body"]["content"]["base64"]) == ALL_BYTES * 1000
    assert first["request"]["fields"] == [["A", "1"], ["a", "2"], [
        "B", {"base64": base64.b64encode(b"\xff\x80").decode()}], ["A", "é\u2028"]]
    assert base64.b64decode(first["response"]["body"]["content"]["base64"]) == packed
    assert first["response"]["body"]["decoded"] == {"whole": True, "content": "hello"}
    assert first["response"]["interim"] == [
        {"status": 103, "reason": "Early Hints", "fields": [["Link", "x"], ["Link", "y"]]},
        {"status": 100, "reason": "Continue", "fields": []}]
    assert first["response"]["trailers"] == [["T", "1"]]
    assert first["far"]["request"]["body"]["xxh3_128"] == first["request"]["body"]["xxh3_128"]
    assert second["response"]["body"]["content"] == "text\x00\x1b"
    assert second["began"] == "2025-11-25T18:00:02.000Z"


# Files.

def test_a_file_is_whole_or_not_there_and_is_not_overwritten(record, tmp_path):
    record.add()
    path = tmp_path / "out.har"
    assert record.run("export", "--har", path).returncode == 0
    before = path.read_bytes()
    assert har.load(before) and stat.S_IMODE(path.stat().st_mode) == 0o600
    record.add()
    done = record.run("export", "--har", path)
    assert done.returncode == 1 and b"--force" in done.stderr
    assert path.read_bytes() == before
    assert record.run("export", "--har", path, "--force").returncode == 0
    assert len(har.load(path.read_bytes())) == 2
    assert sorted(entry.name for entry in tmp_path.iterdir()) == ["adit", "out.har"]
    done = record.run("export", "--har", tmp_path / "no" / "where")
    assert done.returncode == 1 and b"No such file" in done.stderr
    assert record.run("export", "--har", "/dev/full").returncode == 1
    assert record.output("export", "--jsonl", "-").count(b"\n") == 2


def test_wrong_words_are_refused(record):
    record.add()
    for words in [(), ("--har", "--curl"), ("--har", "status>=500"), ("status>>1", "--har"),
                  ("--jsonl", "-", "--jsonl", "-")]:
        done = record.run("export", *words)
        assert (done.returncode, done.stdout) == (2, b""), words
        assert done.stderr
    assert record.output("export", "--help").startswith(b"adit export")


def random_bytes(random, most):
    """Bytes of each kind that is treated specially, and mixtures."""
    kinds = [b"\r\n", b": ", b"\xe2\x80\xae", b"\xf0\x9f\x98\x80", b"\xff", b"\x00", b"\x1b[", b"\"",
             b"a", b"'", b"\\", b"103\r\n", b"{", b"[", b"%", b"; =", b"set-cookie: ", b"\xe9"]
    return b"".join(random.choices(kinds, k=random.randrange(most)))


def test_whatever_is_in_a_record_is_written_in_the_right_form(record):
    random = Random(1)
    columns = ["visitor", "protocol", "method", "scheme", "host", "target", "upstream", "outcome",
               "error", "replay_of", "request_head", "interim", "response_head",
               "request_trailers", "response_trailers", "far_outcome"]
    for _ in range(150):
        some = {name: random_bytes(random, 20) for name in random.sample(columns, 8)}
        body = random_bytes(random, 100)
        record.add(request=random_bytes(random, 100), response=body,
                   keep_response=random.choice([None, len(body) // 2]),
                   flags=random.randrange(128), far_flags=random.choice([None, 0, 8, 24]),
                   messages=[(random.randrange(2), random.randrange(16), random.randrange(2),
                              random.randrange(30), random_bytes(random, 20)) for _ in range(3)],
                   **{name: random.randrange(-10**7, 10**7) for name in
                      random.sample(["sent_on_ns", "connect_ns", "answered_ns", "duration_ns",
                                     "far_sent_on_ns", "far_answered_ns", "request_last_ns"], 3)},
                   **some)
    assert len(record.output("export", "--jsonl").splitlines()) == 150
    for line in record.output("export", "--jsonl").splitlines():
        json.loads(line, object_pairs_hook=har.no_duplicates)
    assert len(har_of(record)) == 150
    script = record.output("export", "--curl")
    for shell in SHELLS.values():
        assert subprocess.run([*shell, "-n"], input=script, check=True, capture_output=True,
                              timeout=harness.DEADLINE).stderr == b""
    assert record.run("verify", "--all").returncode in (0, 1)
    for number in range(1, 150, 10):
        identity = f"01jdq{number:011d}"
        assert not CONTROL.search(record.output("show", identity).decode())
        done = record.run("diff", identity, "last")
        assert done.returncode == 1 and not CONTROL.search(done.stdout.decode())
        assert record.run("show", identity, "--raw").returncode in (0, 1)


@pytest.mark.skipif(not harness.MEMORY_IS_THEIRS, reason="memory says nothing here")
def test_memory_is_bounded_by_the_largest_body(record):
    body = ALL_BYTES * 4 * 1024  # 1 MiB
    for _ in range(60):
        record.add(response=body)
    for form in ("--har", "--jsonl", "--curl"):
        done = subprocess.run(
            [harness.BIN / "adit", "export", form, "--data", record.directory],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, check=False, timeout=harness.DEADLINE,
            preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_DATA, (24 << 20, 24 << 20)))
        assert (done.returncode, done.stderr) == (0, b"")
        assert len(done.stdout) > 60 * len(body) or form == "--curl"
