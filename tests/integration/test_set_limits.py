# SPDX-License-Identifier: MIT
"""Limits that --limit sets: values below, at and above; and slow, greedy or absent visitors.

Limits of time are short, for short tests. A test checks that the effect does not come before the
limit and does come after it, but not how soon after.
"""
import contextlib
import itertools
import socket
import threading
import time

import bodies
import harness
import pytest
from client import Client, Truncated, until
from stall import until_stalled
from tunnel_peer import AgentPeer

SHORT = 1.0  # seconds of the limits below


@pytest.fixture
def limited(tmp_path):
    """Makes tunnels whose relay and agent have limits set."""
    with contextlib.ExitStack() as stack:
        def make(*relay, agent=()):
            options = [word for limit in relay for word in ("--limit", limit)]
            agent_options = [word for limit in agent for word in ("--limit", limit)]
            made = stack.enter_context(harness.Relay(tmp_path, *options))
            return stack.enter_context(harness.Tunnel(tmp_path, *agent_options, relay=made))
        yield make


def refused(answer, status, code):
    assert (answer.status, answer.code) == (status, code)
    assert answer.get("connection") == "close"


# Sizes.

def test_a_head_limit_holds_at_below_and_above(limited):
    tunnel = limited("head-bytes=1k")
    for size, status in [(1023, 200), (1024, 200), (1025, 431)]:
        with tunnel.visit() as visitor:
            fill = size - len(visitor.head("GET", "/", [("X", "")]))
            visitor.request("GET", "/", [("X", "x" * fill)])
            assert visitor.response().status == status


def test_a_limit_of_fields_holds_at_below_and_above(limited):
    tunnel = limited("head-fields=20")
    for count, status in [(19, 200), (20, 200), (21, 431)]:
        fields = [(f"X-{n}", "x") for n in range(count - 1)]  # Host counts too
        assert tunnel.fetch("GET", "/", fields).status == status


@pytest.mark.parametrize("chunked", [False, True], ids=["length", "chunked"])
def test_a_body_limit_holds_at_below_and_above(limited, chunked):
    tunnel = limited("body-bytes=10k")
    for size in (10239, 10240):
        answer = tunnel.fetch("POST", "/echo", body=b"x" * size, chunked=chunked)
        assert answer.json()["size"] == size
    with tunnel.visit() as visitor:
        body = [b"x" * 10240, b"x"] if chunked else b"x" * 10241
        visitor.request("POST", "/echo", body=body, chunked=chunked)
        refused(visitor.response(), 413, "ADIT-BODY-TOO-LARGE")
        assert visitor.is_closed()


def test_a_body_over_the_limit_is_not_asked_for(limited):
    tunnel = limited("body-bytes=10k")
    with tunnel.visit() as visitor:
        visitor.send(visitor.head("POST", "/echo", [("Content-Length", "10241"),
                                                    ("Expect", "100-continue")]))
        answer = visitor.response()
        refused(answer, 413, "ADIT-BODY-TOO-LARGE")
        assert not answer.interim
    assert not tunnel.origin.seen("/echo")


def test_a_response_head_limit_holds_at_below_and_above(limited):
    tunnel = limited(agent=["response-head-bytes=1k"])
    start = len(b"HTTP/1.1 200 Told\r\nX: \r\nContent-Length: 1\r\n\r\n")
    for size, status in [(1023, 200), (1024, 200), (1025, 502)]:
        field = [("X", "x" * (size - start))]
        tunnel.origin.on("/", lambda exchange, field=field: exchange.reply(b"x", 200, field))
        assert tunnel.fetch("GET", "/").status == status


# Times.

def test_a_head_has_its_time_however_busily_it_is_sent(limited):
    tunnel = limited("head-time=1s")
    since = time.monotonic()
    with tunnel.visit() as visitor:
        visitor.send(b"GET / HTTP/1.1\r\n")
        visitor.sock.settimeout(0.05)
        with pytest.raises(OSError):  # the relay resets the connection after its limit
            for number in itertools.count():
                visitor.send(b"X-%d: x\r\n" % number)
                with contextlib.suppress(socket.timeout):
                    if not visitor.fill():
                        raise OSError
                assert time.monotonic() - since < harness.DEADLINE
        assert time.monotonic() - since >= SHORT * 0.9
        assert visitor.buffer.startswith(b"HTTP/1.1 408 ")


def test_a_silent_visitor_is_let_go(limited):
    tunnel = limited("head-time=1s")
    since = time.monotonic()
    with tunnel.visit() as visitor:
        assert visitor.rest() == b""
        assert time.monotonic() - since >= SHORT * 0.9


def test_a_kept_connection_is_let_go(limited):
    tunnel = limited("keepalive-time=1s")
    with tunnel.visit() as visitor:
        since = time.monotonic()
        assert visitor.fetch("GET", "/").status == 200
        assert visitor.rest() == b""
        assert time.monotonic() - since >= SHORT * 0.9


@pytest.mark.parametrize("pause", [None, 0.2], ids=["stalls", "drips"])
@pytest.mark.parametrize("framing", [("Content-Length", "1000"), ("Transfer-Encoding", "chunked")],
                         ids=["length", "chunked"])
def test_an_upload_slower_than_the_rate_is_cut(limited, pause, framing):
    tunnel = limited("body-time=1s", "rate=100")
    tunnel.origin.on("/slow", lambda exchange: list(exchange.body()))
    with tunnel.visit() as visitor:
        since = time.monotonic()
        visitor.send(visitor.head("POST", "/slow", [framing]))
        visitor.sock.settimeout(pause)
        while pause:
            visitor.send(b"1\r\nx\r\n")
            with contextlib.suppress(socket.timeout):
                visitor.fill()
                break
        visitor.sock.settimeout(harness.DEADLINE)
        assert visitor.response().status == 408
        assert time.monotonic() - since >= SHORT * 0.9


def test_an_upload_at_the_rate_takes_as_long_as_it_needs(limited):
    tunnel = limited("body-time=3s", "rate=100")
    with tunnel.visit() as visitor:
        visitor.send(visitor.head("POST", "/echo", [("Content-Length", "5000")]))
        for _ in range(50):  # 100 bytes every 100 ms: ten times the rate
            visitor.send(b"x" * 100)
            time.sleep(0.1)
        assert visitor.response().json()["size"] == 5000


def test_trailers_that_do_not_come_are_not_waited_for(limited):
    tunnel = limited("body-time=1s")
    with tunnel.visit() as visitor:
        since = time.monotonic()
        visitor.send(visitor.head("POST", "/echo", [("Transfer-Encoding", "chunked")]))
        visitor.send(b"5\r\nhello\r\n0\r\nX: ")
        assert visitor.response().status == 408
        assert time.monotonic() - since >= SHORT * 0.9


def test_a_service_that_must_answer_in_time_and_does_not_is_a_504(limited):
    tunnel = limited(agent=["answer-time=1s"])

    def thinks(exchange):
        tunnel.origin.tell("asked")
        exchange.peer_leaves()
        tunnel.origin.tell("left")

    tunnel.origin.on("/thinks", thinks)
    since = time.monotonic()
    answer = tunnel.fetch("GET", "/thinks")
    assert (answer.status, answer.code) == (504, "ADIT-UPSTREAM-TIMEOUT")
    assert time.monotonic() - since >= SHORT * 0.9
    assert [tunnel.origin.told(), tunnel.origin.told()] == ["asked", "left"]


def test_the_time_to_answer_does_not_run_while_the_request_comes(limited):
    tunnel = limited(agent=["answer-time=1s"])
    with tunnel.visit() as visitor:
        visitor.send(visitor.head("POST", "/echo", [("Content-Length", "4")]))
        for _ in range(4):
            visitor.send(b"x")
            time.sleep(0.5)
        assert visitor.response().json()["size"] == 4


# Visitors that do not read.

def endless(exchange):
    exchange.head(200, [("Transfer-Encoding", "chunked")])
    for piece in itertools.repeat(b"x" * 10000):
        exchange.chunk(piece)


def test_a_visitor_that_stops_reading_is_cut_by_a_reset(limited):
    tunnel = limited("send-time=1s")

    def tells(exchange):
        try:
            endless(exchange)
        except OSError:
            tunnel.origin.tell("cut off")

    tunnel.origin.on("/endless", tells)
    with tunnel.visit() as visitor:
        since = time.monotonic()
        visitor.request("GET", "/endless")
        assert tunnel.origin.told(harness.DEADLINE) == "cut off"
        assert time.monotonic() - since >= SHORT * 0.9
        with pytest.raises(Truncated):
            while visitor.fill():
                pass


def test_a_visitor_that_reads_slowly_but_at_the_rate_is_not_cut(limited):
    tunnel = limited("send-time=2s", "rate=100")
    with Client(tunnel.relay.address, tunnel.host, slow=True) as visitor:
        visitor.request("GET", f"/bytes?size={8 << 20}")
        since = time.monotonic()
        while time.monotonic() - since < 6 * SHORT:
            assert visitor.sock.recv(200)  # at most 10,000 bytes a second
            time.sleep(0.02)


def test_an_event_stream_may_be_left_unread(limited):
    """The event stream outlasts a response that begins later and is cut by the limit."""
    tunnel = limited("send-time=1s")

    def events(exchange):
        exchange.head(200, [("Content-Type", "text/event-stream"), ("Connection", "close")])
        exchange.send(b"data: x\n\n" * (4 << 20))
        exchange.close()

    def tells(exchange):
        try:
            endless(exchange)
        except OSError:
            tunnel.origin.tell("cut off")

    tunnel.origin.on("/events", events)
    tunnel.origin.on("/endless", tells)
    with tunnel.visit() as visitor, tunnel.visit() as other:
        visitor.request("GET", "/events")
        head = visitor.response_head()
        exchange, = (e for e in tunnel.origin.exchanges if e.request.path == "/events")
        until_stalled(tunnel, exchange.wire.sock, lambda: exchange.sent, 1)
        other.request("GET", "/endless")
        assert tunnel.origin.told() == "cut off"
        assert sum(map(len, visitor.response_body(head))) == 9 * (4 << 20)


# Visitors that leave while the service does not read.

def test_a_visitor_that_resets_a_stalled_upload_is_noticed(tunnel):
    """A FIN would wait in the visitor's kernel behind the unsent bytes."""
    def stalls(exchange):
        tunnel.origin.tell("asked")
        assert go_on.wait(harness.DEADLINE)
        try:
            for _ in exchange.body():
                pass
            tunnel.origin.tell("complete")
        except Truncated:
            tunnel.origin.tell("truncated")

    def push():
        """Sends until the kernel takes no more. Returns the number of bytes sent so far."""
        nonlocal sent
        with contextlib.suppress(BlockingIOError):
            while sent < most:
                sent += visitor.sock.send(b"x" * 65536)
        return sent

    go_on = threading.Event()
    tunnel.origin.on("/stalls", stalls)
    visitor = tunnel.visit()
    visitor.send(visitor.head("POST", "/stalls", [("Content-Length", str(1 << 30))]))
    visitor.sock.setblocking(False)
    sent, most = 0, 16 << 20
    assert tunnel.origin.told() == "asked"
    until_stalled(tunnel, visitor.sock, push, most)
    visitor.reset()
    tunnel.agent.wait_for(r"POST   /stalls +reset$")
    go_on.set()
    assert tunnel.origin.told(harness.DEADLINE) == "truncated"


# Counts.

def visitors(tunnel, count):
    """`count` visitors, each with an exchange in progress."""
    tunnel.origin.on("/begun", lambda exchange: (tunnel.origin.tell("asked"),
                                                 exchange.reply(b"".join(exchange.body()))))
    made = [tunnel.visit() for _ in range(count)]
    for each in made:
        each.send(each.head("POST", "/begun", [("Content-Length", "1")]))
        assert tunnel.origin.told() == "asked"
    return made


def finish(visitor):
    visitor.send(b"x")
    return visitor.response()


def test_an_address_may_have_so_many_connections_and_no_more(limited):
    tunnel = limited("visitors-per-address=4")  # the agent's does not count
    made = visitors(tunnel, 4)
    try:
        refused(tunnel.fetch("GET", "/"), 429, "ADIT-TOO-MANY-REQUESTS")
        assert all(finish(each).status == 200 for each in made)
    finally:
        for each in made:
            each.close()
    until(lambda: tunnel.fetch("GET", "/").status == 200, "there is room again", harness.DEADLINE)


def test_a_full_relay_says_so(limited):
    tunnel = limited("visitors=4")  # the agent's does not count
    made = visitors(tunnel, 4)
    refused(tunnel.fetch("GET", "/"), 503, "ADIT-RELAY-FULL")
    assert all(finish(each).status == 200 for each in made)
    for each in made:
        each.close()


def test_a_full_relay_lets_an_idle_visitor_go_for_a_new_one(limited):
    tunnel = limited("visitors=4")  # the agent's does not count
    made = [tunnel.visit() for _ in range(4)]
    for each in made:
        assert each.fetch("GET", "/").status == 200
    with tunnel.visit() as another:
        assert another.fetch("GET", "/").status == 200
        assert made[0].is_closed()  # idle for longest
        assert made[1].fetch("GET", "/").status == 200
    for each in made:
        each.close()


def test_a_tunnel_has_so_many_exchanges_and_no_more(limited):
    tunnel = limited("streams=4")
    go_on = threading.Event()

    def waits(exchange):
        tunnel.origin.tell("asked")
        assert go_on.wait(harness.DEADLINE)
        exchange.reply("at last")

    tunnel.origin.on("/waits", waits)
    made = [tunnel.visit() for _ in range(4)]
    for each in made:
        each.request("GET", "/waits")
    assert [tunnel.origin.told() for _ in made] == ["asked"] * 4
    answer = tunnel.fetch("GET", "/")
    assert (answer.status, answer.code) == (503, "ADIT-TOO-MANY-STREAMS")
    go_on.set()
    assert [each.response().body for each in made] == [b"at last"] * 4
    assert tunnel.fetch("GET", "/").body == b"hello"
    for each in made:
        each.close()


def full(tunnel, path, fields=()):
    """Starts two exchanges on this path, as many as the limit, and checks that a third gets 503."""
    made = [tunnel.visit() for _ in range(2)]
    for each in made:
        each.request("GET", path, fields)
    assert [tunnel.origin.told() for _ in made] == ["asked"] * 2
    # A slow visitor may be shed after a second (LIMIT_SHED_AGE_MS).
    since = time.monotonic()
    until(lambda: time.monotonic() - since > 1.5 * SHORT, "they are old enough to be shed")
    assert tunnel.fetch("GET", "/").status == 503
    return made


@pytest.mark.parametrize("fields", [
    [], [("Connection", "upgrade"), ("Upgrade", "foo")],
    [("Connection", "upgrade"), ("Upgrade", "h2c")],
    [("Content-Length", "5"), ("Expect", "100-continue")]],
    ids=["get", "offer", "h2c", "awaits 100"])
def test_a_full_tunnel_sheds_no_stream_that_waits_for_the_service(limited, fields):
    tunnel = limited("streams=2")
    go_on = threading.Event()

    def waits(exchange):
        tunnel.origin.tell("asked")
        assert go_on.wait(harness.DEADLINE)
        exchange.reply("at last", 200, [("Connection", "close")])
        exchange.keep = False

    tunnel.origin.on("/waits", waits)
    made = full(tunnel, "/waits", fields)
    go_on.set()
    assert [each.response().body for each in made] == [b"at last"] * 2
    for each in made:
        each.close()


def test_a_full_tunnel_sheds_no_event_stream_that_is_read(limited):
    tunnel = limited("streams=4")  # two of the four are event streams
    go_on = threading.Event()

    def works(exchange):
        exchange.head(200, [("Transfer-Encoding", "chunked")])
        tunnel.origin.tell("asked")
        while not go_on.wait(0.1):
            exchange.chunk(b"x")
        exchange.last_chunk()

    tunnel.origin.on("/works", works)
    working = [tunnel.visit() for _ in range(2)]
    for each in working:
        each.request("GET", "/works")
        assert tunnel.origin.told() == "asked"

    def events(exchange):
        exchange.head(200, [("Content-Type", "text/event-stream"), ("Connection", "close")])
        tunnel.origin.tell("asked")
        while not go_on.wait(0.1):
            exchange.send(b"data: x\n\n")
        exchange.send(b"data: last\n\n")
        exchange.close()

    tunnel.origin.on("/events", events)
    made = full(tunnel, "/events")
    go_on.set()
    for each in made:
        body = b"".join(each.response_body(each.response_head()))
        assert body.endswith(b"data: last\n\n")
        each.close()
    for each in working:
        assert each.response().status == 200
        each.close()


@pytest.mark.parametrize("size", [140_000, 260_000], ids=["in the relay", "in the tunnel too"])
def test_a_visitor_whose_answer_is_still_leaving_makes_no_room(limited, size):
    tunnel = limited("visitors=1")  # the agent's does not count
    with Client(tunnel.relay.address, tunnel.host, slow=True) as slow:
        slow.request("GET", f"/bytes?size={size}&seed=3")  # more than the kernels take
        tunnel.agent.wait_for("GET    /bytes")
        with tunnel.visit() as another:
            refused(another.fetch("GET", "/"), 503, "ADIT-RELAY-FULL")
        assert bodies.sha256(slow.response_body(slow.response_head())) == (
            bodies.digest(3, size))


@pytest.mark.parametrize("fields", [[], [("Connection", "upgrade"), ("Upgrade", "foo")]],
                         ids=["get", "offer"])
def test_the_time_to_answer_runs_for_an_offer_too(limited, fields):
    tunnel = limited(agent=["answer-time=1s"])
    tunnel.origin.on("/thinks", lambda exchange: exchange.peer_leaves())
    answer = tunnel.fetch("GET", "/thinks", fields)
    assert (answer.status, answer.code) == (504, "ADIT-UPSTREAM-TIMEOUT")


# Tunnels.

def bind(peer, number, name):
    peer.control(type="bind", id=str(number), name=name)
    said = peer.said()[1]
    return said.get("code") or said["type"]


def test_a_tunnel_has_so_many_names_and_no_more(tmp_path):
    limit = ("--limit", "names-per-tunnel=3")
    with harness.Relay(tmp_path, *limit) as relay, AgentPeer(relay, harness.DEADLINE, "a") as peer:
        assert [bind(peer, number, name) for number, name in ((2, "b"), (3, "c"), (4, "d"))] == [
            "bound", "bound", "ADIT-TOO-MANY-NAMES"]
        assert bind(peer, 5, "c") == "ADIT-REPLACED"  # the earlier bind, replaced by this one
        assert peer.said()[1]["type"] == "bound"


def test_a_relay_has_so_many_tunnels_and_no_more(tmp_path):
    with harness.Relay(tmp_path, "--limit", "tunnels=2") as relay:
        with AgentPeer(relay, harness.DEADLINE, "a"), AgentPeer(relay, harness.DEADLINE, "b"):
            with pytest.raises(AssertionError, match="ADIT-TOO-MANY-NAMES"):
                AgentPeer(relay, harness.DEADLINE, "c")
            with AgentPeer(relay, harness.DEADLINE, "a") as again:  # an owner gets its own name
                assert again.bound["name"] == "a"
        until(lambda: relay.visit().fetch("GET", "/_adit/health").json()["tunnels"] == 0,
              "both are gone", harness.DEADLINE)


def test_so_many_tunnels_may_be_without_a_name_and_no_more(tmp_path):
    with harness.Relay(tmp_path, "--limit", "handshakes=2", "--limit", "hello-time=1s") as relay:
        since = time.monotonic()
        silent = [AgentPeer(relay, harness.DEADLINE, greet=False) for _ in range(3)]
        assert silent[0].close_code() == 1001  # the oldest makes room for the newest
        assert [peer.close_code() for peer in silent[1:]] == [1002, 1002]
        assert time.monotonic() - since >= SHORT * 0.9
        with AgentPeer(relay, harness.DEADLINE, "a") as peer:
            assert peer.bound["name"] == "a"


def test_a_lost_name_is_known_for_its_time(tmp_path):
    with harness.Relay(tmp_path, "--limit", "gone-time=4s") as relay:
        peer = AgentPeer(relay, harness.DEADLINE, "lost")
        since = time.monotonic()
        peer.close()

        def status():
            with relay.visit("lost.localhost") as visitor:
                return visitor.fetch("GET", "/").status

        until(lambda: status() == 503, "the link is known to be lost", harness.DEADLINE)
        until(lambda: status() == 404, "the name is forgotten", harness.DEADLINE)
        assert time.monotonic() - since >= 4 * SHORT * 0.9


@pytest.mark.parametrize("wrong", ["head-time=1", "nonsense=1", "head-bytes=1", "visitors"])
def test_an_invalid_limit_is_told(tmp_path, wrong):
    program = harness.Program(tmp_path, "aditd", "--limit", wrong)
    assert program.exit_code() == 2
    assert f"--limit {wrong}: " in program.text("stderr")
