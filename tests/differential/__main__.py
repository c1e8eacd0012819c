# SPDX-License-Identifier: MIT
"""python3 tests/differential: see docs/differential.md."""
import pathlib
import sys

sys.dont_write_bytecode = True
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

from differential import cli  # noqa: E402

sys.exit(cli.main(sys.argv[1:]))
