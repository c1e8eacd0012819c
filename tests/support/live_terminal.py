# SPDX-License-Identifier: MIT
"""Runs a program on a terminal whose width tests set and change."""
import os
import pty
import re
import signal
import subprocess
import termios
import threading
import time
import unicodedata

import harness
from client import Client
from terminal import COLOURS


class OnTerminal:
    """Runs `adit …` on a terminal; a thread reads its output."""

    def __init__(self, directory, *args, columns=80, env=None):
        directory.mkdir(parents=True, exist_ok=True)
        self.master, slave = pty.openpty()
        state = termios.tcgetattr(slave)
        state[1] &= ~termios.OPOST
        termios.tcsetattr(slave, termios.TCSANOW, state)
        self.columns = columns
        termios.tcsetwinsize(self.master, (50, columns))
        self.came = b""
        self.news = threading.Condition()
        environment = {**harness.environment(directory), "TERM": "xterm", "LC_ALL": "C.UTF-8",
                       "TZ": "UTC-1"}
        self.process = subprocess.Popen(
            [harness.BIN / "adit", *map(str, args), "--data", directory / "adit"], stdin=slave,
            stdout=slave, stderr=slave, env={**environment, **(env or {})}, start_new_session=True,
            preexec_fn=harness.start_afresh)
        os.close(slave)
        self.reader = threading.Thread(target=self._read, daemon=True)
        self.reader.start()

    def _read(self):
        while True:
            try:
                piece = os.read(self.master, 65536)
            except OSError:
                return
            with self.news:
                self.came += piece
                self.news.notify_all()

    def resize(self, columns):
        self.columns = columns
        termios.tcsetwinsize(self.master, (50, columns))
        self.process.send_signal(signal.SIGWINCH)  # the program leads no session

    @property
    def text(self):
        """The output so far; its last character may be incomplete."""
        with self.news:
            return self.came.decode(errors="replace")

    @property
    def plain(self):
        with self.news:
            return COLOURS.sub(b"", self.came).decode(errors="replace")

    def wait_for(self, pattern):
        """The first line that matches the pattern, without colours."""
        end = time.monotonic() + harness.DEADLINE
        with self.news:  # held during the search, so that no notification is missed
            while True:
                for line in self.plain.split("\n")[:-1]:
                    if re.search(pattern, line):
                        return line
                if not self.news.wait(max(0, end - time.monotonic())):
                    raise AssertionError(f"{pattern!r} did not come\n{self.plain}")

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        assert self.process.wait(harness.DEADLINE) == 0, self.plain
        self.reader.join(harness.DEADLINE)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.stop()
        os.close(self.master)


class ProxyOnTerminal(OnTerminal):
    def __init__(self, directory, upstream, *args, **options):
        super().__init__(directory, "proxy", "--port", 0, "--url", upstream, *args, **options)
        self.port = int(re.search(r":(\d+) -> ", self.wait_for("^adit: http://.* -> "))[1])

    def visit(self):
        return Client(("127.0.0.1", self.port), f"localhost:{self.port}", harness.DEADLINE)

    def fetch(self, *args, **more):
        with self.visit() as visitor:
            return visitor.fetch(*args, **more)


def columns_of(line):
    return sum(0 if unicodedata.combining(char) else
               2 if unicodedata.east_asian_width(char) in "WF" else 1 for char in line)
