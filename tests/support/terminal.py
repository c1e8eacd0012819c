# SPDX-License-Identifier: MIT
"""Collects a program's output on a terminal, and finds sequences that a terminal would obey."""
import os
import pty
import re
import select
import subprocess
import termios
import unicodedata

import harness

COLOURS = re.compile(rb"\x1b\[(?:0|1|2|31|32|33|36)m")
# Progress lines of adit, which are erased again.
PASSING = re.compile(rb"\r\x1b\[K(?:\d+ exchanges|indexing the newest exchanges: \d+ %"
                     rb"|waiting for the programs that record)?")
HIDDEN = {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}
# Blank characters of visible categories.
BLANK = "\u115f\u1160\u3164\uffa0\u2800\u034f\u17b4\u17b5\ufe0f\ufe00"
MOST_MARKS = 4


def on_terminal(argv, directory, columns=0, typed=b""):
    """Runs a program whose three streams are a terminal. Returns its status and its output."""
    master, slave = pty.openpty()
    try:
        state = termios.tcgetattr(slave)
        state[1] &= ~termios.OPOST  # no CR is added to LF
        state[3] &= ~termios.ECHO
        termios.tcsetattr(slave, termios.TCSANOW, state)
        if columns:
            termios.tcsetwinsize(slave, (25, columns))
        environment = {**harness.environment(directory), "TERM": "xterm", "LC_ALL": "C.UTF-8"}
        with subprocess.Popen(argv, stdin=slave, stdout=slave, stderr=slave,
                              env=environment, start_new_session=True,
                              preexec_fn=harness.start_afresh) as child:
            os.close(slave)
            slave = -1
            os.write(master, typed)
            return read_all(master, child)
    finally:
        os.close(master)
        if slave >= 0:
            os.close(slave)


def read_all(master, child):
    came = b""
    while True:
        readable, _, _ = select.select([master], [], [], harness.DEADLINE)
        if not readable:
            child.kill()
            raise AssertionError(f"it goes on: {came[-500:]!r}")
        try:
            piece = os.read(master, 65536)
        except OSError:  # EIO: all processes have closed the other end
            piece = b""
        if not piece:
            return child.wait(harness.DEADLINE), came
        came += piece


def what_is_obeyed(came, colours=True):
    """Describes the first sequence that a terminal would obey, hide or reorder, or None."""
    if colours:
        came = PASSING.sub(b"", COLOURS.sub(b"", came))
    try:
        text = came.decode()
    except UnicodeDecodeError as error:
        return f"no UTF-8: {error}"
    marks = 0
    for at, char in enumerate(text):
        category = unicodedata.category(char)
        marks = marks + 1 if category in ("Mn", "Me") else 0
        hidden = category in HIDDEN and char not in "\n\t" or category == "Zs" and char != " "
        if hidden or char in BLANK or marks > MOST_MARKS:
            return f"{unicodedata.name(char, hex(ord(char)))} in {text[max(0, at - 40):at + 40]!r}"
    return None


def columns_of(text):
    """The columns that a line takes on a terminal, without colours, by Python's tables instead of
    adit's."""
    columns = 0
    for char in re.sub(r"\x1b\[\d+m", "", text):
        name = unicodedata.name(char, "")
        joins = name.startswith(("HANGUL JUNGSEONG", "HANGUL JONGSEONG"))
        if unicodedata.category(char) in ("Mn", "Me") or joins:
            continue
        columns += 2 if unicodedata.east_asian_width(char) in "WF" else 1
    return columns


class Screen:
    """A program that runs at a terminal whose size can change."""

    def __init__(self, argv, directory, columns, **more):
        self.master, slave = pty.openpty()
        state = termios.tcgetattr(slave)
        state[1] &= ~termios.OPOST
        state[3] &= ~termios.ECHO
        termios.tcsetattr(slave, termios.TCSANOW, state)
        self.resize(columns)
        environment = {**harness.environment(directory), "TERM": "xterm", "LC_ALL": "C.UTF-8", **more}
        self.process = subprocess.Popen(argv, stdin=slave, stdout=slave, stderr=slave,
                                        env=environment, start_new_session=True,
                                        preexec_fn=harness.start_afresh)
        os.close(slave)
        self.came = b""

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()
        os.close(self.master)

    def resize(self, columns):
        termios.tcsetwinsize(self.master, (25, columns))

    def lines(self):
        """The complete lines so far, without colours."""
        whole, _, _ = self.came.rpartition(b"\n")  # the rest may end within a character
        return re.sub(rb"\x1b\[\d+m", b"", whole).decode().split("\n") if whole else []

    def wait_for(self, pattern, number=1):
        """Waits for the line of this number among those that match. Returns the line."""
        while len(found := [line for line in self.lines() if re.search(pattern, line)]) < number:
            readable, _, _ = select.select([self.master], [], [], harness.DEADLINE)
            assert readable, f"no {pattern!r} in {self.came!r}"
            self.came += os.read(self.master, 65536)
        return found[number - 1]
