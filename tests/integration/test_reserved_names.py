# SPDX-License-Identifier: MIT
"""No agent gets a name that browsers, mail servers or people take for the domain's own."""
import re
import subprocess

import harness
import pytest
from origin import Origin
from patience import ROOT
from tunnel_peer import AgentPeer

DOMAIN = "tenants.example"


@pytest.fixture(scope="module")
def relay(tmp_path_factory):
    with start(tmp_path_factory.mktemp("relay")) as started:
        yield started


@pytest.fixture(scope="module")
def origin():
    with Origin() as started:
        yield started


TOKEN = "0123456789abcdef0123456789abcdef"


def start(directory, *args, domain=DOMAIN):
    path = directory / "token"
    path.write_text(TOKEN)
    path.chmod(0o600)
    return harness.Relay(directory, "--domain", domain, "--token-file", path, *args)


def binds(relay, *names):
    """The relay's answer to a bind of each name."""
    answers = []
    for first in range(0, len(names), 16):
        with AgentPeer(relay, harness.DEADLINE, greet=False, token=TOKEN) as peer:
            peer.hello()
            for number, name in enumerate(names[first:first + 16], 1):
                peer.control(type="bind", id=str(number), name=name)
                answers.append(peer.said()[1])
    return [said.get("code", said["type"]) for said in answers]


def documented():
    text = (ROOT / "docs/operations.md").read_text()
    table = text.partition("| why | names |\n")[2].partition("\n\n")[0]
    words = [word for row in table.splitlines()[1:] for word in re.findall(r"`([^`]+)`", row)]
    assert len(words) > 100
    return [word.replace("??--*", "xn--p1ai").replace("N", "127") for word in words]


def test_no_tenant_gets_a_name_that_the_documentation_lists(relay):
    names = documented()
    heard = dict(zip(names, binds(relay, *names)))
    assert {name: said for name, said in heard.items() if said != "ADIT-NAME-RESERVED"} == {}


@pytest.mark.parametrize("name", ["WPAD", "Www", "wWw1", "LOG-in", "XN--P1AI", "Adm1N"])
def test_case_digits_and_hyphens_do_not_get_around_it(relay, name):
    assert binds(relay, name) == ["ADIT-NAME-RESERVED"]


def test_other_names_are_given(relay):
    assert binds(relay, "myapp", "mailbox", "a", "x-www") == ["bound"] * 4


def test_the_agent_is_told_and_ends(relay, origin, tmp_path):
    agent = harness.Program(tmp_path, "adit", "http", origin.address, "--relay", relay.url,
                            "--url", "autodiscover", env={"ADIT_TOKEN": TOKEN})
    assert agent.exit_code() == 1
    assert re.search(r"autodiscover is reserved .*--url.*\(ADIT-NAME-RESERVED\)",
                     agent.text("stderr"))


def test_none_reserves_nothing(tmp_path):
    with start(tmp_path, "--reserved-names", "none") as relay:
        assert binds(relay, "www", "wpad", "xn--p1ai") == ["bound"] * 3


@pytest.mark.parametrize("domain", ["localhost", "me.localhost"])
def test_on_localhost_nothing_is_reserved(tmp_path, domain):
    with start(tmp_path, domain=domain) as relay:
        assert binds(relay, "www", "wpad") == ["bound"] * 2


@pytest.mark.parametrize("text, www", [("ours\n", "bound"), ("default\nours", "ADIT-NAME-RESERVED")])
@pytest.mark.parametrize("domain", [DOMAIN, "localhost"])
def test_a_file_replaces_the_table_or_adds_to_it(tmp_path, text, www, domain):
    (tmp_path / "reserved").write_text(text)
    with start(tmp_path, "--reserved-names", tmp_path / "reserved", domain=domain) as relay:
        assert binds(relay, "ours", "www", "theirs") == ["ADIT-NAME-RESERVED", www, "bound"]


@pytest.mark.parametrize("text, words", [("a\nb c\n", "line 2"), (None, "No such file"),
                                         ("under_score", "line 1")])
def test_a_relay_whose_file_is_wrong_does_not_start(tmp_path, text, words):
    path = tmp_path / "reserved"
    if text:
        path.write_text(text)
    done = subprocess.run(
        [harness.BIN / "aditd", "--data", tmp_path / "data", "--listen", "127.0.0.1:0",
         "--reserved-names", path], capture_output=True, text=True, timeout=harness.DEADLINE,
        env=harness.environment(tmp_path))
    assert done.returncode == 1
    assert "--reserved-names" in done.stderr and words in done.stderr


def test_a_name_that_was_had_before_it_was_reserved_is_not_given_back(tmp_path):
    (tmp_path / "reserved").write_text("early\n")
    with start(tmp_path, "--reserved-names", "none") as relay:
        with AgentPeer(relay, harness.DEADLINE, "early", token=TOKEN):
            relay.stop()
    with start(tmp_path, "--reserved-names", tmp_path / "reserved") as relay:
        assert binds(relay, "early") == ["ADIT-NAME-RESERVED"]


def test_where_all_is_reserved_that_can_be_made_up_the_agent_goes_on_trying(tmp_path):
    (tmp_path / "reserved").write_text("\n".join(f"{c}*" for c in "abcdefghijklmnopqrstuvwxyz"))
    with start(tmp_path, "--reserved-names", tmp_path / "reserved") as relay:
        with AgentPeer(relay, harness.DEADLINE, greet=False, token=TOKEN) as peer:
            peer.hello()
            peer.control(type="bind", id="1")
            assert peer.said()[1]["code"] == "ADIT-BUSY"
