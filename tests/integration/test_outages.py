# SPDX-License-Identifier: MIT
"""The agent explains an unreachable or unwilling relay, and tries again where that can help."""
import os
import pathlib
import re
import resource
import shutil
import signal
import socket

import harness
import pytest
from client import until
from fake_relay import FakeRelay
from faults import Faults


def start(directory, url, *args):
    return harness.Program(directory, "adit", "http", "80", "--relay", url, *args)


def silent(link):
    link.rest()


def keeps(link):
    """Gives the agent its name and stays connected."""
    link.greet()
    link.bound(link.read_bind())
    link.rest()


def leaves(link):
    """Gives the agent its name and disconnects."""
    link.greet()
    link.bound(link.read_bind())


def refuses(code):
    def serve(link):
        link.greet()
        link.refused(link.read_bind(), code)
        link.rest()
    return serve


def answers(status, *fields):
    def serve(link):
        link.request()
        link.answer(status, fields)
    return serve


@pytest.mark.parametrize("status, code, words", [
    (403, None, "forbids"), (404, "ADIT-NO-TUNNEL", "address of a tunnel"),
    (404, None, "is it an adit relay"), (421, "ADIT-MISDIRECTED", "own domain"),
    (426, "ADIT-UPGRADE-REQUIRED", "WebSockets"), (429, "ADIT-TOO-MANY-REQUESTS", "too many"),
    (503, "ADIT-AGENT-GONE", "address of a tunnel"), (503, "ADIT-RELAY-FULL", "visitors"), (502, None, "relay running"),
    (503, None, "relay running"), (400, None, "https"), (301, None, "redirects"), (308, None, "redirects"),
    (200, None, "is it an adit relay")])
def test_each_answer_to_the_handshake_is_explained_and_tried_again(tmp_path, status, code, words):
    fields = [("Adit-Error", code)] if code else []
    if status // 100 == 3:
        fields.append(("Location", "http://127.0.0.1:1/elsewhere"))
    with FakeRelay(answers(status, *fields), keeps) as relay:
        with start(tmp_path, relay.url) as agent:
            told = agent.wait_for(f"answered with {status}.*", "stderr")[0]
            assert words in told
            assert re.findall(r"ADIT-[A-Z-]+", told) == ([code] if code else [])
            agent.wait_for("^adit: http")


@pytest.mark.parametrize("token, words", [(None, "wants a token"), ("x" * 16, "not accept")])
def test_a_refused_token_ends_it(tmp_path, token, words):
    env = {"ADIT_TOKEN": token} if token else {}
    with FakeRelay(answers(401)) as relay:
        agent = harness.Program(tmp_path, "adit", "http", "80", "--relay", relay.url, env=env)
        assert agent.exit_code() == 1
        assert words in agent.text("stderr")


@pytest.mark.parametrize("code", ["ADIT-TOO-MANY-NAMES", "ADIT-BUSY", "ADIT-NAME-IN-USE",
                                  "ADIT-SOMETHING-NEW"])
def test_a_lost_name_is_asked_for_until_it_is_given_again(tmp_path, code):
    with FakeRelay(leaves, refuses(code), refuses(code), keeps) as relay:
        with start(tmp_path, relay.url, "--url", "mine") as agent:
            agent.wait_for("^adit: connected again, http://mine.localhost")
            assert agent.text("stderr").count(code) == 1  # an outage is reported once


@pytest.mark.parametrize("code", ["ADIT-REPLACED", "ADIT-NAME-RESERVED", "ADIT-BAD-NAME"])
def test_a_name_that_will_not_be_given_again_is_given_up(tmp_path, code):
    with FakeRelay(leaves, refuses(code), keeps) as relay:
        agent = start(tmp_path, relay.url)
        assert agent.exit_code() == 1
        assert code in agent.text("stderr")


@pytest.mark.parametrize("code", ["ADIT-NAME-IN-USE", "ADIT-NAME-RESERVED", "ADIT-BAD-NAME",
                                  "ADIT-SOMETHING-NEW"])
def test_at_the_start_a_refusal_is_final(tmp_path, code):
    with FakeRelay(refuses(code), keeps) as relay:
        agent = start(tmp_path, relay.url)
        assert agent.exit_code() == 1
        assert code in agent.text("stderr")


@pytest.mark.parametrize("args", [[], ["--url", "mine"]])
@pytest.mark.parametrize("code", ["ADIT-TOO-MANY-NAMES", "ADIT-BUSY"])
def test_at_the_start_too_a_passing_refusal_is_waited_for(tmp_path, code, args):
    with FakeRelay(refuses(code), keeps) as relay:
        with start(tmp_path, relay.url, *args) as agent:
            agent.wait_for(f"{code}.*Trying again", "stderr")
            agent.wait_for("^adit: http")


def wants(token):
    """Accepts the agent with this token only."""
    def serve(link):
        _, fields = link.request()
        if fields.get("authorization") != f"Bearer {token}":
            link.answer(401, [("Adit-Error", "ADIT-UNAUTHORIZED")])
            return
        link.request = lambda: ("", fields)
        keeps(link)
    return serve


def test_an_agent_that_was_let_in_waits_for_the_new_token_in_its_file(tmp_path):
    file = tmp_path / "token"
    file.write_text("0" * 16)
    file.chmod(0o600)
    with FakeRelay(leaves, wants("1" * 16)) as relay:
        with start(tmp_path, relay.url, "--token-file", file) as agent:
            agent.wait_for("any more .*ADIT-UNAUTHORIZED.*--token-file.*Trying again", "stderr")
            file.write_text("1" * 16)
            agent.wait_for("^adit: connected again")


def test_without_a_file_it_is_told_to_start_again(tmp_path):
    with FakeRelay(leaves, answers(401)) as relay:
        env = {"ADIT_TOKEN": "0" * 16}
        with harness.Program(tmp_path, "adit", "http", "80", "--relay", relay.url,
                             env=env) as agent:
            agent.wait_for("ADIT-UNAUTHORIZED.*start adit again.*Trying again", "stderr")
            until(lambda: len(relay.links) > 3, "it goes on")


@pytest.mark.parametrize("value, least, most", [
    ("7", 7000, 7500), ("4000000000", 32000, 32500), ("99999999999999999999", 0, 500),
    ("Fri, 31 Dec 1999 23:59:59 GMT", 0, 500), ("-1", 0, 500), ("0", 0, 500)])
def test_a_relay_may_say_when_to_come_back_within_bounds(tmp_path, value, least, most):
    with FakeRelay(answers(429, ("Retry-After", value)), keeps) as relay:
        with start(tmp_path, relay.url, "--verbose") as agent:
            said = agent.wait_for(r"connecting again in (\d+) ms, of (\d+), not before (\d+)",
                                  "stderr")
            assert (int(said[3]), int(said[2])) == (least, most)
            assert least <= int(said[1]) < most


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_it_while_the_relay_is_silent(tmp_path, how):
    with FakeRelay(silent) as relay:
        for url in (relay.url, relay.url.replace("127.0.0.1", "localhost")):
            before = len(relay.links)
            agent = start(tmp_path, url)
            until(lambda before=before: len(relay.links) > before, "it connects")
            agent.stop(how)


def test_a_silent_relay_is_tried_again(tmp_path):
    # `localhost` has two addresses, so the first is given up sooner
    with FakeRelay(silent, keeps) as relay:
        with start(tmp_path, relay.url.replace("127.0.0.1", "localhost")) as agent:
            agent.wait_for("^adit: http", within=5 + harness.DEADLINE)


def test_a_reason_is_told_when_nothing_listens(tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as was_open:
        url = f"http://127.0.0.1:{was_open.getsockname()[1]}"
    with start(tmp_path, url) as agent:
        agent.wait_for(rf"cannot reach the relay {url} \(.*\); .*aditd", "stderr")


def test_a_name_that_does_not_exist_is_told(tmp_path):
    with start(tmp_path, "http://no-such-relay.invalid") as agent:
        agent.wait_for(r"cannot reach the relay http://no-such-relay.invalid \(\w.*\)", "stderr")


@pytest.mark.skipif(harness.UNDER_VALGRIND, reason="Valgrind has the descriptors")
def test_without_descriptors_it_goes_on_trying(own_tunnel):
    agent = own_tunnel.agent
    before = resource.prlimit(agent.pid, resource.RLIMIT_NOFILE)
    own_tunnel.relay.stop()
    agent.wait_for("cannot reach|has gone", "stderr")
    resource.prlimit(agent.pid, resource.RLIMIT_NOFILE, (0, before[1]))  # what is open stays so
    agent.wait_for("too many open files", "stderr")
    own_tunnel.restart_relay()
    resource.prlimit(agent.pid, resource.RLIMIT_NOFILE, before)
    agent.wait_for("^adit: connected again", within=20 + harness.DEADLINE)
    assert own_tunnel.fetch("GET", "/").body == b"hello"


@pytest.mark.skipif(harness.UNDER_VALGRIND or not shutil.which("strace"),
                    reason="strace follows the program")
def test_a_signal_does_not_wait_for_a_name_that_is_being_resolved(relay, tmp_path):
    number = {"x86_64": 257, "aarch64": 56}.get(os.uname().machine)  # of openat
    if not number:
        pytest.skip("the number of openat is not known here")
    # delays each open of the resolver's threads for much longer than the test waits
    slow = f"openat:delay_enter={2 * harness.DEADLINE * 1_000_000}"
    # without a recorder, whose open would be delayed too
    agent = harness.Agent(tmp_path, relay, "no-such-service.invalid:80", "--record", "none")
    threads = pathlib.Path(f"/proc/{agent.pid}/task")

    def is_held_up():
        return any(path.read_text().startswith(f"{number} ") for path in threads.glob("*/syscall"))

    with Faults(agent.pid, tmp_path / "strace", slow) as faults, relay.visit(agent.host) as visitor:
        visitor.request("GET", "/")
        until(is_held_up, "it resolves")
        agent.process.send_signal(signal.SIGTERM)
        # All threads have ended but the one that strace delays.
        until(lambda: "\nState:\tZ" in pathlib.Path(f"/proc/{agent.pid}/status").read_text(),
              "it ends", harness.DEADLINE)
        faults.process.kill()
        assert agent.exit_code() == 0
