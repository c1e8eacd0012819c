# SPDX-License-Identifier: MIT
"""The agent says why a relay has gone, and connects again."""
import harness
import pytest
from origin import Origin


@pytest.mark.parametrize("how, why", [("stop", "it stops or starts again"),
                                      ("kill", "the connection broke off")])
def test_a_relay_that_stops_is_told_from_one_that_breaks_off(tmp_path, how, why):
    relay = harness.Relay(tmp_path)
    with Origin() as origin, harness.Agent(tmp_path, relay, origin.address) as agent:
        getattr(relay, how)()
        agent.wait_for(rf"^adit: the relay {relay.url} has gone \({why}\); connecting again$", "stderr")
        agent.wait_for(rf"^adit: cannot reach the relay {relay.url} \(.*: connection refused\); is it "
                       r"running\? Start one here with aditd", "stderr")
        with harness.Relay(tmp_path, port=relay.port):
            agent.wait_for(f"^adit: connected again, {agent.url} -> {agent.to}$")
