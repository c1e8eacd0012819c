# SPDX-License-Identifier: MIT
"""Visitors that fill the relay leave room for agents."""
import contextlib
import socket

import harness
import pytest
from client import until

VISITORS = 20
SPARE = 256  # LIMIT_VISITORS_SPARE
NEVER = 100000  # bytes of a body that does not end


def hold(stack, relay, count, what=b""):
    """Opens so many connections that send this and then nothing."""
    made = [stack.enter_context(socket.create_connection(relay.address, harness.DEADLINE))
            for _ in range(count)]
    for each in made:
        with contextlib.suppress(OSError):
            each.sendall(what)
    return made


def run(stack, tunnel, count):
    """Starts so many slow exchanges through a tunnel."""
    tunnel.origin.on("/slow", lambda exchange: (tunnel.origin.tell("asked"),
                                                list(exchange.body())))
    made = [stack.enter_context(tunnel.visit()) for _ in range(count)]
    for each in made:
        each.send(each.head("POST", "/slow", [("Content-Length", str(NEVER))]))
        assert tunnel.origin.told() == "asked"
    return made


def lingering(relay):
    """The bytes of a visitor that gets an answer and whose connection then lingers."""
    return f"POST /x HTTP/1.1\r\nHost: localhost:{relay.port}\r\nContent-Length: 9\r\n\r\n".encode()


@pytest.fixture
def small(tmp_path):
    """A tunnel whose relay has few places, and the arguments of another agent of that relay."""
    with harness.Relay(tmp_path, "--limit", f"visitors={VISITORS}") as relay:
        with harness.Tunnel(tmp_path, relay=relay) as tunnel:
            yield tunnel


@pytest.mark.parametrize("kind", ["silent", "a head that does not end", "answered and lingering"])
def test_visitors_without_an_exchange_shut_nobody_out(small, kind, tmp_path):
    say = {"silent": b"", "a head that does not end": b"GET / HTTP/1.1\r\n",
           "answered and lingering": lingering(small.relay)}[kind]
    with contextlib.ExitStack() as stack:
        hold(stack, small.relay, VISITORS + SPARE + 50, say)
        assert small.fetch("GET", "/").body == b"hello"
        with harness.Tunnel(tmp_path / "other", relay=small.relay) as other:
            hold(stack, small.relay, VISITORS + SPARE + 50, say)
            assert other.fetch("GET", "/").body == b"hello"
            small.restart_agent()
            assert small.fetch("GET", "/").body == b"hello"


def test_an_agent_comes_in_and_comes_back_while_exchanges_fill_the_relay(small, tmp_path):
    with contextlib.ExitStack() as stack:
        run(stack, small, VISITORS)
        assert small.fetch("GET", "/").code == "ADIT-RELAY-FULL"
        hold(stack, small.relay, SPARE + 50)  # idle ones above the limit hold no place of agents
        with harness.Tunnel(tmp_path / "other", relay=small.relay) as other:
            assert other.fetch("GET", "/").code == "ADIT-RELAY-FULL"
            hold(stack, small.relay, SPARE + 50, lingering(small.relay))
            other.restart_agent()
            stack.close()
            until(lambda: other.fetch("GET", "/").status == 200, "visitors of its own come",
                  harness.DEADLINE)


def test_an_agent_comes_in_from_an_address_whose_share_is_used_up(tmp_path):
    with harness.Relay(tmp_path, "--limit", "visitors-per-address=5") as relay, \
            harness.Tunnel(tmp_path, relay=relay) as tunnel, contextlib.ExitStack() as stack:
        run(stack, tunnel, 5)
        assert tunnel.fetch("GET", "/").code == "ADIT-TOO-MANY-REQUESTS"
        hold(stack, relay, 100)
        with harness.Tunnel(tmp_path / "other", relay=relay) as other:
            hold(stack, relay, 100, lingering(relay))
            other.restart_agent()


def test_agents_take_no_places_of_visitors(tmp_path):
    with harness.Relay(tmp_path, "--limit", "visitors=1") as relay, \
            harness.Tunnel(tmp_path, relay=relay), \
            harness.Tunnel(tmp_path / "other", relay=relay) as other:
        assert other.fetch("GET", "/").body == b"hello"
