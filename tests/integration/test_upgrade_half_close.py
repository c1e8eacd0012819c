# SPDX-License-Identifier: MIT
"""Each direction of an upgraded stream ends alone, as in TCP; interim responses are bounded."""
import socket

import pytest

OFFER = [("Connection", "Upgrade"), ("Upgrade", "raw")]
SWITCH = b"HTTP/1.1 101 Yes\r\nConnection: upgrade\r\nUpgrade: raw\r\n\r\n"


def test_the_visitor_may_go_on_after_the_service_has_ended(tunnel):
    def ends_first(exchange):
        exchange.wire.send(SWITCH + b"goodbye")
        exchange.wire.sock.shutdown(socket.SHUT_WR)
        tunnel.origin.tell(exchange.wire.rest())
        exchange.keep = False

    tunnel.origin.on("/raw", ends_first)
    with tunnel.visit() as visitor:
        visitor.request("GET", "/raw", OFFER)
        assert visitor.response_head().status == 101
        assert visitor.rest() == b"goodbye"
        visitor.send(b"late ")
        visitor.send(b"words" * 20_000)
        visitor.sock.shutdown(socket.SHUT_WR)
        assert tunnel.origin.told() == b"late " + b"words" * 20_000


def test_the_service_may_go_on_after_the_visitor_has_ended(tunnel):
    def answers_last(exchange):
        exchange.wire.send(SWITCH)
        asked = exchange.wire.rest()
        exchange.wire.send(asked.upper() * 10_000)
        exchange.keep = False

    tunnel.origin.on("/raw", answers_last)
    with tunnel.visit() as visitor:
        visitor.request("GET", "/raw", OFFER)
        assert visitor.response_head().status == 101
        visitor.send(b"question")
        visitor.sock.shutdown(socket.SHUT_WR)
        assert visitor.rest() == b"QUESTION" * 10_000


@pytest.mark.parametrize("count, status", [(63, 200), (64, 200), (65, 502)])
def test_the_number_of_interim_responses_is_limited(tunnel, count, status):
    def hints(exchange):
        exchange.wire.send(b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n" * count)
        exchange.reply("x", 200)

    tunnel.origin.on("/hints", hints)
    with tunnel.visit() as visitor:
        visitor.request("GET", "/hints")
        seen = [visitor.response_head().status]
        while seen[-1] == 103:
            seen.append(visitor.response_head().status)
        assert seen[-1] == status
        assert len(seen) <= 65
