# SPDX-License-Identifier: MIT
"""The exported command of each of many requests sends the same request again."""
from random import Random

import any_request
import pytest
from exchanges import Record
from listening import Listening
from shells import SHELLS, run_script, with_stray_bytes

PROGRAMS = ["aditd", "adit proxy", "adit http", "adit replay"]


@pytest.mark.parametrize("shell", SHELLS)
@pytest.mark.parametrize("seed", range(100, 103))
def test_any_request_arrives_as_it_was_sent(tmp_path, shell, seed):
    random = Random(seed)
    record = Record(tmp_path / "adit")
    record.writers = {program: record.writer(program) for program in PROGRAMS}
    empty = tmp_path / "empty"
    empty.mkdir()
    with Listening() as service:
        wanted = [any_request.add(record, any_request.a_request(random, service.host), service.host,
                                  PROGRAMS[number % len(PROGRAMS)])[0].arrives()
                  for number in range(400)]
        script = record.output("export", "--curl")
        run_script(shell, with_stray_bytes(script) if seed % 2 else script, empty, LC_ALL="C.UTF-8")
        heard = [(r.method, r.target, r.version, r.fields, r.body) for r in service.take()]
    assert len(heard) == len(wanted)
    for each, one in zip(heard, wanted):
        assert each == one
    assert not list(empty.iterdir())
