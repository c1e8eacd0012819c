# SPDX-License-Identifier: MIT
"""No tenant fills the relay's tables and keeps others out: not with abandoned names, not with
silent links, not with many names of one owner or one address."""
import collections
import contextlib
import re
import struct
import time
import types

import harness
import pytest
from attack import flood
from client import until
from network import RELAY, RELAY_V6, V6, streets  # noqa: F401
from origin import Origin
from tunnel_peer import BINARY, CONTROL, PIPE_DATA, TEXT, WS_PING, AgentPeer, record, ws_frame

TOKEN = "0123456789abcdef0123456789abcdef"


@pytest.fixture(scope="module")
def origin():
    with Origin() as started:
        yield started


def relay_with(directory, *limits):
    return harness.Relay(directory, *(word for limit in limits for word in ("--limit", limit)))


def owner(number):
    return f"{number:064x}"


def answer_to_bind(peer, number, name=None):
    peer.control(type="bind", id=str(number), **({"name": name} if name else {}))
    return until_answered(peer, number)


def until_answered(peer, number):
    while True:
        _, said = peer.said()
        if said.get("id") == str(number):
            return said.get("code", said["type"])


def tenant(relay, number, **options):
    """An owner's tunnel without a name."""
    peer = AgentPeer(relay, harness.DEADLINE, greet=False, **options)
    peer.hello(owner(number))
    return peer


def leave_names(relay, count, first_owner, names=16, **options):
    """Takes random names, as many for each owner as a tunnel may have, and breaks the links."""
    taken = 0
    while taken < count:
        with tenant(relay, first_owner + taken, **options) as peer:
            for number in range(1, min(names, count - taken) + 1):
                assert answer_to_bind(peer, number) == "bound"
                taken += 1


def gone(relay, name):
    with relay.visit(f"{name}.localhost") as visitor:
        return visitor.fetch("GET", "/").code == "ADIT-AGENT-GONE"


def test_names_that_others_have_left_keep_no_agent_out(tmp_path, origin):
    with relay_with(tmp_path, "tunnels=64", "gone-time=1h") as relay:
        leave_names(relay, 200, 1)
        with harness.Agent(tmp_path / "agent", relay, origin.address) as agent:
            leave_names(relay, 200, 1000)
            with relay.visit(agent.host) as visitor:
                assert visitor.fetch("GET", "/").body == b"hello"


def test_names_that_were_left_at_once_do_not_push_out_one_that_is_to_come_back(tmp_path):
    with relay_with(tmp_path, "tunnels=32", "gone-time=1h") as relay:
        victim = AgentPeer(relay, harness.DEADLINE, "victim")
        since = time.monotonic()
        until(lambda: time.monotonic() - since > 1.1, "it has lasted for more than a moment")
        victim.close()
        until(lambda: gone(relay, "victim"), "its agent is gone")
        leave_names(relay, 100, 1)
        with tenant(relay, 5000) as thief:
            assert answer_to_bind(thief, 1, "victim") == "ADIT-NAME-IN-USE"
        with AgentPeer(relay, harness.DEADLINE, "victim") as again:
            assert again.bound["name"] == "victim"


def test_names_of_a_few_owners_do_not_push_out_one_that_was_had_for_a_moment(tmp_path):
    with relay_with(tmp_path, "tunnels=64", "gone-time=1h") as relay:
        with AgentPeer(relay, harness.DEADLINE, "victim"):
            pass
        until(lambda: gone(relay, "victim"), "its agent is gone")
        leave_names(relay, 200, 1)
        with tenant(relay, 5000) as thief:
            assert answer_to_bind(thief, 1, "victim") == "ADIT-NAME-IN-USE"


def test_an_owner_has_so_many_names_and_no_more(tmp_path):
    with relay_with(tmp_path, "names-per-owner=3") as relay:
        with tenant(relay, 1) as one, tenant(relay, 1) as two, tenant(relay, 2) as other:
            assert [answer_to_bind(one, n) for n in (1, 2)] == ["bound", "bound"]
            assert [answer_to_bind(two, n) for n in (1, 2)] == ["bound", "ADIT-TOO-MANY-NAMES"]
            assert answer_to_bind(other, 1) == "bound"


def test_the_names_that_an_owner_has_lost_make_room_for_its_own(tmp_path):
    with relay_with(tmp_path, "names-per-owner=3", "gone-time=1h") as relay:
        for number in range(8):  # like an agent that is restarted again and again
            with tenant(relay, 1) as one:
                assert answer_to_bind(one, 1, f"n{number}") == "bound"
        until(lambda: gone(relay, "n7"), "all are gone")
        with relay.visit("n0.localhost") as visitor:
            assert visitor.fetch("GET", "/").code == "ADIT-NO-TUNNEL"


@pytest.mark.parametrize("greeted", [False, True], ids=["silent", "without a name"])
def test_links_without_a_name_keep_no_agent_out(tmp_path, origin, greeted):
    with relay_with(tmp_path, "handshakes=16", "hello-time=1h") as relay:
        idle = [tenant(relay, n, acks=False) if greeted else
                AgentPeer(relay, harness.DEADLINE, greet=False) for n in range(16)]
        with harness.Agent(tmp_path / "agent", relay, origin.address) as agent:
            for _ in range(40):
                idle.append(AgentPeer(relay, harness.DEADLINE, greet=False))
            with relay.visit(agent.host) as visitor:
                assert visitor.fetch("GET", "/").body == b"hello"
        assert idle[0].close_code() == 1001  # the closed link may come back
        for each in idle:
            each.close()


def test_an_agent_whose_name_was_taken_over_counts_among_those_without(tmp_path):
    with relay_with(tmp_path, "handshakes=2", "hello-time=1h") as relay:
        with AgentPeer(relay, harness.DEADLINE, "mine") as old, \
                AgentPeer(relay, harness.DEADLINE, greet=False) as silent, \
                AgentPeer(relay, harness.DEADLINE, "mine") as new:
            assert old.said()[1]["code"] == "ADIT-REPLACED"
            with AgentPeer(relay, harness.DEADLINE, greet=False):
                assert silent.close_code() == 1001  # without a name for longest
                assert new.bound["name"] == "mine"


def test_binds_without_end_are_slowed(tmp_path):
    """Each bind writes to the log and the disk, so two agents of one owner that take a name from
    each other, or one that asks for ever new names, are slowed down."""
    with relay_with(tmp_path, "names-per-tunnel=4") as relay:
        with tenant(relay, 1) as one, tenant(relay, 1) as two:
            answers = collections.Counter()
            for number in range(1, 101):
                for peer in (one, two):
                    answers[answer_to_bind(peer, number, "pingpong")] += 1
            assert answers["bound"] < 100 and answers["ADIT-BUSY"] > 100
            until(lambda: len(re.findall(r"tunnel \d+ (?:opened|bound): ", relay.text("stderr")))
                  == answers["bound"], "all are in the log, which a thread writes")
        with tenant(relay, 1) as again:
            assert answer_to_bind(again, 1, "pingpong") == "bound"


def test_tunnels_that_come_and_go_do_not_fill_the_log(tmp_path):
    with relay_with(tmp_path, "tunnels=4") as relay:  # a log burst of 116 lines
        for number in range(200):
            with tenant(relay, number) as peer:
                assert answer_to_bind(peer, 1) == "bound"
        def is_told():
            with tenant(relay, 1000) as peer:
                answer_to_bind(peer, 1)
            return re.search(r"\d+ lines about tunnels were left out", relay.text("stderr"))

        until(is_told, "it is told that lines are missing", harness.DEADLINE)
        lines = relay.text("stderr").splitlines()
        assert sum("tunnel" in line for line in lines) < 300


def test_what_an_agent_does_not_read_does_not_fill_the_log(tmp_path):
    with relay_with(tmp_path, "tunnels=4") as relay:
        with AgentPeer(relay, harness.DEADLINE, "mine", little=True) as peer:
            one = record(CONTROL, b'{"type":"bind","id":"7","name":"-"}')
            flood(peer, lambda: peer_bytes(peer, one * 50), reads=False)
        relay.wait_for(r"tunnel \d+ closed", "stderr")
        assert len(relay.text("stderr").splitlines()) < 20


def peer_bytes(peer, payload):
    """A frame with these bytes as the next bytes of the pipe."""
    message = ws_frame(BINARY, bytes([PIPE_DATA]) + struct.pack(">Q", peer.sent) + payload)
    peer.sent += len(payload)
    return message


def clogged(relay):
    """A link that sends pings until the relay has to queue its pongs, and reads none."""
    peer = AgentPeer(relay, harness.DEADLINE, greet=False, little=True)
    peer.sock.setblocking(False)
    with contextlib.suppress(BlockingIOError):
        for _ in range(4000):
            peer.sock.sendall(ws_frame(WS_PING, b"x" * 125))
    peer.sock.settimeout(harness.DEADLINE)
    return peer


@pytest.mark.parametrize("reads", [True, False])
def test_links_that_made_room_leave_their_places_at_once(tmp_path, reads):
    """Links take places of visitors: a closed link frees its place even if its peer never reads."""
    with relay_with(tmp_path, "handshakes=2", "visitors=12", "hello-time=1h") as relay:
        links = [AgentPeer(relay, harness.DEADLINE, greet=False) if reads else clogged(relay)
                 for _ in range(40)]
        with relay.visit() as visitor:
            assert visitor.fetch("GET", "/_adit/health").json()["tunnels"] == 2
        for link in links:
            link.close()


def test_links_that_broke_the_protocol_keep_few_places(tmp_path):
    """A peer has time to read the reason, but peers that never read cannot keep others out."""
    with relay_with(tmp_path, "visitors=300", "hello-time=1h") as relay:
        links = []
        for _ in range(1000):
            links.append(AgentPeer(relay, harness.DEADLINE, greet=False))
            links[-1].ws(TEXT, b"no hello")
        with relay.visit() as visitor:
            assert visitor.fetch("GET", "/_adit/health").status == 200
        for link in links:
            link.close()


# Shares of addresses.

class TenantRelay:
    """A relay in a network of its own, and tenants at addresses there."""

    def __init__(self, directory, network, *limits, address=RELAY):
        (directory / "token").write_text(TOKEN)
        (directory / "token").chmod(0o600)
        words = [word for limit in limits for word in ("--limit", limit)]
        shown = f"[{address}]" if ":" in address else address
        self.network = network
        self.relay = harness.Relay(directory, "--listen", f"{shown}:0", "--token-file",
                                   directory / "token", *words, prepare=network.enter)
        pattern = rf"listening on http://{shown}:(\d+)".replace("[", r"\[").replace("]:", r"\]:")
        port = int(self.relay.wait_for(pattern)[1])
        self.there = types.SimpleNamespace(address=(address, port), port=port)

    def tenant(self, source, number):
        with self.network.inside():
            return tenant(self.there, number, source=source, token=TOKEN)

    def silent(self, source):
        with self.network.inside():
            return AgentPeer(self.there, harness.DEADLINE, greet=False, source=source, token=TOKEN)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.relay.stop()


ATTACKER, OTHER = "192.0.2.66", "192.0.2.77"


def test_an_address_of_many_owners_has_its_share_of_names(tmp_path, streets):  # noqa: F811
    with TenantRelay(tmp_path, streets, "names-per-address=20", "gone-time=1h") as town:
        links = [town.tenant(ATTACKER, n) for n in range(3)]
        answers = [answer_to_bind(link, n) for link in links for n in range(1, 11)]
        assert answers == ["bound"] * 20 + ["ADIT-TOO-MANY-NAMES"] * 10
        assert answer_to_bind(town.tenant(OTHER, 9), 1) == "bound"
        links[0].close()  # this releases names of the same address
        until(lambda: answer_to_bind(links[2], 20) == "bound", "there is room")


def test_an_owner_gets_its_name_back_from_another_address(tmp_path, streets):  # noqa: F811
    with TenantRelay(tmp_path, streets, "names-per-address=1", "gone-time=1h") as town:
        with town.tenant(OTHER, 1) as mine:
            assert answer_to_bind(mine, 1, "mine") == "bound"
            with town.tenant(ATTACKER, 2) as full:
                assert answer_to_bind(full, 1) == "bound"
                with town.tenant(ATTACKER, 1) as roams:
                    assert answer_to_bind(roams, 1, "mine") == "bound"
                    assert answer_to_bind(roams, 2) == "ADIT-TOO-MANY-NAMES"
                    # a name that moves to another address frees no share
                    with town.tenant(OTHER, 3) as third:
                        assert answer_to_bind(third, 1) == "ADIT-TOO-MANY-NAMES"


def test_silent_links_of_one_address_push_out_their_own(tmp_path, streets):  # noqa: F811
    with TenantRelay(tmp_path, streets, "handshakes=12", "handshakes-per-address=8",
              "hello-time=1h") as town:
        honest = town.tenant(OTHER, 1)
        flood = [town.silent(ATTACKER) for _ in range(40)]
        assert [link.close_code() for link in flood[:32]] == [1001] * 32
        assert answer_to_bind(honest, 1) == "bound"
        for link in flood:
            link.close()


def test_where_all_have_too_many_the_address_with_the_most_makes_room(
        tmp_path, streets):  # noqa: F811
    with TenantRelay(tmp_path, streets, "handshakes=12", "handshakes-per-address=8",
              "hello-time=1h") as town:
        honest = town.tenant(OTHER, 1)
        flood = [town.silent(ATTACKER) for _ in range(8)]
        for last in range(100, 110):
            flood.append(town.silent(f"192.0.2.{last}"))
        assert answer_to_bind(honest, 1) == "bound"
        for link in flood:
            link.close()


def test_a_network_of_64_bits_is_one_address(tmp_path, streets):  # noqa: F811
    with TenantRelay(tmp_path, streets, "names-per-address=3", address=RELAY_V6) as town:
        links = [town.tenant(source, n) for n, source in enumerate(V6)]
        assert [answer_to_bind(link, 1) for link in links] == (
            ["bound"] * 3 + ["ADIT-TOO-MANY-NAMES", "bound"])


def test_a_token_is_asked_for_before_anything_is_spent(tmp_path, streets):  # noqa: F811
    with TenantRelay(tmp_path, streets, "handshakes=1", "hello-time=1h") as town:
        honest = town.tenant(OTHER, 1)
        for _ in range(20):
            with town.network.inside(), pytest.raises(AssertionError, match="401|429"):
                AgentPeer(town.there, harness.DEADLINE, source=ATTACKER, token="x" * 32)
        assert answer_to_bind(honest, 1) == "bound"

