# SPDX-License-Identifier: MIT
"""The relay speaks TLS itself: which certificate it shows, which requests it serves with it, and
what plain visitors get beside it."""
import os
import socket
import ssl
import subprocess
import time

import harness
import pytest
from client import until
from connect_proxy import ConnectProxy
from tls_proxy import certificate
from tls_relay import DOMAIN, TlsRelay, wildcard

TOKEN = "0123456789abcdef0123456789abcdef"
HEALTH = "/_adit/health"


@pytest.fixture(scope="module")
def origin():
    with harness.Origin() as started:
        yield started


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """Certificates: of the authority, for the domain and names below it, for another name."""
    directory = tmp_path_factory.mktemp("certificates")
    authority = certificate(directory / "authority", "authority.example")
    return authority, wildcard(directory / "domain", authority, "127.0.0.1"), certificate(
        directory / "other", f"one.two.{DOMAIN}", authority=authority)


@pytest.fixture(scope="module")
def relay(tmp_path_factory, made):
    authority, *pairs = made
    directory = tmp_path_factory.mktemp("relay")
    with TlsRelay(directory, "--limit", "tls-handshake-time=1s", pairs=pairs,
                  authority=authority) as started:
        yield started


@pytest.fixture(scope="module")
def agent(tmp_path_factory, relay, origin):
    """Reaches the relay over TLS through a proxy, which alone knows its name."""
    with ConnectProxy(relay.address) as proxy, harness.Program(
            tmp_path_factory.mktemp("agent"), "adit", "http", origin.address, "--url", "web",
            "--relay", f"https://{DOMAIN}:{relay.port}", "--relay-ca", relay.authority,
            env={"ADIT_TOKEN": TOKEN, "https_proxy": proxy.url}) as started:
        assert started.wait_for(r"^adit: (\S+) -> ")[1] == f"https://web.{DOMAIN}:{relay.port}"
        yield started


def test_a_visitor_reaches_a_tunnel_over_tls(relay, agent):
    with relay.visit(f"web.{DOMAIN}") as visitor:
        assert visitor.fetch("GET", "/").body == b"hello"
        seen = visitor.fetch("GET", "/echo").json()
    forwarded = {name.lower(): value for name, value in seen["fields"]}
    assert forwarded["x-forwarded-proto"] == "https"


def test_a_client_that_names_no_host_is_shown_the_first_certificate(relay):
    with relay.visit("127.0.0.1", None) as visitor:
        assert DOMAIN in visitor.names()
        assert visitor.fetch("GET", HEALTH).status == 200


def test_the_relays_pages_stay_reachable_by_address(relay):
    with relay.visit("192.0.2.1", None, verify=False) as visitor:
        assert visitor.fetch("GET", HEALTH).status == 200


def test_names_under_one_certificate_may_share_a_connection(relay, agent):
    with relay.visit(f"web.{DOMAIN}", DOMAIN) as visitor:
        assert visitor.fetch("GET", "/").body == b"hello"


@pytest.mark.parametrize("host", [f"one.two.{DOMAIN}", f"a.b.{DOMAIN}", "elsewhere.example"])
def test_a_host_that_the_certificate_is_not_for_is_misdirected(relay, host):
    with relay.visit(host, DOMAIN) as visitor:
        answer = visitor.fetch("GET", "/")
        assert (answer.status, answer.code) == (421, "ADIT-MISDIRECTED")


def connect(relay, name, *args):
    """What `openssl s_client` says."""
    done = subprocess.run(
        ["openssl", "s_client", "-connect", f"127.0.0.1:{relay.port}", "-servername", name,
         *args], stdin=subprocess.DEVNULL, capture_output=True, text=True,
        timeout=harness.DEADLINE)
    return done.returncode, done.stdout + done.stderr


def test_tls_before_1_2_is_refused(relay):
    for version in ("-tls1", "-tls1_1"):
        code, said = connect(relay, DOMAIN, version, "-cipher", "ALL:@SECLEVEL=0")
        assert code != 0 and "protocol version" in said
    for version in ("-tls1_2", "-tls1_3"):
        code, said = connect(relay, DOMAIN, version)
        assert code == 0, said


class Slowly:
    """Hands a handshake's bytes to the relay in pieces."""

    def __init__(self, relay, name, piece, split_records=False):
        self.sock = relay.raw()
        self.incoming, self.outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self.tls = relay.context().wrap_bio(self.incoming, self.outgoing, server_hostname=name)
        self.piece = piece
        self.split_records = split_records

    def send(self):
        out = self.outgoing.read()
        if self.split_records and out[:1] == b"\x16":  # the ClientHello: a record for each byte
            size = int.from_bytes(out[3:5], "big")
            hello, rest = out[5:5 + size], out[5 + size:]
            out = b"".join(out[:3] + b"\0\1" + bytes([one]) for one in hello) + rest
            self.split_records = False
        for at in range(0, len(out), self.piece):
            self.sock.sendall(out[at:at + self.piece])

    def run(self, step):
        while True:
            try:
                done = step()
                self.send()
                return done
            except ssl.SSLWantReadError:
                self.send()
                data = self.sock.recv(65536)
                assert data, "the relay closed the connection"
                self.incoming.write(data)


@pytest.mark.parametrize("piece, split", [(1, False), (4096, True)], ids=["bytes", "records"])
def test_a_hello_may_come_in_pieces(relay, piece, split):
    slowly = Slowly(relay, DOMAIN, piece, split)
    slowly.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    slowly.run(slowly.tls.do_handshake)
    slowly.run(lambda: slowly.tls.write(f"GET {HEALTH} HTTP/1.1\r\nHost: {DOMAIN}\r\n\r\n".encode()))
    assert slowly.run(lambda: slowly.tls.read(65536)).startswith(b"HTTP/1.1 200 ")
    slowly.sock.close()


@pytest.mark.parametrize("sent", [b"", b"\x16\x03\x01\x02\x00\x01"], ids=["silent", "begun"])
def test_a_handshake_that_does_not_end_is_cut(relay, sent):
    since = time.monotonic()
    with relay.raw() as sock:
        sock.sendall(sent)
        assert sock.recv(1) == b""
        assert time.monotonic() - since >= 0.9  # its own limit, not that of a request's head


def test_a_handshake_may_take_longer_than_a_head(tmp_path, made):
    """The time for a request's first byte begins behind it."""
    authority, pair, _ = made
    with TlsRelay(tmp_path, "--limit", "head-time=100ms", pairs=[pair],
                  authority=authority) as relay, relay.raw() as sock:
        sock.settimeout(0.5)
        with pytest.raises(TimeoutError):
            sock.recv(1)
        sock.settimeout(harness.DEADLINE)
        with relay.context().wrap_socket(sock, server_hostname=DOMAIN) as tls:
            with pytest.raises((ssl.SSLEOFError, ConnectionError, AssertionError)):
                assert tls.recv(1), "closed"


def test_http_spoken_to_the_tls_port_ends_the_connection(relay):
    with relay.raw() as sock:
        sock.sendall(f"GET / HTTP/1.1\r\nHost: {DOMAIN}\r\n\r\n".encode())
        data = b""
        while more := sock.recv(4096):
            data += more
        assert not data.startswith(b"HTTP/1.1 200")


def test_tls_spoken_to_the_plain_port_is_answered(relay):
    with socket.create_connection(relay.plain, harness.DEADLINE) as sock:
        sock.sendall(bytes.fromhex("1603010005010000010303") + b"\r\n\r\n")
        assert sock.recv(4096).startswith(b"HTTP/1.1 400 ")


@pytest.mark.parametrize("method", ["GET", "POST", "OPTIONS"])
@pytest.mark.parametrize("host, target", [
    (DOMAIN, HEALTH), (f"web.{DOMAIN}", "/a/b?c=d&e"), (f"WEB.{DOMAIN}.:80", "//x"),
    (f"web.{DOMAIN}", "/_adit/v1/tunnel")])
def test_a_plain_request_is_sent_to_https(relay, method, host, target):
    with relay.visit_plain(host) as visitor:
        answer = visitor.fetch(method, target, body=b"body" if method == "POST" else None)
    name = host.partition(":")[0].rstrip(".")
    assert answer.status == 308
    assert answer.get("location") == f"https://{name}:{relay.port}{target}"


def test_a_plain_request_by_address_is_sent_to_the_domain(relay):
    with relay.visit_plain("192.0.2.7") as visitor:
        assert visitor.fetch("GET", HEALTH).get("location") == \
            f"https://{DOMAIN}:{relay.port}{HEALTH}"


def test_a_plain_request_for_another_host_is_not_redirected(relay):
    for head in (b"GET / HTTP/1.1\r\nHost: elsewhere.example\r\n\r\n", b"GET / HTTP/1.0\r\n\r\n"):
        with socket.create_connection(relay.plain, harness.DEADLINE) as sock:
            sock.sendall(head)
            assert sock.recv(65536).startswith(b"HTTP/1.1 421 ")


@pytest.mark.parametrize("length", [253, 254, 2000, 30000])
def test_a_long_host_is_not_redirected_beyond_its_end(relay, length):
    """A name in DNS has 253 characters; a Location never has bytes that the visitor did not send."""
    host = ("a" * (length - len(DOMAIN) - 1) + "." + DOMAIN).encode()
    with socket.create_connection(relay.plain, harness.DEADLINE) as sock:
        sock.sendall(b"GET /x HTTP/1.1\r\nHost: " + host + b"\r\nConnection: close\r\n\r\n")
        answer = b"".join(iter(lambda: sock.recv(65536), b""))
    if length > 253:
        assert answer.startswith(b"HTTP/1.1 421 ")
    else:
        assert answer.startswith(b"HTTP/1.1 308 ")
        assert b"Location: https://" + host + b":%d/x\r\n" % relay.port in answer
    assert len(answer) < 1000


def test_what_a_trusted_proxy_has_by_https_is_not_redirected(tmp_path, made):
    authority, pair, _ = made
    with TlsRelay(tmp_path, "--trusted-proxy", "loopback", pairs=[pair],
                  authority=authority) as relay, relay.visit_plain(DOMAIN) as visitor:
        assert visitor.fetch("GET", HEALTH, [("X-Forwarded-Proto", "https")]).status == 200
        assert visitor.fetch("GET", HEALTH, [("X-Forwarded-Proto", "http")]).status == 308


def test_all_addresses_are_those_of_both_families(tmp_path, made):
    """As the default listeners have it, without --listen."""
    authority, pair, _ = made
    with TlsRelay(tmp_path, "--listen", ":0", pairs=[pair], authority=authority) as relay:
        port = int(relay.wait_for(r"listening on https://\[::\]:(\d+)$")[1])
        for host in ("127.0.0.1", "::1"):
            relay.address = (host, port)
            with relay.visit(DOMAIN) as visitor:
                assert visitor.fetch("GET", HEALTH).status == 200


def challenge(relay, token):
    with relay.visit_plain(f"any.{DOMAIN}") as visitor:
        return visitor.fetch("GET", f"/.well-known/acme-challenge/{token}")


def test_challenges_are_answered_from_the_state_directory(relay):
    root = relay.data / "acme-challenge"
    nested = root / ".well-known" / "acme-challenge"
    nested.mkdir(parents=True, mode=0o755)
    (root / "a-B_9").write_bytes(b"a-B_9.thumb")
    (nested / "deep").write_bytes(b"deep.thumb")  # as clients write that know a web root
    (root / ("t" * 128)).write_bytes(b"x" * 4096)
    (root / ("t" * 129)).write_bytes(b"no")
    (root / "large").write_bytes(b"x" * 4097)
    (root / "dot.dot").write_bytes(b"no")
    (root / "link").symlink_to(relay.token)
    os.mkfifo(root / "pipe")
    (root / "open").write_bytes(b"no")
    (root / "open").chmod(0o666)
    for token, body in (("a-B_9", b"a-B_9.thumb"), ("deep", b"deep.thumb"),
                        ("t" * 128, b"x" * 4096)):
        answer = challenge(relay, token)
        assert (answer.status, answer.body) == (200, body)
        assert answer.get("content-type").startswith("text/plain")
    for token in ("t" * 129, "large", "dot.dot", "link", "pipe", "open", "absent", "",
                  "../token", "..%2ftoken", "a-B_9?x", ".well-known"):
        assert challenge(relay, token).status == 404, token


def test_challenges_are_for_plain_visitors_of_our_hosts(relay, agent):
    path = "/.well-known/acme-challenge/a"
    with relay.visit_plain("elsewhere.example") as visitor:
        assert visitor.fetch("GET", path).status == 421
    with relay.visit(f"web.{DOMAIN}") as visitor:  # over TLS the tunnel has it
        assert visitor.fetch("GET", path).code is None
