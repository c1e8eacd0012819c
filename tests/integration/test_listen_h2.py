# SPDX-License-Identifier: MIT
"""Visitors of a relay that speaks TLS itself may choose HTTP/2 (ALPN); the same rules hold."""
import subprocess

import pytest
from patience import DEADLINE
from tls_proxy import certificate
from tls_relay import DOMAIN, TlsRelay, wildcard

HEALTH = "/_adit/health"


@pytest.fixture(scope="module")
def relay(tmp_path_factory):
    directory = tmp_path_factory.mktemp("relay")
    authority = certificate(directory / "authority", "authority.example")
    with TlsRelay(directory, pairs=[wildcard(directory / "pair", authority)],
                  authority=authority) as started:
        yield started


def curl(relay, host, *args):
    """The version, the status and the body."""
    done = subprocess.run(
        ["curl", "-sS", "--cacert", relay.authority, "--connect-to",
         f"{DOMAIN}:443:127.0.0.1:{relay.port}", "-H", f"Host: {host}", "-w",
         "\n%{http_version} %{http_code}", f"https://{DOMAIN}{HEALTH}", *args],
        capture_output=True, text=True, timeout=DEADLINE)
    assert done.returncode == 0, done.stderr
    body, last = done.stdout.rsplit("\n", 1)
    return (*last.split(), body)


@pytest.mark.parametrize("option, version", [("--http2", "2"), ("--http1.1", "1.1")])
def test_both_versions_are_spoken_and_follow_the_certificate(relay, option, version):
    assert curl(relay, DOMAIN, option)[:2] == (version, "200")
    assert curl(relay, f"a.{DOMAIN}", option)[:2] == (version, "404")  # no such tunnel
    assert curl(relay, "192.0.2.1", option)[:2] == (version, "200")
    for host in ("elsewhere.example", f"a.b.{DOMAIN}"):
        got, status, body = curl(relay, host, option)
        assert (got, status) == (version, "421") and "ADIT-MISDIRECTED" in body
