# SPDX-License-Identifier: MIT
"""test_differential with all inputs of docs/differential.md, and with a second seed."""
import differential_runs
import pytest


@pytest.mark.parametrize("direction, seed, count", [
    ("request", "1", 8000), ("response", "1", 4000), ("request", "2", 4000), ("response", "2", 2000)])
def test_strict_and_every_difference_from_the_peers_explained(direction, seed, count):
    differential_runs.check(direction, seed, count)
