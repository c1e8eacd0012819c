# SPDX-License-Identifier: MIT
"""The same results as a table for the terminal and as Markdown."""

import statistics

from .loads import CPU_UNITS
from .peers import DESCRIPTIONS
from .processes import ONE_SESSION, OWN_SESSIONS, Failed
from .rows import GROUPS, ROWS

SCHEMA = 3  # of the JSON
OTHERS_SHARE = 0.1  # of the machine, above which it is mentioned
WAYS = (OWN_SESSIONS, ONE_SESSION)

TEXT_HEADS = ["row", "of", "figure", "", "beside", "its figure", "ratio", "target", "", "interval",
              "CPU time of both", ""]
TEXT_RIGHT = {2, 5, 6, 9, 10}
CPU_HEADS = ["row", "of", "CPU time", "during the load", "after it", "{}'s part of it", "target", "",
             "interval"]
CPU_RIGHT = {2, 3, 4, 5, 8}
CPU_TITLE = "CPU time of all hops together"
DURING = " during the load"  # what alone a ratio is about
RESULTS_MARK = "<!-- Written by scripts/bench --markdown; everything below this line is replaced. -->"


def number(value):
    if value == 0:
        return "0"
    if abs(value) >= 100:
        return f"{value:,.0f}"
    return f"{value:.1f}" if abs(value) >= 10 else f"{value:.2f}"


def verdict(figure):
    """A noisy figure is judged when its whole interval lies on one side of the target."""
    said = {True: "met", False: "missed", None: ""}[figure["met"]]
    return ", ".join(part for part in ("too noisy to quote" if figure["noisy"] else "", said) if part)


def interval(figure):
    low, high = (number(end) for end in figure["interval"])
    return f"{low}–{high} ({figure['spread'] * 100:.0f} %)"


def row_name(result):
    """With the way in which its processes were divided into sessions, where that is not the usual."""
    one = result.get("sessions") == ONE_SESSION
    return result["row"] + " (one session)" if one else result["row"]


def contestant(result, label):
    return result["subject"] if label == "subject" else label


def lost_note(result):
    """Says when held visitors were cut off, so that the burden was lighter than the row says."""
    lost = [sample.get("lost", 0) for sample in result["samples"]["subject"]]
    held = max((sample.get("burden", 0) for sample in result["samples"]["subject"]), default=0)
    return f"lost up to {max(lost)} of {held} held visitors" if any(lost) else ""


def cells(result, figure):
    """One line of the table: row, of, figure, unit, beside, its figure, ratio, target, verdict,
    interval, CPU time, note."""
    of = contestant(result, figure["of"])
    if figure.get("part"):
        of += f" {figure['part']}"
    beside = figure["beside"] or ""
    is_subject = figure["of"] == "subject"
    return [
        row_name(result),
        of,
        number(figure["value"]),
        figure.get("unit", result["unit"]),
        "itself " + beside if beside == "without" else beside,
        number(figure["other_value"]) if beside else "",
        f"{figure['ratio']:.2f}" if beside else "",
        figure["target"] or "",
        verdict(figure),
        interval(figure),
        cpu_of_both(result, figure) if beside else "",
        lost_note(result) if is_subject else "",
    ]


def cpu_of_both(result, figure):
    """The CPU time for each unit of work of those whom a figure compares."""
    found = {one["of"]: one for one in result["cpu"]}
    both = [found.get(figure[who]) for who in ("of", "beside")]
    if None in both:
        return ""
    return " / ".join(number(one["value"]) for one in both) + " " + CPU_UNITS[both[0]["key"]]


def text_lines(lines, right=frozenset()):
    widths = [max(len(line[column]) for line in lines) for column in range(len(lines[0]))]
    for line in lines:
        yield "  ".join(
            cell.rjust(width) if column in right else cell.ljust(width)
            for column, (cell, width) in enumerate(zip(line, widths))
        ).rstrip()


def absences(results):
    """(peer, reason) -> the rows that it took no part in."""
    found = {}
    for result in results["rows"]:
        for absent in result.get("absent", {}).items():
            found.setdefault(absent, []).append(row_name(result))
    return found


def remarks(results):
    """Notes outside the tables: what was not measured and why, and when the machine was busy with
    other work."""
    for failure in results["failed"]:
        yield f"{row_name(failure)} was not measured: {failure['why']}"
    for (peer, why), missed in absences(results).items():
        yield f"{peer} took no part in {', '.join(missed)}: {' '.join(why.split())}"
    shares = {
        row_name(result): statistics.median(result["others"])
        for result in results["rows"]
        if result["others"]
    }
    busy = [f"{row} {share * 100:.0f} %" for row, share in shares.items() if share > OTHERS_SHARE]
    if busy:
        yield "other programs used part of the machine meanwhile: " + ", ".join(busy)


def as_text(results):
    lines = [TEXT_HEADS]
    for result in results["rows"]:
        lines += [cells(result, figure) for figure in result["figures"]]
    out = list(text_lines(lines, TEXT_RIGHT)) if len(lines) > 1 else []
    cpu = list(cpu_lines(results))
    if cpu:
        out += ["", CPU_TITLE, *text_lines([cpu_heads(results), *cpu], CPU_RIGHT), ""]
    return "\n".join(out + list(remarks(results)))


def markdown_table(heads, lines):
    yield "| " + " | ".join(heads) + " |"
    yield "|" + " --- |" * len(heads)
    for line in lines:
        yield "| " + " | ".join(line) + " |"


def ratio_lines(results):
    for result in results["rows"]:
        for figure in result["figures"]:
            if figure["beside"]:
                row, of, value, unit, beside, other, ratio, target, said, spread, cpu, note = cells(
                    result, figure
                )
                ratio = "" if figure["noisy"] else ratio
                said = ", ".join(part for part in (said, note) if part)
                value, other = f"{value} {unit}", f"{other} {unit}"
                yield [row, of, value, beside, other, ratio, target, said, spread, cpu]


def plain_lines(results):
    for result in results["rows"]:
        for figure in result["figures"]:
            if not figure["beside"]:
                row, of, value, unit, _, _, _, target, said, spread, _, note = cells(result, figure)
                said = ", ".join(part for part in (said, note) if part)
                yield [row, of, f"{value} {unit}", f"{target} {unit}" if target else "", said, spread]


def cpu_lines(results):
    """CPU time of each contestant's processes, by the median sample; how much of it was used during
    the load and once it was over; the subject's share of a peer's, by the median round."""
    for result in results["rows"]:
        for figure in result["cpu"]:
            who = contestant(result, figure["of"])
            compared = "ratio" in figure
            about = DURING if figure.get("compared") == "in_load" else ""
            yield [
                row_name(result),
                f"{result['subject']} without" if who == "without" else who,
                f"{number(figure['value'])} {CPU_UNITS[figure['key']]}",
                *in_load_and_late(figure),
                f"{figure['ratio']:.2f}{about}" if compared else "",
                figure["target"] or "" if compared else "",
                verdict(figure) if compared else "",
                interval(figure) if compared else "",
            ]


def in_load_and_late(figure):
    """Nothing where nobody waited for what comes late. An earlier table has the share alone."""
    if figure["late_share"] is None:
        return "", ""
    in_load = figure.get("in_load", figure["value"] * (1 - figure["late_share"]))
    return number(in_load), number(figure["value"] - in_load)


def cpu_heads(results):
    return [head.format(subjects(results)) for head in CPU_HEADS]


def joined(parts):
    """One table of several measurements on one machine. A later one replaces rows of an earlier."""
    if any(part.get("schema") != SCHEMA for part in parts):
        raise Failed(f"only results of schema {SCHEMA} can be shown")
    if len({(part["machine"]["cpu"], part["machine"]["cores"]) for part in parts}) > 1:
        raise Failed("results of different machines do not belong into one table")
    found, failed, source, versions = {}, {}, {}, {}
    for part in parts:
        versions |= part["versions"]
        for result in part["rows"]:
            found[row_name(result)], source[row_name(result)] = result, part
        failed |= {row_name(one): one for one in part["failed"]}
    order = [row_name({"row": row.name, "sessions": way}) for row in ROWS for way in WAYS]
    rows = [found[name] for name in order if name in found]
    told = [part | {"rows": [r for r in rows if source[row_name(r)] is part]} for part in parts]
    return parts[-1] | {
        "versions": versions,
        "rows": rows,
        "failed": [one for name, one in failed.items() if name not in found],
        "parts": [part for part in told if part["rows"]],
    }


def part_line(part):
    """The commit and time of rows, and the effort made for them."""
    options, commit = part["options"], part["versions"]["commit"]
    runs = f"{options['runs']} to {options['most_runs']} rounds, passes of {options['seconds']} s"
    rows = ", ".join(map(row_name, part["rows"]))
    return f"- commit {commit}, {part['date']}, {runs}, transfers of {options['size_mib']} MiB: {rows}"


def machine_lines(results):
    machine = results["machine"]
    gib = machine["memory_kib"] / (1 << 20)
    yield f"- machine: {machine['cpu']}, {machine['cores']} cores, {gib:.0f} GiB"
    grouped = f", processes {machine['sessions']} by session" if "sessions" in machine else ""
    yield f"- system: {machine['system']}, {machine['kernel']}{grouped}"
    for name, version in results["versions"].items():
        if name != "commit":
            yield f"- {name}: {version}"
    yield from map(part_line, results["parts"])


def subjects(results):
    return "/".join(sorted({result["subject"] for result in results["rows"]}))


def as_markdown(results):
    """Everything below the mark in docs/benchmarks.md."""
    out = ["## Results", "", *machine_lines(results)]
    ratios, plain, cpu = (list(f(results)) for f in (ratio_lines, plain_lines, cpu_lines))
    if ratios:
        heads = ["row", "of", "figure", "beside", "its figure", "ratio", "target", "", "interval"]
        heads.append(TEXT_HEADS[-2])
        out += ["", "### Speed", "", *markdown_table(heads, ratios)]
    if plain:
        heads = ["row", "of", "figure", "target", "", "interval"]
        out += ["", "### Figures with a limit", "", *markdown_table(heads, plain)]
    if cpu:
        out += ["", f"### {CPU_TITLE}", "", *markdown_table(cpu_heads(results), cpu)]
    for remark in remarks(results):
        out += ["", remark]
    return "\n".join(out) + "\n"


def write_into(document, markdown):
    """Replaces the text below the mark; adds the mark where there is none."""
    above = document.read_text(encoding="utf-8").partition(RESULTS_MARK)[0].rstrip()
    document.write_text(f"{above}\n\n{RESULTS_MARK}\n\n{markdown}", encoding="utf-8")


def listing():
    lines = [[row.name, row.work] for row in ROWS]
    lines += [[name, "all of " + ", ".join(rows)] for name, rows in GROUPS.items()]
    lines += [["", ""]] + [[name, what] for name, what in DESCRIPTIONS.items()]
    return "\n".join(text_lines(lines))
