# SPDX-License-Identifier: MIT
"""Where the relay listens without --listen, in a network of its own: with certificates on the ports of
the web, otherwise on loopback alone."""
import re

import harness
import pytest
from client import Client
from network import streets  # noqa: F401 (a fixture)
from tls_proxy import certificate
from tls_relay import DOMAIN, wildcard

TOKEN = "0123456789abcdef0123456789abcdef"
LOCAL = ["http://127.0.0.1:7080", "http://[::1]:7080"]


def listening(relay):
    relay.wait_for("^aditd: ready")
    return re.findall(r"listening on (\S+)$", relay.text("stdout"), re.M)


@pytest.mark.parametrize("args, urls", [
    ([], LOCAL),
    (["--dev-tls"], ["https://127.0.0.1:7443", "https://[::1]:7443", *LOCAL])],
    ids=["plain", "dev-tls"])
def test_a_relay_of_this_machine_listens_on_loopback(tmp_path, streets, args, urls):  # noqa: F811
    with harness.Program(tmp_path, "aditd", *args, prepare=streets.enter) as relay:
        assert listening(relay) == urls


def test_a_relay_with_certificates_listens_on_the_ports_of_the_web(tmp_path, streets):  # noqa: F811
    authority = certificate(tmp_path / "authority", "authority.example")
    cert, key = wildcard(tmp_path / "pair", authority)
    tokens = tmp_path / "token"
    tokens.write_text(TOKEN)
    tokens.chmod(0o600)
    args = ["--domain", DOMAIN, "--tls-cert", cert, "--tls-key", key]
    with harness.Program(tmp_path, "aditd", *args, "--token-file", tokens,
                         prepare=streets.enter) as relay:
        assert listening(relay) == ["https://[::]:443", "http://[::]:80"]
        with streets.inside(), Client(("127.0.0.1", 80), f"web.{DOMAIN}") as visitor:
            assert visitor.fetch("GET", "/a").get("location") == f"https://web.{DOMAIN}/a"
    alone = harness.Program(tmp_path, "aditd", *args, prepare=streets.enter)
    assert alone.exit_code() == 1
    assert "without a token anyone could open tunnels" in alone.text("stderr")
