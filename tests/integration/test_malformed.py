# SPDX-License-Identifier: MIT
"""Malformed HTTP/1.1 is refused and the connection closed; nothing behind it reaches an origin."""
import pytest

LINE = "GET / HTTP/1.1"
HOST = "Host: {host}"


def head(*lines, end="\r\n"):
    return (end.join(lines) + end + end)


def post(*fields):
    return head("POST / HTTP/1.1", HOST, *fields)


BODY = "5\r\nhello\r\n0\r\n\r\n"

LENGTHS = {f"length {value!r}": post(f"Content-Length: {value}") + "hello" for value in [
    "-1", "+5", "0x5", "5 5", "5a", "", "1e3", "99999999999999999999999", "18446744073709551616",
    "5,", "5, 5", "5, 6", "5;", "\u0665", "'5'", "5.0", "\x0b5"]}

CODINGS = {f"coding {value!r}": post(f"Transfer-Encoding: {value}") + BODY for value in [
    "xchunked", "chunked, chunked", "gzip", "gzip, chunked", "chunked, gzip", "identity",
    "\x0bchunked", "chunked\x0b", '"chunked"', "cow", "chunked, identity", "chunked;q=1", "", ",",
    "chunkedchunked", "[chunked]", "chunked\x00"]}

FRAMINGS = {
    "length and chunked": post("Content-Length: 5", "Transfer-Encoding: chunked") + BODY,
    "chunked and length": post("Transfer-Encoding: chunked", "Content-Length: 5") + BODY,
    "length twice": post("Content-Length: 5", "Content-Length: 5") + "hello",
    "two lengths": post("Content-Length: 5", "Content-Length: 50") + "hello",
    "chunked twice": post("Transfer-Encoding: chunked", "Transfer-Encoding: chunked") + BODY,
    "chunked, then another": post("Transfer-Encoding: chunked", "Transfer-Encoding: cow") + BODY,
    "chunked in HTTP/1.0": head("POST / HTTP/1.0", HOST, "Transfer-Encoding: chunked") + BODY,
    "space before colon of coding": post("Transfer-Encoding : chunked") + BODY,
    "tab before colon of coding": post("Transfer-Encoding\t: chunked") + BODY,
    "space before coding": post(" Transfer-Encoding: chunked") + BODY,
    "folded coding": post("Transfer-Encoding:", " chunked") + BODY,
    "coding behind a bare LF": post("X: y\nTransfer-Encoding: chunked") + BODY,
    "coding behind a bare CR": post("X: y\rTransfer-Encoding: chunked") + BODY,
    "space before colon of length": post("Content-Length : 5") + "hello",
    "NUL in the name of length": post("Content-Length\x00: 5") + "hello",
}

HOSTS = {
    "no host": head(LINE, "X: y"),
    "no host at all": head(LINE),
    "two hosts": head(LINE, HOST, HOST),
    "two different hosts": head(LINE, HOST, "Host: other.localhost"),
    **{f"host {value!r}": head(LINE, f"Host: {value}") for value in [
        "", "{host} x", "{host}, x", "user@{host}", "{host}/x", "http://{host}", "{host}:abc",
        "{host}:-1", "{host}\x00", "{host}\\x", "[::1", "{host}?x", "{host}#x", "\xff.localhost"]},
}

LINES = {f"line {line!r}": head(line, HOST) for line in [
    "GET /", "GET", "GET  / HTTP/1.1", "GET\t/ HTTP/1.1", "GET / HTTP/1.1 ", " GET / HTTP/1.1",
    "GET / HTTP/2.0", "GET / HTTP/3", "GET / http/1.1", "GET / HTTP/11", "GET / HTTP/1.1.1",
    "GET / HTTP/0.9", "GET / HTTPS/1.1", "G@T / HTTP/1.1", "GET /a b HTTP/1.1",
    "GET /\x00 HTTP/1.1", "GET /\x7f HTTP/1.1", "GET /#fragment HTTP/1.1",
    "GET x HTTP/1.1", "GET * HTTP/1.1",
    "GET http:///x HTTP/1.1", "GET http://user@{host}/ HTTP/1.1", "GET ftp://{host}/ HTTP/1.1",
    "GET http://{host}:x/ HTTP/1.1", "CONNECT {host} HTTP/1.1", "CONNECT / HTTP/1.1",
    "PRI * HTTP/2.0", "\x16\x03\x01\x02\x00\x01", "GET / HTTP/1.1\rX: y"]}

FIELDS = {f"field {field!r}": head(LINE, HOST, field) for field in [
    "no colon", ": no name", "two words: x", "paren(: x", "n\xe4me: x", "X : y", "X: a\x00b",
    "X: a\x01b", "X: a\x7fb", "X: a\r b", "X: a\rY: b", "X: a\n b", "X: a\r\n b",
    "\x00: x", "X\x00: y"]}

ENDS = {
    "bare LF everywhere": head(LINE, HOST, end="\n"),
    "bare CR everywhere": head(LINE, HOST, end="\r") + "\r\n\r\n",
    "bare LF at the end": f"{LINE}\r\n{HOST}\r\n\n\r\n\r\n",
    "LF CR": f"{LINE}\n\r{HOST}\n\r\n\r\r\n\r\n",
    "field before the first line": f" X: y\r\n{LINE}\r\n{HOST}\r\n\r\n",
}

REFUSED = {**LENGTHS, **CODINGS, **FRAMINGS, **HOSTS, **LINES, **FIELDS, **ENDS}

BROKEN_CHUNKS = [
    "G\r\nhello\r\n0\r\n\r\n", "-5\r\nhello\r\n0\r\n\r\n", "+5\r\nhello\r\n0\r\n\r\n",
    "0x5\r\nhello\r\n0\r\n\r\n", " 5\r\nhello\r\n0\r\n\r\n", "5\nhello\r\n0\r\n\r\n",
    "5\rhello\r\n0\r\n\r\n", "5\r\nhelloX\r\n0\r\n\r\n", "5\r\nhello\n0\r\n\r\n",
    "5\r\nhello0\r\n\r\n", "5\r\nhell\r\n0\r\n\r\n", "10000000000000005\r\nhello\r\n0\r\n\r\n",
    "fffffffffffffffff\r\nhello\r\n0\r\n\r\n", "\r\n5\r\nhello\r\n0\r\n\r\n",
    ";x=y\r\nhello\r\n0\r\n\r\n",
    "5;x\ny\r\nhello\r\n0\r\n\r\n", "5;\x00\r\nhello\r\n0\r\n\r\n", "5;x\ry\r\nhello\r\n0\r\n\r\n",
    "5\x00\r\nhello\r\n0\r\n\r\n", "5,5\r\nhello\r\n0\r\n\r\n",
    "5;" + "x" * 40000 + "\r\nhello\r\n0\r\n\r\n",
    "5\r\nhello\r\n0\n\r\n", "5\r\nhello\r\n0\r\n\n", "5\r\nhello\r\n0\r\nno colon\r\n\r\n",
    "5\r\nhello\r\n0\r\nX: y\n\r\n", "5\r\nhello\r\n0\r\n X: y\r\n\r\n",
    "5\r\nhello\r\n0\r\nX : y\r\n\r\n",
    "5\r\nhello\r\n0\r\nX: a\x00b\r\n\r\n"]

SMUGGLED = "GET /smuggled HTTP/1.1\r\nHost: {host}\r\n\r\n"


def raw(text, host):
    return text.replace("{host}", host).encode("utf-8" if "\u0665" in text else "latin-1")


def nothing_was_smuggled(tunnel, before):
    """A later exchange is over, so everything that the relay would pass on has passed."""
    assert tunnel.fetch("GET", "/echo?later").status == 200
    assert tunnel.origin.seen("/smuggled") == []
    return [request.path for request in tunnel.origin.requests[before:-1]]


@pytest.mark.parametrize("text", REFUSED.values(), ids=REFUSED.keys())
def test_malformed_requests_are_refused_and_the_connection_closed(tunnel, text):
    before = len(tunnel.origin.requests)
    with tunnel.visit() as visitor:
        visitor.send(raw(text + SMUGGLED, tunnel.host))
        answer = visitor.response()
        assert 400 <= answer.status < 600
        assert answer.code.startswith("ADIT-")
        assert visitor.is_closed()
    assert nothing_was_smuggled(tunnel, before) == []


LONG_TRAILER = "5\r\nhello\r\n0\r\nX: " + "y" * 40000 + "\r\n\r\n"


@pytest.mark.parametrize("text", [*BROKEN_CHUNKS, LONG_TRAILER], ids=lambda text: repr(text[:40]))
def test_a_broken_chunked_body_never_looks_complete(tunnel, text):
    whole = []

    def swallow(exchange):
        whole.append(list(exchange.body()))
        exchange.reply("complete")

    tunnel.origin.on("/swallow", swallow)
    before = len(tunnel.origin.requests)
    with tunnel.visit() as visitor:
        begin = head("POST /swallow HTTP/1.1", HOST, "Transfer-Encoding: chunked")
        visitor.send(raw(begin + text + SMUGGLED, tunnel.host))
        assert visitor.response().status == (431 if text is LONG_TRAILER else 400)
        assert visitor.is_closed()
    assert set(nothing_was_smuggled(tunnel, before)) <= {"/swallow"}
    assert whole == []


@pytest.mark.parametrize("size", [4, 6], ids=["behind", "inside"])
def test_a_body_of_the_wrong_length_ends_where_it_said(tunnel, size):
    with tunnel.visit() as visitor:
        visitor.send(visitor.head("POST", "/echo", [("Content-Length", str(size))]) + b"hello")
        if size == 4:  # an "o" is left: it begins a request that is none
            assert visitor.response().json()["size"] == 4
            visitor.send(b" / HTTP/1.1\r\n\r\n")
            assert visitor.response().status == 400
        else:
            visitor.send(b"!")
            assert visitor.response().json()["size"] == 6


RESPONSES = {
    "no status": b"HTTP/1.1\r\n\r\n",
    "status of two digits": b"HTTP/1.1 20 OK\r\nContent-Length: 0\r\n\r\n",
    "status of four digits": b"HTTP/1.1 2000 OK\r\nContent-Length: 0\r\n\r\n",
    "status with a sign": b"HTTP/1.1 +20 OK\r\nContent-Length: 0\r\n\r\n",
    "another protocol": b"ICY 200 OK\r\n\r\n",
    "HTTP/2.0": b"HTTP/2.0 200 OK\r\nContent-Length: 0\r\n\r\n",
    "two lengths": b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nContent-Length: 5\r\n\r\nhello",
    "length and chunked": b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n"
                          b"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "negative length": b"HTTP/1.1 200 OK\r\nContent-Length: -5\r\n\r\nhello",
    "unknown coding": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: cow\r\n\r\nhello",
    "NUL in a value": b"HTTP/1.1 200 OK\r\nX: a\x00b\r\nContent-Length: 0\r\n\r\n",
    "folded length": b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n 0\r\n\r\n",
    "space before the first field": b"HTTP/1.1 200 OK\r\n X: a\r\nContent-Length: 0\r\n\r\n",
    "CR in the reason": b"HTTP/1.1 200 O\rK\r\nContent-Length: 0\r\n\r\n",
}


@pytest.mark.parametrize("text", RESPONSES.values(), ids=RESPONSES.keys())
def test_responses_that_are_not_http_are_502(tunnel, text):
    def answer_raw(exchange):
        exchange.wire.send(text)
        exchange.peer_leaves()

    tunnel.origin.on("/raw", answer_raw)
    answer = tunnel.fetch("GET", "/raw")
    assert (answer.status, answer.code) == (502, "ADIT-UPSTREAM-INVALID")
    assert tunnel.fetch("GET", "/").body == b"hello"
