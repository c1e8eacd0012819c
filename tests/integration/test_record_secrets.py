# SPDX-License-Identifier: MIT
"""No file of the record contains secrets, except with --no-redact; the relay's token and owners'
keys are never recorded."""
import contextlib
import itertools
import pathlib

import harness
import pytest
import tunnel_peer
from client import Client
from record import ended

NAMES = ["Authorization", "Cookie", "Set-Cookie", "Proxy-Authorization", "X-Api-Key", "X-Other"]
PLACES = ["request", "request trailer", "interim", "response", "response trailer"]
TOKEN = "relay-token-canary-0123456789abcdef"


def canary(name, place):
    return f"canary-{name}-{place}".lower().replace(" ", "-")


def fields(place):
    return [(name, canary(name, place)) for name in NAMES]


def answer(exchange):
    for _ in exchange.body():
        pass
    exchange.head(103, fields("interim"))
    exchange.head(200, [("Transfer-Encoding", "chunked"), *fields("response")])
    exchange.chunk(b"hello")
    exchange.last_chunk(fields("response trailer"))


@contextlib.contextmanager
def recorded(directory, *args, token=True):
    """A tunnel through which all canaries have passed; relay and agent have these arguments."""
    token_file = directory / "token"
    token_file.write_text(TOKEN)
    secret = ("--token-file", token_file) if token else ()
    with harness.Relay(directory, *secret, *args) as relay:
        with harness.Tunnel(directory, *secret, *args, relay=relay) as tunnel:
            tunnel.origin.on("/secrets", answer)
            with tunnel.visit() as visitor:
                trailers = "".join(f"{n}: {v}\r\n" for n, v in fields("request trailer"))
                visitor.send(visitor.head(
                    "POST", "/secrets", [("Transfer-Encoding", "chunked"), *fields("request")])
                    + f"1\r\nx\r\n0\r\n{trailers}\r\n".encode())
                assert visitor.response().body == b"hello"
            for end in (tunnel.agent, relay):
                ended(end.data, "target='/secrets' AND far_outcome IS NOT NULL")
            yield tunnel
        harness.compare_records(tunnel.agent.data, relay.data)


def files_of(directory):
    """The bytes of all files of a record."""
    return b"\n".join(path.read_bytes() for path in sorted(directory.rglob("*"))
                      if path.name.startswith("record") or path.suffix == ".seg")


def found(directory):
    kept = files_of(directory)
    return {(name, place) for name, place in itertools.product(NAMES, PLACES)
            if canary(name, place).encode() in kept}


def check(tunnel, hidden):
    """Hidden canaries are in no file; the others are in the recorded heads."""
    for end in (tunnel.agent, tunnel.relay):
        seen = found(end.data)
        assert not {name for name, _ in seen} & hidden, end.name
        for name in set(NAMES) - hidden - {"Proxy-Authorization"}:  # a hop-by-hop field
            assert {(name, "request"), (name, "response"), (name, "interim")} <= seen, end.name
        assert TOKEN.encode() not in files_of(end.data)
        for key in filter(pathlib.Path.is_file, end.data.iterdir()):
            kept = key.read_bytes().strip()
            if kept and not key.name.startswith("record"):  # the owner's key
                assert kept not in files_of(end.data)


SECRET = {"Authorization", "Cookie", "Set-Cookie", "Proxy-Authorization", "X-Api-Key"}


@pytest.mark.parametrize("args,hidden", [
    ((), SECRET),
    (("--redact", "x-oTHER"), set(NAMES)),
    (("--redact", "X-Api-Key", "--redact", "X-Other"), set(NAMES)),
    (("--no-redact",), set()),
    (("--no-redact", "--redact", "X-Api-Key"), {"X-Api-Key"}),
    (("--record", "heads"), SECRET),
], ids=["nothing said", "one", "two", "no-redact", "no-redact and one", "heads"])
def test_secrets_are_in_no_file(tmp_path, args, hidden):
    with recorded(tmp_path, *args) as tunnel:
        check(tunnel, hidden)  # while -wal and -shm are there
        tunnel.agent.stop()
        tunnel.relay.stop()
        check(tunnel, hidden)


def test_the_service_still_gets_them(tmp_path):
    with recorded(tmp_path) as tunnel:
        request = tunnel.origin.seen("/secrets")[0]
        assert request.get("authorization") == canary("Authorization", "request")
        assert request.get("cookie") == canary("Cookie", "request")


# A failed handshake is recorded as an exchange, and carries the token.
@pytest.mark.parametrize("broken, status", [
    ("Origin: http://a", 403), ("Sec-WebSocket-Version: 1", 426), ("X-Token: ", 426)])
def test_the_relays_own_token_is_in_no_record(tmp_path, broken, status):
    token_file = tmp_path / "token"
    token_file.write_text(TOKEN)
    with harness.Relay(tmp_path, "--token-file", token_file, "--no-redact") as relay:
        with Client(relay.address, f"localhost:{relay.port}", harness.DEADLINE) as visitor:
            version = "" if "Version" in broken else "Sec-WebSocket-Version: 13\r\n"
            visitor.send(
                f"GET /_adit/v1/tunnel HTTP/1.1\r\nHost: localhost:{relay.port}\r\n"
                f"Connection: Upgrade\r\nUpgrade: websocket\r\n{version}{broken}{TOKEN}\r\n"
                "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
                f"Sec-WebSocket-Protocol: adit.v{2 if 'X-' in broken else 1}\r\n"
                f"Authorization: Bearer {TOKEN}\r\nX-Seen: seen\r\n\r\n".encode())
            assert visitor.response().status == status
        row = ended(relay.data, "target='/_adit/v1/tunnel'")
        assert b"seen" in row["request_head"] and TOKEN.encode() not in files_of(relay.data)


def test_an_owners_key_is_in_no_record(tmp_path):
    with harness.Relay(tmp_path, "--no-redact") as relay:
        with tunnel_peer.AgentPeer(relay, harness.DEADLINE) as agent:
            with Client(relay.address, agent.host, harness.DEADLINE) as visitor:
                visitor.request("GET", "/")
                agent.answer(agent.request()[0])
                visitor.response()
            ended(relay.data, "target='/'")
            assert tunnel_peer.OWNER.encode() not in files_of(relay.data)
