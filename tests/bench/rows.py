# SPDX-License-Identifier: MIT
"""The rows: what is done, who takes part, how far it shall reach. docs/benchmarks.md explains each."""

import dataclasses
import subprocess
import time
from collections.abc import Callable

from . import loads, usage
from .peers import CONTESTANTS, ORIGINS, start_agent, start_relay, wait_until_200
from .processes import Failed
from .stats import Target, at_least, at_most, plain_figure, ratio_figure

KIB, MIB = 1 << 10, 1 << 20
IDLE_VISITORS = 9000
STALLED_VISITORS = 50
DRAINED_BYTES = 4 * MIB
TUNNELS = 50
WARM_CONNECTIONS, WARM_SECONDS = 50, 1
FEW_CONNECTIONS = 4  # what warming leaves in the heap must not hide what visitors cost
URL_SECONDS = 5


class Skipped(Exception):
    """The row says nothing about this subject."""


@dataclasses.dataclass(frozen=True)
class Versus:
    """The subject beside its peers, in turn."""

    name: str
    work: str
    unit: str
    key: str  # of the sample, the figure that is compared
    measure: Callable
    targets: dict  # peer -> Target or None
    origin: str = "files"


@dataclasses.dataclass(frozen=True)
class Burdened:
    """The subject without and with something else on its back, in turn."""

    name: str
    work: str
    unit: str
    key: str
    measure: Callable
    burden: Callable
    target: Target


@dataclasses.dataclass(frozen=True)
class Footprint:
    """Plain figures of a fresh start. `measure` takes (site, contestant's name)."""

    name: str
    work: str
    unit: str
    measure: Callable
    targets: dict  # part -> Target
    peers: tuple = ()


def contestants(row, subject):
    """(label, contestant) of all who take part; a peer may be measured as the subject, too."""
    return [("subject", subject)] + [(peer, peer) for peer in row.targets]


def warm(site, running, connections=WARM_CONNECTIONS):
    loads.wrk(site, running, connections, WARM_SECONDS)


# The kinds of rows ---------------------------------------------------------------------------------


def run_versus(row, site, subject, runs, say):
    origin_port = ORIGINS[row.origin](site)
    taking_part = {
        label: CONTESTANTS[name](site, origin_port) for label, name in contestants(row, subject)
    }
    for running in taking_part.values():
        warm(site, running)
    samples = {label: [] for label in taking_part}
    for number in range(runs):
        say(f"round {number + 1} of {runs}")
        for label, running in taking_part.items():
            samples[label].append(row.measure(site, running))
    figures = []
    for peer, target in row.targets.items():
        figure = {"of": "subject", "beside": peer}
        figure |= ratio_figure(samples["subject"], samples[peer], row.key, target)
        figures.append(figure)
    return samples, figures


def run_burdened(row, site, subject, runs, say):
    running = CONTESTANTS[subject](site, ORIGINS["files"](site))
    warm(site, running)
    samples = {"without": [], "subject": []}
    for number in range(runs):
        say(f"round {number + 1} of {runs}")
        samples["without"].append(row.measure(site, running))
        with row.burden(site, running) as hold:
            sample = row.measure(site, running)
        samples["subject"].append(sample | {"burden": hold.count, "lost": hold.lost})
    figure = {"of": "subject", "beside": "without"}
    figure |= ratio_figure(samples["subject"], samples["without"], row.key, row.target)
    return samples, [figure]


def run_footprint(row, site, subject, runs, say):
    labels = [("subject", subject)] + [(peer, peer) for peer in row.peers]
    samples = {label: [] for label, _ in labels}
    for number in range(runs):
        say(f"round {number + 1} of {runs}")
        for label, name in labels:
            already = list(site.procs.running)
            samples[label].append(row.measure(site, name))
            site.procs.stop(*[p for p in site.procs.running if p not in already])
    figures = []
    for label, _ in labels:
        for part, target in row.targets.items():
            target = target if label == "subject" else None
            figure = {"of": label, "beside": None, "part": part}
            figures.append(figure | plain_figure(samples[label], part, target))
    return samples, figures


RUNNERS = {Versus: run_versus, Burdened: run_burdened, Footprint: run_footprint}


def run(row, site, subject, runs, say):
    """Measures one row; returns what is written about it."""
    samples, figures = RUNNERS[type(row)](row, site, subject, runs, say)
    return {
        "row": row.name,
        "work": row.work,
        "unit": row.unit,
        "subject": subject,
        "figures": figures,
        "samples": samples,
    }


# What is measured ----------------------------------------------------------------------------------


def small(connections):
    return lambda site, running: loads.wrk(site, running, connections)


def idle_visitors(site, running):
    return loads.Hold(site, running, "/small", IDLE_VISITORS)


def drained_then_stalled(site, running):
    return loads.Hold(site, running, "/big", STALLED_VISITORS, DRAINED_BYTES)


def never_read(site, running):
    return loads.Hold(site, running, "/big", STALLED_VISITORS, 0)


def memory_of(burden):
    """What the burden costs each hop, per visitor, on a contestant that has done some work before."""

    def measure(site, name):
        running = CONTESTANTS[name](site, ORIGINS["files"](site))
        warm(site, running, FEW_CONNECTIONS)
        before = [usage.settled_memory(process) for process in running.processes]
        with burden(site, running) as hold:
            after = [usage.settled_memory(process) for process in running.processes]
        sample = {"burden": hold.count, "lost": hold.lost, "before": before, "after": after}
        held = max(1, hold.count - hold.lost)
        for part, was, now in zip(("relay", "agent"), before, after):
            sample[part] = (now["own"] - was["own"]) / held / KIB
        return sample

    return measure


def only_adit(name):
    if name != "adit":
        raise Skipped("this row is about adit's own programs")


def memory_of_tunnels(site, name):
    only_adit(name)
    origin_port = ORIGINS["files"](site)
    relay, port = start_relay(site)
    first = start_agent(site, port, origin_port)
    wait_until_200([relay, first], port, f"bench.localhost:{port}", "/small")
    before = usage.settled_memory(relay)
    for number in range(TUNNELS):
        agent = start_agent(site, port, origin_port, f"bench{number}", subprocess.PIPE)
        agent.read_line(b"://bench%d." % number, URL_SECONDS)
    after = usage.settled_memory(relay)
    return {"before": before, "after": after, "relay": (after["own"] - before["own"]) / TUNNELS / KIB}


def memory_of_idle_agent(site, name):
    running = CONTESTANTS[name](site, ORIGINS["files"](site))
    if running.agent is None:
        raise Skipped("there is no second hop")
    idle = usage.settled_memory(running.agent)
    return {"idle": idle, "agent": idle["rss"] / MIB}


def start_to_url(site, name):
    only_adit(name)
    _, port = start_relay(site)
    began = time.monotonic()
    agent = start_agent(site, port, 9, "bench", subprocess.PIPE)
    agent.read_line(b"://bench.", URL_SECONDS)
    return {"agent": (time.monotonic() - began) * 1e3}


# The table -----------------------------------------------------------------------------------------

ROWS = [
    Versus(
        "small",
        "64-byte GET, 50 keep-alive connections",
        "requests/s",
        "per_second",
        small(50),
        {"n2": at_least(1.5), "n1": at_least(1.0), "haproxy2": None},
    ),
    Versus(
        "many200",
        "64-byte GET, 200 keep-alive connections",
        "requests/s",
        "per_second",
        small(200),
        {"n2": at_least(1.7), "n1": None},
    ),
    Versus(
        "many1000",
        "64-byte GET, 1,000 keep-alive connections",
        "requests/s",
        "per_second",
        small(1000),
        {"n2": at_least(1.7), "n1": None},
    ),
    Versus(
        "single",
        "64-byte GET, one connection, median latency",
        "µs",
        "p50_us",
        small(1),
        {"n2": at_most(1.0), "n1": None},
    ),
    Versus(
        "down",
        "one large response body",
        "MiB/s",
        "mib_per_second",
        loads.pull,
        {"n2": at_least(1.5), "n2-large": None, "haproxy2": None},
    ),
    Versus(
        "up",
        "one large request body",
        "MiB/s",
        "mib_per_second",
        loads.push,
        {"n2": at_least(0.25), "n2-large": None, "haproxy2": None},
        origin="sink",
    ),
    Burdened(
        "idle",
        f"small, with {IDLE_VISITORS:,} idle visitor connections",
        "requests/s",
        "per_second",
        small(50),
        idle_visitors,
        at_least(0.9),
    ),
    Burdened(
        "neighbours",
        f"small's p99, beside {STALLED_VISITORS} visitors who stopped reading large downloads",
        "µs",
        "p99_us",
        small(50),
        drained_then_stalled,
        at_most(1.3),
    ),
    Footprint(
        "idle-visitor",
        f"memory per idle visitor connection, {IDLE_VISITORS:,} of them",
        "KiB",
        memory_of(idle_visitors),
        {"relay": at_most(1.5)},
        ("n2",),
    ),
    Footprint(
        "idle-tunnel",
        f"memory per idle agent tunnel, {TUNNELS} of them",
        "KiB",
        memory_of_tunnels,
        {"relay": at_most(32)},
    ),
    Footprint(
        "stalled",
        f"memory per download that was never read, {STALLED_VISITORS} of them",
        "KiB",
        memory_of(never_read),
        {"relay": at_most(128), "agent": at_most(128)},
        ("n2",),
    ),
    Footprint(
        "stalled-late",
        f"memory per download that was read for 4 MiB and then no more, {STALLED_VISITORS} of them",
        "KiB",
        memory_of(drained_then_stalled),
        {"relay": at_most(1024), "agent": at_most(1024)},
        ("n2",),
    ),
    Footprint(
        "agent", "resident memory of an idle agent", "MiB", memory_of_idle_agent,
        {"agent": at_most(10)},
    ),
    Footprint(
        "start", "from the agent's start to its printed URL", "ms", start_to_url,
        {"agent": at_most(50)},
    ),
]

GROUPS = {
    "many": ["many200", "many1000"],
    "memory": ["idle-visitor", "idle-tunnel", "stalled", "stalled-late", "agent"],
}


def chosen(names):
    """The rows of that name or group, each once, in the table's order; all when none is named."""
    wanted = set()
    known = [row.name for row in ROWS]
    for name in names:
        if name not in known and name not in GROUPS:
            raise Failed(f"there is no row {name}; there are {', '.join([*known, *GROUPS])}")
        wanted.update(GROUPS.get(name, [name]))
    return [row for row in ROWS if not names or row.name in wanted]
