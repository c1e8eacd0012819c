# SPDX-License-Identifier: MIT
"""An exported command, pasted into a shell, sends exactly the bytes that were recorded."""
from random import Random

import any_request
import pytest
from any_request import Request
from exchanges import Record
from listening import Listening
from shells import SHELLS, paste_at_prompt, run_script, with_stray_bytes

PROGRAMS = ["aditd", "adit proxy", "adit http", "adit replay"]
ALL_BYTES = bytes(range(256))


@pytest.fixture
def record(tmp_path):
    made = Record(tmp_path / "adit")
    made.writers = {program: made.writer(program) for program in PROGRAMS}
    return made


@pytest.fixture
def service():
    with Listening() as started:
        yield started


@pytest.fixture(params=SHELLS)
def shell(request):
    return request.param


@pytest.fixture
def empty(tmp_path):
    """The directory where commands run: a new file in it means that sent text was executed."""
    directory = tmp_path / "empty"
    directory.mkdir()
    yield directory
    assert not list(directory.iterdir())


def arrived(service):
    return [(r.method, r.target, r.version, r.fields, r.body) for r in service.take()]


def paste(record, service, shell, empty, *words, locale="C.UTF-8"):
    script = record.output("export", *words, "--curl")
    run_script(shell, script, empty, LC_ALL=locale)
    return arrived(service)


@pytest.mark.parametrize("seed", range(3))
def test_any_request_arrives_as_it_was_sent(record, service, shell, empty, seed):
    random = Random(seed)
    wanted = []
    for number in range(60):
        request = any_request.a_request(random, service.host)
        program = PROGRAMS[number % len(PROGRAMS)]
        wanted.append(any_request.add(record, request, service.host, program)[0])
    seen = paste(record, service, shell, empty, locale=["C", "C.UTF-8", "C"][seed])
    assert len(seen) == len(wanted)
    for each, one in zip(seen, wanted):
        assert each == one.arrives()


def sends(record, service, empty, request, program="aditd", host=None, shells=SHELLS, **columns):
    """Checks in every shell that the command of this request sends it. Returns the command."""
    wanted, identity = any_request.add(record, request, host or service.host, program)
    for name, value in columns.items():
        record.db.execute(f"UPDATE exchange SET {name}=? WHERE id=?", (value, identity))
    for shell in shells:
        assert paste(record, service, shell, empty, identity) == [wanted.arrives()], shell
    return record.output("export", identity, "--curl").decode()


def test_a_method_is_kept_whatever_curl_would_make_of_the_body(record, service, empty):
    host = ("Host", service.host.encode())
    for method in ("GET", "POST", "HEAD", "PUT", "DELETE", "-X", "get"):
        for fields in ([], [("Content-Length", b"0")], [("Transfer-Encoding", b"chunked")]):
            sends(record, service, empty, Request(method, "/", [host, *fields], b""))
    awaits = [("Transfer-Encoding", b"chunked"), ("Expect", b"100-continue")]
    for target in ("/", "/a/?b", "/a%aa"):
        sends(record, service, empty, Request("POST", target, [host, *awaits], b""))
        sends(record, service, empty, Request("GET", target, [host, ("X", b"a\tb"), *awaits], b""))
    for method in ("GET", "HEAD", "QUERY"):
        three = ("Content-Length", b"3")
        sends(record, service, empty, Request(method, "/", [host, three], b"@a'"))


@pytest.mark.parametrize("target", ["*", "/?", "//", "//a//b", "/../x/./%2e%2e/..", "/.", 
                                    "/%c3%a9%C3", "/a|b^c`d\"e<f>g", "/\\..\\x", "/x{1,2}[a-z]",
                                    "/\xe9\xff'", "/\xc3\xa9", "/\xc2\x9b31m", "/%s%%d\\n",
                                    "/" + "long/" * 1500])
def test_a_target_is_kept_byte_by_byte(record, service, empty, target):
    host = ("Host", service.host.encode())
    sends(record, service, empty, Request("OPTIONS", target, [host], b""))


def test_words_may_end_within_a_character(record, service, shell, empty):
    host = ("Host", service.host.encode())
    wanted = []
    for number in range(24):
        first = "\xc3\xe9\xf0"[number % 3]  # byte of a character of 2, 3 or 4
        fields = [host, ("X", b"a" * 4 * number + first.encode("latin-1"))]
        request = Request("GET", "/" + "x" * 4 * number + first, fields, b"")
        wanted.append(any_request.add(record, request, service.host, "aditd")[0].arrives())
    script = with_stray_bytes(record.output("export", "--curl"))
    run_script(shell, script, empty, LC_ALL="C.UTF-8")
    assert arrived(service) == wanted


def test_a_target_in_absolute_form_is_sent_in_absolute_form(record, service, shell, empty):
    """No other form can have an empty path, or a host other than Host."""
    fields = [("Host", b"else.where")]
    record.add(writer=record.writers["aditd"], host=service.host, target="?q",
               request_head=b"Host: %s\r\n" % service.host.encode())
    record.add(writer=record.writers["aditd"], host=service.host, target="/p",
               request_head=any_request.lines(fields))
    first, second = paste(record, service, shell, empty)
    assert first[1] == f"http://{service.host}?q".encode()
    assert second[1] == f"http://{service.host}/p".encode()
    assert second[3] == [(b"Host", b"else.where")]


@pytest.mark.parametrize("body", [b"", b"a", b"@/etc/passwd", b"it's", b"\n", b"a\n", b"\r\n\r\n",
                                  b"\0", b"a\0b\0", ALL_BYTES, "é\u202e".encode(), b"\xff",
                                  b"BODY\n", b"END_OF_BODY\n", b"-", b"&", b"%41",
                                  b"x" * 1000, b"x" * 1001, ALL_BYTES * 4096],
                         ids=lambda body: f"{body[:12]}-{len(body)}")
def test_a_body_is_kept_byte_by_byte(record, service, empty, body):
    for framing in ([("Content-Length", b"%d" % len(body))], [("Transfer-Encoding", b"chunked")]):
        sends(record, service, empty,
              Request("POST", "/", [("Host", service.host.encode()), *framing], body))


def test_fields_and_a_body_may_both_come_through_pipes(record, service, empty):
    fields = [("Host", service.host.encode()), ("A", b"1"), ("X", b"a\tb"), ("B", b""),
              ("X", b"\xff"),
              ("C", b"3"), ("Content-Length", b"3")]
    script = sends(record, service, empty, Request("POST", "/", fields, b"\0\n\xff"))
    assert script.isascii() and "\t" not in script


def test_nothing_of_a_request_is_executed(record, service, empty):
    host = service.host.encode()
    for note in (b"\xc3\xa9'; touch T #", b"\xe9'; touch T #", b"'$(touch T)'`touch T`",
                 b"\\'; touch T",
                 b"!touch T", b"*", b"=touch"):
        request = Request("GET", "/", [("Host", host), ("X-Note", note), ("X-`touch", b"1")], b"")
        sends(record, service, empty, request)
    sends(record, service, empty, Request("$`'|&", "/';touch${IFS}T;'", [("Host", host)], b""))
    sends(record, service, empty, Request("P", "/", [("Host", host), ("Content-Length", b"11")],
                                          b"';touch T;'"))


def test_comments_mean_nothing_where_a_shell_runs_them(record, service, empty):
    """zsh at its prompt has no comments."""
    fields = [("Host", service.host.encode()), ("X-`touch", b"[redacted]"),
              ("X'$(id)", b"[redacted]"),
              ("Y!*~|&", b"[redacted]")]
    record.add(request_fields=fields, host=service.host, flags=1 | 8,
               writer=record.writers["aditd"], request_trailers=b"T-`touch: 1\r\n")
    script = record.output("export", "--curl")
    comments = [line for line in script.split(b"\n") if line.startswith(b"#")]
    assert len(comments) == 4
    for line in comments:
        assert not set(line.decode()) - set("# abcdefghijklmnopqrstuvwxyz,:._-0123456789"
                                            "ABCDEFGHIJKLMNOPQRSTUVWXYZ"), line


def test_fields_that_the_relay_or_the_proxy_added_are_left_out(record, service, shell, empty):
    """Their own records do not have these fields unless the visitor sent them."""
    host = ("Host", service.host.encode())
    claims = [("X-Forwarded-For", b"1.2.3.4"), ("Forwarded", b"for=x"), ("Via", b"1.1 adit-mine")]
    for program in ("aditd", "adit proxy"):
        sends(record, service, empty, Request("GET", "/", [host, *claims], b""), program,
              shells=[shell])
    vias = [(b"1.1 other, 1.0 adit-0123456789abcdef", b"1.1 other", b"HTTP/1.0"),
            (b"1.1 adit-0123456789abcdef", None, b"HTTP/1.1"),
            (b"1.1 other", b"1.1 other", b"HTTP/1.1"),
            (b"1.1 adit-outer, 1.1 adit-0123456789abcdef", b"1.1 adit-outer", b"HTTP/1.1")]
    for via, kept, version in vias:
        identity = record.add(host=service.host, writer=record.writers["adit http"], method="TRACE",
                              request_fields=[("a", b"1"), ("max-forwards", b"4"),
                                              *any_request.ADDED, ("via", via), ("b", b"2")])
        (_, _, seen_version, fields, _), = paste(record, service, shell, empty, identity)
        rest = [(b"via", kept)] if kept else []
        assert (seen_version, fields) == (version, [
            (b"Host", service.host.encode()), (b"a", b"1"), (b"max-forwards", b"5"), *rest,
            (b"b", b"2")])


def test_to_service_sends_what_the_service_got(record, service, shell, empty):
    added = [*any_request.ADDED, ("Via", b"1.1 adit-0123456789abcdef")]
    agents = record.add(host="web.example", upstream=service.host,
                        writer=record.writers["adit http"],
                        request_fields=[("te", b"trailers"), ("a", b"1"), *added], target="?q",
                        request=b"12", method="POST")
    proxys = record.add(host="web.example", upstream=service.host,
                        writer=record.writers["adit proxy"], visitor="192.0.2.7", request_fields=[
                            ("A", b"1"), ("Connection", b"close"), ("Host", b"web.example"),
                            ("X-Forwarded-For", b"6.6.6.6")])
    script = record.output("export", agents, proxys, "--curl", "--to-service")
    run_script(shell, script, empty)
    first, second = arrived(service)
    lower = [(name.encode().lower(), value) for name, value in added]
    assert first[:3] == (b"POST", b"/?q", b"HTTP/1.1") and first[4] == b"12"
    assert [(name.lower(), value) for name, value in first[3]] == [
        (b"host", b"web.example"), (b"te", b"trailers"), (b"a", b"1"), *lower,
        (b"connection", b"te"),
        (b"transfer-encoding", b"chunked")]
    assert [(name.lower(), value) for name, value in second[3]] == [
        (b"host", b"web.example"), (b"a", b"1"),
        (b"forwarded", b"for=192.0.2.7;host=web.example;proto=http"),
        (b"x-forwarded-for", b"192.0.2.7"),
        (b"x-forwarded-proto", b"http"), (b"x-forwarded-host", b"web.example")]
    assert b"Via of the proxy" in script and b"--host-header" in script


def test_a_relay_does_not_know_what_the_service_got(record):
    record.add(writer=record.writers["aditd"])
    script = record.output("export", "--curl", "--to-service")
    assert b"# a relay does not know what the service got" in script and b"curl " not in script
    done = record.run("export", "--curl", "--to-service", program="aditd")
    assert done.returncode == 2 and b"its agent does" in done.stderr
    assert record.run("export", "--har", "--to-service").returncode == 2


def test_a_command_that_would_send_less_is_not_written(record):
    for columns in ({"request": b"0123456789", "keep_request": 4}, {"request": b"", "flags": 0},
                    {"request": b"0123456789", "keep_request": 0, "flags": 8 | 4},
                    {"flags": 32 | 8}, {"request_fields": [("@/etc/passwd", b"")]},
                    {"target": "/a b"}, {"method": "a b"}, {"host": "a/b"}):
        identity = record.add(**columns)
        script = record.output("export", identity, "--curl")
        assert script.count(b"\n#") >= 1 and b"curl -" not in script, columns


@pytest.mark.parametrize("field", ["Transfer-Encoding: cow", "Content-Length: +1",
                                   "Content-Length: 1, 2"])
def test_framing_that_was_refused_is_sent_as_it_was(record, field):
    """curl would choose its own framing for data."""
    record.add(writer=record.writers["aditd"], request_fields=[field.split(": ")])
    script = record.output("export", "--curl").decode()
    assert f"-H '{field}'" in script and "--data" not in script


def test_requests_that_curl_cannot_send_are_named(record, service, shell, empty):
    record.add(writer=record.writers["aditd"], host=service.host, method="POST", request=b"x",
               flags=1 | 8, request_trailers=b"X-Sum: 1\r\nX-Other: 2\r\n", request_fields=[
                   ("A", b"1"), ("Host", service.host.encode()), ("Authorization", b"[redacted]"),
                   ("User-Agent", b"[redacted]"), ("Content-Length", b"1")])
    (_, _, _, fields, _), = paste(record, service, shell, empty)
    assert fields == [(b"A", b"1"), (b"Host", service.host.encode()), (b"Content-Length", b"1")]
    script = record.output("export", "--curl").decode()
    assert "# redacted, to be put in again: Authorization, User-Agent\n" in script
    assert "# it had trailers, which curl cannot send\n# their names: X-Sum, X-Other\n" in script
    assert "# Host stood elsewhere" in script and "[redacted]" not in script


def test_a_curlrc_changes_nothing(record, service, shell, empty, tmp_path):
    record.add(writer=record.writers["aditd"], host=service.host,
               request_fields=[("Host", service.host.encode())])
    (tmp_path / "home").mkdir()
    (tmp_path / "home" / ".curlrc").write_text('header = "X-Mine: 1"\nrequest = "PUT"\n')
    run_script(shell, record.output("export", "--curl"), empty, HOME=str(tmp_path / "home"),
               CURL_HOME=str(tmp_path / "home"))
    (method, _, _, fields, _), = arrived(service)
    assert (method, fields) == (b"GET", [(b"Host", service.host.encode())])


# Which exchanges.

def test_ids_say_which_exchanges_in_every_form(record):
    ids = [record.add(status=200 + number) for number in range(3)]
    for form in ("--curl", "--har", "--jsonl"):
        whole = record.output("export", "last", form)
        assert ids[2].encode() in whole and ids[0].encode() not in whole
        several = record.output("export", ids[2], ids[0].upper(), form)
        assert several.index(ids[2].encode()) < several.index(ids[0].encode())
        assert ids[1].encode() not in several
        for words in ([ids[0][:4]], ["01zz"], ["last", "nothing"], [ids[0], "status=200"]):
            done = record.run("export", *words, form)
            assert (done.returncode, done.stdout) == (1, b"") and done.stderr, words
    for words in (["--curl", "last"], ["--har", ids[0]]):
        done = record.run("export", *words)
        assert done.returncode == 2 and b"an id stands before the form" in done.stderr
    assert record.output("export", "status=201", "--jsonl").count(b"\n") == 1


def test_a_file_is_not_begun_for_an_id_that_is_not_there(record, tmp_path):
    record.add()
    assert record.run("export", "01zz", "--har", tmp_path / "x.har").returncode == 1
    assert not (tmp_path / "x.har").exists()


# At a prompt.

def test_what_is_pasted_at_a_prompt_is_what_was_sent(record, service, shell, empty):
    """At a prompt zsh has no comments, bash has a history, and busybox and terminals cut long
    lines."""
    host = ("Host", service.host.encode())
    notes = ["é'; touch T #".encode(), b"!touch $(touch T) `touch T` \"!!\" \\", b"a\tb\xff", b"",
             b"x" * 5000]
    fields = [host, *[("X-Note", note) for note in notes]]
    requests = [Request("GET", "/it's?a=!b&c=\xc2\x9b", fields, b""),
                Request("POST", "/", [host, ("Content-Length", b"9"), ("X", b"1\t2")],
                        b"\x03\x04\0\t\n'\"\x1b\x7f"),
                Request("POST", "/", [host, ("Content-Length", b"10")], b"it's !x \\y"),
                Request("GET", "/last", [("X-`touch", b"'"), host], b"")]
    wanted = [any_request.add(record, request, service.host, "aditd")[0] for request in requests]
    script = record.output("export", "--curl")
    shown = paste_at_prompt(shell, script, empty, lambda: len(service.requests) == len(wanted))
    for each, one in zip(arrived(service), wanted):
        assert each == one.arrives(), shown.decode(errors="backslashreplace")
