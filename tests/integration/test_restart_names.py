# SPDX-License-Identifier: MIT
"""After the relay was stopped or killed and started again, names are held for their owners, and
visitors get 503."""
import hashlib
import os
import re
import signal
import stat
import time

import harness
import pytest
from client import until
from fake_relay import FakeRelay
from origin import Origin
from tunnel_peer import AgentPeer

OWNER, OTHER = "ab" * 32, "cd" * 32
HASH = hashlib.sha256(OWNER.encode()).hexdigest()
FIRST = "adit names 1\n"


@pytest.fixture(scope="module")
def origin():
    with Origin() as started:
        yield started


def names_file(directory):
    return directory / "aditd" / "names"


def kept(directory):
    """The names in the relay's file, and whether each is gone."""
    path = names_file(directory)
    names = {}
    text = path.read_text() if path.exists() else ""
    for line in text.split("\n")[1:-1]:  # an incomplete last line does not count
        word, name, *_ = line.split(" ")
        names[name] = word
        if word == "free":
            del names[name]
    return names


def prepare(directory, text):
    path = names_file(directory)
    path.parent.mkdir(parents=True, mode=0o700)
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    path.chmod(0o600)
    return path


def ask(relay, name):
    with relay.visit(f"{name}.localhost:{relay.port}") as visitor:
        answer = visitor.fetch("GET", "/bytes?size=1")
    if answer.status == 503:
        assert answer.code == "ADIT-AGENT-GONE" and int(answer.get("retry-after")) > 0
    return answer.status


def end(relay, how):
    relay.kill() if how == "kill -9" else relay.stop()


def binds(relay, name, owner):
    """The relay's answer to this owner's bind."""
    peer = AgentPeer(relay, harness.DEADLINE, greet=False)
    with peer:
        peer.hello(owner)
        peer.control(type="bind", id="1", name=name)
        _, said = peer.said()
    return said.get("code", said["type"])


@pytest.mark.parametrize("how", ["kill -9", "stop"])
def test_visitors_of_a_known_name_hear_503_until_its_agent_is_back_and_never_404(
        tmp_path, origin, how):
    relay = harness.Relay(tmp_path)
    agents = [harness.Agent(tmp_path / str(n), relay, origin.address, *args)
              for n, args in enumerate([["--url", "asked-for"], []])]
    labels = [agent.label for agent in agents]
    until(lambda: set(labels) <= set(kept(tmp_path)), "they are kept")
    for agent in agents:
        agent.process.send_signal(signal.SIGSTOP)  # no reconnection during the checks
    end(relay, how)
    with harness.Relay(tmp_path, port=relay.port) as again:
        assert [ask(again, label) for label in labels] == [503, 503]
        for agent in agents:
            agent.process.send_signal(signal.SIGCONT)
        heard = set()
        for label in labels:
            until(lambda label=label: heard.add(ask(again, label)) or 200 in heard, "it is back")
            heard.discard(200)
        assert heard <= {503}
        for agent in agents:
            agent.wait_for(f"connected again, http://{agent.label}")
            assert agent.process.poll() is None
            agent.stop()


@pytest.mark.parametrize("how", ["kill -9", "stop"])
def test_a_name_is_its_owners_after_a_restart_and_free_when_its_time_is_over(tmp_path, how):
    relay = harness.Relay(tmp_path)
    with AgentPeer(relay, harness.DEADLINE, "mine", OWNER):
        until(lambda: kept(tmp_path) == {"mine": "here"}, "it is kept")
        end(relay, how)
    with harness.Relay(tmp_path, port=relay.port) as again:
        assert binds(again, "mine", OTHER) == "ADIT-NAME-IN-USE"
        assert ask(again, "mine") == 503
        assert binds(again, "mine", OWNER) == "bound"
    with harness.Relay(tmp_path, "--limit", "gone-time=100ms") as short:
        until(lambda: binds(short, "mine", OTHER) == "bound", "it is free")


def test_a_name_that_was_released_is_not_held(tmp_path, origin):
    with harness.Relay(tmp_path) as relay:
        with harness.Agent(tmp_path, relay, origin.address, "--url", "left"), \
                AgentPeer(relay, harness.DEADLINE, "lost", OWNER):
            until(lambda: kept(tmp_path) == {"left": "here", "lost": "here"}, "both are kept")
        until(lambda: kept(tmp_path) == {"lost": "gone"}, "one is not kept")
        relay.kill()
    with harness.Relay(tmp_path) as again:
        assert ask(again, "left") == 404
        assert ask(again, "lost") == 503
        assert binds(again, "left", OTHER) == "bound"


def test_only_names_whose_time_is_not_over_are_held(tmp_path):
    now = int(time.time())
    prepare(tmp_path, FIRST + f"here here {HASH}\ngone old {HASH} {now - 61}\n"
            f"gone young {HASH} {now - 5}\ngone future {HASH} {now + 86400}\n"
            f"here again {HASH}\ngone again {HASH} {now - 100}\nhere again {HASH}\n"
            f"here freed {HASH}\nfree freed\nfree never\n")
    with harness.Relay(tmp_path) as relay:
        for name in ("here", "young", "future", "again"):
            assert ask(relay, name) == 503, name
            assert binds(relay, name, OTHER) == "ADIT-NAME-IN-USE"
        for name in ("old", "freed", "never"):
            assert ask(relay, name) == 404, name


DAMAGED = {
    "nothing": b"", "zeros": bytes(4096), "another version": b"adit names 2\nhere a b\n",
    "something else": b"SQLite format 3\0" + os.urandom(500), "no first line": f"here kept {HASH}\n",
    "a word": FIRST + f"here kept {HASH}\nhere?\n", "no owner": FIRST + f"here kept {HASH}\nhere b\n",
    "a short owner": FIRST + f"here kept {HASH[1:]}\n", "upper case": FIRST + f"here KEPT {HASH}\n",
    "a long name": FIRST + f"here {'a' * 64} {HASH}\n", "no time": FIRST + f"gone kept {HASH}\n",
    "a wrong time": FIRST + f"gone kept {HASH} -1\n", "more": FIRST + f"here kept {HASH} 0\n",
    "a long line": FIRST + f"here kept {HASH}\n" + "x" * 100000 + "\n",
    "zeros within": FIRST.encode() + f"here kept {HASH[:20]}".encode() + b"\0" + b"\n",
}


@pytest.mark.parametrize("text", DAMAGED.values(), ids=DAMAGED)
def test_a_damaged_file_is_told_and_put_aside_and_the_relay_starts(tmp_path, text):
    path = prepare(tmp_path, text)
    before = path.read_bytes()
    with harness.Relay(tmp_path) as relay:
        relay.wait_for("names: the names from before the restart cannot be read", "stderr")
        assert ask(relay, "kept") == 404
        assert path.with_name("names.damaged").read_bytes() == before
        with AgentPeer(relay, harness.DEADLINE, "kept", OWNER):
            until(lambda: kept(tmp_path) == {"kept": "here"}, "it is kept anew")


@pytest.mark.parametrize("tail", [f"here b {HASH[:40]}", "he", bytes(3000), f"here b {HASH}"],
                         ids=["hash", "word", "zeros", "end"])
def test_of_a_file_that_was_cut_off_the_names_before_are_held(tmp_path, tail):
    prepare(tmp_path, f"{FIRST}here kept {HASH}\n".encode()
            + (tail if isinstance(tail, bytes) else tail.encode()))
    with harness.Relay(tmp_path) as relay:
        relay.wait_for("names: the end of their file was cut off", "stderr")
        assert (ask(relay, "kept"), ask(relay, "b")) == (503, 404)
        with AgentPeer(relay, harness.DEADLINE, "c", OWNER):
            until(lambda: kept(tmp_path) == {"kept": "gone", "c": "here"}, "it is whole again")


@pytest.mark.parametrize("kind", ["directory", "pipe", "link", "foreign"])
def test_what_is_no_file_of_ours_is_not_read(tmp_path, kind):
    if kind == "foreign" and os.geteuid() != 0:
        pytest.skip("only root gives files away")
    path = prepare(tmp_path, f"{FIRST}here kept {HASH}\n")
    if kind == "foreign":
        os.chown(path, 12345, 12345)
    else:
        path.rename(tmp_path / "elsewhere")
        {"directory": lambda: path.mkdir(), "pipe": lambda: os.mkfifo(path),
         "link": lambda: path.symlink_to(tmp_path / "elsewhere")}[kind]()
    with harness.Relay(tmp_path) as relay:
        relay.wait_for("names: the names from before the restart cannot be read", "stderr")
        assert ask(relay, "kept") == 404
        with AgentPeer(relay, harness.DEADLINE, "mine", OWNER):
            until(lambda: path.is_file() and kept(tmp_path) == {"mine": "here"}, "it is kept")
        assert not path.is_symlink()


def test_the_file_is_private_and_has_no_key(tmp_path):
    with harness.Relay(tmp_path) as relay, AgentPeer(relay, harness.DEADLINE, "mine", OWNER):
        until(lambda: kept(tmp_path) == {"mine": "here"}, "it is kept")
        path = names_file(tmp_path)
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        assert OWNER not in path.read_text() and f"here mine {HASH}\n" in path.read_text()


def test_a_file_that_cannot_be_written_is_told_once_and_written_when_it_can(tmp_path):
    with harness.Relay(tmp_path) as relay:
        names_file(tmp_path).mkdir()
        with AgentPeer(relay, harness.DEADLINE, "one", OWNER), \
                AgentPeer(relay, harness.DEADLINE, "two", OWNER):
            relay.wait_for("cannot be kept over a restart", "stderr")
            assert os.listdir(names_file(tmp_path)) == []
            names_file(tmp_path).rmdir()
            relay.stop()
        assert kept(tmp_path) == {"one": "here", "two": "here"}
        assert relay.text("stderr").count("cannot be kept over a restart") == 1


def test_two_relays_with_one_directory_do_not_forget_each_others_names(tmp_path):
    with harness.Relay(tmp_path) as first, harness.Relay(tmp_path) as second:
        second.wait_for("another relay keeps its own", "stderr")
        with AgentPeer(first, harness.DEADLINE, "a", OWNER), \
                AgentPeer(second, harness.DEADLINE, "b", OWNER):
            until(lambda: kept(tmp_path) == {"a": "here"}, "it is kept")
        second.stop()
        until(lambda: kept(tmp_path) == {"a": "gone"}, "still by the first")


def test_the_file_does_not_grow_with_what_has_been(tmp_path):
    with harness.Relay(tmp_path) as relay:
        with AgentPeer(relay, harness.DEADLINE, "stays", OWNER):
            for _ in range(700):
                assert binds(relay, "comes-and-goes", OWNER) == "bound"
            until(lambda: kept(tmp_path).get("stays") == "here", "it is kept")
            until(lambda: len(names_file(tmp_path).read_text().splitlines()) < 1100, "it is short")


def test_no_more_names_are_taken_back_than_there_may_be(tmp_path):
    prepare(tmp_path, FIRST + "".join(f"here n{i} {HASH}\n" for i in range(5)))
    with harness.Relay(tmp_path, "--limit", "tunnels=3") as relay:
        relay.wait_for(" warn aditd: names: 2 from before the restart were left out", "stderr")
        assert [ask(relay, f"n{i}") for i in range(5)] == [503, 503, 503, 404, 404]


def closes(reason, code=1001):
    """Serves a link of FakeRelay: grants the name, then closes for this reason."""
    def serve(link):
        link.greet()
        link.bound(link.read_bind())
        link.frame(8, code.to_bytes(2, "big") + reason)
        link.rest()
    return serve


@pytest.mark.parametrize("reason, bound", [
    (b"retry 100", 100), (b"retry 31999", 31999), (b"retry 1", 100), (b"retry 0", 1500),
    (b"retry 32001", 1500), (b"retry 99999999999", 1500), (b"retry -5", 1500), (b"", 1500),
    (b"retry 7x", 1500), (b"retry ", 1500), (b"later", 1500)], ids=str)
def test_an_agent_comes_back_within_what_the_relay_says(tmp_path, reason, bound):
    with FakeRelay(closes(reason), lambda link: link.rest()) as relay:
        with harness.Program(tmp_path, "adit", "http", "80", "--relay", relay.url,
                             "--verbose") as agent:
            told = agent.wait_for(r"connecting again in (\d+) ms, of (\d+)", "stderr")
            assert int(told[2]) == bound and int(told[1]) < bound


@pytest.mark.parametrize("leave, first", [(harness.Relay.stop, 103), (harness.Relay.kill, 1500)])
def test_the_bound_doubles_once_the_waits_add_up_to_the_first(tmp_path, origin, leave, first):
    """So a relay that was away for less has its agents back within the first bound. A relay that
    stops says which one that is."""
    relay = harness.Relay(tmp_path)
    agents = [harness.Agent(tmp_path / str(n), relay, origin.address, "--verbose")
              for n in range(2)]
    leave(relay)
    for agent in agents:
        agent.wait_for(rf"connecting again in \d+ ms, of {4 * first},", "stderr")
        waited, bound = 0, first
        for chosen, of in re.findall(r"again in (\d+) ms, of (\d+),", agent.text("stderr")):
            assert int(chosen) < int(of) == bound
            waited += int(chosen)
            bound *= 2 if waited >= first else 1
    with harness.Relay(tmp_path, port=relay.port):
        for agent in agents:
            agent.wait_for("connected again")
            agent.stop()
