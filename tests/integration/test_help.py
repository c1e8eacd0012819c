# SPDX-License-Identifier: MIT
"""Each command prints its help in every way of asking for it, as wide as the terminal, and the help
names the options that the command takes."""
import fcntl
import os
import pathlib
import re
import signal
import struct
import subprocess
import termios

import harness
import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
READERS = {name: f"common/inspect/{name}.c"
           for name in ("requests", "show", "stats", "diff", "verify", "export", "delete")}
SOURCES = {("adit", "http"): "client/cmd/http.c", ("adit", "proxy"): "client/cmd/proxy.c",
           ("adit", "replay"): "client/cmd/replay.c", ("adit", "config"): "client/cmd/config.c",
           ("aditd",): "server/main.c",
           **{(program, name): file for name, file in READERS.items()
              for program in ("adit", "aditd")}}
COMMANDS = [*SOURCES, ("adit",)]
ENTRY = re.compile(r'\{"([\w-]+)", (?:no|required|optional)_argument,')


def run(directory, *args, **how):
    how = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, **how}
    return subprocess.run([harness.BIN / args[0], *args[1:]], stderr=subprocess.PIPE, text=True,
                          timeout=harness.DEADLINE, env=harness.environment(directory), **how)


def help_of(directory, command, *asked):
    done = run(directory, *command, *(asked or ["--help"]))
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout


def table(command):
    """The options in the sources' tables, without dashes."""
    entries = set(ENTRY.findall((ROOT / SOURCES[command]).read_text()))
    if command in (("adit", "http"), ("adit", "proxy"), ("aditd",)):
        shared = ["common/base/options.h", "common/record/write/record_options.h"]
        for file in shared + ["client/cmd/service_options.h"] * (command[0] == "adit"):
            entries |= set(re.findall(r'"([\w-]+)", (?:no|required|optional)_argument',
                                      (ROOT / file).read_text().replace("\\\n", "")))
    elif command != ("adit", "config"):
        source = (ROOT / SOURCES[command]).read_text()
        entries |= set(ENTRY.findall((ROOT / "common/inspect/command.c").read_text()))
        if ".filters = true" in source:
            entries |= set(ENTRY.findall((ROOT / "common/inspect/filter_flags.c").read_text()))
    return entries


def listed(text):
    """The options that begin a line of the help."""
    names = set()
    for line in re.findall(r"^  (-.*)$", text, re.M):
        head = re.split(r"  +", line)[0]
        names |= set(re.findall(r"(?<![\w-])--?([a-zA-Z][\w-]*)", head))
    return names


@pytest.mark.parametrize("command", SOURCES, ids=" ".join)
def test_it_lists_what_the_command_takes_and_nothing_else(tmp_path, command):
    taken = table(command)
    text = help_of(tmp_path, command)
    named = set(re.findall(r"(?<![\w-])--?([a-zA-Z][\w-]*)", text))
    assert taken and listed(text) <= taken <= named


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_it_begins_with_examples_and_fits_a_terminal(tmp_path, command):
    text = help_of(tmp_path, command)
    lines = text.splitlines()
    assert max(map(len, lines)) <= 80, max(lines, key=len)
    assert lines[0].startswith(" ".join(command)) and not any(line.endswith(" ") for line in lines)
    blank = lines.index("")
    assert blank <= 2 and lines[blank + 1].startswith(f"  {' '.join(command)}"), lines[:4]
    assert "Exit status" in text


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_every_way_to_ask_for_it_is_the_same(tmp_path, command):
    text = help_of(tmp_path, command)
    assert help_of(tmp_path, command, "-h") == text
    assert help_of(tmp_path, command, "help") == text
    if len(command) == 2:
        assert help_of(tmp_path, command[:1], "help", command[1]) == text
        assert help_of(tmp_path, command[:1], "--help", command[1]) == text


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_one_that_cannot_be_written_is_a_failure(tmp_path, command):
    trouble = 2 if command[-1] == "diff" else 1  # as of diff(1)
    with open("/dev/full", "w") as full:
        for args in (["--help"], ["version"] if len(command) == 1 else ["-h"]):
            done = run(tmp_path, *command, *args, stdout=full)
            assert done.returncode == trouble and "No space left" in done.stderr, done
    reads, writes = os.pipe()
    os.close(reads)
    with os.fdopen(writes, "w") as nobody:
        done = run(tmp_path, *command, "--help", stdout=nobody)
        by_signal = command[-1] not in ("adit", "aditd", "http", "proxy", "config")
        assert done.returncode == (-signal.SIGPIPE if by_signal else trouble) and done.stderr == ""


@pytest.mark.parametrize("columns", [30, 40, 60, 79, 200])
def test_it_is_filled_to_the_width_of_the_terminal(tmp_path, columns):
    ours, its = os.openpty()
    fcntl.ioctl(its, termios.TIOCSWINSZ, struct.pack("HHHH", 40, columns, 0, 0))
    with os.fdopen(ours, "rb", buffering=0) as terminal:
        process = subprocess.Popen([harness.BIN / "adit", "show", "--help"], stdin=its, stdout=its,
                                   env=harness.environment(tmp_path))
        os.close(its)
        text = b""
        try:
            while piece := terminal.read(65536):
                text += piece
        except OSError:  # the terminal's other end has closed
            pass
        assert process.wait(harness.DEADLINE) == 0
    lines = text.decode().replace("\r", "").splitlines()
    examples = [line for line in lines if line.startswith("  adit show")]
    long = max(len(line) for line in lines if line not in examples)
    assert min(columns, 40) <= long <= max(40, min(columns, 80))


def test_without_a_command_adit_shows_its_help_and_status_2(tmp_path):
    done = run(tmp_path, "adit")
    assert (done.returncode, done.stderr) == (2, "")
    assert done.stdout == help_of(tmp_path, ("adit",))


@pytest.mark.parametrize("word", ["help", "version", "--version", "-v"])
@pytest.mark.parametrize("program", ["adit", "aditd"])
def test_words_of_the_help_have_it_too(tmp_path, program, word):
    done = run(tmp_path, program, "help", word)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == help_of(tmp_path, (program,))
