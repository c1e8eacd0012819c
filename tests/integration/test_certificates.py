# SPDX-License-Identifier: MIT
"""The agent refuses a relay whose certificate is not accepted, and says why."""
import subprocess

import harness
import pytest
from tls_proxy import TlsProxy, certificate


def expired(directory):
    """A self-signed certificate for localhost of yesterday."""
    cert, key, ask = directory / "cert.pem", directory / "key.pem", directory / "ask.pem"
    names = directory / "names"
    names.write_text("subjectAltName=DNS:localhost\n")
    subprocess.run(
        ["openssl", "req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
         "-subj", "/CN=adit test", "-keyout", key, "-out", ask], check=True, capture_output=True)
    subprocess.run(
        ["openssl", "x509", "-req", "-in", ask, "-signkey", key, "-days", "-1", "-extfile", names,
         "-out", cert], check=True, capture_output=True)
    return cert, key


@pytest.mark.parametrize("make, trusted, words", [
    (lambda directory: certificate(directory, "localhost"), False, "self.signed"),
    (lambda directory: certificate(directory, "other.example"), True, "hostname mismatch"),
    (expired, True, "expired")], ids=["self-signed", "other host", "expired"])
def test_why_it_is_not_trusted_is_said(tmp_path, make, trusted, words):
    cert, key = make(tmp_path)
    env = {"SSL_CERT_FILE": str(cert)} if trusted else {}
    proxy = TlsProxy(cert, key)
    url = f"https://localhost:{proxy.port}"
    with proxy, harness.Program(tmp_path, "adit", "http", "80", "--relay", url, env=env) as agent:
        told = agent.wait_for("certificate is not accepted.*", "stderr")[0]
        agent.wait_for(f"certificate is not accepted .*{words}", "stderr")
        assert "localhost" in told  # the name that the certificate lacks
        assert proxy.links == 0


def test_http_spoken_to_a_tls_port_is_no_silence(tmp_path):
    cert, key = certificate(tmp_path, "localhost")
    with TlsProxy(cert, key) as proxy:
        url = f"http://localhost:{proxy.port}"
        with harness.Program(tmp_path, "adit", "http", "80", "--relay", url) as agent:
            agent.wait_for(f"{url} accepts the connection, but does not answer in HTTP", "stderr")
