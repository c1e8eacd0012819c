# SPDX-License-Identifier: MIT
"""Each limit holds below, at and above its value."""
import pytest

HEAD = 32 * 1024
FIELDS = 100


def sized_head(visitor, size):
    """A request head of exactly this many bytes, in fields of at most 8,000."""
    fields = []
    while (left := size - len(visitor.head("GET", "/echo", fields))) > 0:
        overhead = len("X-Fill: \r\n")
        fill = min(left - overhead, 8000)
        if 0 < left - overhead - fill < 2 * overhead:
            fill -= 2 * overhead
        fields.append(("X-Fill", "f" * fill))
    text = visitor.head("GET", "/echo", fields)
    assert len(text) == size
    return text


def refused_as_too_large(visitor):
    answer = visitor.response()
    assert (answer.status, answer.code) == (431, "ADIT-HEAD-TOO-LARGE")
    assert visitor.is_closed()


@pytest.mark.parametrize("size", [HEAD - 1, HEAD])
def test_a_request_head_up_to_the_limit_passes(tunnel, size):
    with tunnel.visit() as visitor:
        visitor.send(sized_head(visitor, size))
        assert visitor.response().status == 200
        assert visitor.fetch("GET", "/").body == b"hello"


def test_a_request_head_over_the_limit_is_refused(tunnel):
    with tunnel.visit() as visitor:
        visitor.send(sized_head(visitor, HEAD + 1))
        refused_as_too_large(visitor)


@pytest.mark.parametrize("text, status", [
    ("GET /" + "x" * HEAD, 414), ("x" * 2 * HEAD, 414), ("GET / HTTP/1.1\r\nX: " + "y" * HEAD, 431)],
    ids=["target", "method", "field"])
def test_a_head_that_does_not_end_is_refused_at_the_limit(tunnel, text, status):
    with tunnel.visit() as visitor:
        visitor.send(text.encode())
        assert visitor.response().status == status
        assert visitor.is_closed()


@pytest.mark.parametrize("count", [FIELDS - 1, FIELDS])
def test_fields_up_to_the_limit_pass(tunnel, count):
    fields = [(f"X-{number}", str(number)) for number in range(count - 1)]  # and Host
    seen = tunnel.fetch("GET", "/echo", fields).json()["fields"]
    seen = [(name.title(), value) for name, value in seen]
    assert [pair for pair in seen if pair in fields] == fields


def test_one_field_too_many_is_refused(tunnel):
    with tunnel.visit() as visitor:
        visitor.request("GET", "/echo", [(f"X-{number}", "1") for number in range(FIELDS)])
        refused_as_too_large(visitor)


@pytest.mark.parametrize("size", [30_000, 60_000])
def test_a_large_response_head_passes(tunnel, size):
    fields = [("X-Large", "y" * 6000) for _ in range(size // 6000)]
    tunnel.origin.on("/large", lambda exchange: exchange.reply("x", 200, fields))
    answer = tunnel.fetch("GET", "/large")
    assert answer.fields.all("x-large") == [value for _, value in fields]


def test_a_response_head_over_the_limit_is_a_502(tunnel):
    def large(exchange):
        exchange.head(200, [("X-Large", "y" * 6000) for _ in range(12)] + [("Content-Length", "0")])
        exchange.peer_leaves()

    tunnel.origin.on("/too-large", large)
    answer = tunnel.fetch("GET", "/too-large")
    assert (answer.status, answer.code) == (502, "ADIT-UPSTREAM-INVALID")
    assert tunnel.fetch("GET", "/").body == b"hello"


@pytest.mark.parametrize("count, status", [(999, 200), (1000, 200), (1001, 502)])
def test_the_number_of_response_fields_is_limited(tunnel, count, status):
    def many(exchange):
        fields = [(f"X-{number}", "1") for number in range(count - 1)]
        exchange.reply("x", 200, fields)

    tunnel.origin.on("/many", many)
    assert tunnel.fetch("GET", "/many").status == status


def test_trailers_over_the_limit_end_the_exchange(tunnel):
    with tunnel.visit() as visitor:
        visitor.send(visitor.head("POST", "/echo", [("Transfer-Encoding", "chunked")]))
        visitor.send(b"1\r\nx\r\n0\r\n" + b"X-Trailer: %s\r\n" % (b"y" * 2000) * 20 + b"\r\n")
        refused_as_too_large(visitor)
        assert visitor.is_closed()


def test_long_names_and_values_within_the_head_pass(tunnel):
    name, value = "X-" + "n" * 10_000, "v" * 15_000
    seen = tunnel.fetch("GET", "/echo", [(name, value)]).json()["fields"]
    assert [name.lower(), value] in [[n.lower(), v] for n, v in seen]
