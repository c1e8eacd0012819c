# SPDX-License-Identifier: MIT
"""An answer reaches only the visitor that asked for it, even from a service that parses a request's
body as the next request or sends more answers than there were requests."""
import functools
import http.server
import socket
import threading

import pytest
from harness import Proxied, Tunnel
from lan import LanProxied, LanTunnel
from patience import DEADLINE

ROUNDS = 30
SMUGGLED = b"GET /smuggled/ HTTP/1.1\r\nHost: a\r\n\r\n"
MANY = 3000  # files in a directory, whose listing takes a while
KINDS = {"proxy": Proxied, "tunnel": Tunnel}
LAN_KINDS = {"proxy": LanProxied, "tunnel": LanTunnel}


def ways(kinds):
    @pytest.fixture(params=kinds)
    def make(request, tmp_path):
        """Makes a way to a service."""
        made = []

        def start(upstream=None, *args):
            made.append(kinds[request.param](tmp_path / str(len(made)), *args, upstream=upstream))
            return made[-1]
        yield start
        for way in made:
            way.close()
    return make


make = ways(KINDS)
make_lan = ways(LAN_KINDS)


@pytest.fixture
def stock(tmp_path):
    """Python's own file server with HTTP/1.1: it does not read the body of a GET."""
    site = tmp_path / "site"
    site.mkdir()
    for name in ("first", "victim"):
        (site / name).write_text(f"this is {name}")
    (site / "smuggled").mkdir()
    for number in range(MANY):
        (site / "smuggled" / str(number)).touch()

    class Handler(http.server.SimpleHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, *_):
            pass

    handler = functools.partial(Handler, directory=site)
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield f"127.0.0.1:{server.server_address[1]}"
        server.shutdown()
        thread.join()


class Deaf:
    """A service that reads heads only, and so parses a body as the next request. Its answers behind
    the one to /early wait until `go` is set."""

    def __init__(self):
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=256)
        self.address = f"127.0.0.1:{self.listener.getsockname()[1]}"
        self.seen = []  # (connection, target, head)
        self.go = threading.Event()
        self.accepted = 0
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        while True:
            try:
                sock, _ = self.listener.accept()
            except OSError:
                return
            self.accepted += 1
            threading.Thread(target=self._serve, args=(sock, self.accepted), daemon=True).start()

    def _serve(self, sock, number):
        data = b""
        with sock:
            while True:
                while b"\r\n\r\n" not in data:
                    try:
                        more = sock.recv(65536)
                    except OSError:
                        return
                    if not more:
                        return
                    data += more
                head, _, data = data.partition(b"\r\n\r\n")
                line = head.split(b"\r\n")[0].split(b" ")
                target = line[1].decode() if len(line) == 3 else "/bad"
                self.seen.append((number, target, head.decode("latin-1")))
                if target == "/smuggled/":
                    self.go.wait(DEADLINE)
                text = b"this is " + target[1:].encode()
                told = b"HTTP/1.1 200 Told\r\nConnection: keep-alive\r\nContent-Length: %d\r\n\r\n"
                try:
                    sock.sendall(told % len(text) + text)
                except OSError:
                    return

    def close(self):
        self.go.set()
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()


@pytest.fixture
def deaf():
    service = Deaf()
    yield service
    service.close()


def victims_get_their_own(way, count=4):
    for _ in range(count):
        assert way.fetch("GET", "/victim").body == b"this is victim"


ATTACKS = [("GET", False), ("GET", True), ("POST", False), ("PUT", True), ("DELETE", False),
           ("OPTIONS", False), ("HEAD", False)]


@pytest.mark.parametrize("chunked", [False, True])
def test_a_body_that_is_a_request_answers_nobody_else_of_stock_software(make, stock, chunked):
    """The smuggled request takes long, and another visitor asks meanwhile."""
    way = make(stock)
    with way.visit() as attacker, way.visit() as victim:
        for _ in range(ROUNDS // 3):
            answer = attacker.fetch("GET", "/first", body=SMUGGLED, chunked=chunked)
            assert answer.body == b"this is first"
            assert victim.fetch("GET", "/victim").body == b"this is victim"


@pytest.mark.parametrize("method, chunked", ATTACKS)
def test_a_body_that_is_not_read_answers_nobody_else(make, deaf, method, chunked):
    """Holds for any method, since a handler of POST need not read the body, and for an answer that
    comes late."""
    way = make(deaf.address)
    deaf.go.set()
    for _ in range(ROUNDS):
        assert way.fetch(method, "/first", body=SMUGGLED, chunked=chunked).status == 200
        victims_get_their_own(way, 2)


def test_an_answer_that_comes_late_is_nobodys(make, deaf):
    way = make(deaf.address)
    with way.visit() as victim:
        for _ in range(ROUNDS):
            deaf.go.clear()
            assert way.fetch("POST", "/first", body=SMUGGLED).body == b"this is first"
            victim.request("GET", "/victim")  # as soon as there is a connection for it
            deaf.go.set()
            assert victim.response().body == b"this is victim"


def test_an_empty_chunked_body_is_one_too(make, deaf):
    """The last chunk of an empty body is a line that must be read."""
    way = make(deaf.address)
    for _ in range(ROUNDS):
        with way.visit() as attacker:
            attacker.send(attacker.head("GET", "/first", [("Transfer-Encoding", "chunked")]) +
                          b"0\r\n\r\n")
            assert attacker.response().body == b"this is first"
        victims_get_their_own(way, 2)


def connections_of(service, target):
    return [number for number, seen, _ in service.seen if seen == target]


def test_requests_without_a_body_share_connections(make, deaf):
    way = make(deaf.address)
    for _ in range(ROUNDS):
        assert way.fetch("GET", "/victim", body=b"").body == b"this is victim"
        assert way.fetch("GET", "/victim").body == b"this is victim"
    assert len(set(connections_of(deaf, "/victim"))) < ROUNDS


def test_behind_a_body_from_loopback_the_service_is_told_that_its_connection_ends(make, deaf):
    """A proxy may stand there, one connection of which carries many visitors' requests."""
    way = make(deaf.address)
    with way.visit() as visitor:
        for _ in range(ROUNDS):
            assert visitor.fetch("POST", "/first", body=b"x").status == 200
    numbers = connections_of(deaf, "/first")
    assert len(set(numbers)) == len(numbers) == ROUNDS
    assert all("Connection: close" in head for _, target, head in deaf.seen if target == "/first")


def test_a_visitors_own_connection_goes_on_behind_its_bodies_and_nobody_elses(make_lan):
    way = make_lan()
    used = {}

    def number(exchange):
        for _ in exchange.body():
            pass
        exchange.reply(str(exchange.request.connection), fields=[("Connection", "keep-alive")])
    way.origin.on("/number", number)
    visitors = [way.visit() for _ in range(4)]
    for _ in range(ROUNDS):
        for visitor in visitors:
            answer = visitor.fetch("POST", "/number", body=b"x")
            used.setdefault(visitor, []).append(answer.body)
            bare = way.fetch("GET", "/number").body
            assert not any(bare in numbers for numbers in used.values())
    for visitor in visitors:
        visitor.close()
    assert all(len(set(numbers)) < ROUNDS for numbers in used.values()), used
    together = [each for numbers in used.values() for each in set(numbers)]
    assert len(together) == len(set(together)), "two visitors on one connection"


@pytest.mark.parametrize("field, value", [
    ("Via", "1.1 cache"), ("Forwarded", "for=192.0.2.7"), ("X-Forwarded-For", "192.0.2.7"),
    ("X-Real-IP", "192.0.2.7"), ("x-forwarded-proto", "https"), ("CF-Connecting-IP", "192.0.2.7"),
    ("CDN-Loop", "cache")])
def test_a_connection_that_says_it_is_a_proxys_is_no_visitors(make_lan, deaf, field, value):
    way = make_lan(deaf.address)
    with way.visit() as visitor:
        for _ in range(ROUNDS):
            assert visitor.fetch("POST", "/first", [(field, value)], body=b"x").status == 200
            # and no connection after that
            assert visitor.fetch("POST", "/first", body=b"x").status == 200
    numbers = connections_of(deaf, "/first")
    assert len(set(numbers)) == 2 * ROUNDS


def test_behind_an_answer_before_the_body_nobody_is_served(make_lan):
    """Not even the same visitor: the rest of the body would be parsed as a request."""
    way = make_lan()

    def early(exchange):
        exchange.reply(str(exchange.request.connection), fields=[("Connection", "keep-alive")])
        exchange.origin_told.set()
        for _ in exchange.body():
            pass
    numbers = []
    with way.visit() as visitor:
        for _ in range(ROUNDS):
            told = threading.Event()

            def handler(exchange, told=told):
                exchange.origin_told = told
                early(exchange)
            way.origin.on("/early", handler)
            visitor.send(visitor.head("POST", "/early", [("Content-Length", "5")]) + b"ab")
            answer = visitor.response()
            assert told.wait(DEADLINE)
            visitor.send(b"cde")
            numbers.append(answer.body)
    assert len(set(numbers)) == ROUNDS


@pytest.mark.parametrize("method, status", [("HEAD", 200), ("GET", 204), ("GET", 304)])
def test_bytes_behind_a_bodyless_answer_answer_nobody(make, method, status):
    """The service sends a body after a 304, a while later."""
    def late(exchange):
        sock = exchange.wire.sock
        exchange.keep = False
        sock.sendall(b"HTTP/1.1 %d Told\r\nConnection: keep-alive\r\nContent-Length: 60\r\n\r\n"
                     % status)
        if sock.recv(1, socket.MSG_PEEK):  # the next request, of whomever
            sock.sendall(b"HTTP/1.1 200 Told\r\nContent-Length: 8\r\n\r\nsmuggled")
            exchange.peer_leaves()

    way = make()
    way.origin.on("/late", late)
    for _ in range(ROUNDS):
        assert way.fetch(method, "/late", [("If-None-Match", "*")]).status == status
        assert way.fetch("GET", "/").body == b"hello"
