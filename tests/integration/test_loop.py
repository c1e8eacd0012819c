# SPDX-License-Identifier: MIT
"""A request that comes back to a relay that has forwarded it is answered with 508."""
import harness


def is_loop(answer):
    assert (answer.status, answer.code) == (508, "ADIT-LOOP")
    assert b"ADIT-LOOP" in answer.body


def test_an_agent_that_points_at_its_own_relay(relay, tmp_path):
    with harness.Agent(tmp_path, relay, f"127.0.0.1:{relay.port}") as agent:
        with relay.visit(agent.host) as visitor:
            is_loop(visitor.fetch("GET", "/"))
            is_loop(visitor.fetch("POST", "/", body=b"x" * 1000))


def test_a_loop_over_two_names(relay, tmp_path):
    upstream = f"127.0.0.1:{relay.port}"
    with harness.Agent(tmp_path, relay, upstream, "--url", "there",
                       "--host-header", "back.localhost") as there, \
            harness.Agent(tmp_path, relay, upstream, "--url", "back",
                          "--host-header", "there.localhost"):
        with relay.visit(there.host) as visitor:
            is_loop(visitor.fetch("GET", "/"))


def test_a_loop_over_two_relays(relay, tmp_path):
    with harness.Relay(tmp_path / "second") as second:
        there = ("--url", "there", "--host-header", "back.localhost")
        back = ("--url", "back", "--host-header", "there.localhost")
        with harness.Agent(tmp_path / "a", relay, f"127.0.0.1:{second.port}", *there) as first, \
                harness.Agent(tmp_path / "b", second, f"127.0.0.1:{relay.port}", *back):
            with relay.visit(first.host) as visitor:
                is_loop(visitor.fetch("GET", "/"))


def test_two_relays_in_a_row_are_no_loop(tunnel, tmp_path):
    with harness.Relay(tmp_path) as front:
        upstream = f"127.0.0.1:{tunnel.relay.port}"
        with harness.Agent(tmp_path, front, upstream, "--host-header", tunnel.host) as agent:
            with front.visit(agent.host) as visitor:
                assert visitor.fetch("GET", "/").body == b"hello"
                via = ",".join(tunnel.origin.requests[-1].fields.all("via"))
                assert via.count("adit") == 2


def test_a_visitor_cannot_pretend_a_loop_of_someone_else(tunnel):
    answer = tunnel.fetch("GET", "/", [("Via", "1.1 adit, 1.1 adit-0000000000000000, 1.1 aditd")])
    assert answer.body == b"hello"
