# SPDX-License-Identifier: MIT
"""The rows: the work, the contestants and the target of each. docs/benchmarks.md explains them."""

import dataclasses
import functools
import json
import re
import subprocess
import time

from . import killed, loads, records, usage
from .kinds import LACKING, LATER, Burdened, Footprint, Ordeal, Skipped, Versus, warm
from .loads import brief, drip, hold, lasting
from .peers import CONTESTANTS, ORIGINS, start_agent, start_relay
from .processes import Failed
from .site import Link, answer, wait_until_200
from .stats import at_least, at_most

KIB, MIB = 1 << 10, 1 << 20
IDLE_VISITORS = 9000
IDLE_TLS_VISITORS = 2000
STALLED_VISITORS = 50
SLOW_VISITORS = 8000
DRAINED_BYTES = 4 * MIB
TUNNELS = 50
FEW_CONNECTIONS = 4  # warming's leftovers in the heap must not hide the cost of visitors
URL_SECONDS = 5
RECORDED_CONNECTIONS, RECORDED_RATE, RECORDED_SECONDS = 50, 10_000, 6
SATURATED_CONNECTIONS, SATURATED_SECONDS = 50, 60
LATER_US = 8  # of a processor, for what is done with an exchange once the load is over
LOST_MS = 50
CATCH_UP_RATE, CATCH_UP_LEAST = 80_000, 10_000  # exchanges: a second, and to have a rate at all
LEFT_SECONDS = 15  # long enough for the agent's pooled connections to end
LONG_WAY = Link(round_trip_ms=100, mbit_per_second=200, queue_kib=4096)
NARROW_WAY = Link(round_trip_ms=40, mbit_per_second=10, queue_kib=256)
LONG_WAY_MIB = 200
BULK_SECONDS = 3  # for a download to take all of the path and its windows to grow


# The measurements ----------------------------------------------------------------------------------


idle_visitors = hold("/small", IDLE_VISITORS)
idle_tls_visitors = hold("/small", IDLE_TLS_VISITORS)
drained_then_stalled = hold("/big", STALLED_VISITORS, DRAINED_BYTES)
never_read = hold("/big", STALLED_VISITORS, 0)


def memory_of(burden, tls=False):
    """The cost of the burden per visitor and hop, on a contestant that has already done some
    work."""

    def measure(site, name):
        site = dataclasses.replace(site, tls=site.certificate() if tls else None)
        running = CONTESTANTS[name](site, ORIGINS["files"](site))
        warm(site, running, FEW_CONNECTIONS)
        before = [usage.settled_memory(process) for process in running.processes]
        with burden(site, running) as crowd:
            after = [usage.settled_memory(process) for process in running.processes]
        sample = crowd.said | {"before": before, "after": after}
        held = max(1, crowd.count - crowd.lost)
        for part, was, now in zip(("relay", "agent"), before, after):
            sample[part] = (now["own"] - was["own"]) / held / KIB
        return sample

    return measure


def only_adit(name):
    if name != "adit":
        raise Skipped("this row is about adit's own programs")


def memory_of_tunnels(site, name, tls=False):
    only_adit(name)
    site = dataclasses.replace(site, tls=site.certificate() if tls else None)
    origin_port = ORIGINS["files"](site)
    relay, port = start_relay(site)
    first = start_agent(site, port, origin_port)
    wait_until_200([relay, first], port, f"bench.localhost:{port}", "/small", tls)
    before = usage.settled_memory(relay)
    for number in range(TUNNELS):
        agent = start_agent(site, port, origin_port, f"bench{number}", stdout=subprocess.PIPE)
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
    agent = start_agent(site, port, 9, stdout=subprocess.PIPE)
    agent.read_line(b"://bench.", URL_SECONDS)
    return {"agent": (time.monotonic() - began) * 1e3}


def path(link):
    queue = f"a queue of {link.queue_kib} KiB"
    return f"{link.round_trip_ms} ms, {link.mbit_per_second} Mbit/s and {queue}"


def latency_beside_bulk(site, name):
    """The median latencies of one connection, in milliseconds."""
    site = dataclasses.replace(site, link=NARROW_WAY)
    running = CONTESTANTS[name](site, ORIGINS["files"](site))
    once = loads.lasting(1)
    sample = {"alone": once.together([once.one_pass(site, running)])["p50_us"] / 1e3}
    bulk = loads.start_pull(site, running)
    time.sleep(BULK_SECONDS)
    sample["beside"] = once.together([once.one_pass(site, running)])["p50_us"] / 1e3
    if bulk.popen.poll() is not None:
        raise Failed(f"the download ended too early; --size makes it longer: {bulk.tail()}")
    return sample


def recorder(site, name):
    """A build of adit that records, with an origin, ready to answer."""
    if name not in ("adit", "before"):
        raise Skipped("this row is about adit's record")
    return CONTESTANTS[name](site, ORIGINS["files"](site))


def share_that_is_recorded(site, name):
    """The share of the exchanges, at a steady rate, that is in both records."""
    running = recorder(site, name)
    output = site.procs.run("h2load", [
        "h2load", "--h1", f"--clients={RECORDED_CONNECTIONS}", f"--duration={RECORDED_SECONDS}",
        f"--rps={RECORDED_RATE // RECORDED_CONNECTIONS}",
        f"--connect-to=127.0.0.1:{running.port}", f"http://{running.host}/small",
    ], RECORDED_SECONDS + 15)
    done = int(re.search(r"(\d+) done", output)[1])
    if done < 0.95 * RECORDED_RATE * RECORDED_SECONDS:
        raise Failed(f"only {done} requests in {RECORDED_SECONDS} s: this machine is too slow")
    records.catch_up(running)
    ends = running.ends.items()
    shares = {part: min(1.0, process.record.whole() / done) for part, process in ends}
    return {"requests": done} | shares


def saturated(site, name):
    """As many requests as go through for a minute: what the records lack, and what they and their
    programs take. `unindexed` exchanges made room for later ones before they became rows."""
    running = recorder(site, name)
    done = loads.wrk(site, running, SATURATED_CONNECTIONS, SATURATED_SECONDS)["requests"]
    sample = {"requests": done, "requests a second": done / SATURATED_SECONDS}
    for part, process in running.ends.items():
        sample[f"{part} memory"] = usage.memory(process)["rss"] / MIB
        sample[f"{part} spool"], sample[f"{part} database"] = process.record.mib()
    took = records.catch_up(running)
    for part, process in running.ends.items():
        sample[f"{part} behind"] = took[part]
        sample[part] = process.record.lacks_more()
        sample[f"{part} unindexed"] = max(0, done - process.record.newest() - sample[part])
    return sample


SATURATED_ENDS = {
    "{}": ("exchanges", at_most(0)),
    "{} unindexed": ("exchanges", None),
    "{} spool": ("MiB", None),
    "{} database": ("MiB", None),
    "{} memory": ("MiB", None),
    "{} behind": ("s", None),
}
SATURATED = {"requests a second": ("requests/s", None)} | {
    part.format(end): told for end in ("relay", "agent") for part, told in SATURATED_ENDS.items()
}


def catching_up(site, name):
    """How fast the rows follow once somebody wants to read. A record that has next to nothing to
    catch up with has no such rate."""
    running = recorder(site, name)
    warm(site, running)
    done = loads.wrk(site, running, SATURATED_CONNECTIONS, site.seconds)["requests"]
    before = {part: process.record.newest() for part, process in running.ends.items()}
    sample = {"requests": done}
    for part, seconds in records.catch_up(running).items():
        waited = running.ends[part].record.newest() - before[part]
        sample |= {f"{part} waiting": waited, f"{part} seconds": seconds}
        if waited >= CATCH_UP_LEAST:
            sample[part] = waited / seconds
    return sample


def lost_by_a_kill(busy):
    def measure(site, name):
        running = recorder(site, name)
        warm(site, running)
        others = loads.start_wrk(site, running, SATURATED_CONNECTIONS) if busy else None
        sample = killed.lost_by_a_kill(site, running, site.before if name == "before" else site.bin)
        if others:
            site.procs.stop(others)
        return sample

    return measure


def seen(running):
    """The origin's own count of connections and requests, asked without the contestant."""
    status, text = answer(running.origin_port, "localhost", "/seen")
    if status != 200:
        raise Failed(f"the origin does not answer: {status} {text}")
    return json.loads(text)


def check_tunnel(running):
    """The tunnel must still be the one that the row began with."""
    for process in running.processes:
        process.check_alive()
    for line in running.agent.log.read_bytes().splitlines():
        if b"connected again" in line:
            raise Failed(f"the tunnel broke: {line.decode(errors='replace')}")


def check_nobody_is_left(running):
    """The origin also counts the connection that asks."""
    deadline = time.monotonic() + LEFT_SECONDS
    while (left := seen(running)["open"] - 1) > 0:
        if time.monotonic() > deadline:
            raise Failed(f"{left} connections are left at the origin after {LEFT_SECONDS} s")
        time.sleep(0.1)


def aborts(site, running):
    """Only adit's own promises are checked beside the rate; nginx keeps its connections."""
    before = [usage.settled_memory(process) for process in running.processes]
    requests = seen(running)["requests"]
    sample = loads.leave(site, running)
    if running.name == "adit":
        check_tunnel(running)
        check_nobody_is_left(running)
    after = [usage.settled_memory(process) for process in running.processes]
    reached = seen(running)["requests"] - requests
    sample |= {"reached": reached, "before": before, "after": after}
    for part, was, now in zip(("relay", "agent"), before, after):
        sample[part] = (now["own"] - was["own"]) / sample["visitors"]
        sample[f"{part} before"], sample[f"{part} after"] = was["own"] / MIB, now["own"] / MIB
    return sample


# The table -----------------------------------------------------------------------------------------

OVER_TLS = ", over TLS from the visitor and between the hops"
H2_CONNECTIONS, H2_STREAMS = 10, 32
BESIDE_OTHER_TUNNELS = ", beside other tunnels"


def other_tunnels(target=None):
    """Targets against each."""
    return dict.fromkeys(("frp", "frp-tcp", "rathole", "chisel", "bore", "localtunnel"), target)


def small_over(name, connections, targets, also="", **more):
    work = f"64-byte GET, {connections:,} keep-alive connections{also}"
    return Versus(name, work, "requests/s", "per_second", lasting(connections), targets, **more)


def download(name, targets, also="", **more):
    work = f"one large response body{also}"
    return Versus(name, work, "MiB/s", "mib_per_second", loads.down, targets, **more)


def upload(name, targets, also="", **more):
    work, origin = f"one large request body{also}", "sink"
    return Versus(name, work, "MiB/s", "mib_per_second", loads.up, targets, origin, **more)


def beside_unrecorded(name, connections):
    """The CPU time during the load is compared; what each end does later is told beside."""
    later, lacking = ("µs an exchange", at_most(LATER_US)), ("exchanges", at_most(0))
    return small_over(
        name,
        connections,
        {"unrecorded": at_least(0.92), "before": None},
        ", with and without recording",
        cpu_targets={"unrecorded": at_most(1.15)},
        cpu_in_load=True,
        told={f"{end} {LATER}": later for end in ("relay", "agent")}
        | {f"{end} {LACKING}": lacking for end in ("relay", "agent")},
    )


def about_a_kill(name, load, busy):
    return Footprint(
        name,
        f"answered exchanges that a kill -9 takes from the record, {load}",
        "ms before the kill",
        lost_by_a_kill(busy),
        {"relay": at_most(LOST_MS), "agent": at_most(LOST_MS), "answered": None},
        ("before",),
        {"answered": "exchanges"},
    )


def the_long_way(transfer, name):
    return transfer(
        name,
        {"straight": at_least(0.9)},
        f" over {path(LONG_WAY)}",
        link=LONG_WAY,
        most_mib=LONG_WAY_MIB,
    )


ROWS = [
    small_over(
        "small",
        50,
        {
            "n2": at_least(1.3),
            "n1": at_least(1.0),
            "haproxy2": None,
            "go1": None,
            "go2": None,
            "ssh": None,
            "before": None,
        },
    ),
    small_over("few", 10, {"n2": at_least(1.05), "n1": None, "before": None}),
    small_over("many200", 200, {"n2": at_least(1.6), "n1": None, "before": None}),
    small_over("many1000", 1000, {"n2": at_least(1.7), "n1": None, "before": None}),
    Versus(
        "single",
        "64-byte GET, one connection, median latency",
        "µs",
        "p50_us",
        brief(1),
        {"n2": at_most(1.0), "n1": None, "before": None},
    ),
    download(
        "down",
        {
            "n2": at_least(1.5),
            "n2-large": at_least(0.9),
            "haproxy2": at_least(1.2),
            "before": None,
        },
        cpu_targets={"n2-large": at_most(1.4)},
    ),
    upload(
        "up",
        {
            "n2": at_least(1.3),
            "n2-large": None,
            "haproxy2": at_least(1.0),
            "go2": None,
            "before": None,
        },
    ),
    small_over("tls-small", 50, {"n2": at_least(1.2), "before": None}, OVER_TLS, tls=True),
    download("tls-down", {"n2": at_least(1.2), "before": None}, OVER_TLS, tls=True),
    Versus(
        "h2",
        f"64-byte GET over HTTP/2, {H2_CONNECTIONS} connections of {H2_STREAMS} streams",
        "requests/s",
        "per_second",
        loads.multiplexed(H2_CONNECTIONS, H2_STREAMS),
        {"nghttpx": at_least(1.2), "nginx-h2": at_least(1.2), "before": None},
    ),
    Versus(
        "handshakes",
        "full handshakes of TLS 1.3, without resumption",
        "handshakes/s",
        "per_second",
        loads.handshakes,
        {"n1": at_least(0.9), "before": None},
        cpu_targets={"n1": at_most(1.1)},
        tls=True,
    ),
    beside_unrecorded("recording", 50),
    beside_unrecorded("recording-few", 10),
    beside_unrecorded("recording-four", 4),
    the_long_way(download, "long-way-down"),
    the_long_way(upload, "long-way-up"),
    Footprint(
        "beside-bulk",
        "small's median latency on one connection, alone and beside one download, over "
        + path(NARROW_WAY),
        "ms",
        latency_beside_bulk,
        {"alone": None, "beside": at_most(NARROW_WAY.round_trip_ms + 150)},
        ("straight",),
    ),
    small_over("peers-small", 50, other_tunnels(at_least(2.0)), BESIDE_OTHER_TUNNELS),
    small_over("peers-many200", 200, other_tunnels(), BESIDE_OTHER_TUNNELS),
    small_over("peers-many1000", 1000, other_tunnels(), BESIDE_OTHER_TUNNELS),
    download("peers-down", other_tunnels(at_least(1.0)), BESIDE_OTHER_TUNNELS),
    upload("peers-up", other_tunnels(at_least(1.0)), BESIDE_OTHER_TUNNELS),
    Footprint(
        "recorded",
        f"share of {RECORDED_RATE:,} requests/s that is in the record",
        "",
        share_that_is_recorded,
        {"relay": at_least(1.0), "agent": at_least(1.0)},
    ),
    Footprint(
        "saturated",
        f"exchanges that are not whole in the record of {SATURATED_SECONDS} s of small",
        "exchanges",
        saturated,
        {part: target for part, (_, target) in SATURATED.items()},
        ("before",),
        {part: unit for part, (unit, _) in SATURATED.items()},
    ),
    Footprint(
        "catch-up",
        "how fast the rows follow when a reader asks behind a load of small",
        "exchanges/s",
        catching_up,
        {"relay": at_least(CATCH_UP_RATE), "agent": at_least(CATCH_UP_RATE),
         "relay waiting": None, "agent waiting": None},
        ("before",),
        {"relay waiting": "exchanges", "agent waiting": "exchanges"},
    ),
    about_a_kill("killed", f"{killed.VISITORS} visitors at a steady rate", busy=False),
    about_a_kill("killed-busy", "the same beside small", busy=True),
    Burdened(
        "idle",
        f"small, with {IDLE_VISITORS:,} idle visitor connections",
        "requests/s",
        "per_second",
        brief(50),
        idle_visitors,
        at_least(0.9),
    ),
    Burdened(
        "neighbours",
        f"small's p99, beside {STALLED_VISITORS} visitors who stopped reading large downloads",
        "µs",
        "p99_us",
        brief(50),
        drained_then_stalled,
        at_most(1.3),
    ),
    Versus(
        "slow",
        f"small's p99, beside {SLOW_VISITORS:,} connections with a head that never ends",
        "µs",
        "p99_us",
        brief(50),
        {"n2": at_most(2.0), "n1": None},
        burden=drip(SLOW_VISITORS),
    ),
    Ordeal(
        "aborts",
        f"{loads.LEAVERS:,} visitors who leave in the middle of an exchange",
        "aborts/s",
        "per_second",
        aborts,
        loads.leave,
        {"n2": None},
        {
            "relay": ("B/visitor", at_most(64)),
            "relay before": ("MiB", None),
            "relay after": ("MiB", None),
            "agent": ("B/visitor", at_most(64)),
            "agent before": ("MiB", None),
            "agent after": ("MiB", None),
        },
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
        "idle-tls-visitor",
        f"memory per idle visitor connection over TLS, {IDLE_TLS_VISITORS:,} of them",
        "KiB",
        memory_of(idle_tls_visitors, tls=True),
        {"relay": at_most(18)},
        ("n2",),
    ),
    Footprint(
        "idle-tls-tunnel",
        f"memory per idle agent tunnel over TLS, {TUNNELS} of them",
        "KiB",
        functools.partial(memory_of_tunnels, tls=True),
        {"relay": at_most(48)},
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
    "record": [
        "recording", "recording-few", "recording-four", "recorded", "saturated", "catch-up", "killed",
        "killed-busy",
    ],
    "many": ["many200", "many1000"],
    "long-way": ["long-way-down", "long-way-up"],
    "peers": ["peers-small", "peers-many200", "peers-many1000", "peers-down", "peers-up"],
    "tls": ["tls-small", "tls-down", "handshakes", "idle-tls-visitor", "idle-tls-tunnel"],
    "memory": [
        "idle-visitor", "idle-tunnel", "idle-tls-visitor", "idle-tls-tunnel", "stalled", "stalled-late",
        "agent",
    ],
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
