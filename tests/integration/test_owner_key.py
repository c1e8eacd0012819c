# SPDX-License-Identifier: MIT
"""No relay learns an owner's key that it could use at another one; owners of older versions are
known."""
import contextlib
import hashlib
import hmac
import json
import queue
import sqlite3

import harness
import pytest
from client import until
from connect_proxy import ConnectProxy
from fake_relay import HELLO, FakeRelay
from origin import Origin
from tunnel_peer import AgentPeer

OLD = "ab" * 32  # a key as older versions kept it and sent it to relays
OTHER = "cd" * 32


class Listener:
    """A relay that keeps the messages of agents and grants their names."""

    def __init__(self):
        self.heard = queue.Queue()
        self.relay = FakeRelay(self.serve)

    def serve(self, link):
        link.upgrade()
        self.heard.put(link.read_message(HELLO).decode())
        link.rest()

    def hello_of(self, directory, url, *args, env=None):
        """The hello that an agent with this state directory sends to a relay of this URL."""
        with harness.Program(directory, "adit", "http", "80", "--relay", url, *args, env=env):
            return json.loads(self.heard.get(timeout=harness.DEADLINE))


@pytest.fixture(scope="module")
def listener():
    started = Listener()
    with started.relay:
        yield started


def hello_to(listener, directory, host):
    """The same for a relay elsewhere, which the agent reaches through a proxy."""
    port = listener.relay.listener.getsockname()[1]
    with ConnectProxy(("127.0.0.1", port)) as proxy:
        return listener.hello_of(directory, f"http://{host}", env={"http_proxy": proxy.url})


def binds(relay, name, owner, **members):
    with AgentPeer(relay, harness.DEADLINE, greet=False) as peer:
        peer.hello(owner, **members)
        peer.control(type="bind", id="1", name=name)
        _, said = peer.said()
    return said.get("code", said["type"])


def key_file(directory, text):
    path = directory / "adit" / "owner.key"
    path.parent.mkdir(parents=True, mode=0o700)
    path.write_text(text)
    path.chmod(0o600)
    return path


def names_file(directory, text):
    path = directory / "aditd" / "names"
    path.parent.mkdir(parents=True, mode=0o700)
    path.write_text("adit names 1\n" + text)
    path.chmod(0o600)


def test_what_one_relay_hears_takes_no_name_at_another(tmp_path, listener):
    stolen = hello_to(listener, tmp_path, "elsewhere.example")
    with Origin() as origin, harness.Relay(tmp_path) as relay:
        with harness.Agent(tmp_path, relay, origin.address, "--url", "mine") as agent:
            members = {"before": stolen["before"]} if "before" in stolen else {}
            assert binds(relay, "mine", stolen["owner"], **members) == "ADIT-NAME-IN-USE"
            agent.kill()
        assert binds(relay, "mine", stolen["owner"], **members) == "ADIT-NAME-IN-USE"


def test_each_host_hears_another_value_and_none_the_key(tmp_path, listener):
    hosts = ["one.example", "two.example", "192.0.2.1", "[2001:db8::1]"]
    said = [hello_to(listener, tmp_path, host) for host in hosts]
    said.append(listener.hello_of(tmp_path, listener.relay.url))
    assert len({hello["owner"] for hello in said}) == len(said)
    key = (tmp_path / "adit" / "owner.key").read_text().split()[-1]
    assert len(key) == 64 and not any(key in json.dumps(hello) for hello in said)


def test_the_spellings_of_a_host_and_all_of_loopback_are_one(tmp_path, listener):
    same = [hello_to(listener, tmp_path, host)["owner"]
            for host in ("one.example", "ONE.Example:8080", "one.example.", "one.example:80")]
    assert len(set(same)) == 1
    port = listener.relay.listener.getsockname()[1]
    same = [listener.hello_of(tmp_path, f"{host}:{port}")["owner"]
            for host in ("localhost", "127.0.0.1", "LOCALHOST.", "a.localhost")]
    assert len(set(same)) == 1


def test_a_redirect_gets_nothing_for_another_host(tmp_path, listener):
    asked = queue.Queue()

    def redirect(link):
        asked.put(link.request())
        link.answer(302, [("Location", listener.relay.url + "/_adit/v1/tunnel")])

    with FakeRelay(redirect) as relay:
        with harness.Program(tmp_path, "adit", "http", "80", "--relay", relay.url) as agent:
            agent.wait_for("302", "stderr")
            for _ in range(2):  # it reconnects, to the same relay
                asked.get(timeout=harness.DEADLINE)
    assert listener.heard.empty()


def test_an_owner_of_an_older_version_gets_its_name_and_no_relay_its_key(tmp_path, listener):
    """The relay stored the name in the older version; the agent is new."""
    key_file(tmp_path, OLD)
    names_file(tmp_path, f"here mine {hashlib.sha256(OLD.encode()).hexdigest()}\n")
    with Origin() as origin, harness.Relay(tmp_path) as relay:
        assert binds(relay, "mine", OTHER) == "ADIT-NAME-IN-USE"
        with harness.Agent(tmp_path, relay, origin.address, "--url", "mine"):
            # From now on the relay knows it by the new key.
            assert binds(relay, "mine", OLD) == "ADIT-NAME-IN-USE"
    said = listener.hello_of(tmp_path, listener.relay.url)
    assert OLD not in json.dumps(said) and hashlib.sha256(OLD.encode()).hexdigest() not in str(said)


def test_a_new_agent_takes_over_from_an_older_one_that_still_runs(tmp_path):
    key_file(tmp_path, OLD)
    with Origin() as origin, harness.Relay(tmp_path) as relay, \
            AgentPeer(relay, harness.DEADLINE, "mine", OLD) as old:
        with harness.Agent(tmp_path, relay, origin.address, "--url", "mine"):
            assert old.said()[1]["code"] == "ADIT-REPLACED"


def test_proof_of_the_older_key_goes_to_one_relay_only(tmp_path, listener):
    key_file(tmp_path, OLD)
    names_file(tmp_path, f"here mine {hashlib.sha256(OLD.encode()).hexdigest()}\n")
    stolen = hello_to(listener, tmp_path, "elsewhere.example")
    wrong = [stolen["before"], hashlib.sha256(OLD.encode()).hexdigest(), OLD, "", "0" * 64, "x"]
    with harness.Relay(tmp_path) as relay:
        for value in wrong:
            assert binds(relay, "mine", stolen["owner"], before=value) == "ADIT-NAME-IN-USE"
        own = listener.hello_of(tmp_path, listener.relay.url)  # on loopback, where this relay is
        assert binds(relay, "mine", own["owner"], before=own["before"]) == "bound"


def owners_kept(directory, name):
    """The owner of this name in the relay's files."""
    words = (directory / "aditd" / "names").read_text().split()
    with contextlib.closing(sqlite3.connect(directory / "aditd" / "record.db")) as db:
        return {words[words.index(name) + 1],
                *(owner for owner, in db.execute("SELECT owner FROM tunnel WHERE name=?", [name]))}


def test_a_copy_of_the_relays_files_takes_no_name(tmp_path):
    """A copy of the relay's files gives its reader no name."""
    with Origin() as origin, harness.Relay(tmp_path) as relay, \
            harness.Agent(tmp_path, relay, origin.address, "--url", "mine") as agent:
        with relay.visit(agent.host) as visitor:
            assert visitor.fetch("GET", "/").status == 200
        until(lambda: (tmp_path / "aditd" / "names").exists() and owners_kept(tmp_path, "mine"),
              "it is kept")
        for kept in owners_kept(tmp_path, "mine"):
            shown = hmac.new(kept.encode(), b"adit owner before\nlocalhost", "sha256").hexdigest()
            assert binds(relay, "mine", OTHER, before=shown) == "ADIT-NAME-IN-USE"
        agent.kill()
        relay.kill()
        with harness.Relay(tmp_path) as again:
            assert binds(again, "mine", OTHER, before=shown) == "ADIT-NAME-IN-USE"


def test_a_key_file_that_is_not_ours_alone_is_refused(tmp_path):
    path = key_file(tmp_path, "adit owner key 2\n" + OLD + "\n")
    for mode in (0o640, 0o604, 0o660, 0o602):
        path.chmod(mode)
        agent = harness.Program(tmp_path, "adit", "http", "80", "--relay", "127.0.0.1:1")
        assert agent.exit_code() == 1
        said = agent.text("stderr")
        assert "owner.key" in said and "chmod 600" in said and OLD not in said
    path.chmod(0o600)
    with harness.Program(tmp_path, "adit", "http", "80", "--relay", "127.0.0.1:1") as agent:
        agent.wait_for("127.0.0.1:1", "stderr")
    until(lambda: path.read_text().endswith(OLD + "\n"), "it is as it was")
