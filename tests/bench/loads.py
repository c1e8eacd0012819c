# SPDX-License-Identifier: MIT
"""What visitors do. Each load is bounded in time, and one that met an error is no measurement."""

import json
import pathlib
import subprocess

from . import usage
from .processes import Failed

HERE = pathlib.Path(__file__).parent
TRANSFER_SECONDS = 120
HOLD_READY_SECONDS = 30
HOLD_SECONDS = 180
MIB = 1 << 20


def measured(site, running, name, argv, seconds):
    """Runs a load that prints one line of JSON; adds the CPU time its contestant used meanwhile."""
    before = usage.cpu_seconds(running.processes)
    output = site.procs.run(name, argv, seconds)
    cpu = usage.cpu_seconds(running.processes) - before
    sample = json.loads(output.strip().splitlines()[-1])
    sample["cpu_s"] = round(cpu, 3)
    return sample


def wrk(site, running, connections, seconds=None):
    """GET /small over keep-alive connections, as fast as it goes."""
    seconds = seconds or site.seconds
    argv = ["wrk", "-t1", f"-c{connections}", f"-d{seconds}s", "--timeout", "10s"]
    argv += ["-s", HERE / "wrk.lua", "-H", f"Host: {running.host}"]
    argv += [f"http://127.0.0.1:{running.port}/small"]
    sample = measured(site, running, "wrk", argv, seconds + 15)
    errors = {kind: count for kind, count in sample["errors"].items() if count}
    if errors or not sample["requests"]:
        raise Failed(f"wrk through {running.name}: {sample['requests']} requests, errors {errors}")
    sample["per_second"] = sample["requests"] / (sample["duration_us"] / 1e6)
    sample["cpu_us_per_request"] = round(sample["cpu_s"] * 1e6 / sample["requests"], 2)
    return sample


def transfer(site, running, name, argv):
    sample = measured(site, running, name, argv + [TRANSFER_SECONDS], TRANSFER_SECONDS + 5)
    sample["mib_per_second"] = sample["bytes"] / MIB / sample["seconds"]
    sample["cpu_s_per_gib"] = round(sample["cpu_s"] * 1024 * MIB / sample["bytes"], 3)
    return sample


def pull(site, running):
    return transfer(site, running, "pull", [site.tools["pull"], running.port, running.host, "/big"])


def push(site, running):
    argv = [site.tools["push"], running.port, running.host, "/upload", site.upload_bytes]
    return transfer(site, running, "push", argv)


class Hold:
    """Visitors who are there and do nothing, for as long as the block lasts: idle after one whole
    response (read=None), or stopped in the middle of it after `read` bytes."""

    def __init__(self, site, running, path, count, read=None):
        self.procs = site.procs
        self.running = running
        self.count = count
        self.lost = 0
        read = "all" if read is None else read
        self.argv = [site.tools["hold"], running.port, running.host, path, count, read, HOLD_SECONDS]
        self.process = None

    def __enter__(self):
        pipe = subprocess.PIPE
        self.process = self.procs.start("hold", self.argv, stdin=pipe, stdout=pipe)
        self.process.read_line(b"ready", HOLD_READY_SECONDS)
        usage.wait_until_idle(self.running.processes)
        return self

    def __exit__(self, kind, *_):
        try:
            if kind is None:
                self.process.popen.stdin.close()
                end = json.loads(self.process.read_line(b"held", HOLD_READY_SECONDS))
                self.lost = end["lost"]
        finally:
            self.procs.stop(self.process)
