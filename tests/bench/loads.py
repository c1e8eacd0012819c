# SPDX-License-Identifier: MIT
"""What visitors do. Each load is bounded in time; one that met an error is no measurement.

A Load runs in passes, so that contestants can take turns within a round; the passes of a round make
one sample.
"""

import collections
import dataclasses
import json
import pathlib
import re
import subprocess
from collections.abc import Callable

from . import usage
from .processes import Failed

HERE = pathlib.Path(__file__).parent
BRIEF_SECONDS = 1  # wrk takes whole seconds
BRIEF_PASSES = 3
TRANSFER_SECONDS = 120
LEAVE_SECONDS = 120
LEAVERS = 10000
CROWD_READY_SECONDS = 30
CROWD_SECONDS = 180
MIB = 1 << 20
CPU_UNITS = {
    "cpu_us_per_request": "µs a request",
    "cpu_us_per_abort": "µs an abort",
    "cpu_us_per_handshake": "µs a handshake",
    "cpu_s_per_gib": "s a GiB",
}



@dataclasses.dataclass(frozen=True)
class Load:
    one_pass: Callable  # (site, running) -> result of the pass
    together: Callable  # list of those -> sample
    passes: Callable = lambda site: 1


def measured(site, running, name, argv, seconds):
    """Runs a load that prints one line of JSON; adds the CPU time that its contestant used
    meanwhile, in all and of each end."""
    before = cpu_of_ends(running)
    output = site.procs.run(name, argv, seconds)
    cpu = cpu_since(running, before)
    sample = json.loads(output.strip().splitlines()[-1])
    return sample | {"cpu_s": round(sum(cpu.values()), 3), "cpu_of": cpu}


def cpu_of_ends(running):
    return {part: usage.cpu_seconds([process]) for part, process in running.ends.items()}


def cpu_since(running, before):
    return {part: round(now - before[part], 3) for part, now in cpu_of_ends(running).items()}


def total(passes, key):
    return sum(one[key] for one in passes)


def late_cpu(passes):
    """The CPU time that a contestant used once the load was over, where it was left to finish."""
    if not all("late_cpu_s" in one for one in passes):
        return {}
    return {"late_cpu_s": round(total(passes, "late_cpu_s"), 3)}


def all_cpu(passes):
    """What is put off is paid, too."""
    return total(passes, "cpu_s") + late_cpu(passes).get("late_cpu_s", 0)


def cpu_key(sample=()):
    """The key of the CPU time for each unit of work, None where a sample has no such time."""
    return next((key for key in CPU_UNITS if key in sample), None)


# wrk -----------------------------------------------------------------------------------------------


def wrk_argv(running, connections, seconds):
    argv = ["wrk", "-t1", f"-c{connections}", f"-d{seconds}s", "--timeout", "10s"]
    argv += ["-s", HERE / "wrk.lua", "-H", f"Host: {running.host}"]
    return argv + [f"{running.url}/small"]


def start_wrk(site, running, connections):
    """A load that goes on beside others until it is stopped."""
    return site.procs.start("wrk", wrk_argv(running, connections, CROWD_SECONDS))


def wrk(site, running, connections, seconds=BRIEF_SECONDS):
    """GET /small over keep-alive connections, as fast as possible."""
    argv = wrk_argv(running, connections, seconds)
    one = measured(site, running, "wrk", argv, seconds + 15)
    errors = {kind: count for kind, count in one["errors"].items() if count}
    if errors or not one["requests"]:
        raise Failed(f"wrk through {running.name}: {one['requests']} requests, errors {errors}")
    return one


def percentile(latencies, share):
    """`latencies` is a Counter of microseconds."""
    left = share * latencies.total()
    for us, count in sorted(latencies.items()):
        left -= count
        if left <= 0:
            return us
    return max(latencies)


def wrk_together(passes):
    latencies = collections.Counter()
    for one in passes:
        latencies.update(dict(one["latencies"]))
    requests = total(passes, "requests")
    return {
        "requests": requests,
        "duration_us": total(passes, "duration_us"),
        "cpu_s": total(passes, "cpu_s"),
        **late_cpu(passes),
        "pass_per_second": [round(one["requests"] / one["duration_us"] * 1e6) for one in passes],
        "per_second": requests / (total(passes, "duration_us") / 1e6),
        "p50_us": percentile(latencies, 0.5),
        "p99_us": percentile(latencies, 0.99),
        "max_us": max(latencies),
        "cpu_us_per_request": round(all_cpu(passes) * 1e6 / requests, 2),
    }


def lasting(connections):
    """One pass a round, as long as traffic lasts."""
    return Load(lambda site, running: wrk(site, running, connections, site.seconds), wrk_together)


def brief(connections):
    """Some passes of a second in each round."""
    return Load(
        lambda site, running: wrk(site, running, connections),
        wrk_together,
        lambda site: min(BRIEF_PASSES, site.seconds),
    )


# h2load --------------------------------------------------------------------------------------------


def h2load(site, running, connections, streams, seconds):
    """GET /small over HTTP/2, as many at once on each connection as there are streams."""
    argv = ["h2load", "-t1", f"-c{connections}", f"-m{streams}", f"--duration={seconds}"]
    argv += [f"--connect-to=127.0.0.1:{running.port}", f"http://{running.host}/small"]
    before = cpu_of_ends(running)
    output = site.procs.run("h2load", argv, seconds + 15)
    cpu = cpu_since(running, before)
    counts = re.search(r"(\d+) succeeded, (\d+) failed, (\d+) errored, (\d+) timeout", output)
    done, *errors = map(int, counts.groups())
    if not done or any(errors):
        raise Failed(f"h2load through {running.name}: {counts[0]}")
    return {"requests": done, "seconds": seconds, "cpu_s": round(sum(cpu.values()), 3),
            "cpu_of": cpu}


def h2load_together(passes):
    requests = total(passes, "requests")
    return {
        "requests": requests,
        "cpu_s": total(passes, "cpu_s"),
        **late_cpu(passes),
        "per_second": requests / total(passes, "seconds"),
        "cpu_us_per_request": round(all_cpu(passes) * 1e6 / requests, 2),
    }


def multiplexed(connections, streams):
    return Load(
        lambda site, running: h2load(site, running, connections, streams, site.seconds),
        h2load_together,
    )


# Handshakes ----------------------------------------------------------------------------------------


def shake(site, running):
    argv = [site.tools["tls"], "handshakes", running.port, running.host, site.seconds]
    return measured(site, running, "handshakes", argv, site.seconds + 10)


def shake_together(passes):
    done = total(passes, "handshakes")
    return {
        "handshakes": done,
        "cpu_s": total(passes, "cpu_s"),
        **late_cpu(passes),
        "per_second": done / total(passes, "seconds"),
        "cpu_us_per_handshake": round(all_cpu(passes) * 1e6 / done, 2),
    }


handshakes = Load(shake, shake_together)


# Transfers -----------------------------------------------------------------------------------------


def transfer(site, running, name, argv):
    sample = measured(site, running, name, argv + [TRANSFER_SECONDS], TRANSFER_SECONDS + 5)
    sample["mib_per_second"] = sample["bytes"] / MIB / sample["seconds"]
    return sample


def pull(site, running):
    return transfer(site, running, "pull", pull_argv(site, running))


def pull_argv(site, running):
    tool = [site.tools["tls"], "pull"] if running.tls else [site.tools["pull"]]
    return [*tool, running.port, running.host, "/big"]


def start_pull(site, running):
    """A download that goes on beside others."""
    return site.procs.start("pull", pull_argv(site, running) + [TRANSFER_SECONDS])


def push(site, running):
    argv = [site.tools["push"], running.port, running.host, "/upload", site.upload_bytes]
    return transfer(site, running, "push", argv)


def transfer_together(passes):
    """A round has one transfer."""
    (one,) = passes
    return one | {"cpu_s_per_gib": round(all_cpu(passes) * 1024 * MIB / one["bytes"], 3)}


down = Load(pull, transfer_together)
up = Load(push, transfer_together)


# Visitors who leave --------------------------------------------------------------------------------


def leave(site, running):
    """Visitors that leave in the middle of an exchange, and one that stays."""
    argv = [site.tools["leave"], running.port, running.host, LEAVERS, LEAVE_SECONDS]
    sample = measured(site, running, "leave", argv, LEAVE_SECONDS + 5)
    sample["per_second"] = sample["visitors"] / sample["seconds"]
    sample["cpu_us_per_abort"] = round(sample["cpu_s"] * 1e6 / sample["visitors"], 2)
    return sample


# Crowds --------------------------------------------------------------------------------------------


class Crowd:
    """Visitors that stay as long as the block lasts: a helper that prints "ready" when they are
    connected and, at the end of its standard input, a line with "held" and the number lost."""

    def __init__(self, site, running, tool, count, *arguments, idle=True):
        self.procs = site.procs
        self.idle = idle
        self.running = running
        self.tool = tool
        self.count = count
        self.end = {}
        tools = [site.tools["tls"], tool] if running.tls else [site.tools[tool]]
        host = [*tools, running.port, running.host]
        if running.tls:
            arguments = arguments[:2]  # whole responses
        self.argv = [*host, *arguments, CROWD_SECONDS]
        self.process = None

    def __enter__(self):
        pipe = subprocess.PIPE
        self.process = self.procs.start(self.tool, self.argv, stdin=pipe, stdout=pipe)
        self.process.read_line(b"ready", CROWD_READY_SECONDS)
        if self.idle:
            usage.wait_until_idle(self.running.processes)
        return self

    def __exit__(self, kind, *_):
        try:
            if kind is None:
                self.process.popen.stdin.close()
                self.end = json.loads(self.process.read_line(b"held", CROWD_READY_SECONDS))
        finally:
            self.procs.stop(self.process)

    @property
    def lost(self):
        return self.end.get("lost", 0)

    @property
    def said(self):
        """The crowd's part of a sample, once it is over."""
        return {"burden": self.count, **{key: n for key, n in self.end.items() if key != "held"}}


def hold(path, count, read="all"):
    """Idle after one whole response, or stopped in the middle of it after `read` bytes."""
    return lambda site, running: Crowd(site, running, "hold", count, path, count, read)


def drip(count):
    """Connections whose request head never ends."""
    return lambda site, running: Crowd(site, running, "drip", count, count, idle=False)
