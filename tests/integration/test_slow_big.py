# SPDX-License-Identifier: MIT
"""Bodies of over 2 GiB, more than a signed 32-bit number counts, arrive unchanged both ways."""
import threading

import bodies
import harness
import pytest

BIG = (2 << 30) + 12345
SEED = 31


@pytest.fixture(scope="module")
def expected():
    return bodies.digest(SEED, BIG)


def patient(tunnel):
    visitor = tunnel.visit()
    visitor.sock.settimeout(12 * harness.DEADLINE)
    return visitor


@pytest.mark.parametrize("how", ["length", "chunked"])
def test_a_two_gibibyte_response_arrives_whole(tunnel, expected, how):
    with patient(tunnel) as visitor:
        _, count, digest = visitor.download(f"/bytes?size={BIG}&seed={SEED}&how={how}&step=262144")
    assert (count, digest) == (BIG, expected)


@pytest.mark.parametrize("how", ["length", "chunked"])
def test_a_two_gibibyte_request_arrives_whole(tunnel, expected, how):
    pieces = bodies.pieces(SEED, BIG, 262144)
    with patient(tunnel) as visitor:
        if how == "chunked":
            visitor.request("POST", "/echo", body=pieces, chunked=True)
        else:
            visitor.send(visitor.head("POST", "/echo", [("Content-Length", str(BIG))]))
            for piece in pieces:
                visitor.send(piece)
        seen = visitor.response().json()
    assert (seen["size"], seen["sha256"]) == (BIG, expected)


def test_both_ways_at_once(tunnel):
    size = 512 << 20
    with patient(tunnel) as visitor:
        def send():
            visitor.request("POST", "/mirror", body=bodies.pieces(SEED, size), chunked=True)

        sending = threading.Thread(target=send)
        sending.start()
        digest = bodies.sha256(visitor.response_body(visitor.response_head()))
        sending.join()
    assert digest == bodies.digest(SEED, size)


def test_memory_stays_small(tunnel):
    if not harness.MEMORY_IS_THEIRS:
        pytest.skip("resident memory is the checker's here")
    assert tunnel.relay.resident() < 64 << 20
    assert tunnel.agent.resident() < 64 << 20
