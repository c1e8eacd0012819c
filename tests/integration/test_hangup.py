# SPDX-License-Identifier: MIT
"""Signals and closed terminals: which programs end, which go on, and which files are read again."""
import os
import pathlib
import signal
import subprocess

import harness
import pytest
from client import until
from origin import Origin

TOKENS = ["0123456789abcdef0123456789abcdef", "fedcba9876543210fedcba9876543210"]


@pytest.fixture(scope="module")
def origin():
    with Origin() as started:
        yield started


def ignore(*numbers):
    return lambda: [signal.signal(number, signal.SIG_IGN) for number in numbers]


def outcomes(program, data):
    done = subprocess.run([harness.BIN / program, "requests", "--json", "--data", data],
                          capture_output=True, text=True, check=False, timeout=harness.DEADLINE)
    return done.stdout


def start(kind, directory, relay, origin, **options):
    if kind == "proxy":
        return harness.Proxy(directory, origin.address, **options)
    return harness.Agent(directory, relay, origin.address, **options)


def visit(program, relay):
    return program.visit() if hasattr(program, "visit") else relay.visit(program.host)


@pytest.mark.parametrize("times", [1, 5])
@pytest.mark.parametrize("kind", ["agent", "proxy"])
def test_hangup_ends_it_cleanly_with_what_ran_in_the_record(
        relay, origin, tmp_path, kind, times):
    def hang(exchange):
        origin.tell("asked")
        exchange.peer_leaves()

    origin.on("/hang", hang)
    program = start(kind, tmp_path, relay, origin)
    with visit(program, relay) as visitor, visit(program, relay) as other:
        assert other.fetch("GET", "/whole").status == 404
        visitor.request("GET", "/hang")
        origin.told()
        for _ in range(times):  # the kernel and the shell both send it
            program.process.send_signal(signal.SIGHUP)
        assert program.exit_code() == 0
    text = outcomes("adit", program.data)
    assert '"/hang"' in text and "/whole" in text and "recorder gone" not in text
    assert '"outcome":null' not in text.replace(" ", "")


@pytest.mark.parametrize("kind", ["agent", "proxy"])
def test_hangup_and_interrupt_that_were_ignored_stay_so(relay, origin, tmp_path, kind):
    program = start(kind, tmp_path, relay, origin, prepare=ignore(signal.SIGHUP, signal.SIGINT))
    for number in (signal.SIGHUP, signal.SIGINT, signal.SIGUSR1, signal.SIGUSR2, signal.SIGPIPE):
        program.process.send_signal(number)
    with visit(program, relay) as visitor:
        assert visitor.fetch("GET", "/bytes?size=1").status == 200
    program.stop()


def test_a_relay_lives_through_all_signals_but_those_that_end_it(tmp_path, origin):
    with harness.Relay(tmp_path, prepare=ignore(signal.SIGINT)) as relay:
        for number in (signal.SIGHUP, signal.SIGINT, signal.SIGUSR1, signal.SIGUSR2,
                       signal.SIGPIPE):
            relay.process.send_signal(number)
        relay.wait_for("no --token-file to read again", "stderr")
        with harness.Agent(tmp_path, relay, origin.address) as agent:
            with relay.visit(agent.host) as visitor:
                assert visitor.fetch("GET", "/bytes?size=1").status == 200


def test_a_relay_that_was_told_to_ignore_hangups_does(tmp_path):
    with harness.Relay(tmp_path, prepare=ignore(signal.SIGHUP)) as relay:
        relay.process.send_signal(signal.SIGHUP)
        with relay.visit("localhost") as visitor:
            assert visitor.fetch("GET", "/_adit/health").status == 200
        assert "token-file" not in relay.text("stderr")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_ending_signals_said_often_end_it_as_cleanly(tmp_path, origin, number):
    relay = harness.Relay(tmp_path)
    agent = harness.Agent(tmp_path, relay, origin.address)
    with relay.visit(agent.host) as visitor:
        visitor.fetch("GET", "/bytes?size=1")
    for program in (agent, relay):
        for _ in range(20):
            program.process.send_signal(number)
        assert program.exit_code() == 0
        assert "/bytes" in outcomes(program.name, program.data)


def enter(tmp_path, origin, relay, token):
    """The exit status of an agent whose token the relay rejects; None if the relay accepts it."""
    program = harness.Program(tmp_path / token[:4], "adit", "http", origin.address, "--relay",
                              relay.url, env={"ADIT_TOKEN": token})
    try:
        program.wait_for("^adit: http|ADIT-UNAUTHORIZED|does not accept", "stdout")
    except AssertionError:
        return program.exit_code()
    program.stop()
    return None


def test_a_new_token_holds_from_a_hangup_on_and_a_bad_one_does_not(tmp_path, origin):
    path = tmp_path / "token"
    path.write_text(TOKENS[0])
    path.chmod(0o600)
    with harness.Relay(tmp_path, "--token-file", path) as relay, \
            harness.Agent(tmp_path, relay, origin.address, env={"ADIT_TOKEN": TOKENS[0]}) as there:
        def hang_up(words, number=1):
            relay.process.send_signal(signal.SIGHUP)
            relay.wait_for(words, "stderr", number)

        for number, (bad, why) in enumerate([("", "empty"), ("short", "does not hold a token"),
                                             ("x" * 300, "longer"), (None, "does not exist")]):
            path.unlink() if bad is None else path.write_text(bad)
            hang_up(f"{why}.*old token stays", 1)
            assert enter(tmp_path, origin, relay, TOKENS[0]) is None, number
        os.mkfifo(path)
        hang_up("not a regular file.*old token stays")
        path.unlink()
        path.write_text(TOKENS[0] + "\n")
        hang_up("token is the same")
        path.write_text(TOKENS[1] + "\n")
        hang_up("a new token is in force")
        assert enter(tmp_path, origin, relay, TOKENS[0]) == 1
        assert enter(tmp_path, origin, relay, TOKENS[1]) is None
        with relay.visit(there.host) as visitor:  # connected agents stay
            assert visitor.fetch("GET", "/bytes?size=1").status == 200
        assert not any(token in relay.report() for token in TOKENS)


class Terminal:
    """A terminal whose session the program leads."""

    def __init__(self):
        self.ours, self.theirs = os.openpty()

    def start(self, directory, *args):
        directory.mkdir(parents=True, exist_ok=True)

        def lead():
            harness.start_afresh()
            os.setsid()
            os.close(os.open(os.ttyname(0), os.O_RDWR))  # it becomes the controlling terminal

        process = subprocess.Popen([harness.BIN / args[0], *args[1:]], stdin=self.theirs,
                                   stdout=self.theirs, stderr=self.theirs, preexec_fn=lead,
                                   env=harness.environment(directory))
        os.close(self.theirs)
        return process

    def read_until(self, words):
        text = ""
        while words not in text:
            text += os.read(self.ours, 65536).decode(errors="replace")
        return text

    def close(self):
        os.close(self.ours)


def cpu_seconds(pid):
    fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def test_a_closed_terminal_ends_the_agent_and_nothing_is_lost(relay, origin, tmp_path):
    terminal = Terminal()
    process = terminal.start(tmp_path, "adit", "http", str(origin.address[1])
                             if isinstance(origin.address, tuple) else origin.address,
                             "--relay", relay.url, "--url", "closed", "--data", tmp_path / "adit")
    terminal.read_until("closed.localhost")
    with relay.visit("closed.localhost") as visitor:
        assert visitor.fetch("GET", "/bytes?size=1").status == 200
    terminal.close()
    assert process.wait(harness.DEADLINE) == 0
    assert "/bytes" in outcomes("adit", tmp_path / "adit")


def test_a_relay_goes_on_without_its_terminal_and_does_not_spin(tmp_path, origin):
    terminal = Terminal()
    process = terminal.start(tmp_path, "aditd", "--listen", "127.0.0.1:0", "--verbose",
                             "--data", tmp_path / "aditd")
    try:
        text = terminal.read_until("ready")
        url = "http://127.0.0.1:" + text.split("127.0.0.1:")[1].split()[0]
        terminal.close()
        relay = type("Found", (), {"url": url})
        for number in range(3):  # each would be printed to a terminal that is gone
            with harness.Agent(tmp_path / str(number), relay, origin.address):
                pass
        assert process.poll() is None
        assert cpu_seconds(process.pid) < 2 * harness.PATIENCE
    finally:
        process.terminate()
        assert process.wait(harness.DEADLINE) == 0


@pytest.mark.parametrize("how", [signal.SIGHUP, signal.SIGTERM, signal.SIGINT])
def test_a_listing_that_follows_ends_cleanly(tmp_path, origin, how):
    with harness.Proxy(tmp_path, origin.address) as proxy:
        with proxy.visit() as visitor:
            visitor.fetch("GET", "/bytes?size=1")
        until(lambda: "/bytes" in outcomes("adit", proxy.data), "it is written")
        follow = harness.Program(tmp_path, "adit", "requests", "--follow", "--data", proxy.data,
                                 data=False)
        follow.wait_for("/bytes")
        follow.stop(how)
        held = harness.Program(tmp_path, "adit", "requests", "--follow", "--data", proxy.data,
                               data=False, prepare=ignore(signal.SIGHUP, signal.SIGINT))
        held.wait_for("/bytes")
        held.process.send_signal(signal.SIGHUP)
        with proxy.visit() as visitor:
            visitor.fetch("GET", "/bytes?size=2")
        held.wait_for("size=2")
        held.stop()


@pytest.mark.parametrize("how", [signal.SIGHUP, signal.SIGTERM, signal.SIGINT])
def test_a_replay_that_is_stopped_breaks_off_and_records_that(tmp_path, origin, how):
    asked = []

    def answer(exchange):
        asked.append(1)
        if len(asked) == 4:
            origin.tell("asked")
            exchange.peer_leaves()
        else:
            exchange.reply("hello")

    origin.on("/often", answer)
    with harness.Proxy(tmp_path, origin.address) as proxy:
        with proxy.visit() as visitor:
            visitor.fetch("GET", "/often")
        until(lambda: "/often" in outcomes("adit", proxy.data), "it is written")
        replay = harness.Program(tmp_path, "adit", "replay", "last", "--times", 1000, "--data",
                                 proxy.data, data=False)
        origin.told()
        replay.process.send_signal(how)
        assert replay.exit_code() == 1
        assert "it was stopped" in replay.text("stderr")
        assert len(asked) == 4
        text = outcomes("adit", proxy.data)
        assert text.count('"/often"') == 4 and "recorder gone" not in text
