# SPDX-License-Identifier: MIT
"""Runs tests/differential as a test."""
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

import harness  # noqa: E402
from differential import cli, report, sites  # noqa: E402


def check(direction, seed, count):
    """Fails with a line for each input with a wrong result or an unexplained difference."""
    assert not sites.missing(), f"scripts/setup installs {', '.join(sites.missing())}"
    if harness.UNDER_VALGRIND:
        count //= 5
    found, = cli.examined(seed, {direction: count})
    print(report.summary(found))
    problems = list(report.problems(found))
    assert not problems, "\n".join(problems[:40])
