# SPDX-License-Identifier: MIT
"""CPU time and memory of process groups, and of all other processes, from /proc."""

import os
import resource
import time

TICKS = os.sysconf("SC_CLK_TCK")
STAT_GROUP, STAT_USER, STAT_SYSTEM = 2, 11, 12  # fields of /proc/PID/stat behind the name
SETTLE_SECONDS = 4
QUIET_SECONDS = 0.4
STILL_SAMPLES = 13  # of memory, ten a second
QUIET_SHARE = 0.15  # of the machine: what others may use when a round begins
QUIET_WAIT_SECONDS = 5
IDLE, IO_WAIT, GUEST = 3, 4, 8  # columns of /proc/stat; guests' time is in user time already


def stat_fields(pid):
    try:
        with open(f"/proc/{pid}/stat", encoding="utf-8", errors="replace") as stat:
            return stat.read().rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return None


def members(process):
    """Every process of the group, with its stat."""
    for entry in os.listdir("/proc"):
        fields = stat_fields(entry) if entry.isdigit() else None
        if fields and int(fields[STAT_GROUP]) == process.group:
            yield int(entry), fields


def cpu_seconds(processes):
    ticks = 0
    for process in processes:
        for _, fields in members(process):
            ticks += int(fields[STAT_USER]) + int(fields[STAT_SYSTEM])
    return ticks / TICKS


def wait_until_idle(processes, quiet_seconds=QUIET_SECONDS):
    """Waits until the processes use next to no CPU for a while, a few seconds at most: after
    visitors stop reading, the buffers between them and the origin fill first."""
    deadline = time.monotonic() + SETTLE_SECONDS
    quiet_since, used = time.monotonic(), cpu_seconds(processes)
    while time.monotonic() < min(deadline, quiet_since + quiet_seconds):
        time.sleep(0.05)
        now = cpu_seconds(processes)
        if now - used > 1 / TICKS:
            quiet_since, used = time.monotonic(), now


def memory(process):
    """Bytes: `pss`, `rss`, and `own`, the part of PSS that is not pages of files. PSS splits a
    library's pages among all who map it, so that starting another program makes it smaller; a
    difference between two moments must be taken from `own`."""
    total = {"pss": 0, "rss": 0, "own": 0}
    names = {"Pss": "pss", "Rss": "rss", "Pss_Anon": "own", "Pss_Shmem": "own"}
    for pid, _ in members(process):
        with open(f"/proc/{pid}/smaps_rollup", encoding="ascii", errors="replace") as rollup:
            for line in rollup:
                name, _, value = line.partition(":")
                if name in names:
                    total[names[name]] += int(value.split()[0]) * 1024
    return total


def settled_memory(process):
    """The memory once it has stayed within 0.2 % for longer than a recorder keeps memory after a
    load, or after a few seconds."""
    deadline = time.monotonic() + SETTLE_SECONDS
    history = [memory(process)]
    while time.monotonic() < deadline:
        time.sleep(0.1)
        history.append(memory(process))
        recent = [sample["own"] for sample in history[-STILL_SAMPLES:]]
        if len(recent) == STILL_SAMPLES and max(recent) - min(recent) <= 0.002 * max(recent):
            break
    return history[-1]


# Other processes -----------------------------------------------------------------------------------


def machine_busy_seconds():
    """CPU time that the machine has spent or that its host took from it, over all cores."""
    with open("/proc/stat", encoding="ascii") as stat:
        ticks = [int(field) for field in stat.readline().split()[1:]]
    return (sum(ticks[:GUEST]) - ticks[IDLE] - ticks[IO_WAIT]) / TICKS


def own_seconds(procs):
    """CPU time of this program and of all its children."""
    spent = cpu_seconds(procs.running)
    for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN):
        used = resource.getrusage(who)
        spent += used.ru_utime + used.ru_stime
    return spent


class Others:
    """The share of the machine, 0 to 1, that other programs used since the last call."""

    def __init__(self, procs):
        self.procs = procs
        self.cores = len(os.sched_getaffinity(0))
        self.last = self.now()

    def now(self):
        return time.monotonic(), machine_busy_seconds(), own_seconds(self.procs)

    def share(self):
        then, self.last = self.last, self.now()
        wall, busy, own = (now - was for now, was in zip(self.last, then))
        return min(1.0, max(0.0, (busy - own) / (wall * self.cores)))

    def wait_until_quiet(self):
        """A round begins when other programs leave the machine alone, or after a few seconds: a
        rule that looks only at the time before a measurement favours nobody."""
        deadline = time.monotonic() + QUIET_WAIT_SECONDS
        self.share()
        while time.monotonic() < deadline:
            time.sleep(QUIET_SECONDS)
            if self.share() < QUIET_SHARE:
                break
