# SPDX-License-Identifier: MIT
"""A burst that cannot be written to the record takes no memory: it waits in the spool. What recording
takes besides is freed, even while other exchanges go on."""
import contextlib
import sqlite3
import threading

import bodies
import harness
import patience
import pytest
from client import until

MIB = 1 << 20
BURST = 24  # MiB that wait in the spool
LEFT = 12 * MIB

pytestmark = pytest.mark.skipif(patience.SANITIZED or patience.UNDER_VALGRIND,
                                reason="resident memory is the checker's here")


def ticks(stop):
    """A handler that sends an event every tenth of a second until `stop` is set."""
    def handler(exchange):
        exchange.head(200, [("Content-Type", "text/event-stream"), ("Transfer-Encoding", "chunked")])
        with contextlib.suppress(OSError):
            while not stop.wait(0.1):
                exchange.chunk(b"data: tick\n\n")
        exchange.close()
    return handler


def test_memory_goes_back_behind_a_burst_while_an_event_stream_goes_on(tmp_path):
    stop = threading.Event()
    with harness.Proxied(tmp_path) as proxied, proxied.visit() as visitor:
        proxied.origin.on("/ticks", ticks(stop))
        assert proxied.fetch("POST", "/mirror", body=bodies.make(1, MIB)).status == 200
        visitor.request("GET", "/ticks")
        visitor.response_head()
        before = proxied.proxy.resident()
        locked = sqlite3.connect(proxied.proxy.data / "record.db", isolation_level=None,
                                 timeout=harness.DEADLINE)
        locked.execute("BEGIN IMMEDIATE")
        for number in range(BURST // 2):  # both ways
            proxied.fetch("POST", "/mirror", body=bodies.make(number, MIB))
        spool = proxied.proxy.data / "spool"
        until(lambda: sum(path.stat().st_size for path in spool.glob("*/*")) > BURST * MIB,
              "the burst is spooled")
        until(lambda: proxied.proxy.resident() - before < LEFT, "a spooled burst leaves memory")
        locked.execute("COMMIT")
        locked.close()
        until(lambda: proxied.proxy.resident() - before < LEFT, "memory is given back",
              3 * harness.DEADLINE)
        stop.set()
