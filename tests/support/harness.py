# SPDX-License-Identifier: MIT
"""Starts the programs on free ports with separate state, and stops them again.

ADIT_BIN_DIR says where the programs are (build/dev/bin), ADIT_VALGRIND=1 runs them under Valgrind.
Nothing here sleeps to synchronise: tests wait for the lines that programs print.
"""
import collections
import ctypes
import os
import pathlib
import re
import signal
import subprocess
import threading
import time

import handed_back
import record
from client import Client
from origin import Origin
from patience import BIN, DEADLINE, PATIENCE, SANITIZED, UNDER_VALGRIND  # noqa: F401

VALGRIND = ["valgrind", "-q", "--error-exitcode=99", "--leak-check=full",
            "--show-leak-kinds=definite", "--errors-for-leak-kinds=definite"]
REPORTS = re.compile(r"ERROR: \w+Sanitizer|runtime error:|^==\d+==", re.M)
MEMORY_IS_THEIRS = not UNDER_VALGRIND and not SANITIZED  # else checkers use memory too
# Programs show local times: tests set one zone for every machine.
os.environ["TZ"] = "UTC"
time.tzset()


def start_afresh():
    """Restores the default action of signals; for preexec_fn of programs that a signal ends."""
    for number in (signal.SIGINT, signal.SIGHUP):  # the parent of the tests may ignore them
        signal.signal(number, signal.SIG_DFL)


def _die_with_parent():
    ctypes.CDLL(None).prctl(1, signal.SIGKILL)  # PR_SET_PDEATHSIG


def environment(directory):
    """The tests' environment, without variables that change programs; state is in `directory`."""
    kept = {name: value for name, value in os.environ.items()
            if not name.lower().endswith("_proxy")
            and not name.startswith(("ADIT_", "XDG_", "NO_COLOR"))}
    ours = {"HOME": str(directory), "XDG_STATE_HOME": str(directory / "state"), "LC_ALL": "C"}
    return {**kept, **ours}


class Program:
    """A running program and the lines it has printed; `stop` checks that it ends cleanly."""

    def __init__(self, directory, name, *args, env=None, data=True, prepare=None):
        directory.mkdir(parents=True, exist_ok=True)
        argv = [str(BIN / name), *map(str, args)]
        if data:
            argv += ["--data", str(directory / name)]
        self.name = name
        self.data = directory / name if data else None
        self.printed = collections.defaultdict(list)  # "stdout" and "stderr", as lines
        self.ended = set()
        self.news = threading.Condition()
        self.process = subprocess.Popen(
            (VALGRIND if UNDER_VALGRIND else []) + argv, stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, errors="replace",
            env={**environment(directory), **(env or {})},
            preexec_fn=lambda: (start_afresh(), _die_with_parent(), prepare and prepare()))
        self.readers = [threading.Thread(target=self._read, args=(which,), daemon=True)
                        for which in ("stdout", "stderr")]
        for reader in self.readers:
            reader.start()

    def _read(self, which):
        for line in getattr(self.process, which):
            with self.news:
                self.printed[which].append(line.rstrip("\n"))
                self.news.notify_all()
        with self.news:
            self.ended.add(which)
            self.news.notify_all()

    @property
    def pid(self):
        return self.process.pid

    def text(self, which):
        with self.news:
            return "\n".join(self.printed[which])

    def wait_for(self, pattern, which="stdout", number=1, within=None):
        """Waits for the line of this number among those that match. Returns its match."""
        end = time.monotonic() + (within or DEADLINE)
        with self.news:
            while True:
                found = [m for line in self.printed[which] if (m := re.search(pattern, line))]
                if len(found) >= number:
                    return found[number - 1]
                left = end - time.monotonic()
                if left <= 0 or which in self.ended:
                    break
                self.news.wait(left)
        if self.process.poll() is not None:
            self._join()
        raise AssertionError(f"{self.name} did not print {pattern!r} on {which}\n{self.report()}")

    def report(self):
        return f"{self.name} stdout:\n{self.text('stdout')}\nstderr:\n{self.text('stderr')}"

    def resident(self):
        """The resident memory now, in bytes."""
        status = pathlib.Path(f"/proc/{self.pid}/status").read_text()
        return int(re.search(r"VmRSS:\s+(\d+) kB", status)[1]) * 1024

    def exit_code(self, within=None):
        """Waits for the program to end by itself. Returns its exit code."""
        try:
            code = self.process.wait(within or DEADLINE)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            raise AssertionError(f"{self.name} did not end\n{self.report()}") from None
        self._join()
        assert not REPORTS.search(self.text("stderr")), self.report()
        return code

    def stop(self, how=signal.SIGTERM):
        """Ends the program by a signal and checks that it exits with 0. A program that has ended
        already may have any exit code."""
        if self.process.poll() is None:
            self.process.send_signal(how)
            assert self.exit_code() == 0, self.report()
        else:
            self.exit_code()

    def kill(self):
        self.process.kill()
        self.process.wait()
        self._join()

    def _join(self):
        for reader in self.readers:
            reader.join()

    def __enter__(self):
        return self

    def __exit__(self, kind, *_):
        if kind:
            print(self.report())
        self.stop()


class Relay(Program):
    def __init__(self, directory, *args, port=0, **options):
        super().__init__(directory, "aditd", "--listen", f"127.0.0.1:{port}", *args, **options)
        try:
            self.port = int(self.wait_for(r"^aditd: listening on http://127\.0\.0\.1:(\d+)$")[1])
            self.wait_for(r"^aditd: ready")
        except AssertionError:
            self.kill()
            raise
        self.address = ("127.0.0.1", self.port)
        self.url = f"http://127.0.0.1:{self.port}"

    def visit(self, host=None):
        return Client(self.address, host or f"localhost:{self.port}", DEADLINE)


class Agent(Program):
    """A bound agent: visitors ask for `host`; `label` is its name."""

    def __init__(self, directory, relay, upstream, *args, **options):
        super().__init__(
            directory, "adit", "http", upstream, "--relay", relay.url, *args, **options)
        try:
            bound = self.wait_for(r"^adit: (http://([a-z0-9-]+)\.([\w.:-]+)) -> (\S+)$")
        except AssertionError:
            self.kill()
            raise
        self.url, self.label, self.to = bound[1], bound[2], bound[4]
        self.host = f"{bound[2]}.{bound[3]}"


class Proxy(Program):
    """`adit proxy` in front of a service, on a free port of loopback."""

    def __init__(self, directory, upstream, *args, port=0, **options):
        super().__init__(directory, "adit", "proxy", "--port", port, "--url", upstream, *args,
                         **options)
        try:
            ready = self.wait_for(r"^adit: (http://([^\s/]+):(\d+)) -> (\S+)$")
        except AssertionError:
            self.kill()
            raise
        self.url, self.port, self.to = ready[1], int(ready[3]), ready[4]
        self.host = f"{ready[2]}:{ready[3]}"
        self.address = ("127.0.0.1", self.port)

    def visit(self, host=None):
        return Client(self.address, host or self.host, DEADLINE)


class Proxied:
    """A proxy and its origin, to be visited like a Tunnel: `relay` and `agent` are the proxy."""

    def __init__(self, directory, *args, origin=None, upstream=None, **options):
        self.directory = directory
        self.own_origin = None if origin else Origin()
        self.origin = origin or self.own_origin
        try:
            self.proxy = Proxy(directory, upstream or self.origin.address, *args, **options)
        except BaseException:
            if self.own_origin:
                self.own_origin.kill()
            raise
        self.relay = self.agent = self.proxy
        self.host = self.proxy.host

    def visit(self, host=None):
        return self.proxy.visit(host)

    def fetch(self, method, target, fields=(), body=None, chunked=False, **head):
        """One exchange on a connection of its own."""
        with self.visit() as visitor:
            return visitor.fetch(method, target, fields, body, chunked, **head)

    def close(self):
        try:
            self.proxy.stop()
        finally:
            if self.own_origin:
                self.own_origin.stop()
        verify_record("adit", self.proxy.data)

    def __enter__(self):
        return self

    def __exit__(self, kind, *_):
        if kind:
            print(self.proxy.report())
        self.close()


def verify_record(program, data):
    """Fails when a record contradicts the other end, is damaged, or has a wrong export."""
    if UNDER_VALGRIND or not (data / "record.db").exists():
        return
    done = subprocess.run(
        [BIN / program, "verify", "--all", "--data", data], stdin=subprocess.DEVNULL,
        capture_output=True, text=True, errors="replace", timeout=DEADLINE, env=environment(data))
    assert done.returncode == 0, f"{program} verify: {done.stdout}{done.stderr}"
    assert not REPORTS.search(done.stderr), done.stderr
    handed_back.check_record(program, data, environment(data))


def compare_records(agent, relay):
    """Fails when the two ends disagree on the bytes of a direction that is whole at both, or when a
    recorded body contradicts its digest."""
    verify_record("adit", agent)
    verify_record("aditd", relay)
    problems = record.differences(agent, relay)
    assert not problems, "\n".join(problems)


class Tunnel:
    """Relay, agent and origin; parts that are not given are started here and stopped at the end.
    A clean end compares both records; tests that break records pass compare=False."""

    def __init__(self, directory, *agent_args, relay=None, origin=None, upstream=None,
                 compare=True):
        self.directory = directory
        self.compare = compare and not UNDER_VALGRIND
        self.own = []
        try:
            self.origin = origin or self._own(Origin())
            self.relay = relay or self._own(Relay(directory))
            self.agent = self._own(
                Agent(directory, self.relay, upstream or self.origin.address, *agent_args))
        except BaseException:
            self.close(False)
            raise
        self.host = self.agent.host

    def _own(self, part):
        self.own.append(part)
        return part

    def visit(self, host=None):
        return Client(self.relay.address, host or self.host, DEADLINE)

    def fetch(self, method, target, fields=(), body=None, chunked=False, **head):
        """One exchange on a connection of its own."""
        with self.visit() as visitor:
            return visitor.fetch(method, target, fields, body, chunked, **head)

    def restart_agent(self, *args):
        """A new process of the same owner, after the old one is gone."""
        self.own.remove(self.agent)
        same_name = ("--url", self.agent.label)
        self.agent = self._own(
            Agent(self.directory, self.relay, self.origin.address, *same_name, *args))

    def restart_relay(self):
        """A new relay on the same port with the same state, after the old one is gone."""
        self.own.remove(self.relay)
        self.relay = Relay(self.directory, port=self.relay.port)
        self.own.insert(0, self.relay)

    def close(self, cleanly=True):
        problems = []
        for part in reversed(self.own):
            try:
                (part.stop if cleanly else part.kill)()
            except AssertionError as error:
                problems.append(str(error))
        assert not cleanly or not problems, "\n".join(problems)
        if cleanly and self.compare and self.agent.data and self.relay.data:
            compare_records(self.agent.data, self.relay.data)

    def __enter__(self):
        return self

    def __exit__(self, kind, *_):
        if kind:
            print(self.relay.report(), self.agent.report(), sep="\n")
        self.close()
