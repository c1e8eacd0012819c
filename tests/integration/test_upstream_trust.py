# SPDX-License-Identifier: MIT
"""A request that cannot be repeated is sent once, and never on a connection that its service may be
about to close."""
import select
import socket
import subprocess
import threading
import time

import pytest
from client import until
from harness import BIN, environment
from lan import LanProxied, LanTunnel
from patience import DEADLINE

ROUNDS = 40
PATIENCE = 1000
# Too short for an idle connection to prove, on any machine, that the service keeps connections.
UNPROVEN = ("--upstream-keepalive", "1s")
POSTS = [("POST", 4, False), ("POST", 0, False), ("POST", 4, True), ("PATCH", 4, False),
         ("PUT", 4, False), ("DELETE", 4, False), ("POST", 3_000_000, False)]


@pytest.fixture(params=["proxy", "tunnel"])
def make(request, tmp_path):
    """Makes a tunnel or a proxy in front of its own service, with these options."""
    ways = []

    def start(*args, **options):
        kind = LanProxied if request.param == "proxy" else LanTunnel
        way = kind(tmp_path / str(len(ways)), *args, **options)
        ways.append(way)
        way.steady = way.visit()  # after a body, a connection is kept for its visitor
        way.origin.on("/leaves", leaves)
        way.origin.on("/kept", kept)
        return way
    yield start
    for way in ways:
        way.steady.close()
        way.close()


def leaves(exchange):
    """Answers, then reads nothing more, and closes when more arrives or the other end leaves."""
    for _ in exchange.body():
        pass
    exchange.reply("told")
    select.select([exchange.wire.sock], [], [], DEADLINE)
    exchange.close()


def kept(exchange):
    for _ in exchange.body():
        pass
    exchange.reply(str(exchange.request.connection))


def connection(way, method="GET", path="/kept", body=None):
    answer = way.steady.fetch(method, path, body=body)
    assert answer.status == 200, (answer.status, answer.code)
    return int(answer.body)


def reuses(way, fields=()):
    """Whether a second POST comes on the same connection within some rounds."""
    if fields:
        way.origin.on("/kept", lambda exchange: (
            list(exchange.body()),
            exchange.reply(str(exchange.request.connection), fields=fields)))
    return any(connection(way, "POST", body=b"x") == connection(way, "POST", body=b"x")
               for _ in range(ROUNDS))


@pytest.mark.parametrize("method, size, chunked", POSTS)
def test_a_service_that_goes_on_with_no_connection_loses_no_request(make, method, size, chunked):
    way = make(*UNPROVEN)
    for number in range(ROUNDS):
        answer = way.fetch(method, f"/leaves?{number}", body=bytes(size), chunked=chunked)
        assert (answer.status, answer.body) == (200, b"told"), answer
    seen = [request.target for request in way.origin.seen("/leaves")]
    assert len(seen) == len(set(seen)) == ROUNDS


def test_evidence_from_gets_does_not_count_for_posts(make):
    """The service keeps connections after GETs, and closes them after POSTs."""
    way = make(*UNPROVEN)
    until(lambda: connection(way) == connection(way), "a connection is used again")
    for number in range(ROUNDS):
        assert way.fetch("POST", f"/leaves?{number}", body=b"x").status == 200
    assert len(way.origin.seen("/leaves")) == ROUNDS


def test_a_service_that_has_answered_behind_a_post_is_believed(make):
    way = make()

    def again():
        post = connection(way, "POST", body=b"")
        return post == connection(way) and reuses(way)
    until(again, "a POST on a connection that was used before")


def test_a_service_that_has_kept_a_connection_is_believed(make):
    way = make("--upstream-keepalive", "2s")
    connection(way, "POST", body=b"x")
    until(lambda: way.origin.open_connections == 0, "the connection is let go")
    assert reuses(way)


def test_a_service_that_is_asked_on_and_on_is_tried_and_not_again_for_long_if_it_fails(make):
    """Trying saves ports: connections that are used only once exhaust them."""
    way = make(*UNPROVEN)
    with way.visit() as visitor:
        def post(path):
            return visitor.fetch("POST", path, body=b"x")

        before = [post("/kept").body for _ in range(PATIENCE)]
        assert len(set(before)) == PATIENCE
        until(lambda: post("/kept").body == post("/kept").body, "it is tried")
        statuses = [post("/leaves").status for _ in range(PATIENCE)]
        assert statuses.count(502) <= 1 and set(statuses) <= {200, 502}


def test_a_service_that_says_for_how_long_it_keeps_connections_is_believed(make):
    assert reuses(make(), [("Keep-Alive", "timeout=5, max=1000")])
    assert reuses(make(), [("Keep-Alive", "timeout=99999999999999")])
    assert reuses(make(), [("Connection", "keep-alive")])
    assert not reuses(make(), [("Connection", "keep-alive"), ("Keep-Alive", "timeout=1")])


@pytest.mark.parametrize("value", ["timeout=1", "timeout=0", "max=100", "timeout", "timeout=x", ""])
def test_a_service_that_says_too_little_of_that_is_not(make, value):
    assert not reuses(make(*UNPROVEN), [("Keep-Alive", value)])


def test_a_service_that_was_seen_to_close_is_not_believed_any_more(make):
    way = make(*UNPROVEN)
    until(lambda: connection(way, "POST", body=b"") == connection(way) and reuses(way), "belief")
    connection(way, "POST", body=b"x")
    way.origin.drop_connections()
    until(lambda: way.origin.open_connections == 0, "all connections are closed")
    assert not reuses(way)


def test_a_service_that_has_closed_everything_before_a_request_loses_none(make):
    """A restarted service, for example, closes all idle connections at once."""
    way = make()
    for number in range(ROUNDS):
        until(lambda: connection(way, "POST", body=b"") == connection(way), "a connection")
        visitors = [way.visit() for _ in range(4)]
        for visitor in visitors:
            visitor.request("GET", "/kept")
        for visitor in visitors:
            assert visitor.response().status == 200
            visitor.close()
        way.origin.drop_connections()
        until(lambda: way.origin.open_connections == 0, "all connections are closed")
        assert way.fetch("POST", f"/kept?{number}", body=b"x").status == 200
    seen = [request.target for request in way.origin.seen("/kept") if "?" in request.target]
    assert len(seen) == ROUNDS


def test_a_service_that_serves_one_connection_at_a_time_answers(make):
    """A connection not trusted with a request is closed, so that the service accepts the new
    one."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        def serve():
            while True:
                try:
                    sock, _ = listener.accept()
                except OSError:
                    return
                with sock:
                    data = b"."
                    while data:
                        data = sock.recv(65536)
                        if data.endswith(b"body"):
                            sock.sendall(b"HTTP/1.1 200 Told\r\nContent-Length: 2\r\n\r\nok")
        threading.Thread(target=serve, daemon=True).start()
        way = make(upstream=f"127.0.0.1:{listener.getsockname()[1]}")
        for _ in range(ROUNDS):
            assert way.fetch("POST", "/", body=b"body").body == b"ok"
        listener.shutdown(socket.SHUT_RDWR)


def test_nobody_waits_for_what_is_kept_for_a_visitor_of_a_service_of_one_connection(make):
    """The service announces that it keeps connections, so a connection is kept after a body."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        def serve():
            while True:
                try:
                    sock, _ = listener.accept()
                except OSError:
                    return
                with sock:
                    while data := sock.recv(65536):
                        if data.endswith((b"body", b"\r\n\r\n")):
                            sock.sendall(b"HTTP/1.1 200 Told\r\nConnection: keep-alive\r\n"
                                         b"Content-Length: 2\r\n\r\nok")
        threading.Thread(target=serve, daemon=True).start()
        way = make(upstream=f"127.0.0.1:{listener.getsockname()[1]}")
        begun = time.monotonic()
        for _ in range(ROUNDS):
            assert way.steady.fetch("POST", "/", body=b"body").body == b"ok"
            assert way.fetch("GET", "/").body == b"ok"
        assert time.monotonic() - begun < ROUNDS / 2  # no request waits for a connection
        listener.shutdown(socket.SHUT_RDWR)


def test_a_service_that_says_close_and_does_not_is_closed(make):
    way = make()

    def stays(exchange):
        exchange.reply(str(exchange.request.connection), fields=[("Connection", "close")])
        exchange.peer_leaves()
    way.origin.on("/stays", stays)
    assert len({connection(way, method, "/stays") for method in ("GET", "POST") * ROUNDS}) == (
        2 * ROUNDS)
    until(lambda: way.origin.open_connections == 0, "no connection is left")


@pytest.mark.parametrize("says, again", [(b"Connection: keep-alive\r\n", True), (b"", False)])
def test_a_service_of_http_10_keeps_connections_when_it_says_so(make, says, again):
    way = make()

    def old(exchange):
        number = b"%d" % exchange.request.connection
        exchange.wire.send(b"HTTP/1.0 200 Told\r\n%sContent-Length: %d\r\n\r\n%s" %
                           (says, len(number), number))
    way.origin.on("/old", old)
    used = [connection(way, path="/old") for _ in range(ROUNDS)]
    assert (len(set(used)) < ROUNDS) == again


# --upstream-keepalive

def test_nothing_is_kept_when_nothing_is_to_be(make):
    way = make("--upstream-keepalive", "off")
    assert len({connection(way) for _ in range(ROUNDS)}) == ROUNDS
    assert {request.get("Connection") for request in way.origin.seen("/kept")} == {"close"}
    way.fetch("GET", "/echo", fields=[("TE", "trailers"), ("Connection", "TE")])
    assert set(way.origin.seen("/echo")[0].fields.tokens("Connection")) == {"close", "te"}
    way.fetch("GET", "/hello", fields=[("Connection", "Upgrade"), ("Upgrade", "other")])
    until(lambda: way.origin.open_connections == 0, "no connection is left")


def test_a_service_that_closes_behind_its_answers_is_served_with_it_off(make):
    way = make("--upstream-keepalive", "off")
    for number in range(ROUNDS):
        for method in ("GET", "POST"):
            assert way.fetch(method, f"/leaves?{number}", body=None).status == 200
    assert len(way.origin.seen("/leaves")) == 2 * ROUNDS


@pytest.mark.parametrize("value", ["on", "100ms", "30s", "1h", "1d"])
def test_connections_are_kept_for_the_time_that_is_said(make, value):
    way = make("--upstream-keepalive", value)
    until(lambda: connection(way) == connection(way), "a connection is used again")
    if value == "100ms":
        until(lambda: way.origin.open_connections == 0, "it is closed again")


@pytest.mark.parametrize("command", [["http", "9"], ["proxy", "--url", "9"]])
@pytest.mark.parametrize("value", ["", "yes", "5", "0", "99ms", "25h", "-1s", "On", "1 s"])
def test_an_invalid_time_is_refused(tmp_path, command, value):
    done = subprocess.run([BIN / "adit", *command, "--upstream-keepalive", value],
                          capture_output=True, text=True, timeout=DEADLINE,
                          env=environment(tmp_path))
    assert done.returncode == 2
    assert "--upstream-keepalive is on, off or a time like 30s, from 100ms to 24h" in done.stderr


@pytest.mark.parametrize("method", ["GET", "PUT"])
def test_an_empty_body_makes_no_request_one_that_cannot_be_repeated(make, method):
    way = make(*UNPROVEN)
    assert connection(way, method, body=b"") == connection(way, method, body=b"")
