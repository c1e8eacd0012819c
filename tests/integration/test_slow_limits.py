# SPDX-License-Identifier: MIT
"""Limits of time. The tests wait for all of them at once, each on its own connections."""
import concurrent.futures
import time

import harness
import pytest
from client import until

LATE = 6 * harness.PATIENCE  # seconds that a limit may be late
QUIET = 80  # seconds, longer than any limit


def seconds_until(something):
    started = time.monotonic()
    something()
    return time.monotonic() - started


def patient(tunnel):
    visitor = tunnel.visit()
    visitor.sock.settimeout(2 * QUIET)
    return visitor


def slow_head(tunnel):
    """A head is cut at its limit although its bytes keep coming."""
    with patient(tunnel) as visitor:
        visitor.sock.settimeout(1)
        head = iter(visitor.head("GET", "/", [("X-Slow", "x" * 1000)]))
        started = time.monotonic()
        answer = None
        while answer is None and time.monotonic() - started < 30:
            visitor.send(bytes([next(head)]))
            try:
                answer = visitor.response()
            except TimeoutError:
                pass
        return answer.status, time.monotonic() - started


def stalled_upload(tunnel):
    def swallow(exchange):
        list(exchange.body())
        raise AssertionError("the upload looked complete")

    tunnel.origin.on("/swallow", swallow)
    with patient(tunnel) as visitor:
        visitor.send(visitor.head("POST", "/swallow", [("Content-Length", "10")]) + b"x")
        started = time.monotonic()
        return visitor.response().status, time.monotonic() - started


def idle_visitor(tunnel):
    with patient(tunnel) as visitor:
        assert visitor.fetch("GET", "/").status == 200
        return seconds_until(visitor.rest)


def idle_upstream(tunnel):
    """The service is this test's own, so that no other test uses the connection."""
    with harness.Origin() as origin:
        with harness.Agent(tunnel.directory / "idle", tunnel.relay, origin.address) as agent:
            with tunnel.visit(agent.host) as visitor:
                assert visitor.fetch("GET", "/").status == 200
                assert origin.open_connections == 1
                return seconds_until(lambda: until(
                    lambda: origin.open_connections == 0, "the pool lets go", QUIET, 0.05))


def forgotten_name(tunnel):
    directory = tunnel.directory / "forgotten"
    agent = harness.Agent(directory, tunnel.relay, tunnel.origin.address)
    agent.kill()

    def status():
        with tunnel.visit(agent.host) as visitor:
            return visitor.fetch("GET", "/").status
    until(lambda: status() == 503, "the name is gone", harness.DEADLINE)
    return seconds_until(lambda: until(lambda: status() == 404, "it is forgotten", QUIET, 0.2))


def quiet_stream(tunnel):
    """A response that pauses for a long time is not cut."""
    def quiet(exchange):
        exchange.head(200, [("Transfer-Encoding", "chunked")])
        time.sleep(QUIET)
        exchange.chunk(b"at last")
        exchange.last_chunk()

    tunnel.origin.on("/quiet", quiet)
    with patient(tunnel) as visitor:
        return visitor.fetch("GET", "/quiet").body


def quiet_service(tunnel):
    """A service that takes long to begin its response is not cut off."""
    def thinks(exchange):
        time.sleep(QUIET)
        exchange.reply("at last")

    tunnel.origin.on("/thinks", thinks)
    with patient(tunnel) as visitor:
        return visitor.fetch("GET", "/thinks").body


def quiet_upgrade(tunnel):
    def quiet(exchange):
        exchange.head(101, [("Connection", "upgrade"), ("Upgrade", "quiet")])
        time.sleep(QUIET)
        exchange.send(exchange.wire.exactly(2))
        exchange.keep = False

    tunnel.origin.on("/upgrade", quiet)
    with patient(tunnel) as visitor:
        visitor.request("GET", "/upgrade", [("Connection", "Upgrade"), ("Upgrade", "quiet")])
        assert visitor.response_head().status == 101
        time.sleep(QUIET)
        visitor.send(b"hi")
        return visitor.rest()


def quiet_tunnel(tunnel):
    """An agent without visitors keeps its name."""
    directory = tunnel.directory / "quiet"
    with harness.Agent(directory, tunnel.relay, tunnel.origin.address) as agent:
        time.sleep(QUIET)
        with tunnel.visit(agent.host) as visitor:
            body = visitor.fetch("GET", "/").body
        assert "connected again" not in agent.text("stdout")
        return body


WAITED_FOR = [slow_head, stalled_upload, idle_visitor, idle_upstream, forgotten_name, quiet_stream,
              quiet_service, quiet_upgrade, quiet_tunnel]


@pytest.fixture(scope="module")
def outcomes(tunnel):
    with concurrent.futures.ThreadPoolExecutor(len(WAITED_FOR)) as pool:
        yield {each: pool.submit(each, tunnel) for each in WAITED_FOR}


def test_a_request_head_has_ten_seconds(outcomes):
    status, took = outcomes[slow_head].result()
    assert status == 408
    assert 9 < took < 10 + LATE


def test_an_upload_that_stalls_is_ended_after_thirty_seconds(outcomes):
    status, took = outcomes[stalled_upload].result()
    assert status == 408
    assert 29 < took < 30 + LATE


def test_an_idle_visitor_is_let_go_after_seventy_five_seconds(outcomes):
    assert 74 < outcomes[idle_visitor].result() < 75 + LATE


def test_an_idle_connection_to_the_service_is_let_go_after_four_seconds(outcomes):
    assert 3 < outcomes[idle_upstream].result() < 4 + LATE


def test_a_lost_agents_name_is_known_for_a_minute(outcomes):
    assert 59 < outcomes[forgotten_name].result() < 60 + LATE


@pytest.mark.parametrize("each", [quiet_stream, quiet_service])
def test_silence_of_a_service_is_not_limited(outcomes, each):
    assert outcomes[each].result() == b"at last"


def test_silence_on_an_upgraded_connection_is_not_limited(outcomes):
    assert outcomes[quiet_upgrade].result() == b"hi"


def test_a_tunnel_without_visitors_stays_open(outcomes):
    assert outcomes[quiet_tunnel].result() == b"hello"
