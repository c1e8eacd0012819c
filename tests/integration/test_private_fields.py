# SPDX-License-Identifier: MIT
"""The tunnel's own fields and reports carry only what docs/protocol.md §4.1 and §5.1 allow: a
modified peer deceives nobody behind the other end."""
import itertools
import json
import sqlite3
import subprocess

import harness
import pytest
from attack import Reasons, ask, bystander, hostile, undisturbed  # noqa: F401
from client import Client, Truncated, until
from harness import BIN, environment
from origin import Origin
from patience import DEADLINE
from tunnel_peer import (
    RST_STREAM, HEADERS, AgentPeer, PlayedRelay, data, head, record, response, settings)

ID = "0123456789abcdef"
UPGRADE = [("Connection", "upgrade"), ("Upgrade", "echo, other/2")]


@pytest.fixture(scope="module")
def relay(tmp_path_factory):
    with harness.Relay(tmp_path_factory.mktemp("relay")) as started:
        yield started


def test_a_request_tells_the_bind_of_its_name_and_its_id(relay):
    with AgentPeer(relay, DEADLINE, greet=False) as agent:
        agent.hello()
        agent.mux(settings())
        hosts = {}
        for bind in (3, 1, 18446744073709551615):
            agent.bind(f"bind-{bind}", bind)
            hosts[bind] = agent.host
        for bind, host in [*hosts.items(), *reversed(hosts.items())]:
            with Client(relay.address, host, DEADLINE) as visitor:
                visitor.request("GET", "/")
                stream, fields, _ = agent.request()
                agent.answer(stream)
                assert visitor.response().body == b"hello"
            assert fields["adit-bind"] == str(bind)
            assert len(fields["adit-id"]) == len(ID)


# An agent lies.

FORGED = {
    "adit-id": (200, [("adit-id", ID)]),
    "adit-bind": (200, [("adit-bind", "1")]),
    "adit-visitor": (200, [("adit-visitor", "1")]),
    "a field that nobody knows": (200, [("adit-new", "x")]),
    "an unknown code": (502, [("adit-error", "ADIT-FORGED")]),
    "a code of the relay's": (502, [("adit-error", "ADIT-AGENT-LOST")]),
    "another one": (401, [("adit-error", "ADIT-UNAUTHORIZED")]),
    "a code with a status that is not its own": (200, [("adit-error", "ADIT-UPSTREAM-CLOSED")]),
    "another loop": (502, [("adit-error", "ADIT-LOOP")]),
    "an empty code": (502, [("adit-error", "")]),
    "two codes": (502, [("adit-error", "ADIT-UPSTREAM-CLOSED")] * 2),
    "an upgrade behind a 404": (404, [("adit-upgrade", "echo")]),
    "an upgrade in a 103": (103, [("adit-upgrade", "echo")]),
    "a code in a 103": (103, [("adit-error", "ADIT-LOOP")]),
    "an id in a 103": (103, [("adit-id", ID)]),
}


@pytest.mark.parametrize("what", FORGED)
def test_forbidden_fields_of_an_agent_reach_no_visitor(relay, hostile, what):
    status, fields = FORGED[what]
    visitor, stream = ask(relay, hostile)
    hostile.mux(response(stream, status, [*fields, ("x-forged", "yes")]))
    with visitor:
        answer = visitor.response()
        assert (answer.status, answer.code) == (502, "ADIT-UPSTREAM-INVALID")
        assert not answer.get("x-forged") and not answer.interim
        goes_on(hostile, visitor)


def goes_on(peer, visitor):
    visitor.request("GET", "/next")
    peer.answer(peer.request()[0], b"next")
    assert visitor.response().body == b"next"


@pytest.mark.parametrize("status, code", [
    (502, "ADIT-UPSTREAM-REFUSED"), (502, "ADIT-UPSTREAM-UNREACHABLE"),
    (502, "ADIT-UPSTREAM-CLOSED"), (502, "ADIT-UPSTREAM-INVALID"), (504, "ADIT-UPSTREAM-TIMEOUT"),
    (502, "ADIT-UPSTREAM-TLS"), (404, "ADIT-FILE-NOT-FOUND"), (403, "ADIT-FILE-FORBIDDEN"),
    (405, "ADIT-FILE-METHOD"), (503, "ADIT-TOO-MANY-STREAMS"), (508, "ADIT-LOOP")])
def test_what_an_agent_may_say_does(relay, hostile, status, code):
    visitor, stream = ask(relay, hostile)
    hostile.answer(stream, b"told", status, [("adit-error", code)])
    with visitor:
        answer = visitor.response()
        assert (answer.status, answer.code, answer.body) == (status, code, b"told")


@pytest.mark.parametrize("protocol", [
    "websocket", "h2c", "echo, websocket", "other", "other/1", "", ",", "ech", "echo\t/"])
def test_an_agent_switches_to_nothing_that_was_not_offered(relay, hostile, protocol):
    visitor, stream = ask(relay, hostile, fields=UPGRADE)
    hostile.mux(response(stream, 200, [("adit-upgrade", protocol)]), data(stream, b"switched"))
    with visitor:
        answer = visitor.response()
        assert (answer.status, answer.code) == (502, "ADIT-UPSTREAM-INVALID")
        goes_on(hostile, visitor)


@pytest.mark.parametrize("protocol", ["echo", "ECHO", "other/2", "other/2, echo"])
def test_an_agent_switches_to_what_was_offered(relay, hostile, protocol):
    visitor, stream = ask(relay, hostile, fields=UPGRADE)
    hostile.mux(response(stream, 200, [("adit-upgrade", protocol)]), data(stream, b"switched"))
    with visitor:
        answer = visitor.response_head()
        assert (answer.status, answer.get("upgrade")) == (101, protocol)
        assert visitor.exactly(8) == b"switched"


def number(n):
    out = b""
    while n >= 0x80:
        out += bytes([n & 0x7f | 0x80])
        n >>= 7
    return out + bytes([n])


def report(times=(1, 1, 1, 1), sizes=(0, 0), outcome=0):
    bodies = b"".join(number(size) + (b"d" * 16 if size else b"") for size in sizes)
    return b"0123456789" + bytes([outcome]) + bodies + b"".join(map(number, times))


MOST = 1 << 60
WRONG_REPORTS = [
    *({"times": [1] * at + [MOST + 2] + [1] * (3 - at)} for at in range(4)),
    {"times": [(1 << 64) - 1] * 4}, {"times": [1 << 63] * 4},
    {"sizes": (MOST + 1, 0)}, {"sizes": (0, (1 << 64) - 1)},
    *({"outcome": outcome} for outcome in range(9, 16))]


@pytest.mark.parametrize("what", WRONG_REPORTS, ids=str)
def test_a_report_beyond_all_measure_ends_its_tunnel(relay, hostile, what):
    reasons = Reasons(relay)
    hostile.pipe(record(2, report(**what)))
    assert hostile.close_code() == 1002
    assert "malformed report" in reasons.next()


@pytest.mark.parametrize("what", [
    {"times": [MOST + 1] * 4}, {"sizes": (MOST, MOST)}, {"outcome": 8}], ids=str)
def test_the_most_that_a_report_may_say_is_heard(relay, hostile, what):
    hostile.pipe(record(2, report(**what)))
    visitor, stream = ask(relay, hostile)
    hostile.answer(stream, b"hello")
    with visitor:
        assert visitor.response().body == b"hello"


def test_times_of_any_size_are_shown_of_any_record(tmp_path):
    """Each number of a record that was edited by hand is 2^63 - 1."""
    with harness.Tunnel(tmp_path, compare=False) as tunnel:
        tunnel.origin.on("/doctored", lambda exchange: exchange.reply("x" * 100))
        assert tunnel.fetch("POST", "/doctored", body=b"y" * 100).status == 200
        sides = {"aditd": tunnel.relay.data, "adit": tunnel.agent.data}
        subprocess.run([BIN / "adit", "requests", "--data", sides["adit"]], timeout=DEADLINE,
                       check=True, capture_output=True, env=environment(tmp_path))
    for (program, where), value in itertools.product(sides.items(), ((1 << 63) - 1, -(1 << 63))):
        with sqlite3.connect(where / "record.db") as database:
            names = [row[1] for row in database.execute("PRAGMA table_info(exchange)")
                     if row[1].endswith("_ns") or row[1].endswith("_bytes")]
            assert "far_duration_ns" in names and "began_ns" in names
            database.execute("UPDATE exchange SET " + ", ".join(f"{name} = ?" for name in names),
                             [value] * len(names))
            number_ = database.execute("SELECT id FROM exchange").fetchone()[0]
        for command in (["requests"], ["show", number_], ["stats"], ["export", "--jsonl"],
                        ["export", "--har"], ["requests", "--json"], ["stats", "--json"]):
            done = subprocess.run([BIN / program, *command, "--data", where], timeout=DEADLINE,
                                  capture_output=True, env=environment(tmp_path))
            assert done.returncode == 0, (command, done.stderr)
            assert not harness.REPORTS.search(done.stderr.decode()), done.stderr
            assert b"-9223372036854775808" not in done.stdout.replace(b'"began_ns"', b"")


# A relay lies.

@pytest.fixture(scope="module")
def service():
    with Origin() as started:
        yield started


@pytest.fixture
def played(service, tmp_path):
    """The link of a real agent to a relay played by the test."""
    listening = PlayedRelay(DEADLINE)
    with harness.Program(tmp_path, "adit", "http", service.address, "--relay", listening.url):
        with listening.accept() as peer:
            yield peer
        listening.close()


WRONG_WORDS = {
    "no bind": [("adit-bind", "x")], "bind 0": [("adit-bind", "0")],
    "a bind with a zero before it": [("adit-bind", "01")],
    "a bind that the agent has not made": [("adit-bind", "2")],
    "an id that is none": [("adit-id", "0123")],
    "an id in capitals": [("adit-id", ID.upper())],
    "two ids": [("adit-id", ID), ("adit-id", ID)],
    "visitor 0": [("adit-visitor", "0")], "a visitor below 0": [("adit-visitor", "-1")],
    "a visitor over 64 bits": [("adit-visitor", "18446744073709551616")],
    "two visitors": [("adit-visitor", "1"), ("adit-visitor", "2")],
    "a code": [("adit-error", "ADIT-LOOP")],
    "an empty offer": [("adit-upgrade", "")],
    "a field that nobody knows": [("adit-new", "x")],
}


@pytest.mark.parametrize("what", WRONG_WORDS)
def test_forbidden_fields_of_a_relay_reach_no_service(played, service, what):
    fields = WRONG_WORDS[what]
    stream, played.next_stream = played.next_stream, played.next_stream + 2
    start = [(":method", "GET"), (":scheme", "http"), (":authority", "a"), (":path", "/forged")]
    played.mux(head(stream, [*start, *fields], end=True))
    kind, *_ = played.frame(RST_STREAM, HEADERS, stream=stream)
    assert kind == RST_STREAM
    assert played.answer(played.ask("/"))[1] == b"hello"
    assert not service.seen("/forged")


@pytest.mark.parametrize("trailers", [
    [("adit-id", ID)], [("adit-bind", "1")], [("adit-visitor", "1")], [("adit-error", "ADIT-LOOP")],
    [("adit-new", "x")]])
def test_nor_in_trailers(played, service, trailers):
    before = len(service.seen("/mirror"))
    stream = played.ask("/mirror", "POST", end=False)
    played.mux(data(stream, b"hello"))
    until(lambda: len(service.seen("/mirror")) > before, "the request has begun")
    played.mux(head(stream, [*trailers, ("x-good", "1")], end=True))
    assert played.answer(stream) is None
    assert played.answer(played.ask("/"))[1] == b"hello"
    assert not any(exchange.trailers for exchange in service.exchanges)


def test_nothing_that_is_private_reaches_a_service(played, service):
    stream = played.ask("/echo", "POST", [("adit-id", ID), ("adit-visitor", "7"), ("a", "b")],
                        end=False)
    played.mux(data(stream, b"hello", end=True))
    seen = json.loads(played.answer(stream)[1])
    assert not [name for name, _ in seen["fields"] if name.lower().startswith("adit-")]


BINDS = {
    "a bound for another bind": dict(type="bound", id="2", name="played", url="http://a.example"),
    "a second bound": dict(type="bound", id="1", name="played", url="http://a.example"),
    "a refusal of another bind": dict(type="refused", id="2", code="ADIT-BUSY", message="No."),
    "a code that is none": dict(type="refused", id="1", code="BUSY", message="No."),
    "a URL that a shell would run": dict(type="bound", id="1", name="played",
                                         url="http://$(reboot).example"),
    "a URL with a path": dict(type="bound", id="1", name="played", url="http://a.example/x"),
    "a name that is none": dict(type="bound", id="1", name="a.b", url="http://a.example"),
}


@pytest.mark.parametrize("what", BINDS)
def test_an_answer_to_no_bind_ends_the_link(service, tmp_path, what):
    listening = PlayedRelay(DEADLINE)
    with harness.Program(tmp_path, "adit", "http", service.address,
                         "--relay", listening.url) as agent:
        with listening.accept() as peer:
            assert peer.answer(peer.ask("/"))[1] == b"hello"
            peer.control(**BINDS[what])
            assert peer.close_code() == 1002
        agent.wait_for("control message that is wrong", "stderr")
        assert "$(" not in agent.text("stdout")
    listening.close()


def test_another_name_than_was_asked_for_is_no_answer(service, tmp_path):
    listening = PlayedRelay(DEADLINE)
    with harness.Program(tmp_path, "adit", "http", service.address, "--url", "mine",
                         "--relay", listening.url) as agent:
        with listening.accept(greet=False) as peer:
            said = peer.said()
            assert said[1]["type"] == "hello"
            peer.message(2, b'{"type":"welcome","version":1,"software":"speaker"}')
            assert peer.said()[1]["name"] == "mine"
            peer.control(type="bound", id="1", name="other", url="http://other.example")
            assert peer.close_code() == 1002
        agent.wait_for("control message that is wrong", "stderr")
    listening.close()


def test_an_older_agent_gets_no_number(relay):
    """A field that the agent did not announce is not sent."""
    with AgentPeer(relay, DEADLINE) as peer:
        visitor, stream = relay.visit(peer.host), None
        visitor.request("POST", "/", body=b"x")
        stream, fields, _ = peer.request()
        assert "adit-visitor" not in fields
        peer.answer(stream)
        with visitor:
            assert visitor.response().body == b"hello"


def test_a_cut_answer_is_still_cut(relay, hostile):
    visitor, stream = ask(relay, hostile)
    hostile.mux(response(stream), data(stream, b"hello"),
                head(stream, [("adit-error", "ADIT-LOOP")], end=True))
    with visitor, pytest.raises(Truncated):
        visitor.response()
