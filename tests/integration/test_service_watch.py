# SPDX-License-Identifier: MIT
"""A program says when its service cannot be reached at the start, comes or goes, and never connects
to a working service without a request. The first lines say what to do next."""
import re
import shlex
import socket
import subprocess
import threading

import harness
import pytest
from live_terminal import OnTerminal
from origin import Origin

NOTHING_YET = r"^adit: nothing listens on {} yet \(connection refused\): requests get 502 until "


@pytest.fixture
def free_port():
    with socket.create_server(("127.0.0.1", 0)) as taken:
        return taken.getsockname()[1]


@pytest.fixture(params=["proxy", "http"])
def start(request, tmp_path):
    """Starts a program in front of a service; `.agent` has all its output."""
    kind = harness.Proxied if request.param == "proxy" else harness.Tunnel
    running = []

    def started(upstream, *args):
        # the placeholder for the origin is never used
        way = kind(tmp_path, *args, origin=object(), upstream=upstream)
        running.append(way)
        return way

    yield started
    for way in running:
        way.close()


class OneConnection:
    """A service like `nc -l`: accepts one connection, answers one request, and exits."""

    def __init__(self, port, body=b"only one"):
        self.listener = socket.create_server(("127.0.0.1", port), backlog=1)
        self.body = body
        self.requests = []
        self.thread = threading.Thread(target=self._serve, daemon=True)
        self.thread.start()

    def _serve(self):
        with self.listener:
            sock, _ = self.listener.accept()
        with sock:
            sock.settimeout(harness.DEADLINE)
            request = b""
            while b"\r\n\r\n" not in request and (piece := sock.recv(4096)):
                request += piece
            self.requests.append(request)
            sock.sendall(b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: %d\r\n\r\n"
                         % len(self.body) + self.body)


def said(way, words):
    return [line for line in way.agent.text("stdout").splitlines() if re.search(words, line)]


def test_a_dead_port_is_told_and_when_it_comes_goes_and_comes_again(start, free_port):
    way = start(f"localhost:{free_port}")
    at = f"localhost:{free_port}"
    way.agent.wait_for(NOTHING_YET.format(at))
    for _ in range(5):
        assert way.fetch("GET", "/").code == "ADIT-UPSTREAM-REFUSED"
    with Origin(port=free_port) as service:
        way.agent.wait_for(f"^adit: {at} can be reached now$")
        assert way.fetch("GET", "/").status == 200
        assert service.seen("/")
        service.stop_listening()
        service.drop_connections()
        for _ in range(5):
            assert way.fetch("GET", "/").code == "ADIT-UPSTREAM-REFUSED"
        way.agent.wait_for(rf"^adit: nothing listens on {at} any more \(connection refused\)")
    with Origin(port=free_port):
        way.agent.wait_for(f"^adit: {at} can be reached again$")
        assert way.fetch("GET", "/").status == 200
    assert len(said(way, "nothing listens")) == 2
    assert len(said(way, "can be reached")) == 2


def test_the_first_request_gets_the_only_connection_of_a_service(start, free_port):
    service = OneConnection(free_port)
    way = start(f"localhost:{free_port}")
    assert way.fetch("GET", "/first").body == b"only one"
    service.thread.join(harness.DEADLINE)
    assert len(service.requests) == 1 and b"/first" in service.requests[0]
    assert not said(way, "nothing listens|can be reached")


def test_it_gets_it_also_when_the_service_comes_later(start, free_port):
    way = start(f"127.0.0.1:{free_port}")
    way.agent.wait_for(NOTHING_YET.format(f"127.0.0.1:{free_port}"))
    service = OneConnection(free_port)
    way.agent.wait_for("can be reached now")
    assert way.fetch("GET", "/first").body == b"only one"
    service.thread.join(harness.DEADLINE)
    assert len(service.requests) == 1


def test_a_service_that_answers_is_never_looked_at(start):
    """Each connection to the service carries a request."""
    with Origin() as service:
        seen = []
        service.on("/one", lambda exchange: (seen.append(exchange.request.connection),
                                             exchange.reply("x", 200, [("Connection", "close")])))
        way = start(service.address)
        for _ in range(3):
            way.fetch("GET", "/one")
        assert seen == [1, 2, 3]
        assert not said(way, "nothing listens|can be reached")


def test_a_name_without_an_address_is_told_as_that(start):
    way = start("no-such-name.invalid:80")
    line = way.agent.wait_for(r"^adit: the name of no-such-name\.invalid:80 cannot be resolved \(.+\): "
                              "requests get 502 until it can$")[0]
    assert "refused" not in line
    assert way.fetch("GET", "/").code == "ADIT-UPSTREAM-UNREACHABLE"


# The first lines.

def test_the_line_behind_the_url_says_what_to_do_next_and_it_works(start):
    with Origin() as service:
        way = start(service.address)
        hint = way.agent.wait_for("^adit: to look closer: (adit requests --follow.*), "
                                  "(adit show last.*)$")
        assert way.agent.printed["stdout"].index(hint.string) == 1
        way.fetch("GET", "/shown")
        follow, show = (shlex.split(words)[1:] for words in hint.groups())
        assert follow == ["requests", "--follow", "--data", str(way.agent.data)]
        done = subprocess.run([harness.BIN / "adit", *show], capture_output=True, text=True,
                              check=True, timeout=harness.DEADLINE,
                              env=harness.environment(way.directory))
        assert "/shown" in done.stdout


def test_nothing_is_said_of_a_record_that_is_not_kept(start):
    with Origin() as service:
        way = start(service.address, "--record", "none")
        way.fetch("GET", "/")
        way.agent.wait_for(" GET    /$")
        assert not said(way, "look closer")


def test_without_data_the_commands_are_bare_and_with_a_strange_one_quoted(tmp_path):
    with Origin() as service:
        with harness.Proxy(tmp_path / "a", service.address, data=False) as proxy:
            proxy.wait_for("^adit: to look closer: adit requests --follow, adit show last$")
        (tmp_path / "it's here").mkdir()
        with harness.Proxy(tmp_path / "it's here", service.address) as proxy:
            hint = proxy.wait_for("^adit: to look closer: adit requests --follow (--data .*), ")[1]
            assert shlex.split(hint.partition(", ")[0]) == ["--data", str(proxy.data)]


def test_an_agent_that_connects_again_does_not_say_it_again(tmp_path):
    with harness.Tunnel(tmp_path, compare=False) as tunnel:
        tunnel.relay.stop()
        tunnel.restart_relay()
        tunnel.agent.wait_for("^adit: connected again")
        assert len(said(tunnel, "to look closer")) == 1


@pytest.mark.parametrize("zone, more, says", [
    ("UTC-1", (), "times: UTC+01:00)"), ("UTC+9:30", (), "times: UTC-09:30)"),
    ("UTC", (), "times: UTC)"), ("UTC-1", ("--record", "none"), "adit: times: UTC+01:00")])
def test_a_terminal_is_told_the_zone_once(tmp_path, zone, more, says):
    with Origin() as service, OnTerminal(tmp_path, "proxy", "--port", 0, "--url", service.address,
                                         *more, env={"TZ": zone}) as seen:
        assert seen.wait_for("times: ").endswith(says)
        assert seen.plain.count(says) == 1
