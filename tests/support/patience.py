# SPDX-License-Identifier: MIT
"""The programs under test, and how long a test waits for them before it fails."""
import os
import pathlib

ROOT = pathlib.Path(__file__).resolve().parents[2]
BIN = pathlib.Path(os.environ.get("ADIT_BIN_DIR") or ROOT / "build/dev/bin")
UNDER_VALGRIND = os.environ.get("ADIT_VALGRIND") == "1"


def is_sanitized():
    try:
        return b"__asan_init" in (BIN / "aditd").read_bytes()
    except FileNotFoundError:
        return False


SANITIZED = is_sanitized()
PATIENCE = 8 if UNDER_VALGRIND else 3 if SANITIZED else 1
# Seconds for events that should take milliseconds. Busy machines delay programs by many seconds;
# only a failing test waits for the whole time.
DEADLINE = 40 * PATIENCE
