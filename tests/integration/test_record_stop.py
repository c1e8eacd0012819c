# SPDX-License-Identifier: MIT
"""A program that ends tells the other end of its tunnel what it has seen, and records what the
other end has: no exchange stays unverified because a program was stopped."""
import json
import signal
import subprocess
import threading

import harness
import pytest
import tunnel_peer
from client import Client, until
from harness import BIN, DEADLINE
from record import exchanges
from tls_front import TlsFront

EXCHANGES = 34
AGENTS = 12


def verdicts(program, data):
    done = subprocess.run([BIN / program, "verify", "--all", "--json", "--data", data],
                          stdin=subprocess.DEVNULL, capture_output=True, text=True,
                          timeout=DEADLINE, env=harness.environment(data))
    assert done.returncode == 0, done
    return json.loads(done.stdout)["counts"]


def assert_all_same(program, data, count):
    counts = verdicts(program, data)
    assert counts == {**dict.fromkeys(counts, 0), "same": count}


def exchange_some(visitor, count):
    """Small exchanges, one right after the other, of both methods."""
    for number in range(count):
        if number % 2:
            assert visitor.fetch("POST", f"/echo?{number}", body=b"b" * number).status == 200
        else:
            assert visitor.fetch("GET", f"/bytes?size={number}&seed=1").status == 200


def stop(*programs):
    """Ends them at a time."""
    for program in programs:
        program.process.send_signal(signal.SIGTERM)
    for program in programs:
        assert program.exit_code() == 0, program.report()


@pytest.fixture(scope="module")
def origin():
    with harness.Origin() as started:
        yield started


@pytest.fixture(params=["plain", "TLS"])
def ends(request, origin, tmp_path):
    """A relay, an agent and its visitor."""
    if request.param == "plain":
        with harness.Relay(tmp_path) as relay, harness.Agent(tmp_path, relay, origin.address) as agent:
            with relay.visit(agent.host) as visitor:
                yield relay, agent, visitor
        return
    with TlsFront(tmp_path) as front, front.agent(origin) as agent:
        agent.wait_for(r"^adit: http://web\.localhost")
        with front.visit() as visitor:
            yield front.relay, agent, visitor


@pytest.mark.parametrize("first", ["agent", "relay", "both"])
def test_no_report_is_lost_when_a_program_ends_right_behind_the_last_answer(ends, first):
    relay, agent, visitor = ends
    exchange_some(visitor, EXCHANGES)
    stop(*{"agent": [agent], "relay": [relay], "both": [relay, agent]}[first])
    stop(*(each for each in (relay, agent) if each.process.poll() is None))
    for each in (relay, agent):
        assert_all_same(each.name, each.data, EXCHANGES)


def test_a_relay_that_ends_exchanges_reports_with_every_agent(origin, tmp_path):
    relay = harness.Relay(tmp_path / "relay")
    agents = [harness.Agent(tmp_path / str(number), relay, origin.address)
              for number in range(AGENTS)]
    visitors = [relay.visit(agent.host) for agent in agents]
    for _ in range(3):
        for visitor in visitors:
            exchange_some(visitor, 3)
    stop(relay)
    stop(*agents)
    for visitor in visitors:
        visitor.close()
    assert_all_same("aditd", relay.data, 9 * AGENTS)
    for agent in agents:
        assert_all_same("adit", agent.data, 9)


@pytest.mark.parametrize("first", ["agent", "relay", "both"])
def test_exchanges_that_a_stop_ends_are_reported_too(tmp_path, first):
    with harness.Tunnel(tmp_path) as tunnel:
        begun = threading.Barrier(4)

        def endless(exchange):
            exchange.head(200, [("Transfer-Encoding", "chunked")])
            exchange.chunk(b"x" * 1000)
            begun.wait(DEADLINE)
            exchange.peer_leaves()

        def silent(exchange):
            begun.wait(DEADLINE)
            exchange.peer_leaves()

        tunnel.origin.on("/endless", endless)
        tunnel.origin.on("/silent", silent)
        with tunnel.visit() as one, tunnel.visit() as two, tunnel.visit() as three:
            one.request("GET", "/endless")
            next(one.response_body(one.response_head()))
            two.request("GET", "/silent?get")
            three.request("POST", "/silent?post", body=b"b" * 1000)
            begun.wait(DEADLINE)
            stop(*{"agent": [tunnel.agent], "relay": [tunnel.relay],
                   "both": [tunnel.relay, tunnel.agent]}[first])
            stop(*(each for each in tunnel.own[1:] if each.process.poll() is None))
        for each in (tunnel.relay, tunnel.agent):
            rows = exchanges(each.data)
            assert [row["target"] for row in rows if row["far_outcome"] is None] == []
            assert len(rows) == 3


# Peers that know nothing of last reports, or too much.

def report_of(name):
    return tunnel_peer.record(tunnel_peer.REPORT, tunnel_peer.report(name, (0, b""), (0, b"")))


def begin_leaving(relay, agent):
    """One exchange of a played agent, and the relay's leave. Returns the id of the exchange."""
    with Client(relay.address, agent.host, DEADLINE) as visitor:
        visitor.request("GET", "/played")
        stream, fields, _ = agent.request()
        agent.answer(stream, b"")
        visitor.response()
        relay.process.send_signal(signal.SIGTERM)
        assert agent.close_code() == 1001
        assert agent.reports, "the report precedes the Close frame"
    return fields["adit-id"]


def played_agent(relay):
    agent = tunnel_peer.AgentPeer(relay, DEADLINE, greet=False)
    agent.hello(features="reports")
    agent.mux(tunnel_peer.settings())
    agent.bind("played")
    return agent


def test_a_relay_that_ends_takes_the_reports_of_an_agent_behind_its_own_close_frame(tmp_path):
    with harness.Relay(tmp_path) as relay, played_agent(relay) as agent:
        name = begin_leaving(relay, agent)
        agent.pipe(report_of(name))
        agent.ws(tunnel_peer.CLOSE, (1001).to_bytes(2, "big"))
        assert agent.sock.recv(1) == b"", "the relay ends the connection, without a reset"
        assert relay.exit_code() == 0
        assert_all_same("aditd", relay.data, 1)


@pytest.mark.parametrize("what", ["nothing", "reports", "frames of the mux", "no frames"])
def test_a_relay_that_ends_does_not_wait_for_an_agent_that_stays(tmp_path, what):
    with harness.Relay(tmp_path) as relay, played_agent(relay) as agent:
        name = begin_leaving(relay, agent)
        try:
            while what != "nothing":
                if what == "reports":
                    agent.pipe(report_of("0" * 16) * 100)
                elif what == "frames of the mux":
                    agent.mux(tunnel_peer.data(1, b"x" * 1000) * 10)
                else:
                    agent.sock.sendall(b"\xff" * 1000)
        except ConnectionError:
            pass
        assert relay.exit_code() == 0
        row, = exchanges(relay.data)
        assert (row["id"], row["outcome"], row["far_outcome"]) == (name, "complete", None)


@pytest.mark.parametrize("answers", [True, False])
def test_an_agent_that_ends_leaves_a_relay_that_knows_no_last_reports(origin, tmp_path, answers):
    relay = tunnel_peer.PlayedRelay(DEADLINE)
    agent = harness.Program(tmp_path, "adit", "http", origin.address, "--relay", relay.url)
    with relay.accept(greet=False) as link:
        assert link.said()[0] == tunnel_peer.HELLO
        link.message(tunnel_peer.WELCOME, json.dumps(
            {"type": "welcome", "version": 1, "software": "played", "features": "reports"}).encode())
        link.pipe(tunnel_peer.record(
            tunnel_peer.MUX, tunnel_peer.PREFACE + tunnel_peer.settings(push=0)))
        _, bind = link.said()
        link.control(type="bound", id=bind["id"], name="played", url="http://played.example")
        assert link.answer(link.ask("/bytes?size=10&seed=1"))[0][":status"] == "200"
        agent.process.send_signal(signal.SIGTERM)
        assert link.close_code() == 1000
        assert link.reports
        if answers:
            link.ws(tunnel_peer.CLOSE, (1000).to_bytes(2, "big"))
            link.sock.close()
        assert agent.exit_code() == 0
    relay.close()
    until(lambda: exchanges(agent.data, "outcome='complete' AND far_outcome IS NULL"), "its row")
