# SPDX-License-Identifier: MIT
"""Under long load the record stays within its bounds, and its counts include every exchange.

With MILLION=1 in the environment, a million exchanges pass instead of 60 seconds of load.
"""
import os
import re
import subprocess
import time

import harness
import pytest
from client import Client, until
from nginx import Nginx
from record import Record

MIB = 1024 * 1024
SIZE, SLACK = 64 * MIB, 40 * MIB  # slack: the log, and writes between two checks
MEMORY = 96 * MIB  # growth since the start, with connections, windows and queues
ROUND = 10_000
SECONDS = 60
LIMIT = ("--limit", f"record-size={SIZE}")
SITE = """
    server {{
        listen 127.0.0.1:{port};
        keepalive_requests 1000000000;
        client_max_body_size 10m;
        location = /status {{ stub_status; }}
        location / {{ return 200 "{body}"; }}
    }}
"""


@pytest.fixture(scope="module")
def nginx(tmp_path_factory):
    with Nginx(tmp_path_factory.mktemp("nginx"), SITE, body="x" * 900) as started:
        yield started


def seen(nginx):
    """The number of requests that the service has got, without those of this function."""
    with Client(("127.0.0.1", nginx.port), "status") as visitor:
        text = visitor.fetch("GET", "/status").body.decode()
    nginx.looks = getattr(nginx, "looks", 0) + 1
    return int(text.splitlines()[2].split()[2]) - nginx.looks


def load(tunnel, count, *options):
    done = subprocess.run(
        ["h2load", "--h1", "-n", str(count), "-c", "50", *options,
         f"--connect-to=127.0.0.1:{tunnel.relay.port}", f"{tunnel.agent.url}/"],
        capture_output=True, text=True, timeout=60 * harness.DEADLINE)
    assert re.search(rf"{count} succeeded, 0 failed, 0 errored", done.stdout), done.stdout


def on_disk(end):
    return sum(path.stat().st_size for path in end.data.glob("record.db*"))


def counted(end):
    with Record(end.data) as record:
        return tuple(record.db.execute("SELECT exchanges, shed, trouble FROM writer").fetchone())


def used_bytes(record):
    return record.number("SELECT page_count - freelist_count FROM pragma_page_count,"
                         " pragma_freelist_count") * record.number("PRAGMA page_size")


def test_a_soak(tmp_path, nginx):
    body = tmp_path / "body"
    body.write_bytes(os.urandom(20_000))
    total = 1_000_000 if os.environ.get("MILLION") == "1" else None
    with harness.Relay(tmp_path, *LIMIT) as relay, \
            harness.Tunnel(tmp_path, *LIMIT, relay=relay, origin=nginx) as tunnel:
        ends = (tunnel.agent, relay)
        load(tunnel, 1000)
        memory = [end.resident() for end in ends]
        before, done, disk, begun = seen(nginx), 0, [0, 0], time.monotonic()
        while done < total if total else time.monotonic() - begun < SECONDS:
            load(tunnel, ROUND)
            load(tunnel, ROUND // 20, "-d", str(body))
            done += ROUND + ROUND // 20
            for number, end in enumerate(ends):
                disk[number] = max(disk[number], on_disk(end))
                assert disk[number] <= SIZE + SLACK, end.name
                if harness.MEMORY_IS_THEIRS:
                    assert end.resident() <= memory[number] + MEMORY, end.name
        assert seen(nginx) - before == done
        for end in ends:
            until(lambda: sum(counted(end)[:2]) == done + 1000, f"all are counted by {end.name}",
                  within=3 * harness.DEADLINE)
        for end in ends:
            exchanges, shed, trouble = counted(end)
            print(f"{end.name}: {exchanges} exchanges, {shed} shed, {trouble}, most on disk"
                  f" {disk[ends.index(end)] // MIB} MiB, {done / (time.monotonic() - begun):.0f}/s")
            assert exchanges > 1000 and trouble is None
            with Record(end.data) as record:
                assert record.number("PRAGMA integrity_check") == "ok"
                until(lambda: record.number("SELECT count(*) FROM exchange WHERE outcome IS NULL")
                      == 0, "all have ended", within=harness.DEADLINE)
                assert record.number("SELECT count(*) FROM body WHERE exchange NOT IN (SELECT seq"
                                     " FROM exchange)") == 0
                until(lambda: used_bytes(record) <= SIZE, "what is too much is deleted",
                      within=harness.DEADLINE)
                assert record.number("SELECT sum(bytes) FROM tunnel") > SIZE / 3
