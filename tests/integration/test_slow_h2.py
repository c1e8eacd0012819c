# SPDX-License-Identifier: MIT
"""Visitors' HTTP/2 on slow ways."""
import struct
import time

import harness
from h2_client import END_HEADERS, END_STREAM, HEADERS, H2Client, frame, window_update

PRIORITY = 0x20  # a HEADERS frame with a dependency
FIRST_BYTES, SECOND_BYTES, PAUSE_SECONDS = 18_000_000, 300_000, 0.005


def test_a_download_that_only_waits_for_its_turn_is_not_cut(tmp_path):
    """A slow reader takes one response after the other, as its priorities say, for longer than a
    response may wait for a reader."""
    with harness.Relay(tmp_path, "--limit", "send-time=8s") as relay, \
            harness.Tunnel(tmp_path / "tunnel", relay=relay) as tunnel, \
            H2Client(relay.address, tunnel.host, window=1 << 24) as visitor:
        visitor.send(window_update(0, 1 << 30))
        first = visitor.open(visitor.fields("GET", f"/bytes?size={FIRST_BYTES}&seed=1"))
        second = visitor.begin()
        behind = struct.pack(">IB", first | 1 << 31, 15)  # exclusively
        visitor.send(frame(HEADERS, END_STREAM | END_HEADERS | PRIORITY, second, behind + visitor.block(
            visitor.fields("GET", f"/bytes?size={SECOND_BYTES}&seed=2"))))
        streams = [visitor.streams[number] for number in (first, second)]
        while not all(stream.over for stream in streams):
            assert visitor.read(16384)
            time.sleep(PAUSE_SECONDS)  # the slow way
        assert [stream.reset for stream in streams] == [None, None]
        assert [len(stream.body) for stream in streams] == [FIRST_BYTES, SECOND_BYTES]
