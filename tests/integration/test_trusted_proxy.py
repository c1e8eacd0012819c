# SPDX-License-Identifier: MIT
"""Only a trusted proxy's fields set the address and the scheme of its client."""
import contextlib
import subprocess
import threading

import harness
import pytest
import record
from client import Client
from tunnel_peer import AgentPeer

TRUSTED, STRANGER = "127.0.0.9", "127.0.0.1"
ALICE, BOB, FORGED = "192.0.2.1", "2001:db8::7", "203.0.113.66"


def connect(place, source, host=None):
    """A connection to a relay or a proxy from this address of loopback."""
    return Client(place.address, host or f"localhost:{place.port}", harness.DEADLINE, source)


def ask(client, *fields, target="/echo"):
    return dict((n.lower(), v) for n, v in client.fetch("GET", target, fields).json()["fields"])


@pytest.fixture(scope="module")
def trusting(tmp_path_factory):
    with contextlib.ExitStack() as stack:
        directory = tmp_path_factory.mktemp("trusting")
        relay = stack.enter_context(harness.Relay(
            directory, "--trusted-proxy", TRUSTED, "--limit", "visitors-per-address=2"))
        yield stack.enter_context(harness.Tunnel(directory, relay=relay))


def test_the_service_and_the_record_see_whom_the_proxy_asks_for(trusting, tmp_path):
    with connect(trusting.relay, TRUSTED, trusting.host) as proxy:
        first = ask(proxy, ("X-Forwarded-For", f"{FORGED}, {ALICE}"), ("X-Forwarded-Proto", "https"))
        second = ask(proxy, ("Forwarded", f'for="[{BOB}]:4711";proto=https'))
        third = ask(proxy)
    assert (first["x-forwarded-for"], first["x-forwarded-proto"]) == (ALICE, "https")
    assert f"for={ALICE};" in first["forwarded"] and first["forwarded"].endswith("proto=https")
    assert (second["x-forwarded-for"], second["x-forwarded-proto"]) == (BOB, "https")
    assert (third["x-forwarded-for"], third["x-forwarded-proto"]) == (TRUSTED, "http")
    for seen in (first, second, third):
        assert FORGED not in str(seen)
    listed = subprocess.run(
        [harness.BIN / "aditd", "requests", "--json", "--data", trusting.relay.data], check=True,
        capture_output=True, text=True, env=harness.environment(tmp_path)).stdout
    assert ALICE in listed and BOB in listed and FORGED not in listed


@pytest.mark.parametrize("fields", [
    [("X-Forwarded-For", FORGED), ("X-Forwarded-Proto", "https")],
    [("Forwarded", f"for={FORGED};proto=https")],
    [("X-Forwarded-For", f"{FORGED}, {TRUSTED}"), ("X-Forwarded-Proto", "https")]], ids=str)
def test_a_stranger_is_not_believed(trusting, fields):
    with connect(trusting.relay, STRANGER, trusting.host) as visitor:
        seen = ask(visitor, *fields)
    assert (seen["x-forwarded-for"], seen["x-forwarded-proto"]) == (STRANGER, "http")
    assert FORGED not in str(seen)


def test_one_client_behind_a_proxy_has_its_share_and_another_has_its_own(trusting):
    go_on = threading.Event()

    def waits(exchange):
        trusting.origin.tell("asked")
        assert go_on.wait(harness.DEADLINE)
        exchange.reply("at last")

    trusting.origin.on("/waits", waits)
    with contextlib.ExitStack() as stack:
        def link():
            return stack.enter_context(connect(trusting.relay, TRUSTED, trusting.host))
        made = [link() for _ in range(6)]  # more than the limit of an address
        for each in made[:2]:
            each.request("GET", "/waits", [("X-Forwarded-For", ALICE)])
            assert trusting.origin.told() == "asked"
        above = made[2].fetch("GET", "/", [("X-Forwarded-For", f"{BOB}, {ALICE}")])
        assert (above.status, above.code) == (429, "ADIT-TOO-MANY-REQUESTS")
        assert above.get("retry-after")
        assert made[3].fetch("GET", "/", [("X-Forwarded-For", BOB)]).status == 200
        assert made[4].fetch("GET", "/").status == 200  # without a client's address: no share
        with AgentPeer(trusting.relay, harness.DEADLINE, "its-agent", greet=False):
            pass
        go_on.set()
        assert [each.response().body for each in made[:2]] == [b"at last"] * 2
        assert made[0].fetch("GET", "/", [("X-Forwarded-For", ALICE)]).status == 200


def test_the_local_proxy_believes_one_too(tmp_path):
    with harness.Proxied(tmp_path, "--trusted-proxy", TRUSTED) as proxied:
        with connect(proxied.proxy, TRUSTED, proxied.host) as proxy:
            seen = ask(proxy, ("X-Forwarded-For", ALICE), ("X-Forwarded-Proto", "https"))
            assert (seen["x-forwarded-for"], seen["x-forwarded-proto"]) == (ALICE, "https")
        with connect(proxied.proxy, STRANGER, proxied.host) as visitor:
            assert ask(visitor, ("X-Forwarded-For", ALICE))["x-forwarded-for"] == STRANGER
    with record.Record(proxied.proxy.data) as read:
        assert [row["visitor"] for row in read.exchanges()] == [ALICE, STRANGER]
        assert read.exchanges()[0]["scheme"] == "https"


@pytest.mark.parametrize("program", [["aditd"], ["adit", "proxy", "--url", "1"]], ids=str)
@pytest.mark.parametrize("value", ["nginx", "10.0.0.0/33", "0.0.0.0/0", "10.0.0.1/8", ""])
def test_an_invalid_range_is_wrong_usage(tmp_path, program, value):
    done = subprocess.run([harness.BIN / program[0], *program[1:], "--trusted-proxy", value],
                          capture_output=True, text=True, timeout=harness.DEADLINE, check=False,
                          env=harness.environment(tmp_path))
    assert done.returncode == 2 and "--trusted-proxy: " in done.stderr


def test_a_relay_that_cannot_tell_visitors_apart_says_so_once(tmp_path):
    url = ("--public-url", "https://localhost:8443")
    with harness.Relay(tmp_path, *url) as relay:
        relay.visit().fetch("GET", "/_adit/health")
        relay.wait_for("all visitors will look like one address.*--trusted-proxy loopback", "stderr")
    assert relay.text("stderr").count("--trusted-proxy") == 1
    for words in ((*url, "--trusted-proxy", "loopback"), ()):
        with harness.Relay(tmp_path, *words) as relay:
            relay.visit().fetch("GET", "/_adit/health")
        assert "trusted" not in relay.text("stderr")
