# SPDX-License-Identifier: MIT
"""A command over the record waits as long as the record's writers get on, and shows how far they
are."""
import contextlib
import os
import re
import select
import signal
import subprocess
import time

import harness
import pytest
from fake_writer import FakeWriter
from record import Record
from terminal import Screen

MISSING = "the newest exchanges may be missing"
SILENT = 2  # seconds after which a writer that sends nothing counts as stuck
STANDSTILL = 5  # one that sends the same percentage
TOLD = 3  # after which a command that is not at a terminal says that it waits
STEP = 0.25
STEPS = round((TOLD + 1) / STEP)


@pytest.fixture
def record(tmp_path):
    with Record(tmp_path / "data", create=True) as made:
        made.add(target="/old")
        yield made


@pytest.fixture
def writer(record):
    with FakeWriter(record.directory) as fake:
        yield fake


def argv(record, *words):
    return [harness.BIN / "adit", *words, "--data", record.directory]


@contextlib.contextmanager
def started(record, *words):
    with subprocess.Popen(argv(record, *words), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, text=True,
                          env=harness.environment(record.directory)) as program:
        try:
            yield program
        finally:
            program.kill()


def said(program):
    out, err = program.communicate(timeout=harness.DEADLINE)
    assert program.returncode == 0, err
    return out, err


def gets_on(reader, steps):
    """Sends percentages that grow. Returns the longest time between two."""
    longest, last = 0, time.monotonic()
    for number in range(steps):
        time.sleep(STEP)
        reader.progress(number)
        longest, last = max(longest, time.monotonic() - last), time.monotonic()
    return longest


def test_a_writer_that_gets_on_is_waited_for(record, writer):
    longest = SILENT
    while longest >= SILENT:  # the machine was too slow to tell
        with started(record, "requests") as program:
            reader = writer.reader()
            longest = gets_on(reader, STEPS)
            late = record.add(target="/late")
            reader.written()
            out, err = said(program)
            if longest < SILENT:
                assert out.splitlines()[-1].startswith(late)
                told, = err.splitlines()
                assert re.fullmatch("adit requests: waiting until the newest exchanges are indexed"
                                    r" \(\d+ % are\)", told)


def test_a_writer_that_stands_still_is_given_up(record, writer):
    began = time.monotonic()
    with started(record, "requests") as program:
        reader = writer.reader()
        while not reader.has_left(STEP):
            reader.progress(50)
        out, err = said(program)
    assert time.monotonic() - began >= STANDSTILL
    assert "/old" in out
    assert f"{MISSING}: process {os.getpid()}, which records, has not written all yet" in err


def test_a_writer_that_falls_silent_is_given_up(record, writer):
    began = time.monotonic()
    with started(record, "requests") as program:
        reader = writer.reader()
        reader.progress(50)
        out, err = said(program)
    assert time.monotonic() - began >= SILENT
    assert "/old" in out and MISSING in err


def test_a_writer_that_serves_too_many_readers_is_told(record, writer):
    with started(record, "requests") as program:
        reader = writer.reader()
        reader.send(b"b")
        out, err = said(program)
    assert "/old" in out and MISSING in err


def test_a_signal_ends_the_wait(record, writer):
    with started(record, "requests") as program:
        reader = writer.reader()
        reader.progress(1)
        program.send_signal(signal.SIGINT)
        assert program.wait(harness.DEADLINE) == -signal.SIGINT
        assert program.stdout.read() == ""


def shown(screen, pattern, meanwhile):
    """Waits until the terminal got what matches, and calls `meanwhile` in between."""
    end = time.monotonic() + harness.DEADLINE
    while not (found := re.search(pattern, screen.came)):
        assert time.monotonic() < end, screen.came
        meanwhile()
        if select.select([screen.master], [], [], STEP)[0]:
            screen.came += os.read(screen.master, 65536)
    return found


def test_a_terminal_shows_how_far_the_writers_are(record, writer):
    percents = iter(range(37, 100))
    with FakeWriter(record.directory) as other:
        with Screen(argv(record, "requests"), record.directory, 100) as screen:
            readers = [writer.reader(), other.reader()]
            # The other is silent, until it counts as stuck.
            shown(screen, rb"\r\x1b\[K(waiting for the programs that record|indexing .*)$",
                  lambda: readers[0].progress(next(percents)))
            readers[1].progress(99)
            found = shown(screen, rb"\r\x1b\[Kindexing the newest exchanges: (\d+) %$",
                          lambda: readers[0].progress(next(percents)))
            assert 37 <= int(found[1]) < 99
            for reader in readers:
                reader.written()
            shown(screen, rb"%\r\x1b\[K[^\r]*/old", lambda: None)  # the line is erased


# --follow

class Following:
    def __init__(self, record):
        self.program = harness.Program(record.directory, "adit", "requests", "--follow", "--data",
                                       record.directory, data=False)

    def __enter__(self):
        return self.program

    def __exit__(self, *_):
        self.program.kill()


def test_one_who_follows_asks_before_the_first_read(record, writer):
    with Following(record) as program:
        reader = writer.reader()
        reader.progress(0)
        first = record.add(target="/first")
        reader.written()
        program.wait_for(f"^{first} ")
        program.stop(signal.SIGINT)
        assert len(program.printed["stdout"]) == 2


def test_one_who_follows_asks_again_and_again(record, writer):
    """A writer under load that indexes only what readers ask for."""
    with Following(record) as program:
        writer.reader().written()
        program.wait_for("/old ")
        for number in range(3):
            reader = writer.reader()
            record.add(target=f"/n{number}")
            reader.written()
            program.wait_for(f"/n{number} ")
        program.stop(signal.SIGINT)
        assert program.printed["stderr"] == []


def test_a_stuck_writer_hinders_no_one_who_follows(record, writer):
    with FakeWriter(record.directory) as stuck, Following(record) as program:
        writer.reader().written()
        program.wait_for("/old ")
        for number in range(3):
            reader = writer.reader()
            record.add(target=f"/n{number}")
            program.wait_for(f"/n{number} ")  # though nobody has answered
            reader.written()
        writer.reader()
        assert stuck.waiting() == 2  # before the first read, and behind it
        program.stop(signal.SIGINT)
