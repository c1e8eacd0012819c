# SPDX-License-Identifier: MIT
"""With few descriptors or closed standard streams a program serves, or names its needs and exits
with 1; no signal ends it."""
import contextlib
import itertools
import os
import pathlib
import re
import resource
import shutil
import signal
import subprocess

import harness
import pytest
from client import until
from fake_relay import FakeRelay
from origin import Origin

pytestmark = pytest.mark.skipif(harness.UNDER_VALGRIND or harness.SANITIZED,
                                reason="their tools need descriptors of their own")

SERVE, READ = 64, 16  # PROCESS_FILES_SERVE, PROCESS_FILES_READ

READERS = [["adit", "requests"], ["adit", "show", "last"], ["adit", "stats"],
           ["adit", "diff", "last", "last"], ["adit", "verify", "--all"],
           ["adit", "export", "--jsonl", "-"], ["adit", "export", "--har", "-"],
           ["adit", "export", "--curl", "-"], ["adit", "delete", "status=599", "--yes"],
           ["aditd", "requests"]]
SERVERS = [["aditd", "--listen", "127.0.0.1:0"], ["adit", "http", "80", "--relay", "127.0.0.1:1"],
           ["adit", "proxy", "--port", "0", "--url", "80"]]


def limit(files):
    return lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (files, files))


def run(directory, args, files):
    """Runs a program to its end. Returns its exit status and output."""
    done = subprocess.run([harness.BIN / args[0], *args[1:], "--data", directory],
                          stdin=subprocess.DEVNULL, capture_output=True, text=True,
                          timeout=harness.DEADLINE, preexec_fn=limit(files),
                          env=harness.environment(directory))
    return done.returncode, done.stdout, done.stderr


def loads(stderr):
    """Whether the loader had the few descriptors that it needs for the libraries."""
    return "error while loading shared libraries" not in stderr


@pytest.fixture(scope="module")
def recorded(tmp_path_factory):
    """A directory with a record, and the service of its exchange."""
    directory = tmp_path_factory.mktemp("recorded")
    with Origin() as origin:
        with harness.Proxy(directory, origin.address) as proxy, proxy.visit() as visitor:
            assert visitor.fetch("GET", "/").status == 200
        yield proxy.data, origin


@pytest.mark.parametrize("args", [*READERS, ["adit", "replay", "last"]], ids=" ".join)
def test_a_command_says_what_it_needs_or_does_its_work(recorded, args):
    data, _ = recorded
    least = SERVE if args[1] == "replay" else READ
    _, expected, _ = run(data, args, 1024)
    for files in range(3, SERVE + 2):
        code, out, err = run(data, args, files)
        if not loads(err):
            assert code == 127 and files < 8
        elif files < least:
            assert code == (2 if args[1] == "diff" else 1), (files, code, err)
            assert re.search(f"needs ({READ}|{least})", err) and "ulimit -n" in err
        else:
            assert code == 0, (files, code, err)
            assert "open files" not in err
            assert args[1] == "replay" or out == expected


@pytest.mark.parametrize("args", SERVERS, ids=" ".join)
def test_a_server_below_its_minimum_says_so(tmp_path, args):
    for files in range(3, SERVE):
        code, out, err = run(tmp_path / "data", args, files)
        if not loads(err):
            assert code == 127 and files < 8
            continue
        assert code == 1 and out == "", (files, code, err)
        assert f"may open {files} files, and needs {SERVE}" in err and "LimitNOFILE=64" in err
    assert not (tmp_path / "data").exists()  # before anything is made


@pytest.mark.parametrize("args", [[*args, "--help"] for args in [*READERS, *SERVERS]], ids=" ".join)
def test_help_needs_no_more_than_the_libraries(tmp_path, args):
    code, out, _ = run(tmp_path, args, 10)
    assert code == 0 and "--data" in out


def test_with_the_minimum_they_serve_and_survive_what_is_too_much(tmp_path):
    prepare = {"prepare": limit(SERVE)}
    with harness.Relay(tmp_path, **prepare) as relay, Origin() as origin, \
            harness.Agent(tmp_path, relay, origin.address, **prepare) as agent, \
            contextlib.ExitStack() as held:
        def fetch():
            with relay.visit(agent.host) as visitor:
                return visitor.fetch("GET", "/").body
        assert fetch() == b"hello"
        for _ in range(2 * SERVE):  # more than either may open
            with contextlib.suppress(OSError):
                held.enter_context(relay.visit(agent.host)).request("GET", "/")
        assert agent.process.poll() is None and relay.process.poll() is None
        held.close()

        def serves():
            with contextlib.suppress(Exception):
                return fetch() == b"hello"
            return False
        until(serves, "it serves again", harness.DEADLINE)


def test_a_proxy_with_the_minimum_survives_what_is_too_much(tmp_path):
    with Origin() as origin, contextlib.ExitStack() as held, \
            harness.Proxy(tmp_path, origin.address, prepare=limit(SERVE)) as proxy:
        for _ in range(2 * SERVE):
            with contextlib.suppress(OSError):
                held.enter_context(proxy.visit()).request("GET", "/")
        held.close()

        def serves():
            with contextlib.suppress(Exception), proxy.visit() as visitor:
                return visitor.fetch("GET", "/").body == b"hello"
            return False
        until(serves, "it serves again", harness.DEADLINE)


CLOSED = [which for count in (1, 2, 3) for which in itertools.combinations(range(3), count)]


def closing(which):
    def close():
        for fd in which:
            os.close(fd)
    return close


def descriptors(pid):
    folder = pathlib.Path(f"/proc/{pid}/fd")
    found = {}
    for name in os.listdir(folder):
        with contextlib.suppress(FileNotFoundError):
            found[int(name)] = os.readlink(folder / name)
    return found


@pytest.mark.parametrize("which", CLOSED, ids=str)
@pytest.mark.parametrize("name", ["aditd", "http", "proxy"])
def test_nothing_gets_the_number_of_a_closed_stream(tmp_path, which, name):
    with FakeRelay(lambda link: link.rest()) as relay:
        args = {"aditd": SERVERS[0], "proxy": SERVERS[2],
                "http": ["adit", "http", "80", "--relay", relay.url]}[name]
        with subprocess.Popen([harness.BIN / args[0], *args[1:], "--data", tmp_path / "data"],
                              stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                              stderr=subprocess.DEVNULL, preexec_fn=closing(which),
                              env=harness.environment(tmp_path)) as program:
            until(lambda: any(to.startswith("socket:") for to in descriptors(program.pid).values())
                  and any("record.db" in to for to in descriptors(program.pid).values()), "it is up")
            standard = {descriptors(program.pid).get(fd) for fd in range(3)}
            program.terminate()
            assert program.wait(harness.DEADLINE) == 0
        assert standard == {"/dev/null"}


@pytest.mark.parametrize("args", READERS, ids=" ".join)
def test_a_command_whose_output_is_closed_fails(recorded, args):
    data, _ = recorded
    done = subprocess.run([harness.BIN / args[0], *args[1:], "--data", data],
                          stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
                          timeout=harness.DEADLINE, preexec_fn=closing((1,)),
                          env=harness.environment(data))
    assert done.returncode == (2 if args[1] == "diff" else 1), done
    assert done.stderr


def test_a_body_from_a_closed_input_is_not_an_empty_one(recorded):
    data, origin = recorded
    before = len(origin.requests)
    done = subprocess.run([harness.BIN / "adit", "replay", "last", "--method", "PUT", "--body-file",
                           "-", "--data", data], capture_output=True, text=True,
                          timeout=harness.DEADLINE, preexec_fn=closing((0,)),
                          env=harness.environment(data))
    assert done.returncode == 1 and "--body-file" in done.stderr, done
    assert len(origin.requests) == before


@pytest.mark.skipif(not shutil.which("strace"), reason="strace makes calls fail")
@pytest.mark.parametrize("args", SERVERS, ids=" ".join)
@pytest.mark.parametrize("call, counts", [("eventfd2", "12345"), ("epoll_create1", "12345"),
                                          ("pipe2", ["1+"])])  # libuv ends it if one alone fails
def test_whichever_of_its_first_files_is_not_there_it_ends_with_1_or_serves(tmp_path, args, call,
                                                                            counts):
    ended = 0
    for when in counts:
        data = tmp_path / when
        with FakeRelay(lambda link: link.rest()) as relay:
            run = [relay.url if arg == "127.0.0.1:1" else arg for arg in args]
            if run[1] != "http":  # files opened last, after the programs have said that they are up
                run += ["--record", "none"]
            argv = ["strace", "-f", "-o", tmp_path / "strace", "-e", f"trace={call}", "-e",
                    f"inject={call}:error=EMFILE:when={when}", harness.BIN / run[0], *run[1:],
                    "--data", data]
            with subprocess.Popen(argv, stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
                                  stdout=subprocess.PIPE, env=harness.environment(tmp_path)) as it:
                is_up = bool(it.stdout.readline()) if run[1] != "http" else up(relay, it)
                if is_up:
                    children = f"/proc/{it.pid}/task/{it.pid}/children"
                    os.kill(int(pathlib.Path(children).read_text()), signal.SIGTERM)
                it.stdout.read()
                said = it.stderr.read()
                assert it.wait(harness.DEADLINE) == (0 if is_up else 1), (when, said)
                assert is_up or said
                ended += not is_up
    assert ended > 0


def up(relay, program):
    """Whether a started agent connects; False if it ends instead."""
    until(lambda: relay.links or program.poll() is not None, "it is up or has ended")
    return program.poll() is None
