# SPDX-License-Identifier: MIT
"""Odd but unambiguous responses pass in a clean form; ambiguous ones are a 502, and the line and
the record say what was wrong and where."""
import json
import re

import harness
import pytest
import record
import tunnel_peer
from client import Truncated
from harness import DEADLINE


@pytest.fixture(scope="module")
def proxied(tmp_path_factory):
    with harness.Proxied(tmp_path_factory.mktemp("proxied")) as started:
        started.program = started.proxy
        yield started


@pytest.fixture(params=["tunnel", "proxied"])
def way(request):
    found = request.getfixturevalue(request.param)
    if request.param == "tunnel":
        found.program = found.agent
    return found


def answer_raw(way, text, closes=False, path="/raw"):
    def handler(exchange):
        exchange.wire.send(text)
        if closes:
            exchange.close()

    way.origin.on(path, handler)


OK = b"HTTP/1.1 200 OK\r\n"
LENGTH = b"Content-Length: 2\r\n"
ODD = {  # what comes, the status, and the fields that arrive (beside Date and those of the hop)
    "equal lengths": (OK + LENGTH * 2 + b"\r\nok", 200, [("Content-Length", "2")]),
    "a list of equal lengths": (OK + b"Content-Length: 2, 2\r\n\r\nok", 200,
                                [("Content-Length", "2")]),
    "a folded field": (OK + b"X-A: a\r\n  b\r\n\tc\r\n" + LENGTH + b"\r\nok", 200,
                       [("X-A", "a b c"), ("Content-Length", "2")]),
    "a line of spaces": (OK + b"X-A: a\r\n  \r\n" + LENGTH + b"\r\nok", 200,
                         [("X-A", "a"), ("Content-Length", "2")]),
    "bare LF": (b"HTTP/1.1 200 OK\nX-A: a\nContent-Length: 2\n\nok", 200,
                [("X-A", "a"), ("Content-Length", "2")]),
    "LF here and there": (b"HTTP/1.1 200 OK\nX-A: a\r\nContent-Length: 2\n\r\nok", 200,
                          [("X-A", "a"), ("Content-Length", "2")]),
    "empty lines before": (b"\r\n\n" + OK + LENGTH + b"\r\nok", 200, [("Content-Length", "2")]),
    "space before a colon": (OK + b"X-A : a\r\nContent-Length\t: 2\r\n\r\nok", 200,
                             [("X-A", "a"), ("Content-Length", "2")]),
    "a colon behind the status": (b"HTTP/1.1 404: Not Found\r\n" + LENGTH + b"\r\nok", 404,
                                  [("Content-Length", "2")]),
    "a status in the reason": (b"HTTP/1.1 404 404: Not Found\r\n" + LENGTH + b"\r\nok", 404,
                               [("Content-Length", "2")]),
    "no reason": (b"HTTP/1.1 200\r\n" + LENGTH + b"\r\nok", 200, [("Content-Length", "2")]),
    "wide spaces": (b"HTTP/1.1 \t 200\tOK\r\n" + LENGTH + b"\r\nok", 200,
                    [("Content-Length", "2")]),
}


def own_fields(answer):
    beside = ("date", "connection", "transfer-encoding")
    return [(name, value) for name, value in answer.fields if name.lower() not in beside]


@pytest.mark.parametrize("text, status, fields", ODD.values(), ids=ODD)
def test_an_odd_answer_passes_in_a_clean_form(way, text, status, fields):
    answer_raw(way, text)
    with way.visit() as visitor:
        for _ in range(2):
            answer = visitor.fetch("GET", "/raw")
            assert (answer.status, answer.body) == (status, b"ok")
            assert own_fields(answer) == fields
    connections = [r.connection for r in way.origin.requests[-2:]]
    assert connections[0] == connections[1]  # kept


def test_an_odd_answer_passes_byte_by_byte(way):
    text = (b"\r\n\nHTTP/1.1  404: Not Found\nX-A : a\r\n b\n \nContent-Length: 2\r\n"
            b"Content-Length: 2, 2\n\nok")

    def handler(exchange):
        for at in range(len(text)):
            exchange.wire.send(text[at:at + 1])

    way.origin.on("/slow", handler)
    answer = way.fetch("GET", "/slow")
    assert (answer.status, answer.body) == (404, b"ok")
    assert own_fields(answer) == [("X-A", "a b"), ("Content-Length", "2")]


BODYLESS = {
    "204 chunked": (b"HTTP/1.1 204 No Content\r\nTransfer-Encoding: chunked\r\n\r\n", "GET", 204),
    "204 chunked, with its end": (b"HTTP/1.1 204 No Content\r\nTransfer-Encoding: chunked\r\n\r\n"
                                  b"0\r\n\r\n", "GET", 204),
    "204 gzip": (b"HTTP/1.1 204 No Content\r\nTransfer-Encoding: gzip\r\n\r\n", "GET", 204),
    "204 with a length": (b"HTTP/1.1 204 No Content\r\nContent-Length: 5\r\n\r\nhello", "GET", 204),
    "204 with two lengths": (b"HTTP/1.1 204 No\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\n",
                             "GET", 204),
    "304 chunked": (b"HTTP/1.1 304 Not Modified\r\nTransfer-Encoding: chunked\r\n\r\n", "GET", 304),
    "HEAD chunked": (OK + b"Transfer-Encoding: chunked\r\n\r\n", "HEAD", 200),
    "HEAD, equal lengths": (OK + LENGTH * 2 + b"\r\n", "HEAD", 200),
    "103 chunked": (b"HTTP/1.1 103 Early\r\nTransfer-Encoding: chunked\r\n\r\n" + OK +
                    b"Content-Length: 0\r\n\r\n", "GET", 200),
}


@pytest.mark.parametrize("text, method, status", BODYLESS.values(), ids=BODYLESS)
def test_bodyless_responses_have_no_body_whatever_their_fields_say(way, text, method, status):
    answer_raw(way, text)
    with way.visit() as visitor:
        for _ in range(2):
            answer = visitor.fetch(method, "/raw")
            assert (answer.status, answer.body) == (status, b"")
            if status == 204:
                assert not answer.get("content-length")
            assert visitor.fetch("GET", "/").body == b"hello"


def test_a_204_that_may_have_a_body_behind_it_ends_its_connection(way):
    for field, kept in [(b"Transfer-Encoding: chunked", False), (b"Content-Length: 5", False),
                        (b"Content-Length: 0", True), (b"X-A: b", True)]:
        answer_raw(way, b"HTTP/1.1 204 No Content\r\n" + field + b"\r\n\r\n")
        with way.visit() as visitor:
            assert visitor.fetch("GET", "/raw").status == 204
            assert visitor.fetch("GET", "/").body == b"hello"
        first, second = way.origin.requests[-2:]
        assert (first.connection == second.connection) == kept


@pytest.mark.parametrize("count", [129, 1000])
def test_many_response_fields_pass(way, count):
    fields = [(f"X-{n}", str(n)) for n in range(count - 1)]
    way.origin.on("/many", lambda exchange: exchange.reply("x", 200, fields))
    answer = way.fetch("GET", "/many")
    assert own_fields(answer)[:-1] == fields


def test_more_response_fields_than_the_relay_takes_are_told(relay):
    with tunnel_peer.AgentPeer(relay, DEADLINE) as _:
        pass  # an older agent is served as before
    with harness.Origin() as origin:
        old = tunnel_peer.PlayedRelay(DEADLINE)
        with harness.Program(relay.data.parent / "agent", "adit", "http", origin.port, "--relay",
                             f"http://127.0.0.1:{old.port}") as agent, old.accept() as peer:
            for count, status in [(128, "200"), (129, "502")]:
                fields = [(f"X-{n}", "1") for n in range(count - 2)] + [("Date", "x")]
                origin.on("/many", lambda exchange: exchange.reply("x", 200, fields))
                got, body = peer.answer(peer.ask("/many"))
                assert got[":status"] == status
            assert b"What was wrong: 129 fields, more than the relay takes" in body
            agent.wait_for("ADIT-UPSTREAM-INVALID: 129 fields, more than the relay takes")
        old.close()


WRONG = {  # what comes, and what is said of it
    "two lengths": (OK + b"X-A: " + b"a" * 78 + b"\r\n" + LENGTH + b"Content-Length: 3\r\n\r\nok",
                    "a second, different Content-Length at byte 121"),
    "a list of lengths": (OK + b"Content-Length: 2, 3\r\n\r\n",
                          "a second, different Content-Length at byte 17"),
    "a length of letters": (OK + b"Content-Length: two\r\n\r\n",
                            "a Content-Length that is no number at byte 17"),
    "length and coding": (OK + LENGTH + b"Transfer-Encoding: chunked\r\n\r\n",
                          "a Content-Length beside a Transfer-Encoding at byte 17"),
    "another coding": (OK + b"Transfer-Encoding: gzip\r\n\r\n",
                       "a transfer coding other than chunked at byte 17"),
    "a bare CR": (OK + b"X-A: a\rb\r\n" + LENGTH + b"\r\nok", "a CR without LF at byte 23"),
    "a NUL": (OK + b"X-A: a\0b\r\n" + LENGTH + b"\r\nok", "a NUL at byte 23"),
    "a control character": (OK + b"X-A: a\x1bb\r\n\r\n", "a control character at byte 23"),
    "no colon": (OK + b"X-A\r\n\r\n", "a field line without a colon at byte 17"),
    "a space in a name": (OK + b"X A: b\r\n\r\n",
                          "an invalid character in a field name at byte 19"),
    "space before the first field": (OK + b" X-A: b\r\n\r\n",
                                     "white space before the first field at byte 17"),
    "no version": (b"200 OK\r\n\r\n", "no HTTP version at byte 0"),
    "another protocol": (b"SSH-2.0-OpenSSH_9.2\r\n", "no HTTP version at byte 0"),
    "another version": (b"HTTP/2.0 200 OK\r\n\r\n", "a version other than HTTP/1.x at byte 0"),
    "no status": (b"HTTP/1.1 OK\r\n\r\n", "a status that is not three digits at byte 9"),
    "a switch": (b"HTTP/1.1 101 S\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n",
                 "a 101 that switches to a protocol that was not offered"),
    "too many fields": (OK + b"X-A: b\r\n" * 1001 + b"\r\n",
                        r"more than 1000 fields \(--limit response-head-fields\)"),
    "too large": (OK + b"X-A: " + b"b" * 65536 + b"\r\n\r\n",
                  r"a head of more than 65536 bytes \(--limit response-head-bytes\)"),
    "too many 1xx": (b"HTTP/1.1 103 E\r\n\r\n" * 65,
                     "more than 64 interim responses, or 64 KiB of their fields"),
}


@pytest.mark.parametrize("text, what", WRONG.values(), ids=WRONG)
def test_the_fault_of_an_answer_is_told(way, text, what):
    path = "/wrong-" + str(list(WRONG.values()).index((text, what)))
    answer_raw(way, text, closes=True, path=path)
    answer = way.fetch("GET", path)
    assert (answer.status, answer.code) == (502, "ADIT-UPSTREAM-INVALID")
    assert re.search(f"\nWhat was wrong: {what}\\.\n", answer.body.decode())
    assert (b"is over a limit" if "--limit" in what else b"is not valid HTTP") in answer.body
    answer = way.fetch("GET", path, [("Accept", "application/json")])
    assert re.fullmatch(what, answer.json()["error"]["detail"])
    answer = way.fetch("GET", path, [("Accept", "text/html")])
    assert re.search(f"<p>What was wrong: {what}\\.</p>", answer.body.decode())
    way.program.wait_for(f"  502 .* GET    {path} +ADIT-UPSTREAM-INVALID: {what}$")


EARLY = b"HTTP/1.1 103 E\r\n"
FOLDED = b"X-A: a\r\n   b\n\t c\r\n\r\n"
REFUSED_LATE = {  # refused although it can be read: what comes, and what of it is the bad head
    "a switch": (b"HTTP/1.1 101 S\r\nUpgrade: x\r\n" + FOLDED,) * 2,
    "too many 1xx": ((EARLY + FOLDED) * 65, EARLY + FOLDED),
}


@pytest.mark.parametrize("text, head", REFUSED_LATE.values(), ids=REFUSED_LATE)
def test_a_refused_head_is_kept_with_its_folds(way, text, head):
    path = "/late-" + str(list(REFUSED_LATE.values()).index((text, head)))
    answer_raw(way, text, closes=True, path=path)
    assert way.fetch("GET", path).code == "ADIT-UPSTREAM-INVALID"
    assert record.ended(way.program.data, f"target='{path}'")["bad_head"] == head


def test_an_answer_with_nothing_to_add_is_as_before(way):
    answer_raw(way, b"", closes=True)
    for accept in ("text/plain", "text/html", "application/json"):
        body = way.fetch("GET", "/raw", [("Accept", accept)]).body
        assert b"wrong" not in body and b"detail" not in body
    assert set(json.loads(body)["error"]) == {"code", "status", "message"}


BROKEN = {
    "a size": (b"5\r\nhello\r\nx\r\n", "a malformed chunk after 5 bytes of the body"),
    "an end": (b"4\r\nhello\r\n0\r\n\r\n", "a malformed chunk after 4 bytes of the body"),
    "trailers": (b"5\r\nhello\r\n0\r\nX A: b\r\n\r\n",
                 "malformed trailers after 5 bytes of the body"),
    "many trailers": (b"5\r\nhello\r\n0\r\n" + b"a: b\r\n" * 1001 + b"\r\n",
                      "more trailers than --limit response-head-fields after 5 bytes of the body"),
}


@pytest.mark.parametrize("text, what", BROKEN.values(), ids=BROKEN)
def test_the_fault_of_a_broken_body_is_told(way, text, what):
    path = "/broken-" + str(list(BROKEN.values()).index((text, what)))
    answer_raw(way, OK + b"Transfer-Encoding: chunked\r\n\r\n" + text, True, path)
    try:  # all of it may be there before the head was passed on
        assert way.fetch("GET", path).status == 502
    except Truncated:
        pass
    way.program.wait_for(f"  200 .* GET    {path} +protocol error: {what}$")
