# SPDX-License-Identifier: MIT
"""One address cannot fill a tunnel: each address has a share, and a full tunnel sheds a stream of
the address with the most."""
import contextlib
import threading
import time

import harness
import pytest
import wire
from client import Truncated, until

PROXY = ("--trusted-proxy", "127.0.0.1")  # lets a visitor claim any address
OFFER = [("Connection", "Upgrade"), ("Upgrade", "foo")]
STREAMS, SHARE = 8, 3
ALICE, BOB, CAROL, DAVE, EVE = (f"192.0.2.{n}" for n in range(1, 6))


class Crowd:
    """A relay with one tunnel of few streams, and visitors that stay."""

    def __init__(self, directory, *words, streams=STREAMS):
        self.stack = contextlib.ExitStack()
        self.relay = self.stack.enter_context(harness.Relay(
            directory, *words, "--limit", f"streams={streams}",
            "--limit", f"streams-per-address={SHARE}"))
        self.tunnel = self.stack.enter_context(harness.Tunnel(directory, relay=self.relay))
        self.over = threading.Event()
        for path, begin in (("/upgraded", self.upgrade), ("/events", self.events),
                            ("/works", self.works), ("/hangs", lambda exchange: None)):
            self.tunnel.origin.on(path, self.staying(begin))

    def staying(self, begin):
        def handler(exchange):
            begin(exchange)
            self.tunnel.origin.tell("asked")
            if exchange.request.path == "/upgraded":
                while data := exchange.wire.sock.recv(100):
                    exchange.send(data)
                exchange.close()
                return
            while not self.over.wait(0.1) and exchange.request.path == "/works":
                exchange.chunk(b"x")
            self.over.wait(harness.DEADLINE)
            exchange.close()
        return handler

    @staticmethod
    def upgrade(exchange):
        exchange.head(101, OFFER)

    @staticmethod
    def works(exchange):
        exchange.head(200, [("Transfer-Encoding", "chunked")])

    @staticmethod
    def events(exchange):
        exchange.head(200, [("Content-Type", "text/event-stream"), ("Connection", "close")])
        exchange.send(b"data: 1\n\n")

    def stay(self, path, address=None):
        visitor = self.stack.enter_context(self.tunnel.visit())
        visitor.address = address
        fields = OFFER if path == "/upgraded" else []
        visitor.request("GET", path, [*fields, *([("X-Forwarded-For", address)] if address else [])])
        assert self.tunnel.origin.told() == "asked"
        if path != "/hangs":
            assert visitor.response_head().status == (101 if path == "/upgraded" else 200)
        return visitor

    def fetch(self, address=None):
        return self.tunnel.fetch("GET", "/", [("X-Forwarded-For", address)] if address else [])

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.over.set()
        self.stack.close()


def answers(visitor):
    """Whether the visitor's upgraded stream still echoes."""
    try:
        visitor.send(b"ping")
        return visitor.exactly(4) == b"ping"
    except (Truncated, OSError):
        return False


def test_an_address_has_a_share_of_a_tunnel_and_no_more(tmp_path):
    with Crowd(tmp_path, *PROXY) as crowd:
        made = [crowd.stay("/upgraded", ALICE) for _ in range(SHARE)]
        above = crowd.fetch(ALICE)
        assert (above.status, above.code) == (429, "ADIT-TOO-MANY-REQUESTS")
        assert above.get("retry-after")
        assert crowd.fetch(BOB).body == b"hello"
        assert all(answers(each) for each in made)
        made[0].close()
        until(lambda: crowd.fetch(ALICE).status == 200, "there is room again", harness.DEADLINE)


@pytest.mark.parametrize("path", ["/upgraded", "/events", "/hangs"])
def test_long_lived_streams_shut_nobody_out_where_all_look_like_one_address(tmp_path, path):
    with Crowd(tmp_path) as crowd:
        made = [crowd.stay(path) for _ in range(STREAMS)]
        until(lambda: crowd.fetch().status == 200, "a newcomer gets in", harness.DEADLINE)
        if path == "/hangs":
            assert made[0].response().code == "ADIT-TOO-MANY-STREAMS"
        for _ in range(2):  # there is room now
            assert crowd.fetch().body == b"hello"
        if path == "/upgraded":
            assert [answers(each) for each in made] == [False] + [True] * (STREAMS - 1)


def test_of_upgraded_streams_the_one_that_was_idle_for_longest_makes_room(tmp_path):
    with Crowd(tmp_path) as crowd:
        made = [crowd.stay("/upgraded") for _ in range(STREAMS)]
        assert answers(made[0])  # now the least idle
        assert crowd.fetch().body == b"hello"
        assert [answers(each) for each in made] == [True, False] + [True] * (STREAMS - 2)


def test_the_address_that_has_the_most_makes_room(tmp_path):
    with Crowd(tmp_path, *PROXY) as crowd:
        made = [crowd.stay("/upgraded", address) for address in
                (BOB, CAROL, BOB, ALICE, DAVE, ALICE, CAROL, ALICE)]
        assert crowd.fetch(EVE).body == b"hello"
        assert crowd.fetch(EVE).body == b"hello"
        gone = [index for index, each in enumerate(made) if not answers(each)]
        assert gone == [3]  # Alice's stream that was idle for longest


def test_event_streams_make_room_before_upgraded_ones(tmp_path):
    with Crowd(tmp_path) as crowd:
        made = [crowd.stay("/upgraded" if n != 5 else "/events") for n in range(STREAMS)]
        assert crowd.fetch().body == b"hello"
        assert all(answers(each) for n, each in enumerate(made) if n != 5)


def test_long_lived_streams_stay_while_they_are_the_smaller_part(tmp_path):
    with Crowd(tmp_path) as crowd:
        made = [crowd.stay("/upgraded") for _ in range(STREAMS // 2)]
        for _ in range(STREAMS // 2):
            crowd.stay("/works")
        full = crowd.fetch()
        assert (full.status, full.code) == (503, "ADIT-TOO-MANY-STREAMS")
        assert all(answers(each) for each in made)


def test_a_trickle_behind_a_whole_answer_shuts_nobody_out(tmp_path):
    """The service answers, then reads no more and keeps its connection open."""
    with Crowd(tmp_path) as crowd:
        def early(exchange):
            exchange.reply("early", fields=[("Connection", "keep-alive")])
            crowd.tunnel.origin.tell("asked")
            crowd.over.wait(harness.DEADLINE)
        crowd.tunnel.origin.on("/early", early)
        begun = time.monotonic()
        made = [crowd.stack.enter_context(crowd.tunnel.visit()) for _ in range(STREAMS)]
        for each in made:
            each.send(each.head("POST", "/early", [("Transfer-Encoding", "chunked")]))
            assert each.response().body == b"early"
            assert crowd.tunnel.origin.told() == "asked"

        def gets_in():
            for each in made:
                with contextlib.suppress(OSError):
                    each.send(wire.chunk(b"x"))
            return crowd.fetch().status == 200
        until(gets_in, "a newcomer gets in", harness.DEADLINE)
        assert time.monotonic() - begun < 4  # before any of them hangs
