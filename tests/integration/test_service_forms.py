# SPDX-License-Identifier: MIT
"""All arguments that name a service or a relay accept the same forms, and refuse the others in the
same words."""
import re
import subprocess

import harness
import pytest
from origin import Origin

FORMS = ["{port}", ":{port}", "localhost:{port}", "LocalHost:{port}", "localhost.:{port}",
         "app.localhost:{port}", "http://localhost:{port}", "HTTP://localhost:{port}/",
         "[::1]:{port}", "[0:0:0:0:0:0:0:1]:{port}", "http://[::1]:{port}", "http://[::1]:{port}/"]

REFUSED = {
    "0": "from 1 to 65535", ":0": "from 1 to 65535", "65536": "from 1 to 65535",
    "localhost:0": "from 1 to 65535", "localhost:65536": "from 1 to 65535",
    "http://localhost:65536": "from 1 to 65535", "localhost:": "from 1 to 65535",
    "localhost:8x": "from 1 to 65535", "localhost": "a port is missing", "": "it is empty",
    "http://": "there is no host", "http:///": "there is no host", "http://:80": "there is no host",
    "ftp://localhost": "only http", "http://localhost/path": "leave out",
    "http://localhost/?q": "leave out", "localhost:80/path": "leave out",
    "http://user:pa55word@localhost": "a user or password", "user:pa55word@localhost:80":
    "a user or password", "local host:80": "a space or a control", "localhost:80\n":
    "a space or a control", "\x1b[31m:80": "a space or a control", "::1": "in brackets",
    "::1:80": "in brackets", "[fe80::1%eth0]:80": "zone", "[::1:80": "not closed",
    "256.1.1.1:80": "four numbers", "a..b:80": "a host is", "bücher.example:80": "xn--",
    "x" * 300 + ":80": "at most 253"}

PLACES = {"http": ["http", "{}"], "proxy": ["proxy", "--url", "{}"],
          "replay": ["replay", "last", "--to", "{}"], "relay": ["http", "80", "--relay", "{}"]}


@pytest.fixture(scope="module")
def origin():
    """A service that listens on ::1 only."""
    try:
        started = Origin("::1")
    except OSError:
        pytest.skip("there is no IPv6 here")
    with started:
        yield started


def said(args, directory):
    """The message of a command that refuses its arguments, without the place of the mistake."""
    done = subprocess.run([harness.BIN / "adit", *args], stdin=subprocess.DEVNULL, text=True,
                          capture_output=True, timeout=harness.DEADLINE,
                          env=harness.environment(directory))
    assert (done.returncode, done.stdout) == (2, ""), done
    first = done.stderr.splitlines()[0]
    assert done.stderr.endswith("--help\n") and all(" " <= c for c in first)
    return re.sub(r"^adit \w+: (the service|--url|--to|--relay): ", "", first)


@pytest.mark.parametrize("text", REFUSED, ids=lambda text: text[:30])
def test_every_place_refuses_the_same_in_the_same_words(tmp_path, text):
    words = {place: said([arg.format(text) for arg in args], tmp_path)
             for place, args in PLACES.items()}
    for relay, service in (("only http:// and https:// lead to a relay",
                            "only http://, https://, unix: and file:// lead to a service"),
                           ("write HOST:PORT, or https://HOST or http://HOST",
                            "write HOST:PORT, or http://HOST for port 80")):
        words["relay"] = words["relay"].replace(relay, service)
    assert len(set(words.values())) == 1, words
    assert REFUSED[text] in words["http"]
    assert "pa55word" not in words["http"]


@pytest.mark.parametrize("form", FORMS)
def test_the_agent_reaches_a_service_on_the_other_loopback(relay, origin, tmp_path, form):
    with harness.Agent(tmp_path, relay, form.format(port=origin.port)) as agent:
        with relay.visit(agent.host) as visitor:
            assert visitor.fetch("GET", "/").body == b"hello"


@pytest.mark.parametrize("form", FORMS)
def test_the_proxy_and_a_replay_reach_it(origin, tmp_path, form):
    service = form.format(port=origin.port)
    with harness.Proxy(tmp_path, service) as proxy:
        with proxy.visit() as visitor:
            assert visitor.fetch("GET", "/").body == b"hello"
    for args in ([], ["--to", service]):  # to the recorded service, and to a given one
        before = len(origin.requests)
        done = subprocess.run([harness.BIN / "adit", "replay", "last", "--data", proxy.data, *args],
                              stdin=subprocess.DEVNULL, text=True, capture_output=True,
                              timeout=harness.DEADLINE, env=harness.environment(tmp_path))
        assert done.returncode == 0, done
        assert "the same answer" in done.stdout
        assert len(origin.requests) == before + 1


@pytest.mark.parametrize("form, host", [
    (form, host) for form in FORMS for host in ("127.0.0.1", "[::1]")
    if host == "[::1]" or "[" not in form])
def test_the_relay_is_reached_on_either_loopback(tmp_path, form, host):
    with harness.Relay(tmp_path, "--listen", f"{host}:0") as relay:
        port = relay.wait_for(r"listening on http://(.*):(\d+)$", number=2)[2]
        with harness.Program(tmp_path, "adit", "http", "80", "--relay",
                             form.format(port=port)) as agent:
            if form.startswith("app."):  # the name of a tunnel, as the message says
                agent.wait_for("answered with 404 ADIT-NO-TUNNEL", "stderr")
            else:
                agent.wait_for("^adit: http")
