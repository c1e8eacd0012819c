# SPDX-License-Identifier: MIT
"""The relay's record contains the owner and the address of each tunnel."""
import ipaddress
import re

import harness
import lan
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


def test_the_relay_records_from_where_a_tunnel_comes(tmp_path):
    at = lan.address()
    shown = f"[{at}]" if ":" in at else at
    token = tmp_path / "token"
    token.touch(0o600)
    token.write_text(lan.TOKEN)
    with harness.Relay(tmp_path, "--listen", f"{shown}:0", "--token-file", token) as relay:
        port = relay.wait_for(rf"listening on http://{re.escape(shown)}:(\d+)$")[1]
        relay.url = f"http://{shown}:{port}"
        with harness.Tunnel(tmp_path, "--token-file", token, relay=relay) as tunnel:
            assert tunnel.fetch("GET", "/mirror").status == 200
            until(lambda: ended(relay.data, "target='/mirror'"), "it is recorded")
            with Record(relay.data) as record:
                address, = record.db.execute("SELECT address FROM tunnel WHERE name != ''").fetchone()
    network = ipaddress.ip_network(f"{at}/64" if ":" in at else at, strict=False)
    assert ipaddress.ip_address(address) == network.network_address
