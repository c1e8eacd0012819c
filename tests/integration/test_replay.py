# SPDX-License-Identifier: MIT
"""`adit replay` sends the service the recorded request again, and compares the new answer with the
first."""
import os
import pathlib
import re
import signal
import subprocess

import bodies
import harness
import pytest
from client import until
from exchanges import Record
from replays import REPLAYED, Service, objects

CONTROL = re.compile("[\x00-\x09\x0b-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e]")


@pytest.fixture(scope="module", params=["tunnel", "proxy"])
def service(request, tmp_path_factory):
    """A service behind a tunnel or `adit proxy`, shared by the tests."""
    kind = {"tunnel": harness.Tunnel, "proxy": harness.Proxied}[request.param]
    with kind(tmp_path_factory.mktemp("replay")) as way:
        yield Service(way)


@pytest.fixture
def own(tmp_path):
    """A service behind a proxy, for one test."""
    with harness.Proxied(tmp_path) as way:
        yield Service(way)


def head(method="POST", target="/kept", fields=b""):
    return f"{method} {target} HTTP/1.1\r\nHost: HOST\r\n".encode("latin-1") + fields + b"\r\n"


REQUESTS = {
    "no body": head("GET"),
    "odd bytes in the target": head("GET", "/kept?a=%20b|\xff'\"{}&<>\\^`;=//.."),
    "fields in order, with duplicates": head(
        "GET", fields=b"B: 1\r\na: 2\r\nB:\r\nX-Odd: \xff\xfe \t=\r\nb: 3\r\nAccept: */*\r\n"),
    "a length": head(fields=b"A: 1\r\nContent-Length: 5\r\nB: 2\r\n") + b"\x00\r\n\xff!",
    "no bytes": head(fields=b"Content-Length: 0\r\nX: y\r\n"),
    "neither length nor body": head(fields=b"X: y\r\n"),
    "chunks and trailers": head(
        "PUT", fields=b"TE: trailers\r\nTrailer: Sum\r\nTransfer-Encoding: chunked\r\n"
    ) + b"3\r\nabc\r\n4;x=y\r\ndefg\r\n0\r\nSum: 1\r\nSum: 2\r\n\r\n",
    "trailers without a body": head(
        fields=b"Transfer-Encoding: chunked\r\n") + b"0\r\nSum: 1\r\n\r\n",
    "HEAD": head("HEAD"),
    "OPTIONS *": head("OPTIONS", "*"),
    "a method of its own": head("x-Mine!", fields=b"Content-Length: 2\r\n") + b"hi",
    "GET with a body": head("GET", fields=b"Content-Length: 2\r\n") + b"hi",
    "an expectation": head(
        fields=b"Expect: 100-continue\r\nContent-Length: 2\r\n") + b"hi",
    "options of the connection": head(
        "GET", fields=b"Connection: keep-alive, x-hop\r\nX-Hop: 1\r\nKeep-Alive: timeout=1\r\n"
                      b"TE: gzip, trailers\r\nUpgrade: h2c\r\nAdit-X: 1\r\nX: y\r\n"),
    "what others claim to have forwarded": head(
        "GET", fields=b"X-Forwarded-For: 192.0.2.9\r\nForwarded: for=x\r\nVia: 1.1 other\r\n"),
}


@pytest.mark.parametrize("request_", REQUESTS.values(), ids=REQUESTS.keys())
def test_the_service_gets_what_it_got_the_first_time(service, request_):
    service.at("*")
    del service.asked[:]
    service.send(request_, request_.split()[0].decode())
    out = service.replay()
    first, second = service.asked
    # Via names other hops in a replay, but as many.
    assert len(first.field("via")) == len(second.field("via")) > 0
    assert first.without("via") == second.without("via")
    assert out.endswith(", the same answer\n")


def test_an_http_1_0_request_without_a_host_goes_to_the_service_by_its_address(own):
    own.send(b"GET /kept HTTP/1.0\r\nX: y\r\n\r\n")
    own.replay()
    assert own.asked[0].field("host") == own.asked[1].field("host") == [own.origin.address]


def test_a_big_body_that_was_kept_whole_goes_again_byte_for_byte(tmp_path):
    data = b"".join(bodies.pieces(7, 20 << 20, 65536))
    kept = Record(tmp_path / "adit")
    with harness.Origin() as origin:
        origin.on("/kept", lambda exchange: (origin.tell(b"".join(exchange.body()) == data),
                                             exchange.reply(b"answer")))
        identity = kept.add(method="PUT", target="/kept", upstream=origin.address, request=data,
                            request_fields=[("Content-Length", str(len(data)))],
                            response=b"answer", response_fields=[("Content-Length", "6")])
        out = kept.run("replay", identity).stdout.decode()
        assert origin.told() is True
        # A slow disk may delay the record of the replay.
        assert f"{identity} replayed as " in out and ": 200, 6 B, " in out


def test_a_recorded_request_that_is_not_http_is_not_sent(tmp_path):
    kept = Record(tmp_path / "adit")
    with harness.Origin() as origin:
        for columns in ({"method": "GET /x HTTP/1.1\r\nX:"}, {"target": "/ HTTP/1.1\r\nX: y"},
                        {"host": "a\r\nX: y"}, {"method": "CONNECT"}, {"target": "/\x1b[2J"},
                        {"request_head": b"X: \x00\r\n"}, {"method": ""}, {"target": ""}):
            kept.add(upstream=origin.address, **columns)
            done = kept.run("replay", "last", "--yes")
            assert done.returncode == 1 and b"not valid HTTP" in done.stderr, (columns, done)
            assert b"\x1b" not in done.stderr
        assert origin.accepted == 0


def test_a_body_that_was_not_kept_whole_is_refused_and_another_may_be_given(tmp_path):
    with harness.Proxied(tmp_path, "--limit", "record-body=4") as way:
        service = Service(way)
        row = service.fetch("PUT", "/kept", body=b"12345")
        out, err = service.run(row["id"], status=1)
        assert out == "" and row["id"] in err and "not kept whole" in err and "--body-file" in err
        service.run(row["id"], "--body-file", "-", stdin=b"54321")
        assert [asked.body for asked in service.asked] == [b"12345", b"54321"]


def test_a_body_that_did_not_come_whole_is_refused(own):
    own.origin.on("/half", lambda exchange: exchange.peer_leaves())
    with own.way.visit() as visitor:
        visitor.send(b"POST /half HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\nhalf")
        until(lambda: own.origin.seen("/half"), "it came")
    row = own.kept()[-1]
    _, err = own.run(row["id"], "--yes", status=1)
    assert "did not come whole" in err and "--body-file" in err


def test_where_no_bodies_are_kept_none_is_kept_of_the_replay(tmp_path):
    with harness.Proxied(tmp_path, "--record", "heads") as way:
        service = Service(way)
        service.fetch("GET", "/kept")
        out = service.replay()
        assert out.endswith("the same answer\n")  # compared by digest
        row, = service.replayed(out)
        assert row["response_bytes"] == 6 and row["response_kept"] == 0 and row["flags"] & 4


# Options that change the request.

def test_method_path_and_fields_are_changed_as_asked(service):
    del service.asked[:]
    service.at("/other")
    service.send(head(fields=b"A: 1\r\nB: 2\r\na: 3\r\nContent-Length: 2\r\nC: 4\r\n") + b"hi")
    service.replay("--method", "PUT", "--path", "/other?x=\xff#".rstrip("#"), "--header", "B: new",
                   "--header", "X:y", "--header", "x: z", "--header", "Empty:", "--drop-header", "A",
                   "--drop-header", "unknown")
    first, second = service.asked
    assert (second.method, second.target.split("?")[0], second.body) == ("PUT", "/other", b"hi")
    assert [second.field(name) for name in ("a", "b", "c", "x", "empty", "content-length")] == [
        [], ["new"], ["4"], ["y", "z"], [""], ["2"]]
    assert second.field("host") == first.field("host")


def test_the_host_is_the_visitors_or_the_one_that_is_given(tmp_path):
    with harness.Proxied(tmp_path, "--host-header", "rewrite") as way:
        service = Service(way)
        service.fetch("GET", "/kept", host="asked.example")
        service.replay()
        service.replay("--header", "Host: other.example:1")
        assert [asked.field("host") for asked in service.asked] == [
            [service.origin.address], ["asked.example"], ["other.example:1"]]


def test_fields_come_from_a_file_too(own, tmp_path):
    (tmp_path / "fields").write_bytes(b"X-Key: sesame\r\n\nB: 2\nhost: c.example")
    own.fetch("GET", "/kept", [("x-key", "old")])
    own.replay("--header", f"@{tmp_path}/fields", "--header", "C: 3")
    asked = own.asked[-1]
    assert [asked.field(n) for n in ("x-key", "b", "host", "c")] == [
        ["sesame"], ["2"], ["c.example"], ["3"]]


@pytest.mark.parametrize("how", ["file", "input"])
@pytest.mark.parametrize("body", [b"another \x00 body", b""], ids=["some", "empty"])
@pytest.mark.parametrize("first", ["a length", "chunks and trailers", "no body"])
def test_another_body_is_sent_with_its_length(own, tmp_path, how, body, first):
    (tmp_path / "body").write_bytes(body)
    own.send(REQUESTS[first])
    if how == "file":
        own.replay("--body-file", tmp_path / "body")
    else:
        own.replay("--body-file", "-", stdin=body)
    asked = own.asked[-1]
    assert (asked.body, asked.field("content-length"), asked.field("transfer-encoding"),
            asked.trailers, asked.field("trailer")) == (body, [str(len(body))], [], [], [])


def test_another_body_is_not_coded_as_the_first_was(own):
    own.fetch("PUT", "/kept", [("Content-Encoding", "gzip")], body=b"not really")
    own.replay()
    own.replay("--body-file", "-", stdin=b"plain")
    own.replay("--body-file", "-", "--header", "Content-Encoding: br", stdin=b"plain")
    assert [asked.field("content-encoding") for asked in own.asked] == [
        ["gzip"], ["gzip"], [], ["br"]]


@pytest.mark.parametrize("form", ["http://127.0.0.1:{}", "127.0.0.1:{}", "{}"])
def test_it_goes_to_another_service(own, form):
    own.fetch("GET", "/echo")
    with harness.Origin() as other:
        own.replay("--to", form.format(other.port))
        assert len(other.seen("/echo")) == 1
        assert own.rows()[-1]["upstream"].endswith(f":{other.port}")
    assert len(own.origin.seen("/echo")) == 1


def test_it_goes_as_often_as_asked_and_each_is_recorded(own):
    own.answers = [own.usual, own.usual, lambda exchange: exchange.reply(b"other")]
    own.fetch("GET", "/kept")
    out = own.replay("--times", "3")
    verdicts = [rest for _, _, rest in REPLAYED.findall(out)]
    assert [v.rpartition(", ")[2] for v in verdicts] == [
        "the same answer", "another answer:", "the same answer"]
    assert len(own.asked) == 4 and len(set(row["id"] for row in own.replayed(out))) == 3


# Refusals.

@pytest.mark.parametrize("words, says", [
    ([], "say which"), (["last", "--times", "0"], "--times"), (["last", "--times", "x"], "--times"),
    (["last", "--times", "10001"], "10000"), (["last", "--method", ""], "--method"),
    (["last", "--method", "A B"], "A B"), (["last", "--method", "CONNECT"], "CONNECT"),
    (["last", "--path", "x"], "--path"), (["last", "--path", "/a b"], "/a b"),
    (["last", "--path", "/a#b"], "/a#b"), (["last", "--path", "/\r\nX: y"], "--path"),
    (["last", "--to", "ftp://localhost"], "https://"), (["last", "--to", "x"], "--to"),
    (["last", "--to", "http://localhost/x"], "path"), (["last", "--header", "x"], "--header"),
    (["last", "--header", ": x"], "--header"), (["last", "--header", "a b: x"], "--header"),
    (["last", "--header", "a: x\r\ny: z"], "--header"), (["last", "--header", "a: \x1b[2J"], ": a\n"),
    (["last", "--header", "Host:"], ": Host\n"), (["last", "--header", "Host: a b"], ": Host\n"),
    (["last", "--header", "@/no/such/file"], "No such file"),
    (["last", "--header", "@/"], "directory"),
    (["last", "--drop-header", ""], "--drop-header"),
    (["last", "--drop-header", "a:"], "--drop-header"),
    (["last", "--drop-header", "Host"], "Host"), (["last", "--what"], "--what"),
    (["last", "--drop-header", "content-length"], "content-length"),
    *((["last", "--header", f"{name}: x"], name)
      for name in ("Content-Length", "transfer-encoding", "Connection", "Keep-Alive", "Upgrade",
                   "TE", "Trailer", "Expect"))], ids=str)
def test_mistakes_are_explained_and_exit_2(own, words, says):
    own.fetch("GET", "/kept")
    out, err = own.run(*words, status=2)
    assert out == "" and err.startswith("adit replay: ") and says in err
    assert "adit replay --help" in err and "\x1b" not in err and len(own.asked) == 1


@pytest.mark.parametrize("name", ["none", "."])
def test_a_body_file_that_cannot_be_read_is_told_without_its_name(own, tmp_path, name):
    own.fetch("GET", "/kept")
    out, err = own.run("last", "--body-file", tmp_path / name, status=1)
    assert out == "" and "--body-file" in err and str(tmp_path) not in err
    assert ("No such file" if name == "none" else "directory") in err


def test_of_a_file_of_fields_only_the_name_is_told(own, tmp_path):
    (tmp_path / "fields").write_text("X-Key: sesame\nopen sesame\n")
    _, err = own.run("last", "--header", f"@{tmp_path}/fields", status=2)
    assert "fields" in err and "sesame" not in err


def test_before_a_post_it_asks_at_a_terminal(own):
    row = own.fetch("POST", "/kept?x", body=b"order")
    for answer, sent in (("n\n", 0), ("\n", 0), ("no, but yes\n", 0), ("y\n", 1), ("Yes\n", 1)):
        before = len(own.asked)
        status, text = own.at_terminal(row["id"], types=[answer])
        assert "Send POST /kept?x again? [y/N] " in text
        assert len(own.asked) - before == sent
        assert status == (0 if sent else 1)
        assert ("it was not sent" in text) == (not sent)


def test_it_asks_for_each_and_the_rest_of_a_long_answer_answers_nothing(own):
    rows = [own.fetch("POST", "/kept", body=b"order") for _ in range(2)]
    status, text = own.at_terminal(rows[0]["id"], rows[1]["id"], "--times", "2",
                                   types=["no I do not\n", "y\n"])
    assert text.count("again, 2 times? [y/N]") == 2
    assert status == 1 and len(own.asked) == 4


@pytest.mark.parametrize("method, asks", [
    ("GET", False), ("HEAD", False), ("OPTIONS", False), ("PUT", False), ("DELETE", False),
    ("POST", True), ("PATCH", True), ("get", True), ("BREW", True)])
def test_without_a_terminal_what_is_not_idempotent_needs_a_yes(service, method, asks):
    del service.asked[:]
    row = service.fetch(method, "/kept")
    _, err = service.run(row["id"], status=1 if asks else 0)
    assert ("--yes" in err) == asks and len(service.asked) == (1 if asks else 2)
    service.run(row["id"], "--yes")
    assert len(service.asked) == (2 if asks else 3)


def test_it_is_the_method_that_is_sent_that_is_asked_about(own):
    row = own.fetch("GET", "/kept")
    own.run(row["id"], "--method", "POST", status=1)
    assert len(own.asked) == 1


def test_of_several_the_others_are_sent_and_the_status_says_that_one_was_not(own):
    rows = [own.fetch("GET", f"/kept?{n}") for n in range(2)]
    out, err = own.run(rows[0]["id"], "zzzz", rows[1]["id"], status=1)
    assert [asked.target for asked in own.asked[2:]] == ["/kept?0", "/kept?1"]
    assert [first for first, _, _ in REPLAYED.findall(out)] == [row["id"] for row in rows]
    assert "zzzz" in err


def test_running_and_upgraded_exchanges_are_refused(own):
    own.origin.on("/hang", lambda exchange: (own.origin.tell("asked"), exchange.peer_leaves()))
    with own.way.visit() as visitor:
        visitor.request("GET", "/hang")
        own.origin.told()
        running = until(lambda: own.rows("target = '/hang'"), "it is in the record")[0]["id"]
        _, err = own.run(running, status=1)
        assert f"{running}: it is still running" in err

    def upgrade(exchange):
        exchange.head(101, [("Connection", "upgrade"), ("Upgrade", "mine")])
        exchange.close()

    own.origin.on("/upgrade", upgrade)
    with own.way.visit() as visitor:
        visitor.request("GET", "/upgrade", [("Connection", "upgrade"), ("Upgrade", "mine")])
        assert visitor.response_head().status == 101
    own.kept(2)
    _, err = own.run("last", status=1)
    assert "upgraded" in err


def test_a_relays_record_knows_no_service_until_one_is_given(own_tunnel):
    service = Service(own_tunnel, own_tunnel.directory / "aditd")
    service.fetch("GET", "/kept", [("X", "y")])
    _, err = service.run("last", status=1)
    assert "--to URL" in err
    service.replay("--to", service.origin.address)
    first, second = service.asked
    # The tunnel makes names lower case.
    first.fields = [(name.lower(), value) for name, value in first.without("via").fields]
    second.fields = [(name.lower(), value) for name, value in second.without("via").fields]
    assert first == second


# The second answer.

def second_answer(own, answer, *words, status=0):
    own.fetch("GET", "/kept")
    own.answers = [answer]
    return own.replay(*words, status=status)


def test_another_status_and_other_fields_are_shown(own):
    own.usual = lambda exchange: exchange.reply(
        b"x", 200, [("A", "1"), ("B", "2"), ("Date", "now"), ("Set-Cookie", "first")])
    out = second_answer(own, lambda exchange: exchange.reply(
        b"x", 503, [("A", "1"), ("B", "3"), ("C", "4"), ("Date", "later"), ("Set-Cookie", "2nd")]))
    assert "503, 1 B, " in out and ", another answer:\n" in out
    assert out.partition("another answer:\n")[2] == (
        "answer\n-status: 200\n+status: 503\n\nresponse head\n-B: 2\n+B: 3\n+C: 4\n")


def test_of_json_the_lines_that_differ_are_shown(own):
    own.usual = lambda exchange: exchange.reply_json({"a": 1, "b": [1, 2]})
    out = second_answer(own, lambda exchange: exchange.reply_json({"a": 1, "b": [1, 3]}))
    lines = out.splitlines()
    assert "-    2" in lines and "+    3" in lines and '   "a": 1,' in lines


def test_a_truncated_answer_is_another_answer(own):
    def cut(exchange):
        exchange.head(200, [("X-Answer", "1"), ("Content-Length", "6")])
        exchange.send(b"ans")
        exchange.close()

    out = second_answer(own, cut, status=1)
    assert "200, 3 B, " in out and "(upstream gone), another answer:\n" in out
    assert "-outcome: complete\n+outcome: upstream gone\n" in out


@pytest.mark.parametrize("how", ["reset", "close"])
def test_a_service_that_answers_nothing_is_told(own, how):
    out = second_answer(own, lambda exchange: getattr(exchange, how)(), status=1)
    assert "ADIT-UPSTREAM-CLOSED after " in out and "another answer:" in out


def test_a_service_that_is_gone_is_told(own):
    own.fetch("GET", "/kept")
    own.origin.stop_listening()
    out = own.replay(status=1)
    assert "ADIT-UPSTREAM-REFUSED after " in out
    row, = own.replayed(out)
    assert row["error"] == "ADIT-UPSTREAM-REFUSED"


def test_what_is_not_http_is_told(own):
    out = second_answer(own, lambda exchange: (exchange.send(b"SSH-2.0\r\n\r\n"), exchange.close()),
                        status=1)
    assert re.search("ADIT-UPSTREAM-INVALID after .*: no HTTP version at byte 0", out)


@pytest.mark.parametrize("leaves", ["close", "reset"])
def test_a_service_may_answer_early_and_leave(own, leaves):
    def early(exchange):
        exchange.head(413, [("Content-Length", "3"), ("Connection", "close")])
        exchange.send(b"big")
        getattr(exchange, leaves)()

    own.origin.on("/early", early)
    row = own.fetch("PUT", "/kept")
    data = b"x" * (8 << 20)
    for _ in range(5):
        # The answer may or may not be read before the reset; the replay ends either way.
        out, _ = own.run(row["id"], "--path", "/early", "--body-file", "-", "--json", stdin=data,
                         status=(0, 1))
        result, = objects(out)
        assert result["same"] is False
        assert result["exchange"]["outcome"] in ("complete", "upstream gone", "refused")


def test_a_slow_answer_is_waited_for_and_an_interrupt_ends_it(own):
    def slow(exchange):
        own.origin.tell("asked")
        exchange.peer_leaves()

    own.origin.on("/slow", slow)
    own.fetch("GET", "/kept")
    with harness.Program(own.way.directory, "adit", "replay", "last", "--path", "/slow") as replay:
        own.origin.told()
        replay.process.send_signal(signal.SIGINT)
        assert replay.exit_code() == 1


def test_interim_answers_are_compared(own):
    def hints(exchange):
        exchange.send(b"HTTP/1.1 103 Early\r\nLink: </a>\r\n\r\n")
        own.usual(exchange)

    out = second_answer(own, hints)
    assert "interim responses" in out and "+Link: </a>" in out


# Secrets.

def test_redacted_parts_are_left_out_and_named(service):
    del service.asked[:]
    row = service.fetch("GET", "/kept", [("Authorization", "Bearer abc"), ("A", "1"),
                                         ("Cookie", "a=b"), ("Cookie", "c=d")])
    _, err = service.run(row["id"])
    assert row["id"] in err and "--header" in err
    assert re.search("record has no value: authorization, cookie;", err, re.I)
    assert service.asked[1].without("via") == service.asked[0].without(
        "via", "authorization", "cookie")
    _, err = service.run(row["id"], "--header", "Authorization: Basic x", "--drop-header", "cookie")
    assert err == "" and service.asked[2].field("authorization") == ["Basic x"]


def test_a_secret_that_is_given_is_not_kept_either(tmp_path):
    with harness.Proxied(tmp_path, "--redact", "x-key") as way:
        service = Service(way)
        row = service.fetch("GET", "/kept", [("X-Key", "first-value")])
        (tmp_path / "fields").write_text("x-key: opensesame\nAuthorization: Bearer opensesame\n")
        service.run(row["id"], "--header", f"@{tmp_path}/fields", "--header", "X-Plain: seen")
        assert service.asked[1].field("x-key") == ["opensesame"]
        for path in filter(pathlib.Path.is_file, service.directory.rglob("*")):
            data = path.read_bytes()
            assert b"opensesame" not in data and b"first-value" not in data, path
        again = service.rows()[-1]
        assert b"X-Plain: seen" in again["request_head"] and again["flags"] & 1


def test_a_trailer_that_was_redacted_is_left_out(tmp_path):
    with harness.Proxied(tmp_path, "--redact", "sum") as way:
        service = Service(way)
        row = service.send(REQUESTS["chunks and trailers"], "PUT")
        _, err = service.run(row["id"])
        assert "Sum" in err and service.asked[1].trailers == []


def test_with_no_redact_credentials_go_again_and_are_not_kept_again(tmp_path):
    with harness.Proxied(tmp_path, "--no-redact") as way:
        service = Service(way)
        service.usual = lambda exchange: exchange.reply(b"x", 200, [("Set-Cookie", "c=d")])
        service.fetch("GET", "/kept", [("Cookie", "a=b")])
        out = service.replay()
        assert service.asked[1].field("cookie") == ["a=b"]
        assert out.endswith("the same answer\n")
        assert b"a=b" not in service.replayed(out)[0]["request_head"]


# The record.

def test_a_replay_is_recorded_and_found(service):
    row = service.fetch("GET", "/kept?found")
    out = service.replay()
    again, = service.replayed(out)
    for name in ("method", "target", "host", "scheme", "protocol", "status", "outcome",
                 "response_digest", "request_digest"):
        assert again[name] == row[name], name
    assert (again["program"], again["replay_of"], again["tunnel_name"] or "") == (
        "adit replay", row["id"], "")
    assert again["upstream"] == row["upstream"] and again["id"] != row["id"]
    found, _ = service.run("replayed", "target=/kept?found", command="requests")
    assert found.startswith(again["id"]) and found.endswith(f"  replay of {row['id']}\n")
    assert found.count("\n") == 1
    assert f"replay of {row['id']}" in service.run(again["id"], command="show")[0]


def test_a_replay_can_be_replayed(service):
    del service.asked[:]
    service.fetch("GET", "/kept", [("B", "1")])
    again, = service.replayed(service.replay())
    out, err = service.run(again["id"])
    assert err == "" and out.endswith("the same answer\n")
    assert service.asked[1] == service.asked[2]


def test_it_needs_no_other_program(tmp_path):
    with harness.Proxied(tmp_path) as way:
        service = Service(way)
        service.fetch("GET", "/kept")
    with harness.Origin() as other:
        other.on("/kept", lambda exchange: exchange.reply(b"answer", 200, [("X-Answer", "1")]))
        out, err = service.run("last", "--to", other.address)
    assert err == "" and out.endswith("the same answer\n")
    assert len(service.rows()) == 2


def test_an_agent_that_writes_the_same_record_goes_on(service):
    before = len(service.passed())
    row = service.fetch("GET", "/kept")
    for number in range(10):
        service.way.fetch("GET", f"/kept?{number}")
        service.run(row["id"], "--times", "3")
    assert len(service.kept(before + 11)) == before + 11


def test_json_is_one_object_a_line(own):
    row = own.fetch("GET", "/kept")
    own.answers = [own.usual, lambda exchange: exchange.reset()]
    out, _ = own.run(row["id"], "--times", "2", "--json", status=1)
    first, second = objects(out)
    assert (first["replay_of"], first["answered"], first["differences"], first["same"]) == (
        row["id"], True, [], True)
    assert first["exchange"]["response"]["status"] == 200
    assert first["exchange"]["error"] is None and first["exchange"]["replay_of"] == row["id"]
    assert (second["answered"], second["exchange"]["error"], second["same"]) == (
        False, "ADIT-UPSTREAM-CLOSED", False)
    assert {"part": "answer", "kind": "value", "name": "error", "before": None,
            "after": "ADIT-UPSTREAM-CLOSED"} in second["differences"]
    assert [x["exchange"]["id"] for x in (first, second)] == [first["id"], second["id"]]
    assert {first["id"], second["id"]} == {r["id"] for r in own.rows()[-2:]}


def test_nothing_that_was_sent_moves_the_cursor(own):
    own.usual = lambda exchange: exchange.reply(b"\x1b[2Ja\n\xc2\x9b", 200, [("X", "\x9b2J\xff")])
    own.fetch("POST", "/kept?\x9b\xff", [("Y", "\x9b2J")], body=b"\x1b[2J")
    own.answers = [lambda exchange: exchange.reply(b"\x1b[3Jb\xe2\x80\xae\n", 200, [("X", "\x9b")])]
    out = own.replay()
    assert "another answer:" in out and not CONTROL.search(out)
    row = own.kept()[-1]
    _, text = own.at_terminal(row["id"], "--times", "2", types=["n\n"])
    assert not CONTROL.search(text.replace("\r\n", "\n"))


def test_when_nobody_reads_on_it_ends_quietly(own):
    row = own.fetch("GET", "/kept")
    reads, writes = os.pipe()
    os.close(reads)
    with os.fdopen(writes, "wb") as out:
        done = subprocess.run(
            [harness.BIN / "adit", "replay", row["id"], row["id"], "--times", "5", "--data",
             own.directory], stdout=out, stderr=subprocess.PIPE, timeout=harness.DEADLINE,
            env=harness.environment(own.directory), check=False)
    assert (done.returncode, done.stderr) == (1, b"")
    assert len(own.asked) == 2


def test_where_there_is_no_record_it_says_so_and_makes_none(tmp_path):
    done = subprocess.run([harness.BIN / "adit", "replay", "last", "--data", tmp_path / "none"],
                          capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (1, "")
    assert "no record yet" in done.stderr and not (tmp_path / "none").exists()


def test_help_names_every_flag():
    done = subprocess.run([harness.BIN / "adit", "replay", "--help"], capture_output=True,
                                  text=True, check=True)
    for word in ("--to", "--method", "--path", "--header", "--drop-header", "--body-file",
                 "--times", "--yes", "--json", "--data", "--help", "Exit status", "X-Forwarded-"):
        assert word in done.stdout
