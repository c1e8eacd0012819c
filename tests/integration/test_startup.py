# SPDX-License-Identifier: MIT
"""Start, refusals to start, and the end of both programs."""
import contextlib
import signal
import socket
import stat

import harness
import pytest
from client import Client
from origin import Origin

TOKEN = "0123456789abcdef0123456789abcdef"


def run(directory, *args, env=None, data=False):
    """Runs a program to its end. Returns its exit code, stdout and stderr."""
    program = harness.Program(directory, *args, env=env, data=data)
    return program.exit_code(), program.text("stdout"), program.text("stderr")


def token_file(directory, text=TOKEN + "\n", mode=0o600):
    path = directory / "token"
    path.write_text(text)
    path.chmod(mode)
    return path


@pytest.fixture(scope="module")
def origin():
    with Origin() as started:
        yield started


@pytest.mark.parametrize("command, flags", [
    (["aditd"], ["--listen", "--domain", "--data", "--token-file", "--public-url", "--version"]),
    (["adit"], ["http", "--version", "--help"]),
    (["adit", "http"],
     ["--url", "--relay", "--token-file", "--host-header", "--data", "ADIT_TOKEN"]),
])
def test_help_names_every_flag(tmp_path, command, flags):
    code, out, err = run(tmp_path, *command, "--help")
    assert (code, err) == (0, "")
    assert all(flag in out for flag in flags)


@pytest.mark.parametrize("name", ["aditd", "adit"])
def test_version_is_one_line(tmp_path, name):
    code, out, err = run(tmp_path, name, "--version")
    assert (code, err) == (0, "")
    assert out.startswith(f"{name} 0.") and len(out.splitlines()) == 1


@pytest.mark.parametrize("args", [
    ["aditd", "--nonsense"], ["aditd", "stray"], ["aditd", "--listen"],
    ["aditd", "--listen", "nonsense"], ["aditd", "--listen", "127.0.0.1:65536"],
    ["aditd", "--listen", "127.0.0.1:-1"], ["aditd", "--listen", "127.0.0.1:80x"],
    ["aditd", "--listen", "[::1:80"], ["aditd", "--domain", "not a domain"],
    ["adit", "nonsense"], ["adit", "http"], ["adit", "http", "web"],
    ["adit", "http", "0"], ["adit", "http", "65536"], ["adit", "http", "-1"],
    ["adit", "http", "80x"], ["adit", "http", "localhost:"], ["adit", "http", ":0"],
    ["adit", "http", "80", "81"], ["adit", "http", "80", "--relay"],
    ["adit", "http", "80", "--relay", "nonsense"],
    ["adit", "http", "80", "--relay", "ftp://localhost"],
    ["adit", "http", "80", "--host-header", "a b"], ["adit", "http", "80", "--host-header", ""],
    ["adit", "http", "80", "--host-header", "x\r\nEvil: 1"], ["adit", "http", "80", "--nonsense"],
], ids=" ".join)
def test_mistakes_are_explained_and_exit_2(tmp_path, args):
    code, out, err = run(tmp_path, *args)
    assert (code, out) == (2, "")
    assert err.startswith(args[0]) and "help" in err and len(err.splitlines()) == 2


@pytest.mark.parametrize("args", [["--listen", "0.0.0.0:0"], ["--listen", "[::]:0"],
                                  ["--listen", "127.0.0.1:0", "--listen", "0.0.0.0:0"],
                                  ["--listen", "127.0.0.1:0", "--domain", "example.com"]])
def test_an_open_relay_serves_loopback_and_localhost_only(tmp_path, args):
    code, out, err = run(tmp_path, "aditd", *args, data=True)
    assert code == 1
    assert "--token-file" in err and "listening" not in out


def test_a_taken_port_is_named(tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        code, _, err = run(tmp_path, "aditd", "--listen", address, data=True)
    assert code == 1
    assert address in err and "in use" in err


def test_several_listeners_serve_the_same(tmp_path):
    with harness.Relay(tmp_path, "--listen", "127.0.0.1:0", "--listen", "[::1]:0") as relay:
        second = int(relay.wait_for(r"listening on http://127\.0\.0\.1:(\d+)$", number=2)[1])
        third = int(relay.wait_for(r"listening on http://\[::1\]:(\d+)$")[1])
        for address in (relay.address, ("127.0.0.1", second), ("::1", third)):
            with Client(address, "localhost") as visitor:
                assert visitor.fetch("GET", "/_adit/health").status == 200


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGINT])
def test_signals_end_both_cleanly(tmp_path, origin, how):
    relay = harness.Relay(tmp_path)
    agent = harness.Agent(tmp_path, relay, origin.address)
    with relay.visit(agent.host) as visitor:  # with a connection open
        assert visitor.fetch("GET", "/").status == 200
        agent.stop(how)
        relay.stop(how)


def test_signals_end_both_cleanly_in_the_middle_of_exchanges(own_tunnel):
    def hang(exchange):
        own_tunnel.origin.tell("asked")
        exchange.peer_leaves()

    own_tunnel.origin.on("/hang", hang)
    visitors = [own_tunnel.visit() for _ in range(5)]
    for visitor in visitors:
        visitor.request("GET", "/hang")
        own_tunnel.origin.told()
    visitors[0].request("GET", "/bytes?size=100000000")
    own_tunnel.relay.stop()
    own_tunnel.agent.stop()


def test_an_agent_without_a_relay_can_be_stopped(tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as was_open:
        url = f"http://127.0.0.1:{was_open.getsockname()[1]}"
    agent = harness.Program(tmp_path, "adit", "http", "80", "--relay", url)
    agent.wait_for(url.removeprefix("http://"), "stderr")
    agent.stop()


def test_the_right_token_is_let_in(tmp_path, origin):
    tokens = token_file(tmp_path)
    with harness.Relay(tmp_path, "--token-file", tokens, "--domain", "example.com") as relay:
        with harness.Agent(tmp_path, relay, origin.address, "--url", "a", "--token-file", tokens):
            with relay.visit("a.example.com") as visitor:
                assert visitor.fetch("GET", "/").body == b"hello"
        env = {"ADIT_TOKEN": TOKEN}
        with harness.Agent(tmp_path, relay, origin.address, "--url", "b", env=env):
            with relay.visit(f"B.Example.Com:{relay.port}") as visitor:
                assert visitor.fetch("GET", "/").body == b"hello"


@pytest.mark.parametrize("token", [None, "", TOKEN[:-1], TOKEN + "0", TOKEN.upper(), "x" * 5000])
def test_a_wrong_token_is_refused_for_good(tmp_path, token):
    env = {} if token is None else {"ADIT_TOKEN": token}
    with harness.Relay(tmp_path, "--token-file", token_file(tmp_path)) as relay:
        code, out, err = run(tmp_path, "adit", "http", "80", "--relay", relay.url, env=env)
        assert (code, out) == (1, "")
        assert "token" in err
        assert TOKEN not in err and TOKEN not in relay.report()


def test_the_token_is_checked_before_anything_is_told(tmp_path):
    with harness.Relay(tmp_path, "--token-file", token_file(tmp_path)) as relay:
        code, _, err = run(tmp_path, "adit", "http", "80", "--relay", relay.url, "--url", "-bad-")
        assert code == 1 and "token" in err and "-bad-" not in err


@pytest.mark.parametrize("name", ["aditd", "adit"])
def test_a_missing_token_file_is_told_without_its_name(tmp_path, name):
    args = ["http", "80"] if name == "adit" else ["--listen", "127.0.0.1:0"]
    code, _, err = run(tmp_path, name, *args, "--token-file", tmp_path / "absent", data=True)
    assert code == 1
    assert "--token-file does not exist" in err and "absent" not in err


@pytest.mark.parametrize("text", ["", "\n"])
def test_a_token_file_without_a_usable_token_is_refused(tmp_path, text):
    code, _, err = run(tmp_path, "aditd", "--listen", "127.0.0.1:0", "--token-file",
                       token_file(tmp_path, text), data=True)
    assert code == 1
    assert "token" in err


def test_a_token_file_that_others_can_read_is_warned_about(tmp_path):
    with harness.Relay(tmp_path, "--token-file", token_file(tmp_path, mode=0o644)) as relay:
        relay.wait_for("token.*(read|permission|mode)", "stderr")


def test_state_is_private(own_tunnel):
    for program in ("adit", "aditd"):
        directory = own_tunnel.directory / program
        if not directory.exists():
            continue
        assert stat.S_IMODE(directory.stat().st_mode) == 0o700
        for path in directory.rglob("*"):
            with contextlib.suppress(FileNotFoundError):  # SQLite's files come and go
                assert stat.S_IMODE(path.stat().st_mode) & 0o077 == 0, path


@pytest.mark.parametrize("name", ["adit", "aditd"])
def test_a_data_directory_that_cannot_be_is_named(tmp_path, name):
    (tmp_path / "file").write_text("")
    args = ["http", "80"] if name == "adit" else ["--listen", "127.0.0.1:0"]
    code, _, err = run(tmp_path, name, *args, "--data", tmp_path / "file" / "data")
    assert code == 1
    assert str(tmp_path / "file" / "data") in err


def test_state_goes_to_the_xdg_directory(tmp_path, origin):
    with harness.Relay(tmp_path) as relay:
        with harness.Agent(tmp_path, relay, origin.address, data=False):
            assert (tmp_path / "state/adit/agent").is_dir()


def test_a_loopback_relay_is_reached_directly_whatever_the_proxy_says(tmp_path, origin):
    proxy = {name: "http://127.0.0.1:1" for name in ("http_proxy", "HTTP_PROXY", "https_proxy")}
    with harness.Relay(tmp_path) as relay:
        with harness.Agent(tmp_path, relay, origin.address, env=proxy):
            pass
