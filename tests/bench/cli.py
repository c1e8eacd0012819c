# SPDX-License-Identifier: MIT
"""The command line: prepares the machine, measures the rows, writes the results."""

import argparse
import contextlib
import dataclasses
import datetime
import functools
import json
import os
import pathlib
import resource
import shutil
import signal
import subprocess
import sys
import tempfile

from . import kinds, machine, report, rows, usage
from .peers import CONTESTANTS
from .processes import ONE_SESSION, OWN_SESSIONS, Failed, Supervisor
from .site import Site
from .stats import LEAST_RUNS, NOISY_SPREAD

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent.parent
OPEN_FILES = 20000
TOOLS = ("pull", "push", "hold", "drip", "leave", "sink", "slowlink", "tls")
NEEDED = ("nginx", "haproxy", "nghttpx", "wrk", "cc", "go", "ssh", "sshd")
COMPILE = ["cc", "-std=c11", "-D_GNU_SOURCE", "-O2", "-Wall", "-Wextra"]
MIB = 1 << 20


HELP = """\
scripts/bench: measures adit beside other proxies. docs/benchmarks.md explains
the rows.

  scripts/bench                           everything, in an hour and a half
  scripts/bench small many down           some rows, or groups of rows
  scripts/bench small --beside n2         with some of their contestants
  scripts/bench small --before DIR        beside the build in DIR
  scripts/bench record --sessions both    once with a session for each process,
                                          once with all processes in one
  scripts/bench --json out.json           keep all samples
  scripts/bench --markdown out.json --into docs/benchmarks.md
"""
WAYS = {"own": (OWN_SESSIONS,), "one": (ONE_SESSION,), "both": (OWN_SESSIONS, ONE_SESSION)}


def peers(text):
    """The names in a list with commas."""
    names = tuple(text.split(","))
    if unknown := set(names) - CONTESTANTS.keys():
        raise argparse.ArgumentTypeError(f"there is no {' or '.join(sorted(unknown))}; see --list")
    return names


def parse(argv):
    parser = argparse.ArgumentParser(
        prog="scripts/bench",
        usage=argparse.SUPPRESS,
        description=HELP,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    add("rows", nargs="*", metavar="ROW", help="rows or groups of rows (default: all; see --list)")
    add("--list", action="store_true", help="name the rows and the contestants")
    add("--runs", type=int, default=LEAST_RUNS, metavar="N", help="rounds, default %(default)s")
    add("--most-runs", type=int, metavar="N", help="while a row is noisy, default 3 x --runs")
    add("--seconds", type=int, default=10, metavar="S", help="of a pass of wrk, default 10")
    add("--size", type=int, default=1024, metavar="MIB", help="of a transfer, default 1024")
    add("--json", type=pathlib.Path, metavar="FILE", help="write everything there, samples included")
    add("--bin", type=pathlib.Path, metavar="DIR", help="measure the programs there, build nothing")
    add("--before", type=pathlib.Path, metavar="DIR", help="an earlier build to measure beside it")
    add("--subject", choices=CONTESTANTS, default="adit", metavar="NAME",
        help="who is measured, default adit")
    add("--beside", type=peers, default=(), metavar="NAME,...",
        help="peers that take part, besides the earlier build; default: all of a row's")
    add("--sessions", choices=WAYS, default="own",
        help="of processes, by which the kernel divides the processors: each has its own, all are "
        "in one, or both in turn; default %(default)s")
    add("--markdown", type=pathlib.Path, nargs="+", metavar="FILE",
        help="print this JSON as Markdown; of several, the last that has a row")
    add("--into", type=pathlib.Path, metavar="DOC", help="with --markdown: replace DOC's results")
    options = parser.parse_args(argv)
    if options.runs < 1 or options.seconds < 1 or options.size < 1:
        parser.error("--runs, --seconds and --size start at 1")
    options.most_runs = max(options.runs, options.most_runs or 3 * options.runs)
    if options.into and not options.markdown:
        parser.error("--into belongs to --markdown")
    return options


def show_markdown(options):
    parts = [json.loads(path.read_text(encoding="utf-8")) for path in options.markdown]
    text = report.as_markdown(report.joined(parts))
    if options.into:
        report.write_into(options.into, text)
    else:
        print(text, end="")


# Getting ready -------------------------------------------------------------------------------------


def command(argv):
    """Runs a step of the preparation; all its output goes to standard error."""
    if subprocess.run(argv, cwd=ROOT, stdout=sys.stderr, check=False).returncode != 0:
        raise Failed(f"{' '.join(map(str, argv))} failed")


def install():
    if not all(shutil.which(program) for program in NEEDED):
        command([ROOT / "scripts" / "setup", "bench"])


def checked(directory):
    for program in ("adit", "aditd"):
        if not os.access(directory / program, os.X_OK):
            raise Failed(f"there is no {directory / program}")
    return directory.resolve()


def build(options):
    """Returns the directory of adit and aditd."""
    if options.subject not in ("adit", "unrecorded"):
        return None
    if options.bin is None:
        command([ROOT / "scripts" / "setup", "bench"])
        command(["cmake", "--preset", "release"])
        command(["cmake", "--build", "--preset", "release"])
    return checked(options.bin or ROOT / "build" / "release" / "bin")


def compile_tools(directory):
    tools = {name: directory / name for name in TOOLS}
    for name, path in tools.items():
        libraries = ["-lssl", "-lcrypto"] if name == "tls" else []
        command([*COMPILE, "-o", path, HERE / f"{name}.c", HERE / "wire.c", *libraries])
    return tools


@contextlib.contextmanager
def big_file(directory, size):
    """A sparse file: reading it costs neither disk nor, in shared memory, any memory."""
    shared = pathlib.Path("/dev/shm")
    place = shared if os.access(shared, os.W_OK) else directory
    with tempfile.NamedTemporaryFile(prefix="adit-bench-", dir=place) as file:
        file.truncate(size)
        path = pathlib.Path(file.name)
        path.chmod(0o644)
        yield path


def environment(directory):
    """The environment without the user's settings and state."""
    kept = {name: os.environ[name] for name in ("PATH", "TMPDIR") if name in os.environ}
    return kept | {"HOME": str(directory), "XDG_STATE_HOME": str(directory), "LC_ALL": "C"}


def raise_file_limit():
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    most = OPEN_FILES if hard == resource.RLIM_INFINITY else min(OPEN_FILES, hard)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    if most < OPEN_FILES:
        say(f"only {most} open files are allowed; the idle rows want {OPEN_FILES}")


def interrupted(number, _frame):
    raise KeyboardInterrupt(number)


# Measuring -----------------------------------------------------------------------------------------


def say(*parts):
    print("bench:", ": ".join(map(str, parts)), file=sys.stderr, flush=True)


def measure_row(row, site, options, results, sessions=OWN_SESSIONS):
    """Measures one row with processes of its own. A failure does not end the other rows."""
    directory = site.directory / f"{row.name}-{sessions}"
    directory.mkdir()
    size = min(options.size, getattr(row, "most_mib", None) or options.size) * MIB
    with (
        big_file(directory, size) as big,
        Supervisor(directory, environment(directory), sessions) as procs,
    ):
        own = dataclasses.replace(
            site, directory=directory, big_file=big, upload_bytes=size, procs=procs,
            sessions=sessions, beside=options.beside,
        )
        name = report.row_name({"row": row.name, "sessions": sessions})
        progress = functools.partial(say, name)
        try:
            effort = kinds.Effort(options.runs, options.most_runs, progress, usage.Others(procs))
            results["rows"].append(kinds.run(row, own, options.subject, effort))
        except kinds.Skipped as why:
            say(name, "skipped", why)
        except (Failed, OSError, ValueError) as why:
            say(name, why)
            results["failed"].append({"row": row.name, "sessions": sessions, "why": str(why)})


def measure(options, programs, wanted, results):
    with tempfile.TemporaryDirectory(prefix="adit-bench-") as name:
        directory = pathlib.Path(name)
        site = Site(
            directory=directory,
            tools=compile_tools(directory),
            bin=programs,
            before=options.before,
            seconds=options.seconds,
        )
        for row in wanted:
            for sessions in ways(row, options):
                measure_row(row, site, options, results, sessions)


def ways(row, options):
    """Sessions matter to a row about speed; others are measured once."""
    asked = WAYS[options.sessions]
    return asked if isinstance(row, (kinds.Versus, kinds.Burdened)) else asked[:1]


def empty_results(options, programs):
    if options.runs < LEAST_RUNS:
        say(f"a median of fewer than {LEAST_RUNS} runs is a trial, not a figure to quote")
    return {
        "schema": report.SCHEMA,
        "date": datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%d %H:%M UTC"),
        "machine": machine.describe(),
        "versions": machine.versions(ROOT, programs, options.before, built=options.bin is None),
        "options": {
            "runs": options.runs,
            "most_runs": options.most_runs,
            "seconds": options.seconds,
            "size_mib": options.size,
            "sessions": options.sessions,
            "beside": options.beside,
            "noisy_spread": NOISY_SPREAD,
        },
        "complete": False,
        "rows": [],
        "failed": [],
    }


def finish(options, results):
    """Prints and writes the results, even of an interrupted run."""
    print(report.as_text(results))
    if options.json:
        text = json.dumps(results, indent=1, ensure_ascii=False)
        options.json.write_text(text + "\n", encoding="utf-8")


def bench(options):
    wanted = rows.chosen(options.rows)
    install()
    programs = build(options)
    options.before = options.before and checked(options.before)
    raise_file_limit()
    results = empty_results(options, programs)
    try:
        measure(options, programs, wanted, results)
        results["complete"] = not results["failed"]
    finally:
        finish(options, results)
    return 1 if results["failed"] else 0


def main(argv):
    os.environ["PATH"] = os.environ.get("PATH", "/usr/bin:/bin") + ":/usr/sbin:/sbin"
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, interrupted)
    options = parse(argv)
    try:
        if options.list:
            print(report.listing())
        elif options.markdown:
            show_markdown(options)
        else:
            return bench(options)
    except KeyboardInterrupt as stop:
        return 128 + (stop.args[0] if stop.args else signal.SIGINT)
    except (Failed, OSError) as why:
        say(why)
        return 1
    return 0
