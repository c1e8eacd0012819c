# SPDX-License-Identifier: MIT
"""Names of tunnels are asked for, given, refused and taken over; Host finds them."""
import re

import harness
import live_lines
import pytest
from client import until
from origin import Origin


@pytest.fixture(scope="module")
def origin():
    with Origin() as started:
        yield started


def agent(relay, origin, directory, *args):
    return harness.Agent(directory, relay, origin.address, *args)


def refused(relay, origin, directory, *args):
    """The exit status and message of an agent that is refused for good."""
    program = harness.Program(
        directory, "adit", "http", origin.address, "--relay", relay.url, *args)
    code = program.exit_code()
    return code, program.text("stderr")


def hello(relay, host):
    with relay.visit(host) as visitor:
        return visitor.fetch("GET", "/").body == b"hello"


def test_an_asked_for_name_is_given(relay, origin, tmp_path):
    with agent(relay, origin, tmp_path, "--url", "myapp") as mine:
        assert mine.url == f"http://myapp.localhost:{relay.port}"
        assert hello(relay, "myapp.localhost")


def test_names_are_lower_case(relay, origin, tmp_path):
    with agent(relay, origin, tmp_path, "--url", "SPelt") as mine:
        assert mine.label == "spelt"
        assert hello(relay, "SPELT.localhost")


def test_given_names_are_different_and_hard_to_guess(relay, origin, tmp_path):
    with agent(relay, origin, tmp_path / "1") as one, agent(relay, origin, tmp_path / "2") as two:
        assert one.label != two.label
        assert re.fullmatch(r"[a-z0-9-]{8,63}", one.label)
        assert hello(relay, one.host) and hello(relay, two.host)


@pytest.mark.parametrize("host", ["hosts.localhost", "HOSTS.LocalHost", "hosts.localhost:{port}",
                                  "hosts.localhost:80", "HOSTS.LOCALHOST:{port}",
                                  "hosts.localhost."])
def test_host_finds_the_tunnel_in_any_case_with_and_without_a_port(relay, origin, tmp_path, host):
    with agent(relay, origin, tmp_path, "--url", "hosts"):
        assert hello(relay, host.format(port=relay.port))


@pytest.mark.parametrize("host, code", [
    ("{}.{}.localhost", "ADIT-NO-TUNNEL"), ("x{}.localhost", "ADIT-NO-TUNNEL"),
    ("localhost.{}", "ADIT-MISDIRECTED"), ("{}", "ADIT-MISDIRECTED")])
def test_other_hosts_do_not_find_it(relay, origin, tmp_path, host, code):
    with agent(relay, origin, tmp_path, "--url", "exact"):
        before = len(origin.requests)
        with relay.visit(host.format("exact", "exact")) as visitor:
            assert visitor.fetch("GET", "/").code == code
        assert len(origin.requests) == before


def test_a_name_in_use_is_refused_clearly(relay, origin, tmp_path):
    with agent(relay, origin, tmp_path / "first", "--url", "wanted"):
        code, message = refused(relay, origin, tmp_path / "second", "--url", "wanted")
        assert code == 1
        assert "wanted" in message and "in use" in message and "--url" in message
        assert hello(relay, "wanted.localhost")


def test_a_name_is_free_for_others_after_its_agent_has_ended(relay, origin, tmp_path):
    with agent(relay, origin, tmp_path / "first", "--url", "passed-on"):
        pass
    with agent(relay, origin, tmp_path / "second", "--url", "passed-on"):
        assert hello(relay, "passed-on.localhost")


def test_the_owners_new_link_takes_the_name_over(relay, tmp_path):
    with Origin() as old, Origin() as new:
        for each, text in ((old, "old"), (new, "new")):
            each.on("/which", lambda exchange, text=text: exchange.reply(text))
        first = agent(relay, old, tmp_path, "--url", "mine")
        with agent(relay, new, tmp_path, "--url", "mine"):
            for _ in range(20):
                with relay.visit("mine.localhost") as visitor:
                    assert visitor.fetch("GET", "/which").body == b"new"
            assert first.exit_code() == 1  # it doesn't fight for it
            assert "mine" in first.text("stderr")


def test_one_owner_may_have_many_names(relay, origin, tmp_path):
    with agent(relay, origin, tmp_path, "--url", "one") as one, \
            agent(relay, origin, tmp_path, "--url", "two") as two:
        assert hello(relay, one.host) and hello(relay, two.host)


@pytest.mark.parametrize("name, status", [
    ("-dash", 1), ("dash-", 1), ("under_score", 1), ("dot.ted", 1), ("", 2), ("a" * 64, 2),
    ("\u00fcmlaut", 1), ("sp ace", 1), ("xn--\u00fc", 1), ("name.example.com", 1)])
def test_names_that_cannot_be_host_names_are_refused(relay, origin, tmp_path, name, status):
    code, message = refused(relay, origin, tmp_path, "--url", name)
    assert code == status
    assert re.match("adit( http)?: ", message)


@pytest.mark.parametrize("name", ["a", "0", "a-b", "a" * 63, "123"])
def test_names_at_the_edge_are_given(relay, origin, tmp_path, name):
    with agent(relay, origin, tmp_path, "--url", name) as mine:
        assert hello(relay, mine.host)


def test_an_unknown_name_says_so(relay):
    with relay.visit("not-there.localhost") as visitor:
        answer = visitor.fetch("GET", "/")
    assert (answer.status, answer.code) == (404, "ADIT-NO-TUNNEL")
    assert "adit http" in answer.body.decode()  # what to do


def test_each_exchange_is_printed(relay, origin, tmp_path):
    with agent(relay, origin, tmp_path) as mine:
        with relay.visit(mine.host) as visitor:
            visitor.fetch("GET", "/bytes?size=64")
            visitor.fetch("POST", "/nothing?x=%1b", body=b"abc")
        first = mine.wait_for(live_lines.pattern("GET", r"/bytes\?size=64"))
        assert live_lines.parsed(first.string).size == "64 B"
        mine.wait_for(live_lines.pattern("POST", r"/nothing\?x=%1b", 404))


def test_printed_text_cannot_steer_the_terminal(relay, origin, tmp_path):
    with agent(relay, origin, tmp_path) as mine:
        with relay.visit(mine.host) as visitor:
            visitor.fetch("GET", "/nothing?\x80\x9b31m\xff")
            visitor.fetch("GET", "/nothing?end")
        mine.wait_for("GET    /nothing.end")
        text = mine.text("stdout")
        assert "\ufffd" not in text and all(line.isprintable() for line in text.splitlines())


def test_a_second_agent_waits_for_nobody(relay, origin, tmp_path):
    agents = [agent(relay, origin, tmp_path / str(number)) for number in range(10)]
    try:
        assert all(hello(relay, each.host) for each in agents)
    finally:
        for each in agents:
            each.stop()
    until(lambda: not any(hello(relay, each.host) for each in agents), "all names are gone")
