# SPDX-License-Identifier: MIT
"""--print-bodies prints each exchange in one piece, hides secrets, and moves no cursor."""
import gzip
import json
import re
import socket
import threading

import harness
import live_lines
import pytest
from client import Client, Truncated, until
from origin import Origin
from test_readers import Unread

HEAD = 16 * 1024
BODY = 16 * 1024


@pytest.fixture(params=["proxy", "http"])
def shown(request, tmp_path):
    """A tunnel or a proxy whose exchanges are printed whole."""
    kind = harness.Proxied if request.param == "proxy" else harness.Tunnel
    with kind(tmp_path, "--print-bodies") as started:
        yield started


@pytest.fixture
def proxied(tmp_path):
    with harness.Proxied(tmp_path, "--print-bodies") as started:
        yield started


def block(site, target, number=1):
    """The lines of the exchange of this target, once it is printed."""
    site.agent.wait_for(live_lines.pattern("[A-Z]+", re.escape(target)), number=number)
    found = []

    def whole():
        found[:] = []
        for line in site.agent.text("stdout").split("\n"):
            if first := live_lines.parsed(line):
                ours = first.target == target and not first.runs
                found.append([line] if ours else [])
            elif found and found[-1] and not line.startswith("adit: "):  # of the service
                found[-1].append(line)
        blocks = [lines for lines in found if lines]
        if len(blocks) < number or not blocks[number - 1][-1].startswith("  = "):
            return None
        return blocks[number - 1]

    return until(whole, f"{target} is printed whole", harness.DEADLINE)


def indented(lines):
    """The lines of bodies and of notices about bodies."""
    return [line[4 if line.startswith("    ") else 2:] for line in lines
            if re.match(r"    |  [(]|  part ", line)]


def answer(site, path, body, fields=(), status=200):
    site.origin.on(path, lambda exchange: exchange.reply(body, status, fields))


def text(kind="text/plain"):
    return [("Content-Type", kind)]


def test_heads_bodies_and_times_are_shown(shown):
    answer(shown, "/json", '{"ok": true,\n "n": 1}\n', text("application/json"))
    sent = json.dumps({"a": "\u00fc"}, ensure_ascii=False).encode()
    shown.fetch("POST", "/json?q=1", text("application/json") + [("X-One", "1")], body=sent)
    lines = block(shown, "/json?q=1")
    first = live_lines.parsed(lines[0])
    assert (first.method, first.target, first.status, first.size, first.remark) == (
        "POST", "/json?q=1", "200", "22 B", "")
    small = [line.lower() for line in lines]
    for line in ("  > post /json?q=1 http/1.1", f"  > host: {shown.host}", "  > x-one: 1",
                 "  > content-type: application/json", "  < http/1.1 200 told",
                 "  < content-length: 22"):
        assert line.strip() in [each.strip() for each in small], line
    assert f"  > Host: {shown.host}" in lines
    assert indented(lines) == ['{', '  "a": "\u00fc"', '}', '{', '  "ok": true,', '  "n": 1', '}']
    assert re.fullmatch(r"  = [0-9a-z]{16}: sent on after [\d.]+ m?s(, of which connecting [\d.]+ m?s)?,"
                        r" answered after [\d.]+ m?s, last byte after [\d.]+ m?s", lines[-1])
    assert small.index("  >") < small.index("  < http/1.1 200 told") < small.index("  <")


def test_secrets_are_hidden_and_nothing_else(shown):
    answer(shown, "/secret", "x", [("Set-Cookie", "sid=s3cret-1"), ("set-cookie", "s3cret-2")])
    shown.fetch("GET", "/secret", [("Authorization", "Basic s3cret-3"), ("COOKIE", "s3cret-4"),
                                   ("Proxy-Authorization", "s3cret-5"), ("X-Open", "seen")])
    lines = block(shown, "/secret")
    assert "s3cret" not in shown.agent.text("stdout")
    hidden = [line[4:-12].lower() for line in lines if line.endswith(": [redacted]")]
    assert sorted(hidden) == ["authorization", "cookie", "proxy-authorization", "set-cookie",
                              "set-cookie"]
    assert "  > x-open: seen" in [line.lower() for line in lines]


@pytest.mark.parametrize("kind, coding, body, says", [
    ("image/png", None, b"\x89PNG\r\n\x1a\n" + bytes(300), "(308 bytes of image/png)"),
    (None, None, b"\0", "(1 byte)"),
    (None, None, b"plain", "plain"),
    ("application/octet-stream", None, b"plain", "plain"),
    ("application/octet-stream", None, b"\xff\xfe", "(2 bytes of application/octet-stream)"),
    ("text/html", "gzip", gzip.compress(b"x" * 99, mtime=0), "x" * 99),
    ("text/html", "compress", b"x" * 24, "(24 bytes of text/html, compress)"),
    ("text/html", "br", b"looks like text",
     ["looks like text", "(it is not br, although Content-Encoding says so)"]),
    ("text/html; charset=latin1", "identity", b"caf\xe9", "caf?"),
    ("image/svg+xml", None, b"<svg/>", "<svg/>"),
    ("application/problem+json; x=y", None, b"{\xff}", "{?}"),
    ("multipart/form-data; boundary=b", None, b"--b\r\n\r\n\0",
     ["part 1: 1 B, cut short", "(the multipart does not end as it should)"]),
])
def test_text_is_shown_and_all_else_is_counted(proxied, kind, coding, body, says):
    fields = (text(kind) if kind else []) + ([("Content-Encoding", coding)] if coding else [])
    answer(proxied, "/it", body, fields)
    assert proxied.fetch("POST", "/it", fields, body=body).body == body
    both = indented(block(proxied, "/it"))
    assert both == ([says] if isinstance(says, str) else says) * 2


def test_chunked_bodies_and_their_trailers_are_shown(shown):
    def chunks(exchange):
        list(exchange.body())
        exchange.head(200, [("Transfer-Encoding", "chunked"), *text()])
        for piece in (b"on", b"e\ntw", b"o\n"):
            exchange.chunk(piece)
        exchange.last_chunk([("X-Sum", "42")])

    shown.origin.on("/chunks", chunks)
    shown.fetch("POST", "/chunks", text(), body=[b"a", b"b\nc"], chunked=True)
    lines = block(shown, "/chunks")
    assert indented(lines) == ["ab", "c", "one", "two"]
    assert lines[-2].lower() == "  < x-sum: 42"


@pytest.mark.parametrize("method, status", [("HEAD", 200), ("GET", 304), ("GET", 204)])
def test_an_answer_without_a_body_has_none(shown, method, status):
    def bare(exchange):
        length = [("Content-Length", "5")] if status == 200 else []
        exchange.head(status, length + text())

    shown.origin.on("/bare", bare)
    shown.fetch(method, "/bare")
    lines = block(shown, "/bare")
    assert indented(lines) == []
    assert lines[-2] == "  <"


def test_interim_responses_are_shown_before_the_final_one(shown):
    def hints(exchange):
        exchange.wire.send(b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n")
        exchange.reply("x", 200, text())

    shown.origin.on("/hints", hints)
    shown.fetch("GET", "/hints")
    heads = [line for line in block(shown, "/hints") if line.startswith("  < ")]
    assert heads[0].startswith("  < HTTP/1.1 103")
    assert heads[1].lower() == "  < link: </a>"
    assert heads[2].startswith("  < HTTP/1.1 200")


def test_nothing_moves_the_cursor(shown):
    evil = ("a\x1b[2Jb\x07\x00\x7f\r\nc\u009b1A\u202ed\u2028e\tf\u200b\ufeff\r" + "g\n\n12:00:00 GET /"
            ).encode()
    answer(shown, "/evil", evil, [("Content-Type", "text/plain"), ("X-Evil", "\xe2\x80\xae\xc2\x9b\xff")])
    shown.fetch("POST", "/evil?\xc2\x9b\xe2\x80\xae", text(), body=evil)
    lines = block(shown, "/evil?" + "?" * 5)
    assert indented(lines) == ["a?[2Jb???", "c?1A?d?e\tf???g", "", "12:00:00 GET /"] * 2
    assert "  < x-evil: ???" in [line.lower() for line in lines]
    printed = shown.agent.text("stdout")
    assert not re.search("[\0-\x08\x0b-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\ufeff]", printed)


def test_a_long_body_is_cut_and_the_rest_counted(shown):
    long = "\u00fc" * 20_000  # BODY is not a multiple of what is in front and a character
    answer(shown, "/long", "x" + long, text())
    shown.fetch("POST", "/long", text(), body=b"y" * (BODY + 1))
    body = indented(block(shown, "/long"))
    assert body[:2] == ["y" * BODY, "(1 more byte)"]
    assert body[2] == "x" + "\u00fc" * ((BODY - 1) // 2)
    assert body[3] == f"({40_001 - len(body[2].encode())} more bytes)"


def test_a_body_of_many_lines_is_cut_too(proxied):
    answer(proxied, "/lines", "\n" * 5000, text())
    proxied.fetch("GET", "/lines")
    body = indented(block(proxied, "/lines"))
    assert body == [""] * 1000 + ["(4000 more lines)"]


def test_a_large_head_is_cut_and_the_rest_of_its_fields_counted(proxied):
    many = [(f"X-{number}", "v" * 500) for number in range(90)]
    answer(proxied, "/head", "x", many + text())
    proxied.fetch("GET", "/head", many[:50])
    lines = block(proxied, "/head")
    left_out = [line for line in lines if line.endswith(" more lines)")]
    assert len(left_out) == 2
    for mark, given in (("  > ", 51), ("  < ", 92)):
        shown = [line for line in lines if line.startswith(mark)][1:]
        assert sum(map(len, shown)) < HEAD + 100
        counted = int(re.fullmatch(r".*\((\d+) more lines\)", shown.pop())[1])
        assert len(shown) + counted == given


def test_our_own_answers_are_shown(proxied):
    with harness.Proxied(proxied.directory / "second", "--print-bodies",
                         upstream=proxied.proxy.url) as second:
        proxied.origin.stop_listening()
        proxied.origin.drop_connections()
        assert second.fetch("GET", "/").status == 502
        assert "ADIT-UPSTREAM-REFUSED" in indented(block(second, "/"))[0]
    assert "ADIT-UPSTREAM-REFUSED: " in block(proxied, "/")[0]


@pytest.mark.parametrize("who", ["visitor", "service"])
def test_broken_off_bodies_are_marked(shown, who):
    def half(exchange):
        exchange.head(200, [("Content-Length", "100"), *text()])
        exchange.send(b"half of it")
        if who == "service":
            exchange.close()
        else:
            exchange.peer_leaves()

    shown.origin.on("/half", half)
    with shown.visit() as visitor:
        visitor.request("GET", "/half")
        visitor.response_head()
        assert visitor.exactly(10) == b"half of it"
        if who == "service":
            with pytest.raises(Truncated):
                visitor.exactly(1)
    lines = block(shown, "/half")
    assert indented(lines) == ["half of it", "(broken off)"]
    at_visitor = "reset" if isinstance(shown, harness.Tunnel) else "visitor gone"
    assert live_lines.parsed(lines[0]).remark == ("upstream gone" if who == "service" else at_visitor)


def test_bytes_behind_a_switch_are_counted_only(shown):
    def switches(exchange):
        exchange.wire.send(b"HTTP/1.1 101 Switching\r\nConnection: upgrade\r\nUpgrade: foo\r\n\r\n")
        exchange.wire.send(exchange.wire.exactly(5) * 2)
        exchange.keep = False

    shown.origin.on("/foo", switches)
    with shown.visit() as visitor:
        visitor.request("GET", "/foo", [("Connection", "Upgrade"), ("Upgrade", "foo")])
        assert visitor.response_head().status == 101
        visitor.send(b"hello")
        assert visitor.exactly(10) == b"hellohello"
        visitor.sock.shutdown(socket.SHUT_WR)
        visitor.rest()
    assert indented(block(shown, "/foo")) == ["(5 bytes behind the switch)",
                                              "(10 bytes behind the switch)"]


def test_exchanges_that_run_at_once_are_not_mixed(proxied):
    def fetch_some(letter):
        with proxied.visit() as visitor:
            for number in range(20):
                visitor.fetch("POST", f"/mirror?{letter}{number}", text(),
                              body=[letter.encode() * 50, b"\n"] * 20, chunked=True)

    threads = [threading.Thread(target=fetch_some, args=(letter,)) for letter in "abcd"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for letter in "abcd":
        for number in range(20):
            assert indented(block(proxied, f"/mirror?{letter}{number}")) == [letter * 50] * 40


def hold(proxied, name, count):
    """So many exchanges in progress, each of which has got BODY bytes of an answer."""
    visitors = [proxied.visit() for _ in range(count)]
    for number, visitor in enumerate(visitors):
        visitor.request("GET", f"/hang?{name}{number}")
        visitor.response_head()
        assert visitor.exactly(BODY) == b"x" * BODY
    return visitors


def leave(proxied, visitors):
    for visitor in visitors:
        visitor.close()
    until(lambda: proxied.origin.open_connections == 0, "the service is left", harness.DEADLINE)


@pytest.mark.skipif(not harness.MEMORY_IS_THEIRS, reason="a thousand exchanges take too long")
def test_memory_for_the_bodies_of_many_exchanges_is_bounded(proxied):
    """16 MiB in all: with more than a thousand exchanges the bodies of the last are only
    counted."""
    def hang(exchange):
        exchange.head(200, [("Content-Length", str(BODY + 1)), *text()])
        exchange.send(b"x" * BODY)
        exchange.peer_leaves()

    proxied.origin.on("/hang", hang)
    before = proxied.proxy.resident()
    visitors = hold(proxied, "a", 1200)
    assert proxied.proxy.resident() - before < 100 << 20
    for at in (0, -1):
        visitors[at].close()
    assert indented(block(proxied, "/hang?a0")) == ["x" * BODY, "(broken off)"]
    assert indented(block(proxied, "/hang?a1199")) == [f"({BODY} bytes of text/plain)",
                                                       "(broken off)"]
    leave(proxied, visitors)
    visitors = hold(proxied, "b", 900)  # everything is released
    visitors[-1].close()
    assert indented(block(proxied, "/hang?b899")) == ["x" * BODY, "(broken off)"]
    leave(proxied, visitors)


def test_blocks_are_dropped_whole_when_nobody_reads(tmp_path):
    with Origin() as origin, \
            Unread(tmp_path, "adit", "proxy", "--port", "0", "--url", origin.address,
                   "--print-bodies") as proxy:
        origin.on("/text", lambda exchange: exchange.reply("line\n" * 500, 200, text()))
        port = int(proxy.read_until(rb"adit: http://localhost:(\d+) -> ")[1])
        with Client(("127.0.0.1", port), "x", harness.DEADLINE) as visitor:
            for _ in range(400):
                assert visitor.fetch("GET", "/text").status == 200
            reader = threading.Thread(target=proxy.rest, args=("stdout",))
            reader.start()
            until(lambda: visitor.fetch("GET", "/").status == 200
                  and b" GET    /\n" in proxy.text["stdout"], "it goes on", harness.DEADLINE)
        proxy.stop()
        reader.join()
    assert b"lines were dropped\n" in proxy.text["stdout"]
    whole = proxy.text["stdout"].split(b" GET    /text\n")[1:]
    assert 0 < len(whole) < 400
    assert all(each.count(b"    line\n") == 500 for each in whole)
