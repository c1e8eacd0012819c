# SPDX-License-Identifier: MIT
"""An old, forged or full file of names costs no visitor and no agent its service."""
import hashlib
import pathlib
import time

import harness
import mounts
import pytest
from client import until
from origin import Origin
from tunnel_peer import AgentPeer

OWNER, OTHER = "ab" * 32, "cd" * 32
HASH = hashlib.sha256(OWNER.encode()).hexdigest()


def names_file(directory, text=None):
    path = directory / "aditd" / "names"
    if text is not None:
        path.parent.mkdir(parents=True, mode=0o700, exist_ok=True)
        path.write_text(text)
        path.chmod(0o600)
    return path


def binds(relay, name, owner):
    with AgentPeer(relay, harness.DEADLINE, greet=False) as peer:
        peer.hello(owner)
        peer.control(type="bind", id="1", name=name)
        _, said = peer.said()
    return said.get("code", said["type"])


def time_in(path):
    """The time from which the last name counts as gone; in the future while its owner is
    connected."""
    last = path.read_text().split()
    return int(last[-1]) if last[-1].isdigit() else time.time()


def first_line(age):
    return f"adit names 1 {(int(time.time()) - age) * 10**9:019}\n"


def test_an_old_copy_takes_no_name_from_a_later_owner(tmp_path):
    now = int(time.time())
    names_file(tmp_path, first_line(7200) + f"here mine {HASH}\ngone lost {HASH} {now - 7000}\n")
    with harness.Relay(tmp_path) as relay:
        relay.wait_for("names: 1 are not held", "stderr")
        assert binds(relay, "mine", OTHER) == "bound"
        assert binds(relay, "lost", OTHER) == "bound"


def test_a_young_copy_takes_no_name_from_a_later_owner(tmp_path):
    path = names_file(tmp_path)
    with Origin() as origin:
        relay = harness.Relay(tmp_path)
        with harness.Agent(tmp_path / "first", relay, origin.address, "--url", "mine"):
            until(lambda: path.exists() and "here mine" in path.read_text(), "it is kept")
            copy = path.read_text()
        with harness.Agent(tmp_path / "second", relay, origin.address, "--url", "mine") as second:
            until(lambda: path.read_text().count("mine") != copy.count("mine"), "it is, too")
            relay.kill()
            names_file(tmp_path, copy)
            with harness.Relay(tmp_path, port=relay.port) as again:
                again.wait_for("an older copy", "stderr")
                second.wait_for("connected again, http://mine")
                second.stop()


def test_a_relay_that_was_away_for_a_while_holds_its_names(tmp_path):
    names_file(tmp_path, first_line(3000) + f"here mine {HASH}\n")
    with harness.Relay(tmp_path) as relay:
        assert binds(relay, "mine", OTHER) == "ADIT-NAME-IN-USE"
        assert binds(relay, "mine", OWNER) == "bound"


@pytest.mark.parametrize("line", [f"here mine {HASH}", f"gone mine {HASH} 9223372036854775807",
                                  f"gone mine {HASH} 0"])
def test_no_line_keeps_a_name_over_starts_for_longer_than_gone_time(tmp_path, line):
    """A start does not renew the time for which a name is held."""
    names_file(tmp_path, f"adit names 1\n{line}\n")
    said = None
    for _ in range(5):
        with harness.Relay(tmp_path, "--limit", "gone-time=1s") as relay:
            said = binds(relay, "mine", OTHER)
            if said == "bound":
                break
            until(lambda: time_in(names_file(tmp_path)) + 1 <= time.time(), "its time is over")
            relay.kill()
    assert said == "bound"


def test_a_forged_file_cannot_keep_agents_from_other_names(tmp_path):
    lines = "".join(f"here n{number} {HASH}\n" for number in range(1000))
    names_file(tmp_path, first_line(0) + lines)
    with Origin() as origin, harness.Relay(tmp_path, "--limit", "tunnels=1100") as relay, \
            harness.Agent(tmp_path, relay, origin.address, "--url", "mine") as agent, \
            relay.visit(agent.host) as visitor:
        assert visitor.fetch("GET", "/").body == b"hello"


@pytest.mark.skipif(not mounts.may_mount(), reason="may not mount")
def test_a_full_disk_stops_nobody_and_what_it_lacks_is_written_when_there_is_room(tmp_path):
    data = tmp_path / "aditd"
    data.mkdir(mode=0o700)
    with harness.Relay(tmp_path, "--record", "none",
                       prepare=mounts.small_disk(data, 65536)) as relay:
        inside = pathlib.Path(f"/proc/{relay.pid}/root") / str(data).lstrip("/")
        with AgentPeer(relay, harness.DEADLINE, "first", OWNER):
            until(lambda: (inside / "names").exists(), "it is kept")
            before = (inside / "names").read_text()
            filler = inside / "filler"
            with filler.open("wb", buffering=0) as file:
                try:
                    while file.write(bytes(4096)):
                        pass
                except OSError:
                    pass
            for number in range(60):  # more than is left of the last page
                assert binds(relay, f"more{number}", OTHER) == "bound"
            relay.wait_for("cannot be kept over a restart: No space left", "stderr")
            assert (inside / "names").read_text().startswith(before.split("\n", 1)[0][:12])
            assert not list(inside.glob("names.*.new"))
            filler.unlink()
            until(lambda: "here first" in (inside / "names").read_text()
                  and "more59" in (inside / "names").read_text(), "it is whole again")
            assert (inside / "names").read_text().endswith("\n")
