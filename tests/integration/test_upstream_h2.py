# SPDX-License-Identifier: MIT
"""A service that speaks HTTP/2 (--upstream-protocol http2): what it is sent, what becomes of its
answers, and which requests it is sent again."""
import contextlib
import select
import socket
import ssl
import subprocess
import threading

import harness
import pytest
import record
from bodies import digest as digest_of, pieces
from client import Truncated, until
from h2_client import (CANCEL, DATA, END_HEADERS, HEADERS, INTERNAL_ERROR, NO_ERROR, REFUSED_STREAM, H2Client,
                       frame, window_update)
from h2_service import H2Service
from nginx import Nginx
from patience import BIN, DEADLINE
from tls_proxy import certificate

INVALID, CLOSED = "ADIT-UPSTREAM-INVALID", "ADIT-UPSTREAM-CLOSED"
FIRST_WINDOW = 65535  # until the service has announced another
CONNECTIONS = 16  # H2_UPSTREAM_CONNECTIONS
NO_HTTP2 = b"it does not speak HTTP/2: leave --upstream-protocol out"


def through(kind, directory, service, *args):
    return kind(directory, "--upstream-protocol", "http2", *args, origin=service)


def literals(fields):
    """HPACK without its library, which would correct what is wrong."""
    return b"".join(b"\x00" + b"".join(bytes([len(part)]) + part.encode() for part in field)
                    for field in fields)


class Other:
    """A service that answers each connection by `answer(socket)`, and speaks no HTTP/2."""

    def __init__(self, answer, scheme="http"):
        self.answer = answer
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.address = f"{scheme}://127.0.0.1:{self.listener.getsockname()[1]}"
        threading.Thread(target=self._run, daemon=True).start()

    def _run(self):
        while True:
            try:
                sock, _ = self.listener.accept()
            except OSError:
                return
            with sock, contextlib.suppress(OSError):
                self.answer(sock)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()


@pytest.fixture(params=[harness.Tunnel, harness.Proxied])
def kind(request):
    return request.param


@pytest.fixture
def proxied(tmp_path):
    """Starts a proxy in front of a service with this script."""
    opened = []

    def start(script, *args, **options):
        service = H2Service(script, **options)
        proxy = through(harness.Proxied, tmp_path, service, *args)
        opened.extend((service, proxy))
        return proxy, service
    yield start
    for each in reversed(opened):
        each.__exit__(None)


def test_a_request_and_its_answer_pass_in_plain_form(tmp_path, kind):
    def script(connection):
        request = connection.request()
        connection.head(request.stream, [(":status", "103"), ("link", "</x>")])
        connection.head(request.stream, [(":status", "200"), ("x-a", "1"), ("connection", "close"),
                                         ("x-b", " 2 ")])
        connection.data(request.stream, request.body[::-1])
        connection.head(request.stream, [("x-sum", "7")], end=True)
    with H2Service(script) as service, through(kind, tmp_path, service) as program:
        answer = program.fetch("POST", "/a?b=c", [("X-One", "1"), ("Cookie", "a=b; c=d"),
                                                  ("TE", "trailers"), ("Connection", "TE")],
                               body=b"hello", chunked=True)
        assert (answer.status, answer.body) == (200, b"olleh")
        assert [each.get("link") for each in answer.interim] == ["</x>"]
        assert (answer.get("x-a"), answer.get("x-b")) == ("1", "2")
        assert answer.trailers.get("x-sum") == "7"
        asked = service.requests[-1]
        assert asked.fields[:4] == [(":method", "POST"), (":scheme", "http"),
                                    (":authority", program.host), (":path", "/a?b=c")]
        names = [name for name, _ in asked.fields]
        assert names.count("te") == 1 and asked.get("te") == "trailers"
        assert asked.get("x-one") == "1" and asked.get("cookie") == "a=b; c=d"
        assert not {"connection", "host", "transfer-encoding", "content-length"} & {*names}


def test_trailers_of_a_request_pass(proxied):
    proxy, service = proxied(lambda connection: connection.serve())
    with proxy.visit() as visitor:
        visitor.send(visitor.head("POST", "/", [("Transfer-Encoding", "chunked")]) +
                     b"2\r\nhi\r\n0\r\nX-Sum: 9\r\nHost: b\r\n\r\n")
        assert visitor.response().body == b"hello"
    assert service.requests[-1].trailers == [("x-sum", "9")]


def test_lengths_are_kept_and_a_bodiless_request_ends_with_its_head(proxied):
    proxy, service = proxied(lambda connection: connection.serve())
    with proxy.visit() as visitor:
        assert visitor.fetch("POST", "/", body=b"12345").body == b"hello"
        assert visitor.fetch("GET", "/").body == b"hello"
    posted, got = service.requests
    assert posted.get("content-length") == "5" and posted.body == b"12345"
    assert got.get("content-length") is None and got.ended


def test_the_record_and_the_terminal_have_its_version(proxied):
    proxy, _ = proxied(lambda connection: connection.serve(), "--print-bodies")
    assert proxy.fetch("GET", "/").status == 200
    proxy.proxy.wait_for(r"HTTP/2 200")
    row = record.ended(proxy.proxy.data, "target='/' AND status=200")
    assert (row["protocol"], row["response_protocol"]) == ("HTTP/1.1", "HTTP/2")
    raw = subprocess.run([BIN / "adit", "show", row["id"], "--raw", "--data", proxy.proxy.data],
                         capture_output=True, check=True).stdout
    assert b"\r\nHTTP/1.1 200" in raw


@pytest.mark.parametrize("status", ["silent", "part"])
def test_the_programs_end_while_a_request_runs(tmp_path, kind, status):
    def script(connection):
        request = connection.request()
        if status == "part":
            connection.head(request.stream, [(":status", "200")])
            connection.data(request.stream, b"part")
    with H2Service(script) as service, through(kind, tmp_path, service) as program:
        visitor = program.visit()
        visitor.request("GET", "/")
        if status == "part":
            assert next(visitor.response_body(visitor.response_head())) == b"part"
        until(lambda: service.requests, "a request")
        program.agent.stop()  # checks the exit status
        visitor.close()


@pytest.mark.parametrize("method, status, length", [
    ("GET", "204", None), ("GET", "304", "5"), ("HEAD", "200", "5"), ("GET", "200", "0")])
@pytest.mark.parametrize("by_frame", [False, True])
def test_answers_without_a_body(proxied, method, status, length, by_frame):
    def script(connection):
        request = connection.request()
        more = [("content-length", length)] if length else []
        connection.head(request.stream, [(":status", status), *more], end=not by_frame)
        if by_frame:
            connection.data(request.stream, b"", end=True)
        connection.serve()
    proxy, _ = proxied(script)
    with proxy.visit() as visitor:
        answer = visitor.fetch(method, "/")
        assert (answer.status, answer.body) == (int(status), b"")
        assert answer.get("content-length") == length
        assert visitor.fetch("GET", "/").body == b"hello"


def test_an_answer_of_a_head_alone_has_no_length_and_ends_so(tmp_path, kind):
    def script(connection):
        while True:
            connection.head(connection.request().stream,
                            [(":status", "200"), ("grpc-status", "5")], end=True)
    with H2Service(script) as service, through(kind, tmp_path, service) as program:
        assert program.fetch("GET", "/").get("content-length") == "0"
        with H2Client(program.relay.address, program.host) as visitor:
            number = visitor.open(visitor.fields())
            stream = visitor.streams[number]
            visitor.until(lambda: stream.heads)
            assert stream.ended and stream.get("grpc-status") == "5" and len(stream.heads) == 1


def test_an_upgrade_is_not_offered(proxied):
    proxy, service = proxied(lambda connection: connection.serve())
    with proxy.visit() as visitor:
        answer = visitor.fetch("GET", "/", [("Connection", "Upgrade"), ("Upgrade", "websocket"),
                                            ("Sec-WebSocket-Key", "x" * 22 + "==")])
        assert (answer.status, answer.body) == (200, b"hello")
    assert service.requests[-1].get("upgrade") is None


@pytest.mark.parametrize("body", [None, b"small"])
@pytest.mark.parametrize("how", ["goaway", "reset"])
def test_what_was_not_processed_is_sent_again_elsewhere(proxied, body, how):
    def script(connection):
        if connection.number == 0:
            request = connection.request()
            if how == "goaway":
                connection.goaway(0)
            else:
                connection.reset(request, REFUSED_STREAM)
            return
        connection.serve()
    proxy, service = proxied(script)
    assert proxy.fetch("POST", "/", body=body).body == b"hello"
    assert [each.body for each in service.requests] == [body or b""] * 2


def test_a_request_is_sent_three_times_at_most(proxied):
    def script(connection):
        while True:
            connection.reset(connection.request(), REFUSED_STREAM)
    proxy, service = proxied(script)
    answer = proxy.fetch("GET", "/")
    assert answer.code == CLOSED and b"it reset the stream with REFUSED_STREAM" in answer.body
    assert len(service.requests) == 3


@pytest.mark.parametrize("size", [16 * 1024, 16 * 1024 + 1])
def test_a_body_is_kept_to_be_sent_again_up_to_its_bound(proxied, size):
    def script(connection):
        if connection.number == 0:
            connection.reset(connection.request(), REFUSED_STREAM)
        connection.serve()
    proxy, service = proxied(script)
    answer = proxy.fetch("POST", "/", body=b"x" * size)
    assert (answer.status == 200) == (size <= 16 * 1024)
    assert len(service.requests) == (2 if size <= 16 * 1024 else 1)


def test_what_may_have_been_processed_is_not_sent_again(proxied):
    def script(connection):
        connection.reset(connection.request(), INTERNAL_ERROR)
    proxy, service = proxied(script)
    answer = proxy.fetch("GET", "/")
    assert answer.code == CLOSED and b"it reset the stream with INTERNAL_ERROR" in answer.body
    assert len(service.requests) == 1


def test_a_connection_that_goes_away_finishes_and_takes_no_more(proxied):
    def script(connection):
        request = connection.request()
        connection.goaway(request.stream)
        connection.answer(request)
    proxy, service = proxied(script)
    with proxy.visit() as visitor:
        for number in (1, 2, 3):
            assert visitor.fetch("GET", "/").body == b"hello"
            assert len(service.connections) == number


@pytest.mark.parametrize("code", [INTERNAL_ERROR, NO_ERROR])
def test_an_answer_that_breaks_off_is_cut(proxied, code):
    def script(connection):
        request = connection.request()
        connection.head(request.stream, [(":status", "200")])
        connection.data(request.stream, b"part")
        connection.reset(request, code)
    proxy, _ = proxied(script)
    with pytest.raises(Truncated):
        proxy.fetch("GET", "/")


@pytest.mark.parametrize("code", [NO_ERROR, CANCEL])
def test_an_early_answer_ends_the_request(proxied, code):
    def script(connection):
        request = connection.request(whole=False)
        connection.answer(request)
        connection.reset(request, code)
    proxy, _ = proxied(script)
    with proxy.visit() as visitor:
        visitor.send(visitor.head("POST", "/", [("Content-Length", "100")]) + b"some")
        assert visitor.response().body == b"hello"


def test_a_visitor_who_leaves_cancels(proxied):
    def script(connection):
        request = connection.request()
        connection.head(request.stream, [(":status", "200")])
        connection.data(request.stream, b"part")
    proxy, service = proxied(script)
    with proxy.visit() as visitor:
        visitor.request("GET", "/")
        assert next(visitor.response_body(visitor.response_head())) == b"part"
    until(lambda: service.requests[-1].reset == CANCEL, "RST_STREAM")


def test_a_body_waits_for_the_window(proxied):
    body = b"".join(pieces(1, 300000))

    def script(connection):
        connection.grants = False
        connection.greet(window=0)
        request = connection.request(whole=False)
        granted = 0
        while granted < len(body):
            connection.send(window_update(request.stream, 50000) + window_update(0, 50000))
            granted += 50000
            connection.until(lambda: len(request.body) >= min(granted, len(body)))
            assert len(request.body) <= max(granted, FIRST_WINDOW)
        connection.until(lambda: request.ended)
        assert request.body == body
        connection.answer(request)
    proxy, _ = proxied(script, greets=False)
    assert proxy.fetch("PUT", "/", body=body).body == b"hello"


def test_readers_that_stall_hold_back_no_other(proxied):
    """More of them than fit into the unread bytes of a tunnel."""
    stalled, size = 20, 4 << 20

    def script(connection):
        left = {}
        while len(left) < stalled:
            request = connection.request()
            connection.head(request.stream, [(":status", "200"), ("content-length", str(size))])
            left[request.stream] = size
        while any(left.values()):
            sent = 0
            for stream, more in left.items():
                sent += (some := connection.send_some(stream, more))
                left[stream] -= some
            if not sent:
                connection.read()
            if connection.begun:
                connection.answer(connection.request())
        connection.serve()
    proxy, service = proxied(script)
    with contextlib.ExitStack() as stack:
        slow = [stack.enter_context(proxy.visit()) for _ in range(stalled)]
        for visitor in slow:
            visitor.request("GET", "/long")
        heads = [visitor.response_head() for visitor in slow]
        for _ in range(3):
            assert proxy.fetch("GET", "/").body == b"hello"
        assert len(service.connections) == 1
        for visitor, head in zip(slow, heads):
            assert sum(map(len, visitor.response_body(head))) == size


def test_a_service_that_writes_without_reading_is_read(proxied):
    full, heard = threading.Event(), threading.Event()

    def script(connection):
        connection.greet(window=1 << 26)
        connection.send(window_update(0, 1 << 26))
        request = connection.request(whole=False)
        full.wait(DEADLINE)
        connection.answer(request)
        heard.wait(DEADLINE)
    proxy, _ = proxied(script, greets=False)
    with proxy.visit() as visitor:
        visitor.send(visitor.head("POST", "/", [("Content-Length", str(1 << 26))]))
        piece = bytes(1 << 16)
        while select.select([], [visitor.sock], [], 0.5)[1]:
            visitor.sock.send(piece, socket.MSG_DONTWAIT)
        full.set()
        assert visitor.response().body == b"hello"
        heard.set()


@pytest.mark.parametrize("by", ["proxy", "relay"])
def test_grpc_web_passes_over_http1(tmp_path, by):
    kind = harness.Proxied if by == "proxy" else harness.Tunnel
    body = b"\0\0\0\0\2hi"

    def script(connection):
        request = connection.request()
        assert request.get("content-type") == "application/grpc-web+proto"
        connection.answer(request, request.body + b"\x80\0\0\0\x10grpc-status: 0\r\n",
                          more=[("content-type", "application/grpc-web+proto")])
    with H2Service(script) as service, through(kind, tmp_path, service) as program:
        answer = program.fetch("POST", "/a.B/C", [("Content-Type", "application/grpc-web+proto"),
                                                  ("X-Grpc-Web", "1")], body=body)
    assert answer.get("content-type") == "application/grpc-web+proto"
    assert answer.body == body + b"\x80\0\0\0\x10grpc-status: 0\r\n"


def test_nginx_is_such_a_service(tmp_path, kind):
    size = 20 << 20
    (tmp_path / "www").mkdir()
    (tmp_path / "www" / "long").write_bytes(b"".join(pieces(2, size)))
    with Nginx(tmp_path / "nginx", """server {{
            listen 127.0.0.1:{port} http2; root {root}; client_max_body_size 0;
            location = /put {{ return 200 "taken"; }}
            location = /moved {{ return 301 /long; }} }}""", root=tmp_path / "www") as nginx:
        nginx.address = f"http://127.0.0.1:{nginx.port}"
        with through(kind, tmp_path, nginx) as program, program.visit() as visitor:
            for _ in range(2):
                _, count, digest = visitor.download("/long")
                assert (count, digest) == (size, digest_of(2, size))
            head = visitor.fetch("HEAD", "/long")
            assert (head.status, head.get("content-length")) == (200, str(size))
            etag = head.get("etag")
            assert visitor.fetch("GET", "/long", [("If-None-Match", etag)]).status == 304
            assert visitor.fetch("GET", "/none").status == 404
            assert visitor.fetch("GET", "/moved").status == 301


def test_more_connections_serve_when_the_service_takes_few_streams(proxied):
    def script(connection):
        connection.greet(streams=1)
        while True:
            request = connection.request()
            until(lambda: len(service.connections) == 2, "a second connection")
            connection.answer(request)
    proxy, service = proxied(script, greets=False)
    with proxy.visit() as first, proxy.visit() as second:
        first.request("GET", "/")
        until(lambda: service.requests, "a request")
        second.request("GET", "/")
        assert first.response().body == second.response().body == b"hello"
    assert [len(each.requests) for each in service.connections] == [1, 1]


def test_requests_beyond_all_connections_wait_for_a_place(proxied):
    """One stream on each of as many connections as there may be."""
    def script(connection):
        connection.greet(streams=1)
        while True:
            request = connection.request()
            connection.head(request.stream, [(":status", "103")])
            held.append((connection, request))
    held = []
    proxy, service = proxied(script, "--limit", "connect-time=2s", greets=False)
    with contextlib.ExitStack() as stack:
        visitors = [stack.enter_context(proxy.visit()) for _ in range(CONNECTIONS + 2)]
        for visitor in visitors[:CONNECTIONS]:
            visitor.request("GET", "/")
            assert visitor.line().startswith(b"HTTP/1.1 103")
            assert visitor.line() == b""
        visitors[-2].request("GET", "/")
        connection, request = held[3]
        connection.answer(request)
        assert visitors[3].response().body == b"hello"
        assert visitors[-2].line().startswith(b"HTTP/1.1 103")
        visitors[-1].request("GET", "/")
        assert visitors[-1].response().status == 503
    assert len(service.connections) == CONNECTIONS


@pytest.mark.parametrize("fields", [
    [(":status", "200"), ("content-length", "5"), ("content-length", "6")],
    [(":status", "200"), ("content-length", "x")],
    [(":status", "200"), ("transfer-encoding", "chunked")],
    [(":status", "200"), ("X-Upper", "1")],
    [(":status", "200"), ("x", "a\nb")],
    [(":status", "200"), (":status", "200")],
    [("x", "y"), (":status", "200")],
    [(":status", "99")],
    [(":path", "/"), (":status", "200")],
])
def test_a_head_that_contradicts_itself_is_a_502(proxied, fields):
    def script(connection):
        request = connection.request()
        connection.send(frame(HEADERS, END_HEADERS, request.stream, literals(fields)))
        connection.serve()
    proxy, _ = proxied(script)
    with proxy.visit() as visitor:
        answer = visitor.fetch("GET", "/")
        assert (answer.status, answer.code) == (502, INVALID)
        assert visitor.fetch("GET", "/").body == b"hello"


def test_a_body_of_another_length_is_cut(proxied):
    def script(connection):
        request = connection.request()
        connection.answer(request, b"hell", more=[("content-length", "5")])
    proxy, _ = proxied(script)
    with pytest.raises(Truncated):
        proxy.fetch("GET", "/")


def test_a_head_over_the_limit_is_a_502(proxied):
    def script(connection):
        while True:
            connection.answer(connection.request(), more=[("x", "y" * 2000)])
    proxy, _ = proxied(script, "--limit", "response-head-bytes=1k")
    answer = proxy.fetch("GET", "/")
    assert answer.code == INVALID and b"--limit response-head-bytes" in answer.body


def test_broken_frames_are_a_502(proxied):
    def script(connection):
        connection.request()
        connection.send(frame(DATA, 0, 0, b"x"))
    proxy, _ = proxied(script)
    answer = proxy.fetch("GET", "/")
    assert answer.code == INVALID and b"it breaks the rules of HTTP/2" in answer.body


@pytest.mark.parametrize("words", [b"", b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n"])
def test_a_service_of_http1_is_a_502_that_says_so(tmp_path, kind, words):
    def answer(sock):
        if sock.recv(1 << 16):
            sock.sendall(words)
    with Other(answer) as service, through(kind, tmp_path, service) as program:
        answer = program.fetch("GET", "/")
    assert answer.code == INVALID and NO_HTTP2 in answer.body


@pytest.mark.parametrize("alpn", [None, "http/1.1"])
def test_tls_without_h2_is_a_502_that_says_so(tmp_path, alpn):
    authority = certificate(tmp_path / "authority", "authority.example")
    cert, key = certificate(tmp_path / "service", "127.0.0.1", authority=authority)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(cert, key)
    if alpn:
        context.set_alpn_protocols([alpn])

    def answer(sock):
        with context.wrap_socket(sock, server_side=True) as wrapped:
            wrapped.recv(1)
    with Other(answer, "https") as service:
        with through(harness.Proxied, tmp_path, service, "--upstream-ca", authority[0]) as proxy:
            answer = proxy.fetch("GET", "/")
    assert answer.status == 502 and NO_HTTP2 in answer.body
