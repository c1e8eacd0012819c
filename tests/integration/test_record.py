# SPDX-License-Identifier: MIT
"""Both ends of a tunnel record each exchange as it passed."""
import contextlib
import queue
import stat

import bodies
import harness
import pytest
from client import until
from record import REQUEST, RESPONSE, Record, ended, xxh3

KIB, MIB = 1024, 1024 * 1024
LIMIT = 300 * 1000  # limit on a recorded body, in one of the tunnels
SIZES = [0, 1, 64 * KIB - 1, 64 * KIB, 64 * KIB + 1, MIB - 1, MIB, MIB + 1]
HEADS_ONLY, WHOLE = 4, 8 | 16


def lines(*fields):
    return b"".join(b"%s: %s\r\n" % (name, value) for name, value in fields)


def both(tunnel, target):
    """Waits until the exchange with this target has ended and each end has the other's report.
    Returns its rows in the records of agent and relay."""
    return [ended(end.data, f"target = '{target}' AND far_outcome IS NOT NULL")
            for end in (tunnel.agent, tunnel.relay)]


def ends(tunnel):
    return [Record(end.data) for end in (tunnel.agent, tunnel.relay)]


def bodies_of(tunnel, target):
    """(row, request's body, response's body) at both ends."""
    for row, record in zip(both(tunnel, target), ends(tunnel)):
        with record:
            yield row, record.body(row["seq"], REQUEST), record.body(row["seq"], RESPONSE)


@pytest.fixture(scope="module")
def limited(tmp_path_factory):
    directory = tmp_path_factory.mktemp("limited")
    limit = ("--limit", f"record-body={LIMIT}")
    with harness.Relay(directory, *limit) as relay:
        with harness.Tunnel(directory, *limit, relay=relay) as started:
            yield started


# The row of an exchange.

def test_heads_are_kept_with_duplicates_in_order(tunnel):
    def answer(exchange):
        exchange.reply("x", 299, [("B", "2"), ("A", "1"), ("b", ""), ("A", "1")])
    tunnel.origin.on("/heads", answer)
    sent = [("X-Many", "1"), ("x-many", "2"), ("Y", "\xfc"), ("X-Many", "1")]
    tunnel.fetch("GET", "/heads?x=%20", sent)
    for row in both(tunnel, "/heads?x=%20"):
        wanted = lines((b"x-many", b"1"), (b"x-many", b"2"), (b"y", b"\xfc"), (b"x-many", b"1"))
        assert wanted in row["request_head"].lower()
        assert lines((b"b", b"2"), (b"a", b"1"), (b"b", b""), (b"a", b"1")) \
            in row["response_head"].lower()
        assert row["status"] == 299 and row["outcome"] == "complete" and row["error"] is None
        assert row["method"] == "GET" and row["protocol"] == "HTTP/1.1"
        assert row["host"] == tunnel.host and row["tunnel_name"] == tunnel.agent.label
        assert row["visitor"] == "127.0.0.1"
    agent, relay = both(tunnel, "/heads?x=%20")
    assert agent["id"] == relay["id"] and len(agent["id"]) == 16
    assert agent["upstream"] == tunnel.origin.address and relay["upstream"] is None
    assert (agent["program"], relay["program"]) == ("adit http", "aditd")


def test_interim_responses_and_trailers_are_kept(tunnel):
    def answer(exchange):
        assert b"".join(exchange.body()) == b"abc"
        exchange.head(103, [("Link", "</a>")])
        exchange.head(102)
        exchange.head(200, [("Transfer-Encoding", "chunked"), ("Trailer", "T")])
        exchange.chunk(b"hello")
        exchange.last_chunk([("T", "1"), ("T", "2")])
    tunnel.origin.on("/trailers", answer)
    with tunnel.visit() as visitor:
        visitor.send(visitor.head("POST", "/trailers", [("Transfer-Encoding", "chunked")])
                     + b"3\r\nabc\r\n0\r\nR: 3\r\n\r\n")
        assert visitor.response().body == b"hello"
    for row, told in zip(both(tunnel, "/trailers"), (b" told", b"")):
        assert row["interim"].lower() == (
            b"103%s\r\nlink: </a>\r\n\r\n102%s\r\n\r\n" % (told, told))
        assert row["request_trailers"].lower() == b"r: 3\r\n"
        assert row["response_trailers"].lower() == b"t: 1\r\nt: 2\r\n"


def test_times_of_both_ends_are_told(tunnel):
    tunnel.fetch("POST", "/echo?times", body=b"x" * 1000)
    for row in both(tunnel, "/echo?times"):
        assert 0 <= row["sent_on_ns"] <= row["answered_ns"] <= row["duration_ns"]
        assert 0 <= row["request_first_ns"] <= row["request_last_ns"] <= row["duration_ns"]
        assert row["answered_ns"] <= row["response_first_ns"] <= row["response_last_ns"]
    agent, relay = both(tunnel, "/echo?times")
    for here, there in ((agent, relay), (relay, agent)):
        for name in ("sent_on_ns", "answered_ns", "connect_ns", "outcome", "request_bytes",
                     "request_digest", "response_bytes", "response_digest"):
            assert here["far_" + name] == there[name], name
        assert here["far_flags"] == WHOLE
    assert relay["answered_ns"] >= agent["answered_ns"]  # includes the agent's time


# Bodies.

@pytest.mark.parametrize("chunked", [False, True], ids=["length", "chunked"])
@pytest.mark.parametrize("size", SIZES)
def test_bodies_are_kept_byte_for_byte(tunnel, size, chunked):
    target = f"/mirror?{size}-{chunked}"
    body = bodies.make(3, size)
    assert tunnel.fetch("POST", target, body=body, chunked=chunked).body == body
    for row, request, response in bodies_of(tunnel, target):
        kept = body[:MIB]
        assert request == kept and response == kept
        for side in ("request", "response"):
            assert row[f"{side}_bytes"] == size and row[f"{side}_kept"] == len(kept)
            assert row[f"{side}_digest"] == xxh3(body)
        assert row["flags"] & WHOLE == WHOLE and not row["flags"] & 2


@pytest.mark.parametrize("size", [LIMIT - 1, LIMIT, LIMIT + 1, 3 * LIMIT])
def test_beyond_the_limit_the_digest_is_still_of_the_whole(limited, size):
    target = f"/mirror?{size}"
    body = bodies.make(4, size)
    assert limited.fetch("POST", target, body=body).body == body
    for row, request, response in bodies_of(limited, target):
        assert request == response == body[:LIMIT]
        assert row["request_bytes"] == row["response_bytes"] == size
        assert row["request_digest"] == row["response_digest"] == xxh3(body)


def test_many_at_once_do_not_mix(tunnel):
    many = 40
    with contextlib.ExitStack() as stack:
        visitors = [stack.enter_context(tunnel.visit()) for _ in range(many)]
        for number, visitor in enumerate(visitors):
            visitor.request("POST", f"/mirror?many{number}", body=bodies.make(number, 100_000))
        for number, visitor in enumerate(visitors):
            assert visitor.response().body == bodies.make(number, 100_000)
    for number in range(many):
        for _, request, response in bodies_of(tunnel, f"/mirror?many{number}"):
            assert request == response == bodies.make(number, 100_000)


# Running exchanges.

def test_running_exchanges_are_recorded_and_grow(tunnel):
    source = queue.Queue()

    def stream(exchange):
        exchange.head(200, [("Content-Type", "text/event-stream"), ("Transfer-Encoding", "chunked")])
        while (piece := source.get(timeout=harness.DEADLINE)) is not None:
            exchange.chunk(piece)
        exchange.last_chunk()
    tunnel.origin.on("/stream", stream)
    with tunnel.visit() as visitor:
        visitor.request("GET", "/stream")
        head = visitor.response_head()
        sent = b""
        for number in range(3):
            piece = b"data: %d\n\n" % number
            source.put(piece)
            sent += piece
            for record in ends(tunnel):
                with record:
                    row, = until(lambda: record.exchanges(
                        f"target='/stream' AND response_kept={len(sent)}"), "a row that grows")
                    assert row["outcome"] is None and row["status"] == 200
                    assert row["response_digest"] is None and row["duration_ns"] is None
                    assert record.body(row["seq"], RESPONSE) == sent
        source.put(None)
        assert b"".join(visitor.response_body(head)) == sent
    for row, _, response in bodies_of(tunnel, "/stream"):
        assert row["outcome"] == "complete" and response == sent


# Limits on recorded bodies.

@pytest.mark.parametrize("level", ["heads", "none"])
@pytest.mark.parametrize("whose", ["relay", "agent", "agent for relay"])
def test_less_is_kept_where_it_is_said(tmp_path, level, whose):
    relay_args = ("--record", level) if whose == "relay" else ()
    agent_args = {"agent": ("--record", level), "agent for relay": ("--relay-record", level)}
    less = "agent" if whose == "agent" else "relay"
    with harness.Relay(tmp_path, *relay_args) as relay:
        with harness.Tunnel(tmp_path, *agent_args.get(whose, ()), relay=relay) as tunnel:
            assert tunnel.fetch("POST", "/mirror", body=b"secret body").body == b"secret body"
            tunnel.agent.stop()
            relay.stop()
            for name, end in (("agent", tunnel.agent), ("relay", relay)):
                kept = level if name == less else "all"
                if kept == "none" and not (end.data / "record.db").exists():
                    continue
                assert holds(end.data, b"secret body") == (kept == "all"), name
                with Record(end.data) as record:
                    rows = record.exchanges("target='/mirror'")
                    assert len(rows) == (0 if kept == "none" else 1)
                    if kept == "heads":
                        row, = rows
                        assert row["flags"] & HEADS_ONLY and row["response_kept"] == 0
                        assert row["response_digest"] == xxh3(b"secret body")


def holds(directory, text):
    return any(text in path.read_bytes() for path in directory.iterdir() if path.is_file())


# The files.

def test_files_are_their_owners_alone(tunnel):
    tunnel.fetch("GET", "/")
    for end in (tunnel.agent, tunnel.relay):
        ended(end.data, "target='/'")
        assert stat.S_IMODE(end.data.stat().st_mode) == 0o700
        found = {path.relative_to(end.data): path.stat() for path in end.data.rglob("*")}
        names = {str(path) for path in found}
        assert {"record.db", "record.db-wal", "record.db-shm", "record.lock", "spool"} <= names
        for path, its in found.items():
            expected = 0o700 if stat.S_ISDIR(its.st_mode) else 0o600
            assert stat.S_IMODE(its.st_mode) == expected, path


def test_several_agents_write_one_record(tmp_path):
    count, each = 4, 150
    with harness.Relay(tmp_path) as relay, harness.Origin() as origin:
        with contextlib.ExitStack() as stack:
            agents = [stack.enter_context(harness.Agent(tmp_path, relay, origin.address))
                      for _ in range(count)]
            visitors = [stack.enter_context(relay.visit(agent.host)) for agent in agents]
            for number in range(each):
                for visitor in visitors:
                    visitor.request("GET", f"/bytes?size=100&seed={number}")
                for visitor in visitors:
                    assert visitor.response().body == bodies.make(number, 100)
        with Record(tmp_path / "adit") as record:
            assert record.number("PRAGMA integrity_check") == "ok"
            counted = record.db.execute(
                "SELECT t.name, count(*), count(DISTINCT e.id), count(DISTINCT writer)"
                " FROM exchange e JOIN tunnel t ON t.id=tunnel GROUP BY tunnel").fetchall()
            assert sorted(tuple(row) for row in counted) == sorted(
                (agent.label, each, each, 1) for agent in agents)
            assert record.number("SELECT sum(exchanges) FROM writer") == count * each
            assert record.number("SELECT count(*) FROM writer WHERE ended_ns IS NULL") == 0
        harness.compare_records(tmp_path / "adit", relay.data)


def test_a_busy_tunnel_does_not_push_out_a_quiet_ones(tmp_path):
    size, slack = 8 * MIB, 2 * MIB
    limit = ("--limit", f"record-size={size}")
    with harness.Relay(tmp_path, *limit) as relay, harness.Origin() as origin:
        with harness.Tunnel(tmp_path / "1", relay=relay, origin=origin) as quiet, \
                harness.Tunnel(tmp_path / "2", *limit, relay=relay, origin=origin) as busy:
            for number in range(20):
                quiet.fetch("GET", f"/bytes?size=1000&seed={number}")
            for number in range(60):
                busy.fetch("GET", f"/bytes?size=500000&seed={number}")
                quiet.fetch("GET", f"/bytes?size=1000&seed={100 + number}")
            for end in (busy.agent, relay):
                ended(end.data, "target LIKE '%size=500000&seed=59'")
                until(lambda: room(end) <= size + slack, "what is too much is deleted")
            busy.agent.stop()
            relay_files = [relay.data / "record.db"]
            relay.stop()
            for path in [*relay_files, busy.agent.data / "record.db"]:
                assert path.stat().st_size <= size + slack, path
            with Record(relay.data) as record:
                kept = {name: record.number(
                    "SELECT count(*) FROM exchange e JOIN tunnel t ON t.id=tunnel WHERE name=?",
                    name) for name in (quiet.agent.label, busy.agent.label)}
                assert kept[quiet.agent.label] == 80
                assert 5 < kept[busy.agent.label] < 30
                assert record.exchanges("target LIKE '%seed=59'")  # the newest


def room(end):
    """The bytes that a record takes on the disk once its log has been checkpointed."""
    with Record(end.data) as record:
        return record.number("PRAGMA page_count") * record.number("PRAGMA page_size")


def test_exchanges_that_are_too_old_are_deleted(tmp_path):
    age = ("--limit", f"record-age={5 * harness.PATIENCE}s")
    with harness.Tunnel(tmp_path, *age) as tunnel:
        tunnel.fetch("GET", "/?old")
        ended(tunnel.agent.data, "target='/?old'")
        with Record(tunnel.agent.data) as record:
            def is_deleted():
                tunnel.fetch("GET", "/?new")
                return not record.exchanges("target='/?old'")
            until(is_deleted, "the old one is deleted", within=harness.DEADLINE, pause=0.2)
            assert record.exchanges("target='/?new'")
