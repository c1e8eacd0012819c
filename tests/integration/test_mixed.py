# SPDX-License-Identifier: MIT
"""Two hundred different exchanges at once each get the right bytes."""
import concurrent.futures
import random
import threading

import bodies
import harness

AT_ONCE = 200
LINES = 20


def small_get(visitor, dice):
    assert visitor.fetch("GET", "/").body == b"hello"


def download(visitor, dice):
    size, how = dice.randrange(2 << 20), dice.choice(["length", "chunked", "close"])
    _, count, digest = visitor.download(f"/bytes?size={size}&seed=21&how={how}")
    assert (count, digest) == (size, bodies.digest(21, size))


def upload(visitor, dice):
    size, chunked = dice.randrange(1 << 20), dice.random() < 0.5
    body = bodies.pieces(22, size, 5000) if chunked else bodies.make(22, size)
    seen = visitor.fetch("PUT", "/echo", body=body, chunked=chunked).json()
    assert (seen["size"], seen["sha256"]) == (size, bodies.digest(22, size))


def duplex(visitor, dice):
    visitor.send(visitor.head("POST", "/mirror", [("Transfer-Encoding", "chunked")]))
    stream = None
    for number in range(LINES):
        line = b"%04d" % number
        visitor.send(b"4\r\n%s\r\n" % line)
        stream = stream or visitor.response_body(visitor.response_head())
        got = b""
        while len(got) < 4:
            got += next(stream)
        assert got == line
    visitor.send(b"0\r\n\r\n")
    assert list(stream) == []


def several(visitor, dice):
    for number in range(10):
        seen = visitor.fetch("POST", f"/echo?{number}", body=b"y" * number * 100).json()
        assert (seen["target"], seen["size"]) == (f"/echo?{number}", number * 100)


def leave(visitor, dice):
    visitor.request("GET", f"/bytes?size={50 << 20}")
    visitor.exactly(dice.randrange(1, 100_000))
    visitor.reset()


def nobody(visitor, dice):
    assert visitor.fetch("GET", "/", host="nobody-here.localhost").status == 404


KINDS = [small_get, download, upload, duplex, several, leave, nobody]


def test_two_hundred_mixed_exchanges_at_once(tunnel):
    together = threading.Barrier(AT_ONCE)

    def one(number):
        with tunnel.visit() as visitor:
            visitor.sock.settimeout(6 * harness.DEADLINE)
            together.wait(6 * harness.DEADLINE)
            KINDS[number % len(KINDS)](visitor, random.Random(number))

    with concurrent.futures.ThreadPoolExecutor(AT_ONCE) as pool:
        for each in [pool.submit(one, number) for number in range(AT_ONCE)]:
            each.result()
    assert tunnel.fetch("GET", "/").body == b"hello"
