# SPDX-License-Identifier: MIT
"""The record says how each exchange ended, even when a program is killed."""
import concurrent.futures
import contextlib
import shutil
import subprocess
import threading
from random import Random

import bodies
import harness
import pytest
import tunnel_peer
from client import Client, Truncated, until
from record import REQUEST, RESPONSE, Record, ended, exchanges, writers, xxh3

REQUEST_WHOLE, RESPONSE_WHOLE = 8, 16


def rows(tunnel, target):
    return [ended(end.data, f"target='{target}'") for end in (tunnel.agent, tunnel.relay)]


def running(end, target, kept=0):
    """Waits until this program's record contains a running exchange with `kept` bytes of its
    response."""
    return until(lambda: exchanges(end.data, f"target='{target}' AND outcome IS NULL AND"
                                   f" response_kept={kept}"),
                 f"{target} runs", within=harness.DEADLINE)


def endless(tunnel):
    def handler(exchange):
        exchange.head(200, [("Transfer-Encoding", "chunked")])
        exchange.chunk(b"x" * 1000)
        exchange.peer_leaves()
    tunnel.origin.on("/endless", handler)
    return "/endless"


# Exchanges that end too early.

def test_a_visitor_who_leaves_in_the_middle_of_a_response(tunnel):
    target = endless(tunnel) + "?visitor"
    with tunnel.visit() as visitor:
        visitor.request("GET", target)
        next(visitor.response_body(visitor.response_head()))
    agent, relay = rows(tunnel, target)
    assert relay["outcome"] == "visitor gone" and agent["outcome"] == "reset"
    for row in (agent, relay):
        assert row["status"] == 200 and row["error"] is None
        assert row["response_bytes"] == 1000 and row["response_digest"] == xxh3(b"x" * 1000)
        assert row["flags"] & REQUEST_WHOLE and not row["flags"] & RESPONSE_WHOLE


def test_a_visitor_who_leaves_in_the_middle_of_a_request(tunnel):
    with tunnel.visit() as visitor:
        visitor.send(visitor.head("POST", "/echo?left", [("Content-Length", "1000")]) + b"y" * 500)
        for end in (tunnel.agent, tunnel.relay):
            running(end, "/echo?left")
    agent, relay = rows(tunnel, "/echo?left")
    assert relay["outcome"] == "visitor gone" and agent["outcome"] == "reset"
    for row in (agent, relay):
        assert row["status"] is None and not row["flags"] & (REQUEST_WHOLE | RESPONSE_WHOLE)
        assert row["request_bytes"] == 500 and row["request_digest"] == xxh3(b"y" * 500)


@pytest.mark.parametrize("how", ["close", "reset"])
def test_a_service_that_leaves_in_the_middle_of_its_response(tunnel, how):
    heard = threading.Event()

    def handler(exchange):
        exchange.head(200, [("Content-Length", "1000")])
        exchange.send(b"z" * 500)
        assert heard.wait(harness.DEADLINE)  # a reset could overtake the head in the tunnel
        getattr(exchange, how)()
    tunnel.origin.on("/leaves", handler)
    with tunnel.visit() as visitor:
        visitor.request("GET", f"/leaves?{how}")
        head = visitor.response_head()
        heard.set()
        with pytest.raises((Truncated, ConnectionError)):
            b"".join(visitor.response_body(head))
    agent, relay = rows(tunnel, f"/leaves?{how}")
    assert agent["outcome"] == "upstream gone" and relay["outcome"] == "reset"
    assert agent["status"] == relay["status"] == 200
    assert not (agent["flags"] | relay["flags"]) & RESPONSE_WHOLE


def test_a_service_that_leaves_before_its_response(tunnel):
    tunnel.origin.on("/silent", lambda exchange: exchange.close())
    assert tunnel.fetch("POST", "/silent", body=b"abc").code == "ADIT-UPSTREAM-CLOSED"
    for row in rows(tunnel, "/silent"):
        assert (row["status"], row["outcome"]) == (502, "complete")
        assert b"ADIT-UPSTREAM-CLOSED" in row["response_head"]
        assert row["response_kept"] == row["response_bytes"] > 0
    agent, relay = rows(tunnel, "/silent")
    assert agent["error"] == "ADIT-UPSTREAM-CLOSED" and agent["id"] == relay["id"]


# The relay's own answers.

def test_refusals_are_recorded_with_their_code(relay):
    with Client(relay.address, f"localhost:{relay.port}", harness.DEADLINE) as visitor:
        assert visitor.fetch("GET", "/nothing").status == 404
        assert visitor.fetch("GET", "/_adit/v1/tunnel").status == 426
    with relay.visit("unknown.localhost") as visitor:
        assert visitor.fetch("GET", "/unknown").code == "ADIT-NO-TUNNEL"
    with relay.visit("elsewhere.example") as visitor:
        assert visitor.fetch("GET", "/misdirected").status == 421
    for condition, status, error in (
            ("target='/nothing'", 404, "ADIT-NOT-FOUND"),
            ("target='/_adit/v1/tunnel'", 426, "ADIT-UPGRADE-REQUIRED"),
            ("target='/unknown'", 404, "ADIT-NO-TUNNEL"),
            ("target='/misdirected'", 421, "ADIT-MISDIRECTED")):
        row = ended(relay.data, condition)
        assert row["status"] == status and row["outcome"] == "complete"
        assert row["error"] == error
        assert row["sent_on_ns"] is None and row["far_outcome"] is None
        assert row["flags"] & RESPONSE_WHOLE and row["response_kept"] == row["response_bytes"]


def test_bytes_that_are_no_request_are_no_exchange(relay):
    with relay.visit() as visitor:
        visitor.send(b"GET /too-large HTTP/1.1\r\nHost: a\r\nX: " + b"x" * 40000 + b"\r\n\r\n")
        assert visitor.response().status == 431
    with relay.visit() as visitor:
        visitor.send(b"nonsense\r\n\r\n")
        assert visitor.response().status == 400
    with relay.visit() as visitor:
        visitor.fetch("GET", "/after")
    ended(relay.data, "target='/after'")
    with Record(relay.data) as record:
        assert not record.exchanges("status IN (400, 431)")


def test_a_loop_is_told_at_each_passage(relay, tmp_path):
    with harness.Agent(tmp_path, relay, f"127.0.0.1:{relay.port}") as agent:
        with relay.visit(agent.host) as visitor:
            assert visitor.fetch("GET", "/loop").status == 508
        ended(agent.data, "target='/loop' AND status=508")
        until(lambda: len(loops(relay)) == 2, "both passages")
        assert {row["status"] for row in loops(relay)} == {508}
        assert "ADIT-LOOP" in {row["error"] for row in loops(relay)}


def loops(relay):
    with Record(relay.data) as record:
        return record.exchanges("target='/loop' AND outcome IS NOT NULL")


# Reports.

@contextlib.contextmanager
def played_agent(relay, name, features="reports"):
    with tunnel_peer.AgentPeer(relay, harness.DEADLINE, greet=False) as agent:
        agent.hello(owner=name[0] * 64, features=features)
        agent.mux(tunnel_peer.settings())
        agent.bind(name)
        yield agent


def asked(relay, agent, target):
    """Sends a request through the relay to the played agent. Returns (visitor, stream, id)."""
    visitor = Client(relay.address, agent.host, harness.DEADLINE)
    visitor.request("GET", target)
    stream, fields, _ = agent.request()
    return visitor, stream, fields["adit-id"]


def send_reports(agent, *reports):
    agent.pipe(tunnel_peer.record(tunnel_peer.REPORT, b"".join(reports)))


@pytest.mark.parametrize("records", ["relay", "agent"])
def test_an_end_that_records_nothing_reports_its_digests_to_the_other(tmp_path, records):
    none = ("--record", "none")
    with harness.Relay(tmp_path, *(none if records == "agent" else ())) as relay:
        tunnel = harness.Tunnel(tmp_path, *(none if records == "relay" else ()), relay=relay,
                                compare=False)
        try:
            body = bytes(range(256)) * 300  # more than comes in one piece
            answer = tunnel.fetch("POST", "/told", [], body).body
            end = tunnel.relay if records == "relay" else tunnel.agent
            row = ended(end.data, "target='/told' AND far_outcome='complete'")
            for side, sent in (("request", body), ("response", answer)):
                assert row[f"far_{side}_bytes"] == len(sent)
                assert row[f"{side}_digest"] == row[f"far_{side}_digest"] == xxh3(sent)
        finally:
            tunnel.close()


def test_forged_reports_change_nothing(relay):
    told = (7, b"\x11" * 16)
    with played_agent(relay, "apple") as first, played_agent(relay, "banana") as second:
        visitor, stream, name = asked(relay, first, "/reported")
        send_reports(second, tunnel_peer.report(name, told, told))  # about another agent's exchange
        send_reports(first, tunnel_peer.report("0" * 16, told, told))  # about no exchange
        send_reports(second, tunnel_peer.report("z" * 16, told, told))
        first.answer(stream, b"hello")
        with visitor:
            assert visitor.response().body == b"hello"
        visitor, stream, _ = asked(relay, second, "/behind")
        second.answer(stream)
        with visitor:
            visitor.response()  # the relay has read the report before
        for agent in (first, second):  # a peer that acknowledges nothing is taken for dead
            while not agent.reports:
                agent.read()
        ended(relay.data, "target='/behind'")
        right = (5, xxh3(b"hello"))
        row = ended(relay.data, "target='/reported'")
        assert row["id"] == name and row["far_outcome"] is None
        send_reports(first, tunnel_peer.report(name, (0, b""), right), tunnel_peer.report(name, told, told))
        ended(relay.data, "target='/reported' AND far_outcome='complete'")
        visitor, stream, _ = asked(relay, first, "/last")
        first.answer(stream)
        ended(relay.data, "target='/last'")
        row = ended(relay.data, "target='/reported'")
        assert row["far_response_digest"] == xxh3(b"hello") and row["far_response_bytes"] == 5
        visitor.close()


def test_a_report_of_other_bytes_is_a_difference(tmp_path):
    with harness.Relay(tmp_path) as relay:
        with played_agent(relay, "apple") as agent:
            visitor, stream, name = asked(relay, agent, "/differs")
            agent.answer(stream, b"hello")
            with visitor:
                visitor.response()
            send_reports(agent, tunnel_peer.report(name, (0, b""), (5, xxh3(b"hallo"))))
            ended(relay.data, "far_outcome IS NOT NULL")
        with pytest.raises(AssertionError, match="differs"):
            harness.verify_record("aditd", relay.data)


@pytest.mark.parametrize("level,count,kept", [("all", 1, 5), ("heads", 1, 0), ("none", 0, 0),
                                              ("other", 0, 0)])
def test_a_hello_says_what_may_be_recorded(relay, level, count, kept):
    with tunnel_peer.AgentPeer(relay, harness.DEADLINE, greet=False) as agent:
        agent.hello(record=level)
        agent.mux(tunnel_peer.settings())
        agent.bind()
        visitor, stream, _ = asked(relay, agent, f"/may-{level}")
        agent.answer(stream)
        with visitor:  # before the agent leaves, which could overtake the answer
            assert visitor.response().body == b"hello"
    if count:
        ended(relay.data, f"target='/may-{level}'")
    for number in range(2):  # rows without a report may be written a batch later
        with relay.visit() as visitor:
            visitor.fetch("GET", f"/after-{level}?{number}")
        ended(relay.data, f"target='/after-{level}?{number}'")
    with Record(relay.data) as record:
        found = record.exchanges(f"target='/may-{level}'")
        assert len(found) == count and [row["response_kept"] for row in found] == [kept] * count


def test_ids_that_a_relay_sends_twice_are_two_exchanges(tmp_path):
    name = "0123456789abcdef"
    played = tunnel_peer.PlayedRelay(harness.DEADLINE)
    with harness.Origin() as origin, contextlib.closing(played) as relay:
        program = harness.Program(tmp_path, "adit", "http", origin.address, "--relay", relay.url)
        with program, relay.accept() as peer:
            for number in range(3):
                stream = peer.ask(f"/bytes?size={number + 1}", fields=[("adit-id", name)])
                peer.head_fields(stream)
            until(lambda: len(twice(program, name)) == 3, "three rows", harness.DEADLINE)
            assert [row["response_bytes"] for row in twice(program, name)] == [1, 2, 3]


def twice(program, name):
    return exchanges(program.data, f"e.id='{name}' AND outcome IS NOT NULL")


# Programs that are killed.

def check_left(data, dead):
    """Checks the record of a killed program: the data is consistent, and only while the program is
    `dead` may an exchange lack an outcome."""
    if not writers(data):
        return  # the kill came before the record was created
    with Record(data) as record:
        assert record.number("PRAGMA integrity_check") == "ok"
        for row in record.exchanges():
            assert (row["outcome"] is None) <= dead, row
            for side, name in ((REQUEST, "request"), (RESPONSE, "response")):
                kept = record.body(row["seq"], side)
                assert len(kept) == row[f"{name}_kept"], row["target"]
                if row[f"{name}_digest"] and row[f"{name}_kept"] == row[f"{name}_bytes"]:
                    assert xxh3(kept) == row[f"{name}_digest"]
        assert record.number("SELECT count(*) FROM body WHERE exchange NOT IN"
                             " (SELECT seq FROM exchange)") == 0


def listed(program, data, *args):
    done = subprocess.run(
        [harness.BIN / program, "requests", *args, "--data", data], capture_output=True, text=True,
        errors="replace", env=harness.environment(data), timeout=harness.DEADLINE)
    assert done.returncode == 0, done
    return done.stdout


@pytest.mark.parametrize("killed", ["agent", "relay"])
def test_exchanges_interrupted_by_a_kill_are_marked(own_tunnel, killed):
    tunnel, target = own_tunnel, endless(own_tunnel)
    tunnel.fetch("POST", "/mirror?before", body=b"before")
    rows(tunnel, "/mirror?before")
    program = "adit" if killed == "agent" else "aditd"
    with tunnel.visit() as visitor:
        visitor.request("GET", target)
        next(visitor.response_body(visitor.response_head()))
        for end in (tunnel.agent, tunnel.relay):
            running(end, target, kept=1000)
        data = getattr(tunnel, killed).data
        assert "  running\n" in listed(program, data)
        getattr(tunnel, killed).kill()
        left = shutil.copytree(data, tunnel.directory / "left")  # before the restart
        check_left(data, dead=True)
        assert "  recorder gone\n" in listed(program, left)
        assert "  running\n" not in listed(program, left)
        getattr(tunnel, f"restart_{killed}")()
        if killed == "relay":
            tunnel.agent.wait_for(r"^adit: connected again")
        assert tunnel.fetch("GET", "/?again").body == b"hello"
        ended(data, "target='/?again'")
        row = ended(data, f"target='{target}'")
        assert row["outcome"] == "recorder gone" and row["response_kept"] == 1000
        check_left(data, dead=False)
        with Record(data) as record:
            assert record.number("SELECT count(*) FROM writer") == 2
            assert record.number("SELECT count(*) FROM writer WHERE ended_ns IS NOT NULL") == 1
        other = tunnel.relay if killed == "agent" else tunnel.agent
        assert ended(other.data, f"target='{target}'")["outcome"] == "tunnel gone"


def load(tunnel, stop, done, seed):
    """Keeps a connection busy with bodies both ways until `stop` is set."""
    random, number = Random(seed), 0
    while not stop.is_set():
        try:
            with tunnel.visit() as visitor:
                while not stop.is_set():
                    size = random.choice([0, 10, 5000, 200_000])
                    visitor.fetch("POST", f"/mirror?{number}", body=bodies.make(1, size))
                    number += 1
                    done.append(1)
        except (OSError, Truncated):
            stop.wait(0.01)


@pytest.mark.parametrize("killed", ["agent", "relay"])
def test_a_record_survives_any_moment(tmp_path, killed):
    with harness.Tunnel(tmp_path) as tunnel:
        stop, done, random = threading.Event(), [], Random(killed)
        pool = concurrent.futures.ThreadPoolExecutor(4)
        loads = [pool.submit(load, tunnel, stop, done, f"{killed}{n}") for n in range(4)]
        try:
            for number in range(6):
                enough = len(done) + random.randrange(5, 60)
                until(lambda enough=enough: len(done) > enough, "traffic", harness.DEADLINE)
                stop.wait(random.random() * 0.1)  # at any moment of a batch
                getattr(tunnel, killed).kill()
                check_left(getattr(tunnel, killed).data, dead=True)
                getattr(tunnel, f"restart_{killed}")()
                if killed == "relay":
                    tunnel.agent.wait_for(r"^adit: connected again", number=number + 1)
        finally:
            stop.set()
            pool.shutdown()
        assert [each.result() for each in loads] == [None] * 4
        tunnel.fetch("GET", "/?end")
        data = getattr(tunnel, killed).data
        ended(data, "target='/?end'")
        with Record(data) as record:
            until(lambda: record.number("SELECT count(*) FROM writer WHERE ended_ns IS NULL") == 1,
                  "what the killed ones left is in the record")
        check_left(data, dead=False)
        with Record(data) as record:
            assert record.number("SELECT count(*) FROM tunnel t WHERE bytes <> (SELECT"
                                 " coalesce(sum(size), 0) FROM exchange WHERE tunnel=t.id)") == 0
