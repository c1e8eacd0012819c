# SPDX-License-Identifier: MIT
"""Odd requests and responses: adit does what a strict reader says, and its differences from nginx and
haproxy are explained (docs/differential.md). test_slow_differential has many more of them."""
import differential_runs
import pytest


@pytest.mark.parametrize("direction, count", [("request", 1000), ("response", 500)])
def test_strict_and_every_difference_from_the_peers_explained(direction, count):
    differential_runs.check(direction, "1", count)
