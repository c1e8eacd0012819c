# SPDX-License-Identifier: MIT
"""The Host that the service gets, and the address at which the agent looks for the service."""
import harness
import pytest
from origin import Origin


def host_seen(tunnel):
    seen = tunnel.fetch("GET", "/echo").json()["fields"]
    hosts = [value for name, value in seen if name.lower() == "host"]
    assert len(hosts) == 1
    return hosts[0]


def with_flags(relay, origin, directory, upstream, *args):
    return harness.Tunnel(directory, *args, relay=relay, origin=origin, upstream=upstream)


@pytest.fixture(scope="module")
def origin():
    with Origin() as started:
        yield started


@pytest.mark.parametrize("args", [[], ["--host-header", "preserve"]], ids=["default", "preserve"])
def test_preserve_keeps_what_the_visitor_sent(relay, origin, tmp_path, args):
    with with_flags(relay, origin, tmp_path, origin.address, *args) as tunnel:
        assert host_seen(tunnel) == tunnel.host


def test_rewrite_sends_the_upstreams_own(relay, origin, tmp_path):
    args = ("--host-header", "rewrite")
    with with_flags(relay, origin, tmp_path, origin.address, *args) as tunnel:
        assert host_seen(tunnel) == origin.address
    with with_flags(relay, origin, tmp_path, f"localhost:{origin.port}", *args) as tunnel:
        assert host_seen(tunnel) == f"localhost:{origin.port}"
    with with_flags(relay, origin, tmp_path, origin.port, *args) as tunnel:
        assert host_seen(tunnel) == f"localhost:{origin.port}"


@pytest.mark.parametrize("value", ["example.com", "intern:8080", "[::1]:80"])
def test_any_other_value_is_sent_as_it_is(relay, origin, tmp_path, value):
    args = ("--host-header", value)
    with with_flags(relay, origin, tmp_path, origin.address, *args) as tunnel:
        assert host_seen(tunnel) == value


def test_the_forwarded_host_stays_what_the_visitor_asked_for(relay, origin, tmp_path):
    args = ("--host-header", "rewrite")
    with with_flags(relay, origin, tmp_path, origin.address, *args) as tunnel:
        seen = dict((n.lower(), v) for n, v in tunnel.fetch("GET", "/echo").json()["fields"])
        assert seen["x-forwarded-host"] == tunnel.host


def test_a_port_finds_a_service_on_ipv4_or_ipv6(relay, tmp_path):
    for host in ("127.0.0.1", "::1"):
        with Origin(host) as service:
            with with_flags(relay, service, tmp_path, service.port) as tunnel:
                assert tunnel.fetch("GET", "/").body == b"hello"


def test_a_service_may_be_named_by_an_ipv6_address_or_a_host_name(relay, tmp_path):
    with Origin("::1") as service:
        with with_flags(relay, service, tmp_path, f"[::1]:{service.port}") as tunnel:
            assert tunnel.fetch("GET", "/").body == b"hello"
    with Origin() as service:
        with with_flags(relay, service, tmp_path, f"localhost:{service.port}") as tunnel:
            assert tunnel.fetch("GET", "/").body == b"hello"


def test_a_service_that_starts_later_or_again_is_found(relay, origin, tmp_path):
    with Origin() as first:
        with with_flags(relay, first, tmp_path, first.port) as tunnel:
            assert tunnel.fetch("GET", "/").body == b"hello"
            first.kill()
            assert tunnel.fetch("GET", "/").code == "ADIT-UPSTREAM-REFUSED"
            with Origin(port=first.port):
                assert tunnel.fetch("GET", "/").body == b"hello"
