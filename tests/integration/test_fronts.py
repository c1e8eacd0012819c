# SPDX-License-Identifier: MIT
"""The nginx and Caddy configurations of README and docs/operations.md, run as shipped: visitors and
agents pass through them over HTTPS, and nothing is lost or delayed."""
import asyncio
import contextlib
import pathlib
import queue
import re
import ssl
import threading

import bodies
import fronts
import harness
import httpx
import lan
import pytest
import websockets
from client import Client
from origin import Origin
from patience import DEADLINE
from tls_proxy import certificate
from ws_origin import WebSocketOrigin

ROOT = pathlib.Path(__file__).resolve().parents[2]
FORGED = "203.0.113.66"


class Public:
    """A proxy of the examples, a relay behind it, and an agent that connects through the proxy."""

    def __init__(self, stack, directory, kind, origin):
        cert, key = certificate(directory, "localhost", "web.localhost", "ws.localhost")
        self.context = ssl.create_default_context(cafile=cert)
        self.front = stack.enter_context(fronts.FRONTS[kind](directory, cert, key))
        self.port = self.front.port
        url = f"https://localhost:{self.port}"
        self.relay = stack.enter_context(harness.Relay(
            directory, "--public-url", url, "--trusted-proxy", "loopback"))
        self.front.start(self.relay)
        fronts.wait_until_it_serves(self.front)
        self.env = {"SSL_CERT_FILE": str(cert)}
        self.stack, self.url, self.directory = stack, url, directory
        self.agent("web", origin)

    def agent(self, name, origin, *args):
        agent = self.stack.enter_context(harness.Program(
            self.directory / name, "adit", "http", origin.address, "--url", name, "--relay",
            self.url, *args, env=self.env))
        agent.wait_for(rf"^adit: https://{name}\.localhost:{self.port} -> ")
        return agent

    def visit(self, name="web", source=None):
        """A visitor over TLS, from this address."""
        host = name + ".localhost" if name else "localhost"
        visitor = Client((source or "127.0.0.1", self.port), f"{host}:{self.port}", DEADLINE, source)
        visitor.sock = self.context.wrap_socket(visitor.sock, server_hostname=host)
        return visitor


@pytest.fixture(scope="module")
def origin():
    with Origin() as started:
        yield started


@pytest.fixture(scope="module", params=list(fronts.FRONTS))
def public(request, tmp_path_factory, origin):
    with contextlib.ExitStack() as stack:
        yield Public(stack, tmp_path_factory.mktemp(request.param), request.param, origin)


def test_the_service_hears_who_asks_for_which_host_and_how(public):
    source = lan.address()
    with public.visit(source=source) as visitor:
        claims = [("X-Forwarded-For", FORGED), ("X-Forwarded-Proto", "http"),
                  ("Forwarded", f"for={FORGED};proto=http")]
        seen = visitor.fetch("GET", "/echo?a=%2F&b", claims).json()
    fields = {name.lower(): value for name, value in seen["fields"]}
    assert seen["target"] == "/echo?a=%2F&b"
    assert fields["host"] == fields["x-forwarded-host"] == f"web.localhost:{public.port}"
    assert (fields["x-forwarded-for"], fields["x-forwarded-proto"]) == (source, "https")
    assert f"host=\"web.localhost:{public.port}\"" in fields["forwarded"]
    assert FORGED not in str(fields)


def test_a_visitor_may_speak_http_2(public):
    context = ssl.create_default_context(cafile=public.env["SSL_CERT_FILE"])  # httpx changes it
    with httpx.Client(http2=True, verify=context, trust_env=False, timeout=DEADLINE) as client:
        response = client.get(
            f"https://localhost:{public.port}/bytes?size=70000&seed=3",
            headers={"Host": f"web.localhost:{public.port}"})
    assert (response.http_version, len(response.content)) == ("HTTP/2", 70000)


def test_a_big_body_passes_both_ways(public):
    size = 12 << 20
    with public.visit() as visitor:
        seen = visitor.fetch("POST", "/echo", body=bodies.make(41, size)).json()
        assert (seen["size"], seen["sha256"]) == (size, bodies.digest(41, size))
        _, count, digest = visitor.download(f"/bytes?size={size}&seed=42&how=chunked")
        assert (count, digest) == (size, bodies.digest(42, size))


def test_a_body_arrives_as_it_is_sent(public, origin):
    arrived = queue.Queue()

    def upload(exchange):
        for piece in exchange.body():
            arrived.put(piece)
        exchange.reply("all")

    origin.on("/upload", upload)
    with public.visit() as visitor:
        visitor.request("POST", "/upload", [("Transfer-Encoding", "chunked")])
        for number in range(3):
            piece = f"piece {number}".encode()
            visitor.send(b"%x\r\n%s\r\n" % (len(piece), piece))
            assert arrived.get(timeout=DEADLINE) == piece  # before more is sent
        visitor.send(b"0\r\n\r\n")
        assert visitor.response().body == b"all"


def test_events_arrive_when_they_are_sent(public, origin):
    go_on = threading.Semaphore(0)

    def events(exchange):
        exchange.head(200, [("Content-Type", "text/event-stream"), ("Transfer-Encoding", "chunked")])
        for number in range(3):
            exchange.chunk(b"data: %d\n\n" % number)
            assert go_on.acquire(timeout=DEADLINE)
        exchange.last_chunk()

    origin.on("/events", events)
    with public.visit() as visitor:
        visitor.request("GET", "/events")
        body = visitor.response_body(visitor.response_head())
        for number in range(3):
            assert next(body) == b"data: %d\n\n" % number
            go_on.release()
        assert b"".join(body) == b""


def test_websockets_pass(public):
    service = WebSocketOrigin()
    try:
        public.agent("ws", service)

        async def main():
            async with websockets.connect(
                    f"wss://ws.localhost:{public.port}/echo", host="127.0.0.1", port=public.port,
                    ssl=public.context, server_hostname="ws.localhost",
                    open_timeout=DEADLINE, max_size=None) as socket_:
                for message in ("there", b"x" * 200000):
                    await socket_.send(message)
                    assert await socket_.recv() == message
        asyncio.run(main())
    finally:
        service.stop()


def test_names_that_are_not_there_and_health(public):
    with public.visit("web") as visitor:  # any name is the relay's to answer
        visitor.host = f"nobody.localhost:{public.port}"
        assert visitor.fetch("GET", "/").code == "ADIT-NO-TUNNEL"
    with public.visit("") as visitor:
        assert visitor.fetch("GET", "/_adit/health").json()["status"] == "ok"


def test_shipped_examples_are_the_documented_ones():
    """docs/operations.md contains them, and README the parts that it quotes."""
    for name in ("nginx.conf", "Caddyfile"):
        text = (fronts.EXAMPLES / name).read_text().expandtabs(4)
        indented = re.sub(r"^(?=.)", "    ", text, flags=re.M)
        assert indented in (ROOT / "docs/operations.md").read_text(), name
