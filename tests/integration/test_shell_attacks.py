# SPDX-License-Identifier: MIT
"""No shell runs text of strangers when an exported command is run or pasted, in any locale, from
any record. Text that did run would create a file, the canary."""
import os
import subprocess
from random import Random

import any_request
import harness
import hostile_text
import pytest
from any_request import Request
from exchanges import Record, lines
from hostile_text import FOR_SHELLS, FOR_TERMINALS, hostile
from listening import Listening
from shells import SHELLS, paste_at_prompt

PROGRAMS = ["aditd", "adit proxy", "adit http", "adit replay"]
# A wrapper of curl sends the request of every command to the test's service.
CURL = """#!/bin/sh
exec /usr/bin/curl "$@" --connect-to "::$TO" --proxy "" --noproxy '*' --max-time 20 -s -o /dev/null
"""


@pytest.fixture
def service():
    with Listening() as started:
        yield started


@pytest.fixture(params=SHELLS)
def shell(request):
    return request.param


@pytest.fixture
def record(tmp_path):
    made = Record(tmp_path / "data")
    made.writers = {program: made.writer(program) for program in PROGRAMS}
    return made


@pytest.fixture
def place(tmp_path):
    """The directory where commands run. A file there shows that sent text has run."""
    (tmp_path / "bin").mkdir()
    curl = tmp_path / "bin" / "curl"
    curl.write_text(CURL)
    curl.chmod(0o755)
    directory = tmp_path / "place"
    directory.mkdir()
    return directory


def environment(place, service, locale):
    return {**harness.environment(place.parent), "LC_ALL": locale, "TO": service.host,
            "PATH": f"{place.parent}/bin:{os.environ['PATH']}", "TERM": "xterm"}


def run(shell, script, place, service, locale="C.UTF-8"):
    argv = [word for word in SHELLS[shell] if word != "-e"]
    subprocess.run(argv, input=script, capture_output=True, check=False, cwd=place,
                   timeout=harness.DEADLINE, env=environment(place, service, locale))
    assert os.listdir(place) == [], script
    return [(r.method, r.target, r.version, r.fields, r.body) for r in service.take()]


def paste(shell, script, place, service, locale):
    """Types the script; its last command shows that all lines were read."""
    end = place.parent / "end"
    script += f"\ntouch {end}\n".encode()
    shown = paste_at_prompt(shell, script, place, end.exists,
                            **environment(place, service, locale))
    end.unlink()
    left = set(os.listdir(place)) - {".sh_history"}
    assert not left, shown.decode(errors="backslashreplace")
    return [(r.method, r.target, r.version, r.fields, r.body) for r in service.take()]


def is_inert(script):
    """Checks that the text is visible ASCII only, in lines short enough for any terminal."""
    rows = script.split(b"\n")
    assert all(0x20 <= b <= 0x7e for row in rows for b in row), script
    assert max(map(len, rows)) < 1000, max(rows, key=len)


@pytest.mark.parametrize("seed", range(2))
def test_nothing_in_a_doctored_record_runs(record, service, shell, place, seed):
    random = Random(seed)
    hostile_text.doctor(record, random, FOR_SHELLS + FOR_TERMINALS[:8], 12)
    for writer in record.writers.values():
        record.db.execute("UPDATE exchange SET writer=? WHERE seq % 5 = ?", (writer, writer % 5))
    for words in ((), ("--to-service",)):
        script = record.output("export", "--curl", *words)
        is_inert(script)
        run(shell, script, place, service, ["C", "C.UTF-8"][seed % 2])


def token(random):
    return random.choice(["`", "$", "!", "#", "*", "^", "&", "|", "~", "-", "'", "''", "-o", "@"[:0]]) \
        + "".join(random.choices(any_request.TOKEN, k=random.choice([1, 3, 600, 1500])))


def legal(text):
    """Removes the bytes that a field value cannot have."""
    return bytes(b for b in text if b >= 0x20 and b != 0x7f or b == 9).strip(b" \t")


def nasty(random, host):
    """A valid request made of text that some shell would run, short or too long for a line."""
    def text(most=4):
        piece = hostile(random, FOR_SHELLS, most)
        return random.choice([piece, piece, b"'" * random.choice([249, 999]) + piece, piece * 60,
                              "Ё\u0145\u0148é".encode() * 40 + piece])
    target = "/" + "".join(chr(b) for b in text() if b > 0x20 and b not in (0x23, 0x7f))
    fields = [("Host", host.encode())]
    for _ in range(random.randrange(5)):
        name = random.choice(["X-A", "Cookie", token(random)])
        fields.append((name, legal(text())))
    name = random.choice([b"a", hostile(random, FOR_SHELLS, 2)])
    body = random.choice([
        b"", text(), text(8), b'--x\r\nContent-Disposition: form-data; name="f"; filename="'
        + name + b'"\r\n\r\n' + text() + b"\r\n--x--\r\n"])
    fields += [("Content-Length", b"%d" % len(body))] if body else []
    method = random.choice(["GET", "POST", "PUT", token(random)])
    return Request(method, target[:9000], fields, body)


@pytest.mark.parametrize("seed", range(2))
def test_valid_requests_of_hostile_text_arrive_as_they_were_sent(record, service, shell, place,
                                                                 seed):
    random = Random(seed)
    wanted = []
    for number in range(12):
        wanted.append(any_request.add(record, nasty(random, service.host), service.host,
                                      PROGRAMS[number % 4])[0].arrives())
    script = record.output("export", "--curl")
    is_inert(script)
    heard = run(shell, script, place, service, ["C", "C.UTF-8"][seed % 2])
    assert len(heard) == len(wanted)
    for each, one in zip(heard, wanted):
        assert each == one


@pytest.mark.parametrize("locale", ["C", "C.UTF-8"])
def test_what_is_pasted_at_a_prompt_runs_nothing_either(record, service, shell, place, locale):
    """Line editors obey control characters, and in the C locale every non-ASCII byte too. They also
    cut long lines, which undoes the quoting."""
    random = Random(len(shell) + len(locale))
    host = ("Host", service.host.encode())
    run_it = b"'; touch canary #"
    cut_off = Request("GET", "/?a&b=" + "a" * 5000, [host, ("X", b";touch canary;")], b"")
    short = Request("GET", "/", [host, ("X", b";touch canary;")], b"")
    requests = [
        cut_off, short, cut_off, short,
        Request("GET", "/'", [host, ("X-Quotes", b"'" * 500 + b";touch canary;")], b""),
        Request("POST", "/", [host, ("Content-Length", b"990")], b"'" * 990),
        Request("POST", "/", [host, ("X", b"touch canary")], b""),
        Request("M" * 3000, "/", [host, ("X", b"touch canary")], b""),
        # backward-kill-word and its like, where bytes above 127 are meta keys
        Request("GET", "/", [host, ("X-Note", "\u0148\u0108\u0208\u0148".encode() * 4 + run_it)], b""),
        Request("GET", "/", [host, ("X-Note", "\u0145\u0105 $(touch canary)".encode())], b""),
        *[nasty(random, service.host) for _ in range(4)],
        Request("GET", "/last", [host], b"")]
    wanted = [any_request.add(record, request, service.host, "aditd")[0].arrives()
              for request in requests]
    heard = paste(shell, record.output("export", "--curl"), place, service, locale)
    for each, one in zip(heard, wanted):
        assert each == one
    assert len(heard) == len(wanted)


def test_a_command_goes_to_no_host_but_the_one_that_was_asked(record, service, place):
    """curl would parse http:///a as the host a."""
    evil = {"host": ["", "a/b", "a@b", "a#b", "a?b", "a\\b", "[a", "a b", "a:b:c", "file:", "-K", "a\u3002b"],
            "scheme": ["file", "gopher", "javascript", "https", "", "http://evil/?"],
            "target": ["/evil.example/x", "//evil.example", "@evil.example/", ".evil.example/",
                       ":80@evil.example/", "evil.example", "/\\evil.example"]}
    for hosts in (["web.example"], evil["host"]):
        for host in hosts:
            for scheme in evil["scheme"] if host == "web.example" else ["http"]:
                for target in evil["target"]:
                    for head in (b"", b"Host: %s\r\n" % host.encode()):
                        record.add(host=host, upstream="", scheme=scheme, target=target,
                                   request_head=head, writer=record.writers["aditd"])
    script = record.output("export", "--curl")
    urls = [line.split(b" http", 1)[1].split()[0] for line in script.splitlines()
            if line.startswith(b"curl ")]
    assert urls
    for url in urls:
        assert url.startswith((b"://web.example/", b"s://web.example/", b"://file:/", b"://-K/")), url


def test_a_command_that_is_suggested_runs_nothing(record, tmp_path):
    record.add(response=b"\0" * 20000)
    record.db.execute("UPDATE exchange SET id='$(touch canary)'")
    record.db.execute("UPDATE span SET first_id='$(touch canary)', last_id='$(touch canary)'")
    shown = record.output("show", "last").decode()
    command = shown.split("all of it:\n  ")[1].split("\n\n")[0]
    assert command.startswith("adit show '$(touch canary)' --body"), command


def test_an_archive_has_no_url_that_a_browser_would_run(record):
    for scheme in ("javascript", "data", "file", "https"):
        record.add(scheme=scheme, host="x", target="/%0aalert(1)",
                   request_head=lines([("Host", "x")]))
    import json
    urls = [entry["request"]["url"] for entry in json.loads(
        record.output("export", "--har"))["log"]["entries"]]
    assert all(url.startswith(("http://", "https://")) for url in urls), urls
