# SPDX-License-Identifier: MIT
"""A trusted proxy names the visitor of a connection by a header of the PROXY protocol."""
import contextlib
import itertools
import signal
import socket
import ssl
import subprocess

import harness
import proxy_header
import pytest
import record
from client import Client
from haproxy import Haproxy
from tls_proxy import certificate

PROXY, OTHER_PROXY, STRANGER = "127.0.0.9", "127.0.0.10", "127.0.0.1"
ALICE, BOB, FORGED = "192.0.2.1", "2001:db8::7", "203.0.113.66"
LIMIT_PROXY_HEADERS = 256


def connect(place, source=PROXY, first=b"", host=None):
    client = Client(place.address, host or f"localhost:{place.port}", harness.DEADLINE, source)
    client.send(first)
    return client


def ask(client, *fields):
    return dict((n.lower(), v) for n, v in client.fetch("GET", "/echo", fields).json()["fields"])


def is_closed(client):
    """Whether the other end closes without a byte of answer."""
    with contextlib.suppress(ConnectionResetError):
        return client.sock.recv(1) == b""
    return True


@pytest.fixture(scope="module")
def told(tmp_path_factory):
    """A tunnel whose relay expects headers from two proxies."""
    with contextlib.ExitStack() as stack:
        directory = tmp_path_factory.mktemp("told")
        relay = stack.enter_context(harness.Relay(
            directory, "--trusted-proxy", PROXY, "--trusted-proxy", OTHER_PROXY, "--proxy-protocol",
            "--verbose", "--limit", "visitors-per-address=20", "--limit", "head-time=60s"))
        yield stack.enter_context(harness.Tunnel(directory, relay=relay))


HEADERS = {
    "v1": (proxy_header.v1(ALICE), ALICE),
    "v1 of IPv6": (proxy_header.v1(BOB), BOB),
    "v2": (proxy_header.v2(ALICE), ALICE),
    "v2 of IPv6": (proxy_header.v2(BOB), BOB),
    "v2 with values behind": (
        proxy_header.v2(ALICE, tlvs=proxy_header.tlv(2, b"evil.example") +
                        proxy_header.tlv(0xea, b"\1vpce-08d2bf15fac5001c9")), ALICE),
    "v2 with its checksum": (proxy_header.v2_checked(BOB), BOB),
    "v2 at the limit": (proxy_header.v2(ALICE, tlvs=proxy_header.tlv(4, bytes(505))), ALICE),
    "v1 of nobody": (b"PROXY UNKNOWN\r\n", PROXY),
    "v1 of nobody, with words": (b"PROXY UNKNOWN ffff:f...f:ffff 1 2 3\r\n", PROXY),
    "v2 of the proxy itself": (proxy_header.local(), PROXY),
    "v2 of a Unix socket": (proxy_header.v2_raw(proxy_header.PROXY, 0x31, bytes(216)), PROXY),
}


@pytest.mark.parametrize("header, client", HEADERS.values(), ids=HEADERS.keys())
def test_the_header_names_the_visitor(told, header, client):
    request = (f"GET /echo HTTP/1.1\r\nHost: {told.host}\r\n"
               f"X-Forwarded-For: {FORGED}\r\nX-Forwarded-Proto: https\r\n\r\n").encode()
    with connect(told.relay, first=header, host=told.host) as whole:
        seen = ask(whole, ("X-Forwarded-For", FORGED))
        again = ask(whole)  # it names the visitor of every request
    with connect(told.relay, first=header + request) as at_once:
        third = at_once.response().json()
    assert seen["x-forwarded-for"] == again["x-forwarded-for"] == client
    assert FORGED not in str((seen, again, third))
    assert ["x-forwarded-proto", "http"] in [[n.lower(), v] for n, v in third["fields"]]


@pytest.mark.parametrize("name", ["v1", "v2 with its checksum", "v2 of the proxy itself"])
def test_a_header_may_come_byte_by_byte(told, name):
    header, client = HEADERS[name]
    with connect(told.relay, host=told.host) as proxy:
        proxy.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for at in range(len(header)):
            proxy.send(header[at:at + 1])
        assert ask(proxy)["x-forwarded-for"] == client


WRONG = {
    "no header": b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n",
    "TLS": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
    "text": b"PROXY TCP4 192.0.2.1 192.0.2.2 1\r\n",
    "two spaces": b"PROXY TCP4  192.0.2.1 192.0.2.2 1 2\r\n",
    "LF alone": b"PROXY TCP4 192.0.2.1 192.0.2.2 1 2\n",
    "the other family": b"PROXY TCP6 192.0.2.1 192.0.2.2 1 2\r\n",
    "a name": b"PROXY TCP4 localhost 192.0.2.2 1 2\r\n",
    "a large port": b"PROXY TCP4 192.0.2.1 192.0.2.2 65536 2\r\n",
    "too long": b"PROXY UNKNOWN " + 100 * b"x",
    "another version": proxy_header.v2_raw(0x31, 0x11, bytes(12)),
    "another command": proxy_header.v2_raw(0x22, 0x11, bytes(12)),
    "another family": proxy_header.v2_raw(0x21, 0x41, bytes(12)),
    "UDP": proxy_header.v2_raw(0x21, 0x12, bytes(12)),
    "short": proxy_header.v2_raw(0x21, 0x11, bytes(11)),
    "above the limit": proxy_header.v2(ALICE, tlvs=proxy_header.tlv(4, bytes(506))),
    "a wrong checksum": proxy_header.v2(ALICE, tlvs=proxy_header.tlv(3, bytes(4))),
    "half a value": proxy_header.v2(ALICE, tlvs=proxy_header.tlv(4, bytes(9))[:-1]),
}


@pytest.mark.parametrize("first", WRONG.values(), ids=WRONG.keys())
def test_a_proxy_without_a_header_is_not_served(told, first):
    before = len(told.origin.requests)
    with connect(told.relay, first=first) as proxy:
        assert is_closed(proxy)
    assert len(told.origin.requests) == before
    told.relay.wait_for(f"connection of {PROXY} refused: 400 ADIT-BAD-REQUEST", "stderr")
    told.relay.wait_for(f"proxy: connections of {PROXY} are closed.*PROXY protocol", "stderr")
    assert told.relay.text("stderr").count("PROXY protocol header") == 1  # once a minute


@pytest.mark.parametrize("name", ["v1", "v2"])
def test_a_stranger_speaks_for_itself_alone(told, name):
    with connect(told.relay, STRANGER, host=told.host) as visitor:
        assert ask(visitor, ("X-Forwarded-For", FORGED))["x-forwarded-for"] == STRANGER
    with connect(told.relay, STRANGER, HEADERS[name][0], told.host) as visitor:
        visitor.request("GET", "/")
        assert visitor.response().status == 400


def test_a_proxy_named_by_a_proxy_is_believed(told):
    with connect(told.relay, first=proxy_header.v2(OTHER_PROXY), host=told.host) as proxy:
        seen = ask(proxy, ("X-Forwarded-For", ALICE), ("X-Forwarded-Proto", "https"))
    assert (seen["x-forwarded-for"], seen["x-forwarded-proto"]) == (ALICE, "https")


@pytest.mark.parametrize("bits, scheme", [(1, "https"), (0, "http")])
def test_a_proxy_may_have_ended_tls(told, bits, scheme):
    header = proxy_header.v2(ALICE, tlvs=proxy_header.tlv(0x20, bytes([bits, 0, 0, 0, 0])))
    with connect(told.relay, first=header, host=told.host) as proxy:
        assert ask(proxy)["x-forwarded-proto"] == scheme


def test_each_visitor_has_its_share_of_connections(told):
    with contextlib.ExitStack() as stack:
        def link(header):
            return stack.enter_context(connect(told.relay, first=header, host=told.host))

        for _ in range(20):
            assert link(proxy_header.v2("192.0.2.50")).fetch("GET", "/").status == 200
        above = link(proxy_header.v1("192.0.2.50")).fetch("GET", "/")
        assert (above.status, above.code) == (429, "ADIT-TOO-MANY-REQUESTS")
        assert link(proxy_header.v2("192.0.2.51")).fetch("GET", "/").status == 200
        for _ in range(24):  # nobody's share
            assert link(proxy_header.local()).fetch("GET", "/").status == 200


def test_a_check_that_closes_at_once_is_not_told(tmp_path):
    with harness.Relay(tmp_path, "--trusted-proxy", PROXY, "--proxy-protocol", "--verbose") as relay:
        for first in (b"", proxy_header.local(), proxy_header.local()[:7]):
            connect(relay, first=first).close()
        with connect(relay, first=proxy_header.local()) as proxy:
            assert proxy.fetch("GET", "/_adit/health").status == 200
    told_lines = [line for line in relay.text("stderr").splitlines() if PROXY in line]
    assert not [line for line in told_lines if "refused" in line or "closed" in line], told_lines


def test_checks_that_close_at_once_do_no_harm_when_the_total_is_reached(tmp_path):
    """Several end in one turn of the loop, while others that come need their places."""
    with harness.Relay(tmp_path, "--trusted-proxy", "loopback", "--proxy-protocol",
                       "--limit", "visitors=4") as relay:
        for _ in range(5):
            relay.process.send_signal(signal.SIGSTOP)
            for check in [socket.create_connection(relay.address) for _ in range(12)]:
                check.close()
            relay.process.send_signal(signal.SIGCONT)
            with connect(relay, STRANGER, proxy_header.v1(ALICE)) as client:
                assert client.fetch("GET", "/_adit/health").status == 200


def test_a_header_has_its_time(tmp_path):
    limit = ("--limit", "head-time=300ms")
    with harness.Relay(tmp_path, "--trusted-proxy", PROXY, "--proxy-protocol", *limit) as relay:
        for first in (b"", b"PROXY TCP4 192.0", proxy_header.v2(ALICE)[:-1]):
            with connect(relay, first=first) as proxy:
                assert is_closed(proxy)


def test_above_the_limit_the_connection_that_has_waited_longest_is_closed(told):
    with contextlib.ExitStack() as stack:
        made = [stack.enter_context(connect(told.relay, first=b"PROXY ", host=told.host))
                for _ in range(LIMIT_PROXY_HEADERS)]
        with connect(told.relay, first=HEADERS["v1"][0], host=told.host) as proxy:  # takes one's place
            assert proxy.fetch("GET", "/").status == 200
        assert is_closed(made[0])
        for each in made[1:]:
            each.send(b"UNKNOWN\r\n")
        for each in made[1:]:
            assert each.fetch("GET", "/").status == 200
        assert stack.enter_context(connect(told.relay, STRANGER, host=told.host)).fetch(
            "GET", "/").status == 200


def test_waiting_connections_end_with_the_relay(tmp_path):
    with harness.Relay(tmp_path, "--trusted-proxy", PROXY, "--proxy-protocol") as relay:
        waiting = [connect(relay, first=first) for first in (b"", b"PROXY ", b"\r\n\r\n")]
        with connect(relay, first=proxy_header.local()) as proxy:
            proxy.fetch("GET", "/_adit/health")
    for each in waiting:
        with each:
            assert is_closed(each)


def test_an_agent_comes_through_the_proxy(told):
    with Haproxy(told.directory / "tcp", TCP, relay=told.relay.port, proxy="send-proxy-v2",
                 source=PROXY) as balancer:
        balancer.url = f"http://localhost:{balancer.port}"
        balancer.wait_until(lambda: connect(balancer, None).fetch("GET", "/_adit/health").status)
        with harness.Agent(told.directory / "behind", balancer, told.origin.address) as agent:
            with connect(told.relay, first=HEADERS["v2"][0], host=agent.host) as visitor:
                assert ask(visitor)["x-forwarded-for"] == ALICE


TCP = """
listen front
    mode tcp
    bind {bind}
    server relay 127.0.0.1:{relay} {proxy} source {source}
"""

HTTP = """
listen front
    mode http
    bind {bind}
    server relay 127.0.0.1:{relay} {proxy} source {source} check inter 100ms
"""


@pytest.mark.parametrize("config, proxy", itertools.product(
    [TCP, HTTP], ["send-proxy", "send-proxy-v2", "send-proxy-v2 proxy-v2-options crc32c"]),
    ids=lambda value: "tcp" if value == TCP else "http" if value == HTTP else value)
def test_haproxy_names_its_visitors(told, tmp_path, config, proxy):
    visitor = "127.0.0.77"
    with Haproxy(tmp_path, config, relay=told.relay.port, proxy=proxy, source=PROXY) as balancer:
        balancer.wait_until(lambda: connect(balancer, None).fetch("GET", "/_adit/health").status)
        with connect(balancer, visitor, host=told.host) as client:
            for _ in range(3):
                assert ask(client, ("X-Forwarded-For", FORGED))["x-forwarded-for"] == visitor


TLS = """
listen front
    mode tcp
    bind {bind} ssl crt {pem}
    server relay 127.0.0.1:{relay} send-proxy-v2-ssl-cn source {source}
"""


def test_haproxy_tells_that_it_has_ended_tls(told, tmp_path):
    pem = tmp_path / "both.pem"
    pem.write_bytes(b"".join(path.read_bytes() for path in certificate(tmp_path, "localhost")))
    context = ssl.create_default_context(cafile=pem)
    with Haproxy(tmp_path / "tls", TLS, pem=pem, relay=told.relay.port, source=PROXY) as balancer:
        with Client(balancer.address, told.host, harness.DEADLINE) as client:
            client.sock = context.wrap_socket(client.sock, server_hostname="localhost")
            seen = ask(client, ("X-Forwarded-Proto", "gopher"))
    assert (seen["x-forwarded-for"], seen["x-forwarded-proto"]) == ("127.0.0.1", "https")


def test_the_local_proxy_reads_headers_too_and_records_the_visitor(tmp_path):
    words = ("--trusted-proxy", PROXY, "--proxy-protocol")
    with harness.Proxied(tmp_path, *words) as proxied:
        for header, _ in (HEADERS["v1"], HEADERS["v2 of IPv6"], HEADERS["v2 of the proxy itself"]):
            with connect(proxied.proxy, first=header, host=proxied.host) as proxy:
                ask(proxy)
        with connect(proxied.proxy, first=b"GET / HTTP/1.1\r\n\r\n") as proxy:
            assert is_closed(proxy)
    with record.Record(proxied.proxy.data) as read:
        assert [row["visitor"] for row in read.exchanges()] == [ALICE, BOB, PROXY]


@pytest.mark.parametrize("program", [["aditd"], ["adit", "proxy", "--url", "1"]], ids=str)
def test_nobody_trusted_is_wrong_usage(tmp_path, program):
    done = subprocess.run([harness.BIN / program[0], *program[1:], "--proxy-protocol"],
                          capture_output=True, text=True, timeout=harness.DEADLINE, check=False,
                          env=harness.environment(tmp_path))
    assert done.returncode == 2 and "--proxy-protocol needs --trusted-proxy" in done.stderr
