# SPDX-License-Identifier: MIT
"""The same odd bytes through adit, nginx and haproxy, and every difference explained: docs/differential.md."""
