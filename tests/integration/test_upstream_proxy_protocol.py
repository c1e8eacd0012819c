# SPDX-License-Identifier: MIT
"""With --upstream-proxy-protocol each connection to the service names the visitor that it serves."""
import contextlib
import subprocess

import harness
import proxy_header
import pytest
from client import Client
from haproxy import Haproxy
from nginx import Nginx
from proxy_header import NamedOrigin

ALICE, BOB = "192.0.2.1", "2001:db8::7"
BALANCER, PROXY = "127.0.0.9", "127.0.0.10"  # trusted; the first sends headers too
TRUSTING = ("--trusted-proxy", BALANCER, "--trusted-proxy", PROXY, "--proxy-protocol")


def visit(place, address):
    """A connection of this visitor: not of loopback, where several people may be."""
    client = Client(place.relay.address, place.host, harness.DEADLINE, BALANCER)
    client.send(proxy_header.v2(address))
    return client


def number_of(client, *fields, method="GET", body=None):
    return client.fetch(method, "/echo", fields, body).json()["connection"]


@pytest.fixture(scope="module", params=["1", "2"])
def version(request):
    return request.param


@pytest.fixture(scope="module")
def places(tmp_path_factory, version):
    """A tunnel and a proxy, both with an origin of their own."""
    with contextlib.ExitStack() as stack:
        made = {}
        for kind in ("tunnel", "proxy"):
            directory = tmp_path_factory.mktemp(kind)
            origin = stack.enter_context(NamedOrigin())
            option = ("--upstream-proxy-protocol", version)
            if kind == "tunnel":
                relay = stack.enter_context(harness.Relay(directory, *TRUSTING))
                made[kind] = stack.enter_context(
                    harness.Tunnel(directory, *option, relay=relay, origin=origin))
            else:
                made[kind] = stack.enter_context(
                    harness.Proxied(directory, *option, *TRUSTING, origin=origin))
        yield made


@pytest.fixture(params=["tunnel", "proxy"])
def place(places, request):
    return places[request.param]


def named(place, number):
    return place.origin.named[number]


def test_the_service_is_told_the_visitor(place, version):
    with visit(place, ALICE) as alice, visit(place, BOB) as bob:
        for client, address in ((alice, ALICE), (bob, BOB), (alice, ALICE)):
            assert named(place, number_of(client)) == (int(version), address)


def test_a_trusted_proxy_tells_of_each_request(place, version):
    with visit(place, PROXY) as proxy:
        for address in (ALICE, BOB, ALICE):
            number = number_of(proxy, ("X-Forwarded-For", address))
            assert named(place, number) == (int(version), address)


@pytest.mark.parametrize("method, body", [("GET", None), ("POST", b"x")])
def test_no_connection_serves_two_visitors(place, method, body):
    served = {}
    with contextlib.ExitStack() as stack:
        visitors = [(address, stack.enter_context(visit(place, address)))
                    for address in (ALICE, BOB, ALICE)]
        for _ in range(5):
            for which, (address, client) in enumerate(visitors):
                number = number_of(client, method=method, body=body)
                assert served.setdefault(number, (which, address)) == (which, address)
                assert named(place, number)[1] == address


def test_a_visitor_whose_connection_is_known_keeps_one_to_the_service(places):
    with visit(places["proxy"], ALICE) as alice, visit(places["proxy"], ALICE) as other:
        first = number_of(alice)
        assert number_of(alice) == first
        assert number_of(other) != first


def test_a_kept_connection_that_is_lost_is_replaced_by_one_with_a_header(places):
    place = places["proxy"]

    def second_time_closes(exchange):
        before = [each.connection for each in place.origin.seen("/second")[:-1]]
        if exchange.request.connection in before:
            exchange.close()
        else:
            exchange.reply("now")

    place.origin.on("/second", second_time_closes)
    with visit(place, ALICE) as alice:
        assert alice.fetch("GET", "/second").body == b"now"
        assert alice.fetch("GET", "/second").body == b"now"
    first, lost, again = [request.connection for request in place.origin.seen("/second")]
    assert first == lost != again and named(place, again)[1] == ALICE


def test_a_repeated_request_names_the_visitor_again(place):
    def closes(exchange):
        exchange.reply("now")
        exchange.close()

    place.origin.on("/closes", closes)
    with visit(place, ALICE) as alice:
        for _ in range(3):
            assert alice.fetch("GET", "/closes").body == b"now"
            assert named(place, number_of(alice))[1] == ALICE


def test_an_upgraded_stream_begins_behind_the_header(place):
    def upgrades(exchange):
        exchange.head(101, [("Connection", "upgrade"), ("Upgrade", "echo")])
        exchange.send(exchange.wire.exactly(5))
        exchange.close()

    place.origin.on("/upgrade", upgrades)
    with visit(place, BOB) as bob:
        bob.request("GET", "/upgrade", [("Connection", "upgrade"), ("Upgrade", "echo")])
        assert bob.response_head().status == 101
        bob.send(b"hello")
        assert bob.exactly(5) == b"hello"
    assert named(place, place.origin.seen("/upgrade")[-1].connection)[1] == BOB


HAPROXY = """
frontend service
    mode http
    bind {bind} accept-proxy
    http-request return status 200 content-type text/plain lf-string "%[src]"
"""

NGINX = """
server {{
    listen 127.0.0.1:{port} proxy_protocol;
    location / {{ return 200 "$proxy_protocol_addr"; }}
}}
"""


def start_haproxy(directory):
    return Haproxy(directory, HAPROXY)


def start_nginx(directory):
    return Nginx(directory, NGINX, first=b"PROXY UNKNOWN\r\n")


@pytest.mark.parametrize("start", [start_haproxy, start_nginx])
def test_real_services_take_the_header(tmp_path, version, start):
    with start(tmp_path / "service") as service, harness.Proxied(
            tmp_path, "--upstream-proxy-protocol", version, *TRUSTING,
            upstream=f"127.0.0.1:{service.port}") as proxied:
        with visit(proxied, ALICE) as alice:
            assert alice.fetch("GET", "/").body.decode() == ALICE
        with visit(proxied, PROXY) as proxy:
            told = proxy.fetch("GET", "/", [("X-Forwarded-For", BOB)])
            assert told.body.decode() == BOB


def test_the_names_of_the_option(tmp_path):
    with NamedOrigin() as origin, harness.Tunnel(
            tmp_path, "--proxy-proto", "2", origin=origin) as tunnel:
        answer = tunnel.fetch("GET", "/echo").json()
        assert origin.named[answer["connection"]] == (2, "127.0.0.1")
    for words in (["http", "80"], ["proxy", "80"]):
        for value in ("0", "3", "v2", ""):
            done = subprocess.run(
                [harness.BIN / "adit", *words, "--upstream-proxy-protocol", value], check=False,
                capture_output=True, text=True, timeout=harness.DEADLINE,
                env=harness.environment(tmp_path))
            assert done.returncode == 2 and "--upstream-proxy-protocol is 1 or 2" in done.stderr
