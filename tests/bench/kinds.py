# SPDX-License-Identifier: MIT
"""The kinds of rows, and how one is measured: round by round, the contestants in turn."""

import dataclasses
import statistics
from collections.abc import Callable

from . import loads, records, usage
from .peers import CONTESTANTS, ORIGINS
from .processes import Failed
from .site import Link
from .stats import LEAST_RUNS, Target, plain_figure, ratio_figure

WARM_CONNECTIONS = 50
PASS_QUIET_SECONDS = 0.15  # after a pass, so that the next contestant is alone
LATER, LACKING = "after the load", "lacks"  # what the record of each end costs and lacks


class Skipped(Exception):
    """The row does not apply to this subject."""


@dataclasses.dataclass(frozen=True)
class Versus:
    """The subject and its peers."""

    name: str
    work: str
    unit: str
    key: str  # key of the sample: the figure that is compared
    load: loads.Load
    targets: dict  # peer -> Target or None
    origin: str = "files"
    burden: Callable | None = None  # every contestant is measured beside it
    most_mib: int | None = None  # of a transfer, where that is less than --size
    link: Link | None = None  # between the two ends of a tunnel, and in front of plain TCP
    tls: bool = False  # on the public side and between the hops
    cpu_targets: dict = dataclasses.field(default_factory=dict)  # peer -> Target of CPU time
    cpu_in_load: bool = False  # compares the CPU time during the load alone
    told: dict = dataclasses.field(default_factory=dict)  # part of a sample -> (unit, Target or None)


@dataclasses.dataclass(frozen=True)
class Burdened:
    """The subject without and with a burden."""

    name: str
    work: str
    unit: str
    key: str
    load: loads.Load
    burden: Callable
    target: Target


@dataclasses.dataclass(frozen=True)
class Footprint:
    """Plain figures of a fresh start. `measure` takes (site, contestant's name)."""

    name: str
    work: str
    unit: str
    measure: Callable
    targets: dict  # part -> Target or None
    peers: tuple = ()
    units: dict = dataclasses.field(default_factory=dict)  # part -> its unit, where that is another


@dataclasses.dataclass(frozen=True)
class Ordeal:
    """The subject and its peers under a load that must leave no trace. `measure` takes (site,
    running) and fails when it finds one; the little memory that may remain is in the sample."""

    name: str
    work: str
    unit: str
    key: str
    measure: Callable
    warm: Callable
    targets: dict  # peer -> Target or None
    remains: dict  # key of the sample -> (unit, Target or None)
    origin: str = "sink"


@dataclasses.dataclass
class Effort:
    """How many rounds: `runs`, and up to `most_runs` while a figure is too noisy to quote."""

    runs: int
    most_runs: int
    say: Callable
    others: usage.Others
    shares: list = dataclasses.field(default_factory=list)  # of the machine, used by others

    def rounds(self, figures):
        number = 0
        while number < self.runs or (
            LEAST_RUNS <= number < self.most_runs and any(one["noisy"] for one in figures())
        ):
            self.say(f"round {number + 1}")
            self.others.wait_until_quiet()
            self.others.share()
            yield number
            self.shares.append(round(self.others.share(), 3))
            number += 1


def warm(site, running, connections=WARM_CONNECTIONS):
    if running.only_h2:
        loads.h2load(site, running, connections, 1, loads.BRIEF_SECONDS)
    else:
        loads.wrk(site, running, connections)


def asked_for(site, peers):
    """An earlier build takes part when there is one; others when --beside names them, or nobody."""
    def takes_part(peer):
        if peer == "before":
            return site.before is not None
        return not site.beside or peer in site.beside

    return [peer for peer in peers if takes_part(peer)]


def taking_part(row, site, subject):
    """(label -> Running, label -> reason for its absence). A row needs its subject but no peer,
    even if the peer is also measured as a subject."""
    labels = {"subject": subject} | {peer: peer for peer in asked_for(site, row.targets)}
    running, absent, origin_port = {}, {}, None
    for label, name in labels.items():
        if origin_port is None or isinstance(row, Ordeal):  # so that leftovers can be told apart
            origin_port = ORIGINS[row.origin](site)
        try:
            running[label] = CONTESTANTS[name](site, origin_port)
            running[label].origin_port = origin_port
        except Failed as why:
            if label == "subject":
                raise
            absent[label] = str(why)
    return running, absent


def ratios(row, samples):
    return [
        {"of": "subject", "beside": peer}
        | ratio_figure(samples["subject"], samples[peer], row.key, target)
        for peer, target in row.targets.items()
        if peer in samples
    ]


def cpu_figures(row, samples):
    """The CPU time for each unit of work: of the subject, and of each peer with the ratio between
    the two."""
    key = loads.cpu_key(*samples["subject"][:1])
    targets, in_load = getattr(row, "cpu_targets", {}), getattr(row, "cpu_in_load", False)
    for label, of_label in samples.items() if key else ():
        if not any(sample[key] for sample in of_label):
            continue  # it has no processes
        parts = [cpu_parts(sample, key) for sample in of_label]
        figure = {
            "of": label,
            "key": key,
            "value": statistics.median(part["all"] for part in parts),
            "in_load": statistics.median(part["in_load"] for part in parts),
            "late_share": late_share(of_label),
            "compared": "in_load" if in_load else "all",
        }
        if label != "subject" and all(part[figure["compared"]] for part in parts):
            own = [cpu_parts(sample, key) for sample in samples["subject"]]
            compared = ratio_figure(own, parts, figure["compared"], targets.get(label))
            figure = compared | figure
        yield figure


def cpu_parts(sample, key):
    """For each unit of work: all CPU time, and what of it was used during the load."""
    return {"all": sample[key], "in_load": round(sample[key] * (1 - late_part(sample)), 4)}


def late_part(sample):
    """The share of the CPU time that was used once the load was over."""
    late = sample.get("late_cpu_s") or 0
    return late / (sample["cpu_s"] + late) if late else 0.0


def late_share(samples):
    """Of several, None when nobody waited for its end."""
    waited = [sample for sample in samples if sample.get("late_cpu_s") is not None]
    return round(statistics.median(map(late_part, waited)), 4) if waited else None


def told_figures(told, samples, labels=("subject",)):
    """Figures that are compared with nobody's. Only the subject's have targets."""
    for label in labels:
        for part, (unit, target) in told.items():
            if samples[label] and all(part in sample for sample in samples[label]):
                figure = {"of": label, "beside": None, "part": part, "unit": unit}
                target = target if label == "subject" else None
                yield figure | plain_figure(samples[label], part, target)


def judged_cpu(row, samples):
    return [figure for figure in cpu_figures(row, samples) if figure.get("target")]


def in_turn(labels, passes, number):
    """Back and forth, A B C C B A: a machine that slows down steadily slows all alike. Rounds begin
    at alternate ends."""
    for turn in range(number, number + passes):
        yield from labels if turn % 2 == 0 else reversed(labels)


def run_versus(row, site, subject, effort):
    certificate = site.certificate() if row.tls else None
    site = dataclasses.replace(site, link=row.link, tls=certificate)
    running, absent = taking_part(row, site, subject)
    samples = {label: [] for label in running}
    if len(running) == 1:
        return {"figures": [], "samples": samples, "absent": absent}
    for one in running.values():
        warm(site, one)

    def figures():
        return ratios(row, samples) + list(told_figures(row.told, samples, samples))

    for number in effort.rounds(lambda: figures() + judged_cpu(row, samples)):
        for label, sample in one_round(row, site, running, number).items():
            samples[label].append(sample)
    return {"figures": figures(), "samples": samples, "absent": absent}


def one_round(row, site, running, number):
    """Passes alternate; with a burden, which is slow to build up, whole contestants do."""
    passes = row.load.passes(site)
    if row.burden:
        return {
            label: under_burden(row, site, running[label], passes)
            for label in in_turn(list(running), 1, number)
        }
    shown = {label: [] for label in running}
    for label in in_turn(list(running), passes, number):
        shown[label].append(finished_pass(row, site, running[label]))
    return {label: row.load.together(one) | put_off(one) for label, one in shown.items()}


def settle(running):
    """Leaves nothing for the next pass to suffer from. Returns the ends that record."""
    recording = records.catch_up(running)
    usage.wait_until_idle(running.processes, PASS_QUIET_SECONDS)
    return recording


def finished_pass(row, site, running):
    """A pass, the CPU time that each end uses afterwards for what it has put off, and what is not in
    the records then."""
    before = loads.cpu_of_ends(running)
    one = row.load.one_pass(site, running)
    recording = settle(running)
    cpu = loads.cpu_since(running, before)
    late = {part: round(cpu[part] - one["cpu_of"][part], 3) for part in cpu}
    lacking = {part: running.ends[part].record.lacks_more() for part in recording}
    one |= {"late_cpu_s": round(sum(late.values()), 3)}
    return one | {"late_of": {part: late[part] for part in recording}, "lacking": lacking}


def put_off(passes):
    """The same of some passes: of each end that records, the CPU time after the load in µs for each
    exchange, and the exchanges that its record lacks."""
    sample, requests = {}, loads.total(passes, "requests") if "requests" in passes[0] else 0
    for part in passes[0].get("late_of", ()) if requests else ():
        late = sum(one["late_of"][part] for one in passes)
        sample[f"{part} {LATER}"] = round(late * 1e6 / requests, 3)
        sample[f"{part} {LACKING}"] = sum(one["lacking"][part] for one in passes)
    return sample


def under_burden(row, site, running, passes):
    with row.burden(site, running) as crowd:
        sample = row.load.together([row.load.one_pass(site, running) for _ in range(passes)])
    settle(running)
    return sample | crowd.said


def run_burdened(row, site, subject, effort):
    """Measures before, with and after the burden, to cancel out a machine that slows down
    steadily."""
    running = CONTESTANTS[subject](site, ORIGINS["files"](site))
    warm(site, running)
    passes = row.load.passes(site)
    samples = {"without": [], "subject": []}

    def figures():
        figure = {"of": "subject", "beside": "without"}
        both = samples["subject"], samples["without"]
        return [figure | ratio_figure(*both, row.key, row.target)]

    for _ in effort.rounds(figures):
        without = [row.load.one_pass(site, running) for _ in range(passes)]
        settle(running)
        samples["subject"].append(under_burden(row, site, running, passes))
        usage.wait_until_idle(running.processes)
        without += [row.load.one_pass(site, running) for _ in range(passes)]
        settle(running)
        samples["without"].append(row.load.together(without))
    return {"figures": figures(), "samples": samples}


def run_footprint(row, site, subject, effort):
    labels = [("subject", subject)] + [(peer, peer) for peer in asked_for(site, row.peers)]
    samples = {label: [] for label, _ in labels}
    told = {p: (row.units.get(p, row.unit), target) for p, target in row.targets.items()}

    def figures():
        return told_figures(told, samples, samples)

    for _ in effort.rounds(figures):
        for label, name in labels:
            already = list(site.procs.running)
            samples[label].append(row.measure(site, name))
            site.procs.stop(*[p for p in site.procs.running if p not in already])
    return {"figures": list(figures()), "samples": samples}


def run_ordeal(row, site, subject, effort):
    """Keeps the agent's output, which shows whether the tunnel stayed the same."""
    running, absent = taking_part(row, dataclasses.replace(site, agent_output=None), subject)
    for one in running.values():
        row.warm(site, one)
    samples = {label: [] for label in running}

    def figures():
        return ratios(row, samples) + list(told_figures(row.remains, samples))

    for number in effort.rounds(figures):
        for label in in_turn(list(running), 1, number):
            samples[label].append(row.measure(site, running[label]))
    return {"figures": figures(), "samples": samples, "absent": absent}


RUNNERS = {
    Versus: run_versus,
    Burdened: run_burdened,
    Footprint: run_footprint,
    Ordeal: run_ordeal,
}


def run(row, site, subject, effort):
    """Measures one row. Returns its results."""
    result = {"row": row.name, "work": row.work, "unit": row.unit, "subject": subject}
    result |= {"sessions": site.sessions}
    result |= RUNNERS[type(row)](row, site, subject, effort)
    result["cpu"] = list(cpu_figures(row, result["samples"]))
    return result | {"others": effort.shares}
