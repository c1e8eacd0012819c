# SPDX-License-Identifier: MIT
"""Child processes that are always stopped: each leads its own process group and dies with us."""

import ctypes
import os
import pathlib
import random
import select
import signal
import socket
import subprocess
import time

PR_SET_PDEATHSIG = 1
LIBC = ctypes.CDLL(None, use_errno=True)
STOP_SECONDS = 3
TAIL_BYTES = 2000


class Failed(Exception):
    """A measurement cannot be made; the message says why."""


def dies_with(parent, death_signal):
    """Runs in a child between fork and exec: the child dies with its parent."""

    def prepare():
        LIBC.prctl(PR_SET_PDEATHSIG, int(death_signal), 0, 0, 0)
        if os.getppid() != parent:  # the parent died before prctl
            os._exit(1)

    return prepare


class Process:
    """One started program. Its group holds every process it forks (nginx's worker, for one)."""

    record = None  # a records.Record, of a program that has one

    def __init__(self, name, popen, log):
        self.name = name
        self.popen = popen
        self.log = log

    @property
    def group(self):
        return self.popen.pid

    def tail(self):
        text = self.log.read_bytes()[-TAIL_BYTES:].decode("utf-8", "replace")
        return text.strip() or "it printed nothing"

    def check_alive(self):
        status = self.popen.poll()
        if status is not None:
            raise Failed(f"{self.name} ended with status {status}: {self.tail()}")

    def read_line(self, wanted, seconds):
        """Returns the first line of its standard output that contains `wanted` (bytes)."""
        deadline = time.monotonic() + seconds
        seen = b""
        while time.monotonic() < deadline:
            if not select.select([self.popen.stdout], [], [], deadline - time.monotonic())[0]:
                break
            more = os.read(self.popen.stdout.fileno(), 65536)
            seen += more
            for line in seen.split(b"\n"):
                if wanted in line:
                    return line
            if not more:
                break
        raise Failed(f"{self.name} never printed {wanted.decode()}: {self.tail()}")


# How sessions are made: one for each process, or none but ours. The kernel divides the processors
# among sessions before it divides them among the processes of each.
OWN_SESSIONS, ONE_SESSION = "own", "one"


class Supervisor:
    """Starts programs and, as a context manager, stops them all however the block ends."""

    def __init__(self, directory, environment, sessions=OWN_SESSIONS):
        self.directory = pathlib.Path(directory)
        self.environment = environment
        self.grouped = {"process_group": 0} if sessions == ONE_SESSION else {"start_new_session": True}
        self.running = []
        self.started = 0

    def __enter__(self):
        return self

    def __exit__(self, *_):
        old = signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
        try:
            self.stop(*self.running)
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, old)

    def start(self, name, argv, stdin=subprocess.DEVNULL, stdout=None, death=signal.SIGKILL,
              more_environment=None):
        """Standard error, and without `stdout` the output too, go to the process's log."""
        self.started += 1
        log = self.directory / f"{self.started:03}-{name}.log"
        with log.open("wb") as log_file:
            popen = subprocess.Popen(
                [str(word) for word in argv],
                stdin=stdin,
                stdout=log_file if stdout is None else stdout,
                stderr=log_file,
                cwd=self.directory,
                env=self.environment | (more_environment or {}),
                **self.grouped,
                preexec_fn=dies_with(os.getpid(), death),
            )
        process = Process(name, popen, log)
        self.running.append(process)
        return process

    def run(self, name, argv, seconds):
        """Runs a load to its end and returns its standard output."""
        process = self.start(name, argv, stdout=subprocess.PIPE)
        try:
            output, _ = process.popen.communicate(timeout=seconds)
        except subprocess.TimeoutExpired:
            raise Failed(f"{name} took longer than {seconds} s: {process.tail()}") from None
        finally:
            self.stop(process)
        if process.popen.returncode != 0:
            raise Failed(f"{name} ended with status {process.popen.returncode}: {process.tail()}")
        return output.decode()

    def stop(self, *processes):
        for process in processes:
            signal_group(process, signal.SIGTERM)
        deadline = time.monotonic() + STOP_SECONDS
        for process in processes:
            try:
                process.popen.wait(max(0, deadline - time.monotonic()))
            except subprocess.TimeoutExpired:
                pass
            signal_group(process, signal.SIGKILL)
            process.popen.wait()
            for stream in (process.popen.stdin, process.popen.stdout):
                if stream is not None:
                    stream.close()
        self.running = [p for p in self.running if p not in processes]


def signal_group(process, number):
    try:
        os.killpg(process.group, number)
    except ProcessLookupError:
        pass


def free_port():
    """A loopback port below the range of outgoing connections: some rows have thousands of those
    open, and one must not occupy a port that a peer is about to listen on."""
    with open("/proc/sys/net/ipv4/ip_local_port_range", encoding="ascii") as limits:
        first_ephemeral = int(limits.read().split()[0])
    for _ in range(200):
        port = random.randrange(10000, max(first_ephemeral, 20000))
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
    raise Failed("no free loopback port was found")
