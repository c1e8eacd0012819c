# SPDX-License-Identifier: MIT
"""Small writes are delivered at once: each event is sent only after the one before it arrived."""
import queue

import harness

EVENTS = 30


def feed(source):
    """A handler that streams the items of the queue until None."""
    def handler(exchange):
        how = exchange.request.option("how", "chunked")
        framing = [("Transfer-Encoding", "chunked")] if how == "chunked" else []
        exchange.head(200, [("Content-Type", "text/event-stream"), *framing])
        while (piece := source.get(timeout=harness.DEADLINE)) is not None:
            (exchange.chunk if how == "chunked" else exchange.send)(piece)
        if how == "chunked":
            exchange.last_chunk()
        exchange.keep = how == "chunked"
    return handler


def read_exactly(stream, size):
    got = b""
    while len(got) < size:
        got += next(stream)
    return got


def see_each_event(tunnel, how):
    source = queue.Queue()
    tunnel.origin.on("/events", feed(source))
    with tunnel.visit() as visitor:
        visitor.request("GET", f"/events?how={how}", [("Accept", "text/event-stream")])
        head = visitor.response_head()  # before the first event exists
        assert head.get("content-type") == "text/event-stream"
        stream = visitor.response_body(head)
        for number in range(EVENTS):
            event = b"data: %d\n\n" % number
            source.put(event)
            assert read_exactly(stream, len(event)) == event
        source.put(None)
        assert list(stream) == []


def test_every_event_arrives_before_the_next_is_sent(tunnel):
    see_each_event(tunnel, "chunked")


def test_the_same_with_a_body_that_ends_by_close(tunnel):
    see_each_event(tunnel, "close")


def test_every_byte_of_an_upload_arrives_before_the_next_is_sent(tunnel):
    def bytewise(exchange):
        for piece in exchange.body():
            tunnel.origin.tell(piece)
        exchange.reply("done")

    tunnel.origin.on("/bytewise", bytewise)
    with tunnel.visit() as visitor:
        visitor.send(visitor.head("POST", "/bytewise", [("Content-Length", str(EVENTS))]))
        for number in range(EVENTS):
            visitor.send(bytes([number]))
            assert tunnel.origin.told() == bytes([number])
        assert visitor.response().body == b"done"


def test_the_request_head_arrives_before_its_body(tunnel):
    def head_first(exchange):
        tunnel.origin.tell("head")
        exchange.reply(b"".join(exchange.body()))

    tunnel.origin.on("/head-first", head_first)
    with tunnel.visit() as visitor:
        visitor.send(visitor.head("POST", "/head-first", [("Content-Length", "4")]))
        assert tunnel.origin.told() == "head"
        visitor.send(b"body")
        assert visitor.response().body == b"body"


def test_two_streams_do_not_wait_for_each_other(tunnel):
    sources = queue.Queue(), queue.Queue()
    streams = []
    visitors = [tunnel.visit() for _ in sources]
    for number, (visitor, source) in enumerate(zip(visitors, sources)):
        tunnel.origin.on(f"/events{number}", feed(source))
        visitor.request("GET", f"/events{number}")
        streams.append(visitor.response_body(visitor.response_head()))
    for number in range(EVENTS):
        source, stream = sources[number % 2], streams[number % 2]
        source.put(b"%d" % number)
        assert read_exactly(stream, len(b"%d" % number)) == b"%d" % number
    for source, stream, visitor in zip(sources, streams, visitors):
        source.put(None)
        assert list(stream) == []
        visitor.close()
