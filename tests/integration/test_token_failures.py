# SPDX-License-Identifier: MIT
"""Clients with wrong tokens are slowed down, and learn nothing of the relay."""
import contextlib
import re
import socket

import harness
import pytest
from client import Client, until

TOKEN = "0123456789abcdef0123456789abcdef"
BURST = 10  # TOKEN_FAILURES_BURST
HANDSHAKE = [("Upgrade", "websocket"), ("Connection", "upgrade"), ("Sec-WebSocket-Version", "13"),
             ("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ=="), ("Sec-WebSocket-Protocol", "adit.v1")]
PROXY = ("--trusted-proxy", "loopback")  # lets a test claim any address


@pytest.fixture
def guarded(tmp_path):
    """Makes relays that require a token."""
    path = tmp_path / "token"
    path.write_text(TOKEN + "\n")
    with contextlib.ExitStack() as stack:
        yield lambda *words: stack.enter_context(
            harness.Relay(tmp_path, "--token-file", path, *words))


def attempt(relay, token, address=None, path="/_adit/v1/tunnel", fields=HANDSHAKE):
    fields = list(fields)
    if token:
        fields.append(("Authorization", f"Bearer {token}"))
    if address:
        fields.append(("X-Forwarded-For", address))
    with relay.visit() as visitor:
        visitor.request("GET", path, fields)
        head = visitor.response_head()
        head.body = b"".join(visitor.response_body(head)) if head.status != 101 else b""
        return head


def health(relay, token=None, address=None):
    return attempt(relay, token, address, "/_adit/health", ())


def test_failed_attempts_are_slowed_down_and_only_where_they_come_from(guarded):
    relay = guarded(*PROXY)
    answers = [attempt(relay, f"wrong-{number:032d}", "192.0.2.1") for number in range(BURST)]
    assert [a.status for a in answers] == [401] * BURST
    slowed = attempt(relay, TOKEN, "192.0.2.1")  # the right token is not checked
    assert (slowed.status, slowed.code) == (429, "ADIT-TOO-MANY-REQUESTS")
    assert int(slowed.get("retry-after")) >= 1
    assert attempt(relay, TOKEN, "192.0.2.2").status == 101
    # The block ends: later a client of this address is served again.
    until(lambda: attempt(relay, TOKEN, "192.0.2.1").status == 101, "it is let in",
          harness.DEADLINE)


def test_an_ipv6_network_is_one_address(guarded):
    relay = guarded(*PROXY)
    statuses = [attempt(relay, "x" * 32, f"2001:db8:0:1::{n:x}").status for n in range(BURST + 1)]
    assert statuses == [401] * BURST + [429]
    assert attempt(relay, "x" * 32, "2001:db8:0:2::1").status == 401


def test_attempts_without_a_token_and_by_another_page_count_too(guarded):
    relay = guarded(*PROXY)
    for number in range(BURST):
        if number % 2:
            assert attempt(relay, None, "192.0.2.1").status == 401
        else:
            answer = health(relay, "wrong-" + "x" * 16, "192.0.2.1")
            assert (answer.status, answer.body) == (200, b'{"status":"ok"}\n')
    assert attempt(relay, TOKEN, "192.0.2.1").status == 429
    assert health(relay, TOKEN, "192.0.2.1").status == 429
    assert health(relay, None, "192.0.2.1").body == b'{"status":"ok"}\n'


def test_addresses_that_may_be_anybody_are_not_slowed_down(guarded):
    relay = guarded()
    for number in range(3 * BURST):
        assert attempt(relay, "wrong-" + "x" * 16, f"192.0.2.{number}").status == 401
    assert attempt(relay, TOKEN).status == 101


def test_failed_attempts_are_logged_for_who_bans_and_not_without_end(guarded):
    relay = guarded(*PROXY)
    for number in range(400):
        assert attempt(relay, "wrong-" + "x" * 16, f"192.0.{number // 200}.{number % 200}"
                       ).status == 401
    relay.wait_for(r" warn aditd: refused 192\.0\.0\.7: a wrong token$", "stderr")
    lines = [line for line in relay.text("stderr").splitlines() if "refused" in line]
    assert all(re.fullmatch(r"\S+Z warn aditd: refused [0-9.]+: a wrong token( \(.*\))?", each)
               for each in lines)
    assert "wrong-" not in relay.text("stderr")
    assert len(lines) < 400


def test_health_tells_strangers_that_the_relay_lives_and_no_more(guarded):
    relay = guarded()
    assert health(relay).body == b'{"status":"ok"}\n'
    assert health(relay, TOKEN[:-1]).body == b'{"status":"ok"}\n'
    assert set(health(relay, TOKEN).json()) == {"status", "version", "tunnels", "visitors",
                                                "record", "shed"}


def test_no_answer_tells_strangers_the_version(guarded):
    relay = guarded()
    with socket.create_connection(relay.address, harness.DEADLINE) as sock:
        sock.sendall(b"nonsense\r\n\r\n")
        heard = b"".join(iter(lambda: sock.recv(65536), b""))
    for path in ("/", "/_adit/health", "/_adit/v1/tunnel", "/_adit/nothing"):
        with Client(relay.address, "localhost", harness.DEADLINE) as visitor:
            visitor.send(f"GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
                         .encode())
            heard += visitor.rest()
    assert b"0.1." not in heard and b"server:" not in heard.lower()
