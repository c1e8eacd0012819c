# SPDX-License-Identifier: MIT
"""--dev-tls gives a relay on this machine certificates that curl and the agent accept once they are
told of its authority."""
import subprocess

import harness
import pytest
from patience import DEADLINE
from tls_relay import TlsRelay


@pytest.fixture(scope="module")
def origin():
    with harness.Origin() as started:
        yield started


def start(directory, *args):
    relay = TlsRelay(directory, "--dev-tls", *args, domain="localhost")
    relay.authority = relay.data / "dev-ca.pem"
    return relay


def curl(relay, name, *args):
    done = subprocess.run(
        ["curl", "-sS", "-i", "--cacert", relay.authority, "--connect-to",
         f"{name}:443:127.0.0.1:{relay.port}", f"https://{name}/", *args],
        capture_output=True, text=True, timeout=DEADLINE)
    return done.returncode, done.stdout + done.stderr


def test_tunnels_have_certificates_that_the_authority_vouches_for(tmp_path, origin):
    with start(tmp_path) as relay:
        told = relay.text("stdout")
        for line in (f"curl --cacert {relay.authority} https://NAME.localhost:{relay.port}/",
                     f"adit http PORT --relay https://localhost:{relay.port} --relay-ca "
                     f"{relay.authority}", "update-ca-certificates", "Firefox", "Chromium"):
            assert line in told
        with harness.Program(tmp_path, "adit", "http", origin.address, "--url", "web", "--relay",
                             f"https://localhost:{relay.port}", "--relay-ca",
                             relay.authority) as agent:
            url = agent.wait_for(r"^adit: (\S+) -> ")[1]
            assert url == f"https://web.localhost:{relay.port}"
            for name in ("web.localhost", "WEB.localhost"):
                code, said = curl(relay, name)
                assert code == 0 and "hello" in said, said
        code, said = curl(relay, "other.localhost")
        assert code == 0 and "ADIT-NO-TUNNEL" in said, said
        code, said = curl(relay, "elsewhere.example")
        assert code == 60, said  # the certificate is not for this name


def test_the_authority_stays_over_a_restart(tmp_path):
    with start(tmp_path) as relay:
        before = relay.authority.read_bytes()
        assert (relay.data / "dev-ca-key.pem").stat().st_mode & 0o777 == 0o600
    with start(tmp_path) as relay:
        assert relay.authority.read_bytes() == before
        assert curl(relay, "localhost")[0] == 0
