# SPDX-License-Identifier: MIT
"""The record of a program: asks for what it has put off, and counts what is there and what is not.
docs/record.md describes the tables and how a reader asks."""

import contextlib
import os
import select
import socket
import sqlite3
import time

from .processes import Failed

ASK_SECONDS = 180
LISTENS = 0x10000  # in the flags of /proc/net/unix
WRITTEN, BUSY = b"w", b"b"


class Record:
    """Of one program, in the directory that its --data names."""

    def __init__(self, directory):
        self.directory = directory
        self.database = directory / "record.db"
        self.seen = (0, 0)  # (newest exchange, exchanges shed) at the last call of lacks_more

    def rows(self, sql, *values):
        with contextlib.closing(sqlite3.connect(f"file:{self.database}?mode=ro", uri=True)) as record:
            return record.execute(sql, values).fetchall()

    def number(self, sql, *values):
        ((found,),) = self.rows(sql, *values)
        return found or 0

    def newest(self):
        """As many exchanges have become rows, whether they are there still or not."""
        return self.number("SELECT max(seq) FROM exchange")

    def whole(self):
        return self.number(
            "SELECT count(*) FROM exchange WHERE outcome = 'complete' AND flags & 2 = 0"
        )

    def lacks_more(self):
        """Exchanges since the last call that the record lacks whole or in part."""
        newest, shed = self.newest(), self.number("SELECT sum(shed) FROM writer")
        (then_newest, then_shed), self.seen = self.seen, (newest, shed)
        sql = "SELECT count(*) FROM exchange WHERE seq > ? AND flags & 2"
        return shed - then_shed + self.number(sql, then_newest)

    def mib(self):
        """What it takes of the disk: (spool, database with its log)."""
        spool = sum(blocks(path) for path in self.directory.glob("spool/**/*"))
        return spool, sum(blocks(path) for path in self.directory.glob("record.db*"))


def blocks(path):
    """MiB of a file; a file that has just been removed takes none."""
    try:
        return path.stat().st_blocks * 512 / (1 << 20)
    except FileNotFoundError:
        return 0


# Asking --------------------------------------------------------------------------------------------


def addresses(directory):
    """The sockets on which writers of this directory's record listen."""
    found = os.stat(directory)
    prefix = f"@adit-record-{found.st_dev:x}-{found.st_ino:x}-"
    with open("/proc/net/unix", encoding="ascii", errors="replace") as sockets:
        for line in sockets:
            fields = line.split()
            if fields[-1].startswith(prefix) and int(fields[3], 16) & LISTENS:
                yield "\0" + fields[-1][1:]


def catch_up(running):
    """Asks the ends that record to write all that they have put off. Returns part -> seconds until
    it was in the rows. All are asked at once, as each would do it by itself."""
    with contextlib.ExitStack() as stack:
        asked = {}
        for part, process in running.ends.items():
            for address in addresses(process.record.directory) if process.record else ():
                end = stack.enter_context(socket.socket(socket.AF_UNIX))
                end.connect(address)
                asked[end] = part
        return answered(asked)


def answered(asked):
    began, took, waiting = time.monotonic(), {}, dict(asked)
    while waiting:
        left = began + ASK_SECONDS - time.monotonic()
        ready = select.select(list(waiting), [], [], max(0, left))[0]
        if not ready:
            raise Failed(f"the record had not caught up after {ASK_SECONDS} s: {waiting.values()}")
        for end in ready:
            said = end.recv(64)
            if not said or BUSY in said:
                raise Failed(f"the {waiting[end]} does not write its record: {said}")
            if WRITTEN in said:  # whatever else it says is progress
                took[waiting.pop(end)] = time.monotonic() - began
    return took
