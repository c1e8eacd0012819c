# SPDX-License-Identifier: MIT
"""A kill takes only the newest moments from the record, which any command reads afterwards."""
import contextlib
import subprocess
import threading
import time

import harness
import pytest
from client import Truncated, until
from record import exchanges

# Events are gathered for 40 ms, for 100 ms at the most, before they are written; then a busy machine
# may delay the program that writes them.
KEPT_SECONDS = 2 * harness.PATIENCE
VISITORS = 3
PAUSE_SECONDS = 0.005


def ask(tunnel, name, answered):
    """Visits numbered targets until an answer fails to come. `answered` tells when each came."""
    with contextlib.suppress(OSError, Truncated), tunnel.visit() as visitor:
        number = 0
        while True:
            visitor.fetch("GET", f"/?{name}-{number}")
            answered[f"/?{name}-{number}"] = time.monotonic()
            number += 1
            time.sleep(PAUSE_SECONDS)  # a steady rate, not a flood


def listed(program, data):
    """A command reads what the program has left, and may have to take it into the rows first."""
    done = subprocess.run(
        [harness.BIN / program, "requests", "--limit", "1", "--data", data], capture_output=True,
        text=True, env=harness.environment(data), timeout=harness.DEADLINE)
    assert done.returncode == 0, done
    return {row["target"] for row in exchanges(data, "outcome='complete' AND flags & 2 = 0")}


@pytest.mark.parametrize("killed", ["agent", "relay", "both"])
def test_a_kill_takes_only_the_newest_moments(tmp_path, killed):
    with harness.Tunnel(tmp_path, compare=False) as tunnel:
        answered = {}
        visitors = [threading.Thread(target=ask, args=(tunnel, name, answered))
                    for name in range(VISITORS)]
        began = time.monotonic()
        for visitor in visitors:
            visitor.start()
        until(lambda: len(answered) > VISITORS and max(answered.values()) > began + 2 * KEPT_SECONDS,
              "traffic for a while")
        ends = {"agent": tunnel.agent, "relay": tunnel.relay}
        at = time.monotonic()
        for name in ends if killed == "both" else [killed]:
            ends[name].kill()
        tunnel.relay.kill()  # so that the visitors leave
        for visitor in visitors:
            visitor.join()
        old = {target for target, when in answered.items() if when < at - KEPT_SECONDS}
        assert len(old) > VISITORS
        for name, program in (("agent", "adit"), ("relay", "aditd")):
            if killed in (name, "both"):
                assert not old - listed(program, ends[name].data), name
