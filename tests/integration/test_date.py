# SPDX-License-Identifier: MIT
"""A response without Date gets one when it is forwarded (RFC 9110 §6.6.1)."""
import email.utils
import time

import harness
import pytest
import tunnel_peer
import wire
from attack import ask
from harness import DEADLINE

OLD = ("Date", "Sun, 06 Nov 1994 08:49:37 GMT")


@pytest.fixture(scope="module")
def proxied(tmp_path_factory):
    with harness.Proxied(tmp_path_factory.mktemp("proxied")) as started:
        yield started


@pytest.fixture(params=["tunnel", "proxied"])
def way(request):
    return request.getfixturevalue(request.param)


def is_now(date, since):
    at = email.utils.parsedate_to_datetime(date).timestamp()
    return int(since) <= at <= time.time() and date == email.utils.formatdate(at, usegmt=True)


@pytest.mark.parametrize("status", [200, 204, 304, 404, 500, 599])
def test_a_response_without_date_gets_the_time_when_it_came(way, status):
    way.origin.on("/", lambda exchange: exchange.reply(b"" if status in (204, 304) else b"x", status))
    since = time.time()
    dates = way.fetch("GET", "/").fields.all("date")
    assert len(dates) == 1 and is_now(dates[0], since)
    dates = way.fetch("HEAD", "/").fields.all("date")
    assert len(dates) == 1 and is_now(dates[0], since)


@pytest.mark.parametrize("dates", [[OLD], [OLD, OLD], [("dAte", "never")], [("Date", "")]])
def test_a_date_that_is_there_stays_as_it_is(way, dates):
    way.origin.on("/dated", lambda exchange: exchange.reply("x", 200, dates))
    assert [f for f in way.fetch("GET", "/dated").fields if f[0].lower() == "date"] == dates


def test_interim_responses_and_switches_get_none(way):
    def handler(exchange):
        exchange.wire.send(wire.message("HTTP/1.1 103 Early Hints", [("Link", "<x>")]))
        exchange.wire.send(wire.message("HTTP/1.1 101 Switching Protocols", [
            ("Connection", "upgrade"), ("Upgrade", "echo")]))
        exchange.close()

    way.origin.on("/switch", handler)
    with way.visit() as visitor:
        visitor.request("GET", "/switch", [("Connection", "upgrade"), ("Upgrade", "echo")])
        head = visitor.response_head()
    assert head.status == 101 and head.get("date") is None
    assert head.interim[0].get("date") is None


def test_the_relay_adds_what_an_older_agent_does_not(relay):
    since = time.time()
    with tunnel_peer.AgentPeer(relay, DEADLINE) as agent:
        visitor, stream = ask(relay, agent)
        with visitor:
            agent.answer(stream)
            dates = visitor.response().fields.all("date")
    assert len(dates) == 1 and is_now(dates[0], since)


def test_the_agent_adds_it_for_an_older_relay(tmp_path):
    played = tunnel_peer.PlayedRelay(DEADLINE)
    since = time.time()
    with harness.Origin() as origin, harness.Program(
            tmp_path, "adit", "http", origin.port, "--relay",
            f"http://127.0.0.1:{played.port}"), played.accept() as peer:
        fields, _ = peer.answer(peer.ask("/"))
        assert is_now(fields["date"], since)
    played.close()
