# SPDX-License-Identifier: MIT
"""Bodies of any length, with any framing, are the same bytes at both ends."""
import bodies
import harness
import pytest

EDGES = [0, 1, 16383, 16384, 16385, 32768, 65535, 65536, 65537, 1 << 20]
LARGE = 20 << 20


def upload(tunnel, size, seed, chunked):
    if not chunked:
        return tunnel.fetch("POST", "/echo", body=bodies.make(seed, size)).json()
    return tunnel.fetch("POST", "/echo", body=bodies.pieces(seed, size, 7919), chunked=True).json()


@pytest.mark.parametrize("how", ["length", "chunked", "close"])
@pytest.mark.parametrize("size", [*EDGES, LARGE])
def test_responses_arrive_whole(tunnel, size, how):
    with tunnel.visit() as visitor:
        head, count, digest = visitor.download(f"/bytes?size={size}&seed={size}&how={how}")
    assert (head.status, count) == (200, size)
    assert digest == bodies.digest(size, size)


@pytest.mark.parametrize("chunked", [False, True], ids=["length", "chunked"])
@pytest.mark.parametrize("size", [*EDGES, LARGE])
def test_requests_arrive_whole(tunnel, size, chunked):
    seen = upload(tunnel, size, size + 1, chunked)
    assert seen["size"] == size
    assert seen["sha256"] == bodies.digest(size + 1, size)


@pytest.mark.parametrize("how", ["length", "chunked"])
def test_framing_of_responses_is_kept(tunnel, how):
    answer = tunnel.fetch("GET", f"/bytes?size=1000&how={how}")
    if how == "length":
        assert answer.get("content-length") == "1000"
        assert answer.get("transfer-encoding") is None
    else:
        assert answer.get("content-length") is None
        assert answer.get("transfer-encoding") == "chunked"


def test_framing_of_requests_is_kept(tunnel):
    fields = dict((n.lower(), v) for n, v in upload(tunnel, 10, 1, False)["fields"])
    assert fields["content-length"] == "10" and "transfer-encoding" not in fields
    fields = dict((n.lower(), v) for n, v in upload(tunnel, 10, 1, True)["fields"])
    assert fields["transfer-encoding"] == "chunked" and "content-length" not in fields


def test_a_response_written_byte_by_byte_arrives_whole(tunnel):
    size = 3000
    for how in ("length", "chunked", "close"):
        answer = tunnel.fetch("GET", f"/bytes?size={size}&seed=5&how={how}&step=1")
        assert bodies.sha256(answer.body) == bodies.digest(5, size)


@pytest.mark.parametrize("chunked", [False, True], ids=["length", "chunked"])
def test_a_request_written_byte_by_byte_arrives_whole(tunnel, chunked):
    with tunnel.visit() as visitor:
        text = bytearray()
        visitor.send, send = text.extend, visitor.send
        visitor.request("POST", "/echo", body=bodies.make(6, 1500), chunked=chunked)
        for byte in text:
            send(bytes([byte]))
        assert visitor.response().json()["sha256"] == bodies.digest(6, 1500)


def test_chunk_sizes_and_extensions_do_not_matter(tunnel):
    with tunnel.visit() as visitor:
        visitor.send(visitor.head("POST", "/echo", [("Transfer-Encoding", "chunked")]))
        visitor.send(b"5\r\nhello\r\n00006;name=value\r\n world\r\nA;q=\"a;b\"\r\n0123456789\r\n"
                     b"0;last\r\n\r\n")
        seen = visitor.response().json()
    assert seen["sha256"] == bodies.sha256(b"hello world0123456789")


def test_trailers_pass_both_ways(tunnel):
    def with_trailers(exchange):
        got = bodies.sha256(exchange.body())
        exchange.head(200, [("Transfer-Encoding", "chunked"), ("Trailer", "X-Sum")])
        exchange.chunk(b"x")
        exchange.last_chunk([("X-Sum", got), ("X-Seen", exchange.trailers.get("x-sent", "none"))])

    tunnel.origin.on("/trailers", with_trailers)
    with tunnel.visit() as visitor:
        fields = [("Transfer-Encoding", "chunked"), ("TE", "trailers")]
        visitor.send(visitor.head("POST", "/trailers", fields))
        visitor.send(b"3\r\nabc\r\n0\r\nX-Sent: yes\r\n\r\n")
        answer = visitor.response()
    assert answer.trailers.get("x-seen") == "yes"
    assert answer.trailers.get("x-sum") == bodies.sha256(b"abc")


def test_trailers_cannot_smuggle_framing_or_our_own_fields(tunnel):
    with tunnel.visit() as visitor:
        visitor.send(visitor.head("POST", "/echo", [("Transfer-Encoding", "chunked")]))
        visitor.send(b"0\r\nContent-Length: 5\r\nHost: evil\r\nAdit-Id: 1\r\nX-Fine: 1\r\n\r\n")
        names = [name.lower() for name, _ in visitor.response().json()["trailers"]]
    assert names == ["x-fine"]


def test_a_request_and_its_response_stream_at_the_same_time(tunnel):
    with tunnel.visit() as visitor:
        visitor.send(visitor.head("POST", "/mirror", [("Transfer-Encoding", "chunked")]))
        visitor.send(b"1\r\n0\r\n")
        head = visitor.response_head()
        answer = visitor.response_body(head)
        assert next(answer) == b"0"
        for digit in b"123456789":
            visitor.send(b"1\r\n%c\r\n" % digit)
            assert next(answer) == b"%c" % digit
        visitor.send(b"0\r\n\r\n")
        assert list(answer) == []


def test_an_answer_before_the_end_of_the_upload_arrives(tunnel):
    def early(exchange):
        exchange.reply("enough", 413)
        exchange.keep = False

    tunnel.origin.on("/early", early)
    with tunnel.visit() as visitor:
        visitor.send(visitor.head("POST", "/early", [("Content-Length", str(1 << 30))]))
        visitor.send(b"x" * 1000)
        answer = visitor.response()
    assert (answer.status, answer.body) == (413, b"enough")


def test_memory_does_not_grow_with_the_body(tunnel):
    if not harness.MEMORY_IS_THEIRS:
        pytest.skip("resident memory is the checker's here")
    tunnel.fetch("GET", "/bytes?size=1000000")
    before = tunnel.relay.resident(), tunnel.agent.resident()
    with tunnel.visit() as visitor:
        _, count, _ = visitor.download(f"/bytes?size={100 << 20}")
    assert count == 100 << 20
    after = tunnel.relay.resident(), tunnel.agent.resident()
    assert all(new - old < 16 << 20 for old, new in zip(before, after)), (before, after)
