# SPDX-License-Identifier: MIT
"""A relay named by its address, IPv4 or IPv6, must have a certificate for this address; the agent
sends no server name (RFC 6066 §3)."""
import pytest
import harness
from tls_proxy import TlsProxy, certificate

ADDRESSES = ["127.0.0.1", "::1"]


def url_of(address, proxy):
    return f"https://[{address}]:{proxy.port}" if ":" in address else f"https://{address}:{proxy.port}"


@pytest.mark.parametrize("address", ADDRESSES)
def test_a_tunnel_over_tls_to_an_address_works(tmp_path, address):
    cert, key = certificate(tmp_path, address)
    with TlsProxy(cert, key, address) as proxy, harness.Relay(tmp_path) as relay, \
            harness.Origin() as origin:
        proxy.to = relay.address
        with harness.Program(tmp_path, "adit", "http", origin.address, "--url", "web", "--relay",
                             url_of(address, proxy), env={"SSL_CERT_FILE": str(cert)}) as agent:
            agent.wait_for("^adit: http://web.localhost")
            with relay.visit(f"web.localhost:{relay.port}") as visitor:
                assert visitor.fetch("GET", "/").body == b"hello"
        assert proxy.server_names == [None]


@pytest.mark.parametrize("address, names", [
    ("::1", ["::2"]), ("::1", ["localhost"]), ("::1", ["127.0.0.1"]), ("127.0.0.1", ["127.0.0.2"]),
    ("127.0.0.1", ["localhost"])])
def test_a_certificate_for_something_else_is_not_accepted(tmp_path, address, names):
    cert, key = certificate(tmp_path, *names)
    with TlsProxy(cert, key, address) as proxy, \
            harness.Program(tmp_path, "adit", "http", "80", "--relay", url_of(address, proxy),
                            env={"SSL_CERT_FILE": str(cert)}) as agent:
        agent.wait_for("certificate is not accepted .*mismatch", "stderr")
        assert proxy.links == 0


def test_a_name_is_still_sent_and_checked(tmp_path):
    cert, key = certificate(tmp_path, "localhost")
    with TlsProxy(cert, key) as proxy, harness.Relay(tmp_path) as relay:
        proxy.to = relay.address
        with harness.Program(tmp_path, "adit", "http", "80", "--url", "web", "--relay",
                             f"https://localhost:{proxy.port}",
                             env={"SSL_CERT_FILE": str(cert)}) as agent:
            agent.wait_for("^adit: http://web.localhost")
        assert proxy.server_names == ["localhost"]
