# SPDX-License-Identifier: MIT
"""adit treats odd requests and responses as a strict reader does; its differences from nginx and
haproxy are explained (docs/differential.md). test_slow_differential runs many more inputs."""
import differential_runs
import pytest


@pytest.mark.parametrize("direction, count", [("request", 1000), ("response", 500)])
def test_strict_and_every_difference_from_the_peers_explained(direction, count):
    differential_runs.check(direction, "1", count)
