# SPDX-License-Identifier: MIT
"""scripts/bench: the programs' speed and cost beside other proxies. docs/benchmarks.md explains
it."""
