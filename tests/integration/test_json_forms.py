# SPDX-License-Identifier: MIT
"""The output of --json of every command conforms to docs/json.md and docs/json.schema.json, for
exchanges of every kind and both programs; an exchange is the same object wherever it is printed."""
import contextlib
import gzip
import json
import os
import sqlite3
import subprocess
import zlib

import harness
import json_forms
import pytest
import record
from exchanges import Record, digest
from json_forms import Seen, documented, is_object, members, parsed, summary
from replays import Service

NOT_REPORTED = {"far_outcome": None, "far_flags": None, "far_request_bytes": None,
                "far_response_bytes": None, "far_request_digest": None, "far_response_digest": None,
                "far_sent_on_ns": None, "far_answered_ns": None, "far_duration_ns": None}
NO_TIMES = {"sent_on_ns": None, "connect_ns": None, "answered_ns": None}
PROGRAMS = ["adit", "aditd"]

# Values that need more than a few exchanges on a working disk.
ELSEWHERE = {
    ("stats", "groups_joined"): {True},  # more than 100,000 groups
    ("stats", "percentiles_exact"): {False},  # more than eight million exchanges
    ("delete", "overwritten"): {False},  # test_record_erased
}


def deflated(text):
    packer = zlib.compressobj(wbits=-15)
    return (packer.compress(text) + packer.flush(zlib.Z_SYNC_FLUSH))[:-4]


def add_answers(made):
    """Adds complete exchanges with everything that a message may have."""
    packed = gzip.compress(b"hello " * 100)
    odd = gzip.compress(b"\xff\xfe" * 50)
    made.add(target="/a?x=1", request=b"{}", response=b"plain\n", replay_of="01jdq00000000001",
             service_first_ns=6_000_000, far_connect_ns=1, request_first_ns=1, request_last_ns=2,
             response_first_ns=8_000_000, response_last_ns=9_000_000, flags=8 | 16 | 64,
             request_fields=[("Host", "a"), ("X", "1"), ("X", b"\xff")],
             response_fields=[("A", "b")], request_trailers=b"T: 1\r\n",
             response_trailers=b"T\xff: \xfe\r\n",
             interim=b"103\r\nLink: x\r\n\r\n100 Go \xff on\r\n\r\n")
    made.add(target=b"/\xff", method="POST", response=packed, request=odd, visitor=None,
             request_fields=[("Content-Encoding", "gzip")],
             response_fields=[("Content-Encoding", "gzip")], reason=b"F\xfcr dich",
             response_protocol="HTTP/1.0")
    large = gzip.compress(bytes(range(256)) * 9)
    made.add(response=large[:200], response_bytes=len(large), flags=8 | 1 | 2, far_flags=0,
             response_fields=[("Content-Encoding", "gzip")])
    hi = deflated(b"hi")
    made.add(status=101, flags=32 | 8 | 16, messages=[
        (0, 1, 0, 2, b"hi"), (1, 2, 0, 9, b"\xff\x00x"), (0, 1, 1, len(hi), hi),
        (1, 1, 1, 9, deflated(b"hi")[:3])])
    made.add(status=101, flags=32, messages=[(1, 2, 1, len(deflated(b"\xff")), deflated(b"\xff"))])


def add_failures(made):
    for outcome in record_outcomes():
        made.add(outcome=outcome, far_outcome=outcome)
    made.add(status=502, error="ADIT-UPSTREAM-REFUSED", tunnel="", **NOT_REPORTED | NO_TIMES)
    made.add(status=502, error="ADIT-UPSTREAM-INVALID", detail="a byte at 3", bad_head=b"\x00\xff",
             **NOT_REPORTED)
    made.add(status=502, bad_head=b"HTTP/9 what\r\n", flags=4 | 8, host=None, scheme=None,
             upstream=None, began_ns=-5, duration_ns=None, far_duration_ns=None)
    made.add(status=None, outcome="visitor gone", far_outcome=None, flags=0, far_flags=0,
             far_request_digest=None, far_response_digest=None, far_sent_on_ns=None,
             far_answered_ns=None, id="foreign \x1b[2J")


def record_outcomes():
    return json_forms.DEFS["outcome"]["enum"]


def add_running(made):
    made.running(request_digest=None, response_digest=None, **NOT_REPORTED | NO_TIMES)
    made.add(outcome=None, duration_ns=None, request_digest=None, **NOT_REPORTED)


def add_verdicts(made):
    """Adds exchanges for each verdict of verify."""
    made.add(response=b"here", far_response_digest=digest(b"there"), far_response_bytes=5)
    made.add(request=b"here", far_request_digest=digest(b"there"), far_request_bytes=5)
    for flags, far in ((0, 24), (24, 0), (0, 0)):
        made.add(flags=flags, far_flags=far)
    made.add(response=b"here", response_digest=digest(b"gone"), flags=24)
    made.add(request=b"here", request_digest=digest(b"gone"), flags=24)


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A record with exchanges of every kind; two of them still run."""
    with Record(tmp_path_factory.mktemp("forms") / "data") as kept:
        kept.db.execute("UPDATE writer SET program='aditd' WHERE id=1")
        with kept.together():
            add_answers(kept)
            add_failures(kept)
            add_verdicts(kept)
            kept.db.execute("UPDATE exchange SET request_head=CAST(x'ff3a20780d0a' AS BLOB)"
                            " WHERE error='ADIT-UPSTREAM-INVALID'")
            add_running(kept)
            kept.writer("adit http")
            other = kept.number("SELECT max(id) FROM writer")
            kept.add(writer=other, tunnel="", upstream="localhost:1", **NOT_REPORTED,
                     request_fields=[("Via", "1.1 a"), ("X", "y"), ("X-Forwarded-For", "192.0.2.1"),
                                     ("via", "1.1 adit-01jdq00000000001")])
            kept.add(writer=99)  # its writer is not there
        with kept.lives():
            yield kept


def says(made, command, *words, program="adit", status=0):
    done = made.run(command, *words, program=program)
    assert done.returncode == status, done
    form = "export" if command == "export" else command
    return parsed(form, done.stdout)


def everything(made, program):
    """(command, object) of every reading command, with arguments that make it print all it can."""
    ids = [row["id"] for row in made.exchanges() if row["id"][:3] == "01j"]
    listed = says(made, "requests", "--limit", "all", "--json", program=program)
    yield from (("requests", value) for value in listed)
    yield from (("export", value) for value in says(made, "export", "--jsonl", program=program))
    for one in ids:
        yield from (("show", value) for value in says(made, "show", one, "--json", program=program))
    yield from (("show", value)
                for value in says(made, "show", ids[1], "--json", "--no-decode", program=program))
    for by in ("path", "host", "status", "method"):
        yield "stats", says(made, "stats", "--by", by, "--json", program=program)[0]
    yield "stats", says(made, "stats", "outcome=none", "--json", program=program)[0]
    for words, status in ((["--all"], 1), ([ids[0]], 0), (["last"], 0), (["--all", "path=/a"], 0)):
        yield "verify", says(made, "verify", *words, "--json", program=program, status=status)[0]
    running = [row["id"] for row in made.exchanges("outcome IS NULL")]
    yield "verify", says(made, "verify", running[0], "--json", program=program)[0]


@pytest.fixture(scope="module", params=PROGRAMS)
def told(made, request):
    return list(everything(made, request.param))


def test_every_command_says_what_is_described(told):
    assert {command for command, _ in told} == {"requests", "export", "show", "stats", "verify"}


def test_what_the_relay_has_set_is_told_by_its_place(told):
    places = {tuple(value["request"]["set_by_relay"])
              for command, value in told if command == "export"}
    assert places == {(), (2, 3)}


def test_an_exchange_is_the_same_wherever_it_is_printed(told):
    listed = {value["seq"]: value for command, value in told if command == "requests"}
    whole = {value["seq"]: value for command, value in told if command == "export"}
    assert set(listed) == set(whole) and len(listed) > 20
    for seq, value in whole.items():
        assert list(summary(value)) == list(listed[seq]) and summary(value) == listed[seq]
    shown = [value for command, value in told if command == "show"][:-1]  # but --no-decode
    assert len(shown) > 20 and all(value == whole[value["seq"]] for value in shown)
    for command, value in told:
        if command == "verify":
            assert all(one["exchange"] == listed[one["exchange"]["seq"]]
                       for one in value["exchanges"])


# diff and delete

def differing(directory):
    """Pairs of exchanges that differ in every possible way."""
    with Record(directory) as made:
        json_body = [("Content-Type", "application/json")]
        values = {"method": "PUT", "target": b"/\xfe", "response_trailers": b"T: 1\r\n",
                  "request_trailers": b"T\xff: 1\r\n", "interim": b"103\r\n\r\n",
                  "request": b"a\nb\xff\n", "response": b"a\n\xff\n", "status": 404,
                  "messages": [(0, 1, 0, 1, b"x")], "outcome": "reset", "error": "ADIT-LOOP",
                  "request_fields": [("B", "c")], "response_fields": [("A", b"\xff")]}
        plain = made.add(request=b"a\nb\n", response=b"a\nb\n", target="/x",
                         response_fields=[("A", "b")])
        yield made, plain, plain
        yield made, plain, made.add(**values)
        yield made, made.add(**values | {"target": "/", "response_fields": [("A", b"\xfe")]}), \
            made.add(**values)
        yield made, made.add(**values), plain
        lines = b"".join(b"%d\n" % n for n in range(20))
        yield made, made.add(response=lines + b"x"), made.add(response=lines + b"\xc3\xa9y\n")
        yield made, made.add(response=b"\x00\x01"), made.add(response=b"\x00\x02")
        yield made, made.add(response=b'{"a":1}', response_fields=json_body), \
            made.add(response=b'{ "a": 1}', response_fields=json_body)
        yield made, made.add(response=b"a" * 9 + b"b", keep_response=5, response_kept=5), \
            made.add(response=b"a" * 9 + b"c", keep_response=5, response_kept=5)


@pytest.mark.parametrize("program", PROGRAMS)
def test_diff_says_what_is_described(tmp_path, program):
    seen = Seen()
    for made, before, after in differing(tmp_path / "data"):
        done = made.run("diff", before, after, "--json", program=program)
        value, = parsed("diff", done.stdout)
        assert done.returncode == (0 if value["same"] else 1)
        assert value["same"] == (value["differences"] == [])
        for name, one in (("before", before), ("after", after)):
            assert [value[name]] == says(made, "requests", f"id={one}", "--json", program=program)
        seen.take(json_forms.DEFS["diff"], value, "diff")
    missing = {key: values for key, values in seen.missing().items()
               if key[0] in ("diff", "difference")}
    missing.pop(("difference", "line"), None)  # lines are compared of text only
    assert missing == {}


@pytest.mark.parametrize("program", PROGRAMS)
def test_delete_says_what_is_described(tmp_path, program):
    with Record(tmp_path / "data") as made, made.lives():
        made.add()
        made.running()
        (tmp_path / "data" / "record.db.damaged-1").write_bytes(b"")
        value, = says(made, "delete", "status=200", "--yes", "--json", program=program)
        assert (value["deleted"], value["running"], value["damaged_records_left"]) == (1, 0, 1)
        value, = says(made, "delete", "--all", "--yes", "--json", program=program)
        assert (value["deleted"], value["running"], value["overwritten"]) == (0, 1, True)
        assert value["damaged_records_left"] == 0


@pytest.mark.parametrize("program", PROGRAMS)
def test_version_says_what_is_described(program):
    out = subprocess.run([harness.BIN / program, "version", "--json"], stdout=subprocess.PIPE,
                         check=True).stdout
    value, = parsed("version", out)
    assert value["program"] == program


# replay

@pytest.fixture(scope="module")
def replayed(tmp_path_factory):
    """Replays of one request: the same answer, another one, none, and one that is not recorded."""
    with harness.Proxied(tmp_path_factory.mktemp("replay")) as way:
        service = Service(way)
        row = service.fetch("GET", "/kept")

        def becomes(version):
            with contextlib.closing(sqlite3.connect(service.directory / "record.db")) as db:
                db.execute(f"PRAGMA user_version={version}")

        def later_version(exchange):
            becomes(99)
            exchange.reply(b"answer")

        service.answers = [service.usual, lambda x: x.reply(b"other\n", 404), lambda x: x.reset()]
        out, _ = service.run(row["id"], "--times", "3", "--json", status=1)
        listed, _ = service.run("--json", command="requests")
        service.answers = [later_version]
        lost, err = service.run(row["id"], "--json", status=1)
        becomes(record.version())
        yield (row, parsed("replay", out.encode()), parsed("requests", listed.encode()),
               (*parsed("replay", lost.encode()), err))


def test_replay_says_what_is_described(replayed):
    row, (same, other, none), listed, (lost, err) = replayed
    assert (same["same"], same["answered"], same["differences"]) == (True, True, [])
    assert (other["same"], other["answered"]) == (False, True) and other["differences"]
    assert (none["same"], none["answered"]) == (False, False)
    assert none["exchange"]["error"] == "ADIT-UPSTREAM-CLOSED"
    assert [x["exchange"] for x in (same, other, none)] == listed[1:]
    assert {x["replay_of"] for x in (same, other, none, lost)} == {row["id"]}
    assert lost["exchange"] is lost["differences"] is lost["same"] is None
    assert lost["answered"] and "later version" in err


# Real traffic

def test_exchanges_of_a_real_tunnel_conform_to_the_description(tunnel):
    origin = tunnel.origin
    origin.on("/early", lambda x: (x.send(b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n"),
                                   x.reply(b"hi\xff")))
    origin.on("/chunks", lambda x: (
        x.head(fields=[("Transfer-Encoding", "chunked"), ("Trailer", "T")]), x.chunk(b"abc"),
        x.last_chunk([("T", "1")])))
    origin.on("/junk", lambda x: (x.send(b"\x00\xffjunk\r\n\r\n"), x.close()))
    origin.on("/hang", lambda x: x.peer_leaves())
    for path in ("/early", "/chunks", "/junk", "/hello?token=abc"):
        with tunnel.visit() as visitor:
            visitor.fetch("POST", path, [("Authorization", "Basic abc")], b"x" * 100)
    with tunnel.visit() as visitor:
        visitor.send(b"GET /hang HTTP/1.1\r\nHost: " + tunnel.host.encode() + b"\r\n\r\n")
        for program, directory in (("adit", tunnel.agent.data), ("aditd", tunnel.relay.data)):
            check_real(program, directory)


def check_real(program, directory):
    record.until(lambda: len(record.exchanges(directory, "target='/hang'")) == 1, "it is recorded")
    reads = Reads(program, directory)
    listed = reads.objects("requests", "--json")
    whole = reads.objects("export", "--jsonl")
    assert len(listed) >= 5 and [summary(one)["id"] for one in whole] == [x["id"] for x in listed]
    by_path = {one["request"]["target"]: one for one in whole}
    assert [i["status"] for i in by_path["/early"]["response"]["interim"]] == [103]
    assert by_path["/early"]["response"]["body"]["content"] == {"base64": "aGn/"}
    assert by_path["/chunks"]["response"]["trailers"] == [["T", "1"]]
    assert by_path["/hello?token=[redacted]"]["redacted"]
    request = by_path["/early"]["request"]
    set_by_relay = {request["fields"][place][0].lower() for place in request["set_by_relay"]}
    assert set_by_relay == ({"x-forwarded-for", "x-forwarded-proto", "x-forwarded-host", "forwarded",
                             "via"} if program == "adit" else set())
    assert by_path["/junk"]["error"] == "ADIT-UPSTREAM-INVALID" if program == "adit" else True
    assert by_path["/hang"]["outcome"] is None and by_path["/hang"]["duration_ns"] is None
    for words in (("stats",), ("verify", "--all"), ("diff", listed[0]["id"], listed[1]["id"]),
                  ("show", "last")):
        assert len(reads.objects(*words, "--json")) == 1


class Reads:
    def __init__(self, program, directory):
        self.program, self.directory = program, directory

    def objects(self, command, *words):
        done = subprocess.run(
            [harness.BIN / self.program, command, *words, "--data", self.directory],
            capture_output=True, timeout=harness.DEADLINE, check=False,
            env=harness.environment(self.directory))
        assert done.returncode in (0, 1), done
        return parsed(command, done.stdout)


# The description itself

def test_all_that_a_member_may_be_was_there(made, replayed):
    """Every described value occurs: a description that merely permits would prove little."""
    seen = Seen()
    _, found, _, (lost, _) = replayed
    values = [*everything(made, "adit"), *(("replay", value) for value in (*found, lost))]
    for command, value in values:
        seen.take(json_forms.DEFS[command], value, command)
    missing = {key: values - ELSEWHERE.get(key, set()) for key, values in seen.missing().items()
               if key[0] not in ("diff", "difference", "delete", "version")}
    assert {key: values for key, values in missing.items() if values} == {}


def test_the_page_and_the_schema_name_the_same_members_and_types():
    tables = documented()
    for name, schema in json_forms.DEFS.items():
        if is_object(schema):
            assert tables.pop(name) == members(schema), name
    assert tables == {}


def test_the_page_names_every_type_and_word():
    text = (json_forms.ROOT / "docs/json.md").read_text()
    for name in json_forms.DEFS:
        assert f"`{name}`" in text or f"### {name}\n" in text, name
    for word in json_forms.words_of(json_forms.SCHEMA):
        assert f"`{word}`" in text, word


def test_every_member_is_always_there():
    """The schema requires every member, so null is the only way to say "unknown"."""
    def look(schema):
        if isinstance(schema, dict):
            if isinstance(schema.get("properties"), dict):
                assert schema["required"] == list(schema["properties"]), schema
            for part in schema.values():
                look(part)
        elif isinstance(schema, list):
            for part in schema:
                look(part)
    look(json_forms.SCHEMA)


def test_an_undocumented_member_would_be_found(made):
    value, = says(made, "show", "last", "--json")
    value["request"]["new"] = 1
    with pytest.raises(AssertionError, match="new"):
        json_forms.check("show", value)
    del value["request"]["new"], value["far"]
    with pytest.raises(AssertionError, match="far"):
        json_forms.check("show", value)


# When it goes wrong

COMMANDS = [("requests", "--json"), ("show", "last", "--json"), ("export", "--jsonl"),
            ("stats", "--json"), ("verify", "--all", "--json"), ("verify", "last", "--json"),
            ("diff", "last", "last", "--json"), ("delete", "status=999", "--yes", "--json")]


def run_into(made, program, words, out):
    return subprocess.run([harness.BIN / program, *words, "--data", made.directory], stdout=out,
                          stderr=subprocess.PIPE, timeout=harness.DEADLINE, check=False,
                          env=harness.environment(made.directory))


@pytest.mark.parametrize("words", COMMANDS, ids=" ".join)
def test_output_that_cannot_be_written_is_a_failure(made, words):
    for program in PROGRAMS:
        with open("/dev/full", "wb") as full:
            done = run_into(made, program, words, full)
        assert done.returncode == (2 if words[0] == "diff" else 1), done
        assert b"No space left" in done.stderr


def test_follow_ends_where_it_cannot_write(made):
    with open("/dev/full", "wb") as full:
        done = run_into(made, "adit", ("requests", "--follow", "--json"), full)
    assert done.returncode == 1 and b"No space left" in done.stderr, done


def test_a_replay_that_cannot_be_told_is_a_failure(tmp_path):
    with harness.Proxied(tmp_path) as way, open("/dev/full", "wb") as full:
        service = Service(way)
        row = service.fetch("GET", "/kept")
        done = subprocess.run(
            [harness.BIN / "adit", "replay", row["id"], "--json", "--data", service.directory],
            stdout=full, stderr=subprocess.PIPE, timeout=harness.DEADLINE, check=False,
            env=harness.environment(service.directory))
        assert done.returncode == 1 and b"No space left" in done.stderr, done
        assert len(service.asked) == 2


@pytest.mark.parametrize("words", COMMANDS, ids=" ".join)
def test_when_nobody_reads_it_ends_without_a_word(made, words):
    for program in PROGRAMS:
        reads, writes = os.pipe()
        os.close(reads)
        with os.fdopen(writes, "wb") as out:
            done = run_into(made, program, words, out)
        assert done.returncode != 0 and done.stderr == b"", done


@pytest.mark.parametrize("words, status", [
    ("show 0zzz", 1), ("diff 0zzz last", 2), ("verify 0zzz", 1), ("requests what", 2),
    ("stats --by x", 2), ("delete what --yes", 2), ("show last --what", 2)])
def test_errors_are_text_on_stderr_and_stdout_is_empty(made, words, status):
    done = made.run(*words.split(), "--json")
    assert done.returncode == status and done.stdout == b"" and done.stderr


def test_an_unreadable_record_is_a_failure_and_the_object_is_whole(tmp_path):
    with Record(tmp_path / "data") as damaged:
        damaged.add(response=b"a" * 200_000)
        damaged.db.execute("DELETE FROM body WHERE at > 0")
        for words in (("show", "last", "--json"), ("export", "--jsonl")):
            done = damaged.run(*words)
            value, = parsed(words[0], done.stdout)
            assert done.returncode == 1 and done.stderr, done
            assert value["response"]["body"]["kept"] == 200_000


def test_json_is_seen_as_it_is_written_by_programs_that_follow(made):
    with contextlib.ExitStack() as stack:
        follows = stack.enter_context(subprocess.Popen(
            [harness.BIN / "adit", "requests", "--follow", "--json", "--limit", "1", "--data",
             made.directory], stdout=subprocess.PIPE, env=harness.environment(made.directory)))
        stack.callback(follows.kill)
        json_forms.check("requests", json.loads(follows.stdout.readline()))
