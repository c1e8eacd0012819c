# SPDX-License-Identifier: MIT
"""The relay's record knows whose a tunnel is: by that it is shared out."""
import re

import harness
from client import until
from record import Record, ended


def test_the_relay_records_whose_a_tunnel_is(tmp_path):
    with harness.Tunnel(tmp_path) as tunnel:
        assert tunnel.fetch("GET", "/mirror").status == 200
        assert tunnel.fetch("GET", "/", host="nobody.localhost").status == 404
        for end in (tunnel.relay, tunnel.agent):
            until(lambda: ended(end.data, "target='/mirror'"), "it is recorded")
        with Record(tunnel.relay.data) as record:
            owners = dict(record.db.execute("SELECT name, owner FROM tunnel").fetchall())
        with Record(tunnel.agent.data) as record:
            assert record.number("SELECT count(owner) FROM tunnel") == 0
    name, = (name for name in owners if name)
    assert re.fullmatch("[0-9a-f]{64}", owners[name])
    assert owners.get("") is None
