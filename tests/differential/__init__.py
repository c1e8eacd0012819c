# SPDX-License-Identifier: MIT
"""The same odd bytes through adit, nginx and haproxy: docs/differential.md."""
