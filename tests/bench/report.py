# SPDX-License-Identifier: MIT
"""The same results as a table for the terminal and as Markdown."""

from .peers import DESCRIPTIONS
from .rows import GROUPS, ROWS

TEXT_HEADS = ["row", "of", "figure", "", "beside", "its figure", "ratio", "target", "", "spread", ""]
RESULTS_MARK = "<!-- Written by scripts/bench --markdown; everything below this line is replaced. -->"


def number(value):
    if abs(value) >= 100:
        return f"{value:,.0f}"
    return f"{value:.1f}" if abs(value) >= 10 else f"{value:.2f}"


def verdict(figure):
    if figure["noisy"]:
        return "too noisy to quote"
    return {True: "met", False: "missed", None: ""}[figure["met"]]


def contestant(result, label):
    return result["subject"] if label == "subject" else label


def lost_note(result):
    """Says when held visitors were cut off: the burden was then lighter than the row says."""
    lost = [sample.get("lost", 0) for sample in result["samples"]["subject"]]
    held = max((sample.get("burden", 0) for sample in result["samples"]["subject"]), default=0)
    return f"lost up to {max(lost)} of {held} held visitors" if any(lost) else ""


def cells(result, figure):
    """One line of the table: row, of, figure, unit, beside, its figure, ratio, target, verdict,
    spread, note."""
    of = contestant(result, figure["of"])
    if figure.get("part"):
        of += f" {figure['part']}"
    beside = figure["beside"] or ""
    is_subject = figure["of"] == "subject"
    return [
        result["row"],
        of,
        number(figure["value"]),
        result["unit"],
        "itself " + beside if beside == "without" else beside,
        number(figure["other_value"]) if beside else "",
        f"{figure['ratio']:.2f}" if beside else "",
        figure["target"] or "",
        verdict(figure),
        f"{figure['spread'] * 100:.0f} %",
        lost_note(result) if is_subject else "",
    ]


def text_lines(lines):
    widths = [max(len(line[column]) for line in lines) for column in range(len(lines[0]))]
    right = {2, 5, 6, 9}
    for line in lines:
        yield "  ".join(
            cell.rjust(width) if column in right else cell.ljust(width)
            for column, (cell, width) in enumerate(zip(line, widths))
        ).rstrip()


def as_text(results):
    lines = [TEXT_HEADS]
    for result in results["rows"]:
        lines += [cells(result, figure) for figure in result["figures"]]
    out = list(text_lines(lines)) if len(lines) > 1 else []
    out += [f"{failure['row']} was not measured: {failure['why']}" for failure in results["failed"]]
    return "\n".join(out)


def markdown_table(heads, lines):
    yield "| " + " | ".join(heads) + " |"
    yield "|" + " --- |" * len(heads)
    for line in lines:
        yield "| " + " | ".join(line) + " |"


def ratio_lines(results):
    for result in results["rows"]:
        for figure in result["figures"]:
            if figure["beside"]:
                row, of, value, unit, beside, other, ratio, target, said, spread, note = cells(
                    result, figure
                )
                if figure["noisy"]:
                    ratio, said = said, ""
                said = ", ".join(part for part in (said, note) if part)
                value, other = f"{value} {unit}", f"{other} {unit}"
                yield [row, of, value, beside, other, ratio, target, said, spread]


def plain_lines(results):
    for result in results["rows"]:
        for figure in result["figures"]:
            if not figure["beside"]:
                row, of, value, unit, _, _, _, target, said, spread, note = cells(result, figure)
                said = ", ".join(part for part in (said, note) if part)
                yield [row, of, f"{value} {unit}", f"{target} {unit}" if target else "", said, spread]


def cpu_lines(results):
    """What each contestant's processes together spent on the work, by the median sample."""
    for result in results["rows"]:
        for label, samples in result["samples"].items():
            for key, unit in (("cpu_us_per_request", "µs a request"), ("cpu_s_per_gib", "s a GiB")):
                values = sorted(sample[key] for sample in samples if key in sample)
                if values:
                    who = contestant(result, label)
                    who = f"{result['subject']} without" if label == "without" else who
                    yield [result["row"], who, f"{number(values[len(values) // 2])} {unit}"]


def machine_lines(results):
    machine, options = results["machine"], results["options"]
    gib = machine["memory_kib"] / (1 << 20)
    yield f"- date: {results['date']}"
    yield f"- machine: {machine['cpu']}, {machine['cores']} cores, {gib:.0f} GiB"
    yield f"- system: {machine['system']}, {machine['kernel']}"
    for name, version in results["versions"].items():
        yield f"- {name}: {version}"
    yield f"- {options['runs']} runs of {options['seconds']} s; transfers of {options['size_mib']} MiB"


def as_markdown(results):
    """Everything below the mark in docs/benchmarks.md."""
    out = ["## Results", "", *machine_lines(results)]
    ratios, plain, cpu = (list(f(results)) for f in (ratio_lines, plain_lines, cpu_lines))
    if ratios:
        heads = ["row", "of", "figure", "beside", "its figure", "ratio", "target", "", "spread"]
        out += ["", "### Speed", "", *markdown_table(heads, ratios)]
    if plain:
        heads = ["row", "of", "figure", "target", "", "spread"]
        out += ["", "### Memory and start", "", *markdown_table(heads, plain)]
    if cpu:
        out += ["", "### CPU time of all hops together", ""]
        out += markdown_table(["row", "of", "CPU time"], cpu)
    for failure in results["failed"]:
        out += ["", f"{failure['row']} was not measured: {failure['why']}"]
    return "\n".join(out) + "\n"


def write_into(document, markdown):
    """Replaces what stands below the mark; the mark is added where there is none."""
    above = document.read_text(encoding="utf-8").partition(RESULTS_MARK)[0].rstrip()
    document.write_text(f"{above}\n\n{RESULTS_MARK}\n\n{markdown}", encoding="utf-8")


def listing():
    lines = [[row.name, row.work] for row in ROWS]
    lines += [[name, "all of " + ", ".join(rows)] for name, rows in GROUPS.items()]
    lines += [["", ""]] + [[name, what] for name, what in DESCRIPTIONS.items()]
    return "\n".join(text_lines(lines))
