# SPDX-License-Identifier: MIT
"""nginx as the service and nginx before the relay: everything arrives unchanged."""
import gzip
import socket

import bodies
import harness
import nginx
import pytest
import wire
from client import Client

SIZE = 2_000_000

SERVICE = """
    keepalive_requests 1000;
    server {{
        listen 127.0.0.1:{port};
        root {directory}/www;
        gzip on;
        gzip_proxied any; # by default not for requests with a Via
        gzip_types text/plain;
        gzip_min_length 10;
        client_max_body_size 1m;
        location /files/ {{ alias {directory}/www/; gzip off; }}
        location /put/ {{
            alias {directory}/www/;
            client_max_body_size 0;
            dav_methods PUT DELETE;
        }}
        location /proxy/ {{
            client_max_body_size 0;
            proxy_pass http://{origin}/;
            proxy_http_version 1.1;
            proxy_set_header Host $http_host;
            proxy_set_header Connection "";
            proxy_request_buffering off;
            proxy_buffering off;
        }}
        location /small/ {{ return 200 "small"; }}
        location /limited/ {{
            proxy_pass http://{origin}/;
        }}
        location /closes/ {{ keepalive_timeout 0; return 200 "closes"; }}
        location /moved/ {{ absolute_redirect off; return 301 /elsewhere; }}
    }}
"""

FRONT = """
    map $http_upgrade $connection_upgrade {{ default upgrade; '' close; }}
    server {{
        listen 127.0.0.1:{port};
        client_max_body_size 0;
        location / {{
            proxy_pass http://127.0.0.1:{relay};
            proxy_http_version 1.1;
            proxy_set_header Host $http_host;
            proxy_set_header Upgrade $http_upgrade;
            proxy_set_header Connection $connection_upgrade;
            proxy_buffering off;
            proxy_request_buffering off;
        }}
    }}
"""


@pytest.fixture(scope="module")
def service(tunnel, tmp_path_factory):
    """A tunnel to an nginx that has the scripted origin behind it."""
    directory = tmp_path_factory.mktemp("nginx")
    (directory / "www").mkdir()
    (directory / "www" / "large").write_bytes(bodies.make(1, SIZE))
    (directory / "www" / "page.txt").write_text("compress me " * 1000)
    with nginx.Nginx(directory, SERVICE, origin=tunnel.origin.address) as server, harness.Tunnel(
            directory / "agent", relay=tunnel.relay, origin=tunnel.origin,
            upstream=server.address) as started:
        started.www = directory / "www"
        yield started


@pytest.fixture(scope="module")
def front(tunnel, tmp_path_factory):
    """An nginx before the relay; visits go to it."""
    with nginx.Nginx(tmp_path_factory.mktemp("front"), FRONT, relay=tunnel.relay.port) as server:
        yield lambda: Client(("127.0.0.1", server.port), tunnel.host, harness.DEADLINE)


def test_a_file_arrives_whole_and_its_fields_with_it(service):
    with service.visit() as visitor:
        for _ in range(3):
            answer = visitor.fetch("GET", "/files/large")
            assert bodies.sha256(answer.body) == bodies.digest(1, SIZE)
            assert answer.get("server").startswith("nginx")
            assert answer.get("etag") and answer.get("last-modified") and answer.get("date")
            assert answer.get("accept-ranges") == "bytes"
        head = visitor.fetch("HEAD", "/files/large")
        assert (head.get("content-length"), head.body) == (str(SIZE), b"")
        same = visitor.fetch("GET", "/files/large", [("If-None-Match", answer.get("etag"))])
        assert (same.status, same.get("etag"), same.body) == (304, answer.get("etag"), b"")
        assert visitor.fetch("GET", "/small/").body == b"small"


def test_ranges_of_a_file(service):
    whole = bodies.make(1, SIZE)
    with service.visit() as visitor:
        part = visitor.fetch("GET", "/files/large", [("Range", "bytes=1000000-1000999")])
        assert (part.status, part.body) == (206, whole[1_000_000:1_001_000])
        assert part.get("content-range") == f"bytes 1000000-1000999/{SIZE}"
        parts = visitor.fetch("GET", "/files/large", [("Range", "bytes=0-9,1000-1009,-10")])
        assert parts.status == 206
        kind, _, boundary = parts.get("content-type").partition("; boundary=")
        assert kind == "multipart/byteranges"
        pieces = parts.body.split(b"\r\n--" + boundary.encode())
        assert [piece.partition(b"\r\n\r\n")[2] for piece in pieces[1:4]] == [
            whole[:10], whole[1000:1010], whole[-10:]]
        beyond = visitor.fetch("GET", "/files/large", [("Range", f"bytes={SIZE}-")])
        assert (beyond.status, beyond.get("content-range")) == (416, f"bytes */{SIZE}")


def test_compressed_pages_stay_compressed(service):
    with service.visit() as visitor:
        packed = visitor.fetch("GET", "/page.txt", [("Accept-Encoding", "gzip")])
        assert packed.get("content-encoding") == "gzip"
        assert packed.get("transfer-encoding") == "chunked"
        assert gzip.decompress(packed.body) == b"compress me " * 1000
        plain = visitor.fetch("GET", "/page.txt")
        assert plain.get("content-encoding") is None
        assert plain.body == b"compress me " * 1000


@pytest.mark.parametrize("chunked", [False, True], ids=["length", "chunked"])
def test_a_file_that_is_put_arrives_whole(service, chunked):
    body = bodies.make(7, SIZE)
    with service.visit() as visitor:
        assert visitor.fetch("PUT", "/put/new", body=body, chunked=chunked).status == 201
        assert (service.www / "new").read_bytes() == body
        assert visitor.fetch("DELETE", "/put/new").status == 204
        assert visitor.fetch("GET", "/files/new").status == 404


@pytest.mark.parametrize("chunked", [False, True], ids=["length", "chunked"])
def test_a_413_is_read_whole_by_a_visitor_that_goes_on_sending(service, chunked):
    for _ in range(3):
        with service.visit() as visitor:
            try:
                visitor.request("POST", "/limited/echo", body=b"x" * 10_000_000, chunked=chunked)
            except ConnectionError:
                pass
            answer = visitor.response()
            assert answer.status == 413
            assert b"413 Request Entity Too Large" in answer.body


def test_an_upload_over_the_limit_is_refused_before_it_is_sent(service):
    with service.visit() as visitor:
        fields = [("Expect", "100-continue"), ("Content-Length", "20000000")]
        visitor.send(visitor.head("POST", "/limited/echo", fields))
        answer = visitor.response()
        assert (answer.status, answer.interim) == (413, [])


def test_an_expected_100_is_nginxs_own(service):
    with service.visit() as visitor:
        fields = [("Expect", "100-continue"), ("Content-Length", "5")]
        visitor.send(visitor.head("POST", "/limited/echo", fields))
        assert (visitor.line(), visitor.line()) == (b"HTTP/1.1 100 Continue", b"")
        visitor.send(b"12345")
        assert visitor.response().json()["size"] == 5


def test_its_connections_are_kept_and_those_it_closes_replaced(service):
    with service.visit() as visitor:
        for number in range(300):
            assert visitor.fetch("GET", "/small/").body == b"small"
            if number % 10 == 0:
                assert visitor.fetch("GET", "/closes/").body == b"closes"


def test_pipelined_requests_to_it(service):
    with service.visit() as visitor:
        targets = ["/small/", "/page.txt", "/moved/", "/files/none", "/closes/"] * 20
        visitor.send(b"".join(visitor.head("GET", target) for target in targets))
        assert [visitor.response().status for _ in targets] == [200, 200, 301, 404, 200] * 20


@pytest.mark.parametrize("chunked", [False, True], ids=["length", "chunked"])
def test_what_it_proxies_passes_both_ways(service, chunked):
    with service.visit() as visitor:
        seen = visitor.fetch("POST", "/proxy/echo?a=%2F", body=bodies.make(8, SIZE),
                             chunked=chunked).json()
        assert (seen["target"], seen["sha256"]) == ("/echo?a=%2F", bodies.digest(8, SIZE))
        fields = wire.Fields(map(tuple, seen["fields"]))
        assert fields.all("host") == [service.host]
        assert len(fields.all("via")) == 1
        got = visitor.fetch("GET", f"/proxy/bytes?size={SIZE}&seed=9&how=chunked")
        assert bodies.sha256(got.body) == bodies.digest(9, SIZE)


# nginx before the relay, as README says that a proxy may stand there.

def test_behind_a_proxy_everything_streams(front):
    with front() as visitor:
        visitor.send(visitor.head("POST", "/mirror", [("Transfer-Encoding", "chunked")]))
        stream = None
        for digit in b"0123456789":
            visitor.send(wire.chunk(b"%c" % digit))
            stream = stream or visitor.response_body(visitor.response_head())
            assert next(stream) == b"%c" % digit
        visitor.send(wire.last_chunk())
        assert list(stream) == []


def test_behind_a_proxy_bodies_arrive_whole(front):
    with front() as visitor:
        seen = visitor.fetch("PUT", "/echo", body=bodies.pieces(1, SIZE), chunked=True).json()
        assert seen["sha256"] == bodies.digest(1, SIZE)
        for how in ("length", "chunked", "close"):
            got = visitor.fetch("GET", f"/bytes?size={SIZE}&seed=3&how={how}")
            assert bodies.sha256(got.body) == bodies.digest(3, SIZE)


def test_behind_a_proxy_upgrades_work(front, tunnel):
    def shout(exchange):
        exchange.head(101, [("Connection", "upgrade"), ("Upgrade", "shout")])
        while exchange.wire.buffer or exchange.wire.fill():
            exchange.send(exchange.wire.take(1 << 20).upper())
        exchange.keep = False

    tunnel.origin.on("/shout", shout)
    with front() as visitor:
        visitor.request("GET", "/shout", [("Connection", "Upgrade"), ("Upgrade", "shout")])
        assert visitor.response_head().status == 101
        visitor.send(b"hello")
        assert visitor.exactly(5) == b"HELLO"
        visitor.sock.shutdown(socket.SHUT_WR)
        assert visitor.rest() == b""


def test_behind_a_proxy_a_cut_answer_is_seen(front, tunnel):
    def cut(exchange):
        exchange.head(200, [("Transfer-Encoding", "chunked")])
        exchange.chunk(b"half")
        assert exchange.wire.exactly(2) == b"go"
        exchange.close()

    tunnel.origin.on("/cut", cut)
    with front() as visitor:
        visitor.send(visitor.head("POST", "/cut", [("Content-Length", "10")]))
        head = visitor.response_head()
        stream = visitor.response_body(head)
        assert next(stream) == b"half"
        visitor.send(b"go")
        with pytest.raises(wire.Truncated):
            list(stream)
