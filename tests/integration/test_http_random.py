# SPDX-License-Identifier: MIT
"""Exchanges of every shape, pipelined and cut anywhere, drawn from a seed that a failure names."""
import concurrent.futures
import dataclasses
import random
import threading

import bodies
import pytest
import wire

VISITORS = 25
EXCHANGES = 12
SIZES = [0, 1, 7, 100, 5000, 16_384, 70_000, 200_000]
METHODS = ["GET", "POST", "PUT", "HEAD", "OPTIONS", "FOO", "DELETE"]
NO_BODY = (204, 304)
SWALLOWED = 64 * 1024  # bytes of a request behind its answer; more ends the connection


def some_fields(dice, prefix, most=6):
    """Fields with values of any bytes; names repeat."""
    def value():
        text = "".join(chr(dice.choice([*range(0x21, 0x7f), 0x20, 9, *range(0x80, 0x100)]))
                       for _ in range(dice.choice([0, 1, 5, 40])))
        return text.strip(" \t")
    return [(f"{prefix}{dice.randrange(3)}", value()) for _ in range(dice.randrange(most))]


@dataclasses.dataclass
class Side:
    """One message: its framing and its contents."""
    framing: str
    size: int
    fields: list
    trailers: list

    @classmethod
    def draw(cls, dice, framings, prefix):
        framing = dice.choice(framings)
        trailers = some_fields(dice, prefix + "t", 4) if framing == "chunked" else []
        size = 0 if framing == "none" else dice.choice(SIZES)
        return cls(framing, size, some_fields(dice, prefix), trailers)

    def framing_fields(self):
        return {"length": [("Content-Length", str(self.size))], "close": [("Connection", "close")],
                "chunked": [("Transfer-Encoding", "chunked")], "none": []}[self.framing]

    def body_text(self, dice, seed):
        body = bodies.make(seed, self.size)
        if self.framing != "chunked":
            return body
        text, at = b"", 0
        while at < len(body):
            step = dice.choice([1, 3, 100, 8000, 100_000])
            text += wire.chunk(body[at:at + step])
            at += step
            if at < 50:
                continue
        return text + wire.last_chunk(self.trailers)


class Exchange:
    """A seed, from which both ends derive the exchange."""

    def __init__(self, seed):
        dice = random.Random(seed)
        self.seed = seed
        self.method = dice.choice(METHODS)
        self.offers = dice.random() < 0.15
        self.request = Side.draw(dice, ["none", "none", "length", "chunked"], "q")
        self.status = dice.choice([200, 200, 200, 201, 404, 500, *NO_BODY])
        self.interim = [some_fields(dice, "i") for _ in range(dice.choice([0, 0, 0, 1, 2]))]
        self.response = Side.draw(dice, ["length", "length", "chunked", "close"], "s")
        self.answers_early = dice.random() < 0.2 and self.response.framing != "close"
        self.closes = dice.random() < 0.1 and not self.answers_early
        self.cuts = dice.choice([0, 1, 3, 30])

    @property
    def ends(self):
        """Whether the service ends its connection with this answer."""
        return self.closes or self.response.framing == "close"

    @property
    def has_body(self):
        return self.method != "HEAD" and self.status not in NO_BODY

    def request_text(self, visitor):
        fields = self.request.fields + self.request.framing_fields()
        if self.offers:
            fields += [("Connection", "Upgrade"), ("Upgrade", "foo, h2c")]
        head = visitor.head(self.method, f"/random?seed={self.seed}", fields)
        return head + self.request.body_text(random.Random(self.seed + 1), self.seed + 1)

    def response_text(self):
        text = b"".join(wire.message("HTTP/1.1 103 Hints", fields) for fields in self.interim)
        fields = list(self.response.fields)
        if self.status != 204:
            fields += [pair for pair in self.response.framing_fields() if pair[0] != "Connection"]
        if self.ends:
            fields += [("Connection", "close")]
        text += wire.message(f"HTTP/1.1 {self.status} Told", fields)
        if self.has_body:
            text += self.response.body_text(random.Random(self.seed + 2), self.seed + 2)
        return text


def send_cut(each, text, seed, cuts):
    """Sends the text in pieces, cut at random places, small ones at its beginning."""
    dice = random.Random(seed)
    places = sorted(dice.randrange(min(len(text), dice.choice([200, 10**6]))) for _ in range(cuts))
    for start, end in zip([0, *places], [*places, len(text)]):
        if start < end:
            each.send(text[start:end])


def picked(fields, prefix):
    return [(name.lower(), value) for name, value in fields
            if name.lower().startswith(prefix) and name[-1:].isdigit()]


def service(exchange):
    """Answers as the seed says, and checks the request against the seed."""
    told = Exchange(exchange.request.option("seed", 0))
    if told.answers_early:
        send_cut(exchange.wire, told.response_text(), told.seed, told.cuts)
    digest = bodies.sha256(exchange.body())
    assert exchange.request.method == told.method
    assert picked(exchange.request.fields, "q") == told.request.fields, told.seed
    assert (exchange.received, digest) == (
        told.request.size, bodies.digest(told.seed + 1, told.request.size)), told.seed
    assert picked(exchange.trailers, "qt") == told.request.trailers, told.seed
    offered = told.offers and told.request.framing != "chunked"
    assert exchange.request.fields.tokens("upgrade") == (["foo"] if offered else []), told.seed
    if not told.answers_early:
        send_cut(exchange.wire, told.response_text(), told.seed, told.cuts)
    exchange.keep = not told.ends


def check_response(visitor, told):
    """Returns whether the connection goes on, as the answer itself announces."""
    head = visitor.response_head()
    assert head.status == told.status, (told.seed, head)
    assert [picked(each.fields, "i") for each in head.interim] == told.interim, told.seed
    assert picked(head.fields, "s") == told.response.fields, told.seed
    if told.has_body:
        got = bodies.sha256(visitor.response_body(head))
        assert got == bodies.digest(told.seed + 2, told.response.size), told.seed
        assert picked(visitor.trailers, "st") == told.response.trailers, told.seed
    if "close" not in head.fields.tokens("connection"):
        return True
    # docs/protocol.md §6: only when much of the request is missing
    assert told.answers_early and told.request.size > SWALLOWED, told.seed
    return False


def may_end(told):
    """Whether the connection may end behind an answer that does not announce it: how much of a
    chunked request is missing is not known when its answer begins (docs/protocol.md §6)."""
    return (told.answers_early and told.request.framing == "chunked"
            and told.request.size > SWALLOWED)


def exchange_while_it_goes_on(tunnel, exchanges, dice):
    """Sends all the requests on one connection while it reads; returns how many were answered."""
    with tunnel.visit() as visitor:
        text = b"".join(each.request_text(visitor) for each in exchanges)
        sender = threading.Thread(
            target=send_cut,
            args=(visitor, text, exchanges[0].seed, dice.choice([0, 10, 300])))
        sender.start()
        for number, told in enumerate(exchanges):
            if number > 0 and may_end(exchanges[number - 1]) and not (
                    visitor.buffer or visitor.fill()):
                sender.join()
                return number
            if not check_response(visitor, told):
                sender.join()
                assert visitor.is_closed()
                return number + 1
        sender.join()
        try:
            assert visitor.fetch("GET", "/").body == b"hello"
        except (wire.Truncated, ConnectionError):
            assert may_end(exchanges[-1])
    return len(exchanges)


def visit(tunnel, seed):
    dice = random.Random(seed)
    exchanges = [Exchange(seed * 1000 + number) for number in range(EXCHANGES)]
    while exchanges:
        exchanges = exchanges[exchange_while_it_goes_on(tunnel, exchanges, dice):]


@pytest.mark.parametrize("batch", range(2))
def test_exchanges_of_every_shape_come_out_as_they_went_in(tunnel, batch):
    tunnel.origin.on("/random", service)
    seeds = range(batch * VISITORS + 1, (batch + 1) * VISITORS + 1)
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        visits = [pool.submit(visit, tunnel, seed) for seed in seeds]
    assert tunnel.origin.errors == []
    for each in visits:
        each.result()
