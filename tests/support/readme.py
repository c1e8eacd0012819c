# SPDX-License-Identifier: MIT
"""Splits README.md into blocks and tables, and compares a program's output with a block.

```sh           commands, run unchanged; `sh not-run`: commands that no test can run
```text         the terminal's output after them; a line … stands for any lines, ^C for Ctrl-C
```ini PATH     lines of this file
"""
import pathlib
import re

ROOT = pathlib.Path(__file__).resolve().parents[2]
FENCE = re.compile(r"^```(\S+)(?: (\S+))?\n(.*?)^```$", re.M | re.S)
HEADING = re.compile(r"^## (.*)$", re.M)
ANY_HEADING = re.compile(r"^##+ ", re.M)


class Block:
    def __init__(self, found, line):
        self.language, self.mark, self.text = found.groups()
        self.line = line

    def __repr__(self):
        return f"README.md:{self.line}: {self.text.splitlines()[0]}"


def text():
    return (ROOT / "README.md").read_text()


def sections():
    """Pairs of a heading (##) and its blocks, in order, without the sections that have none."""
    whole = text()
    ends = [found.start() for found in HEADING.finditer(whole)] + [len(whole)]
    for found, end in zip(HEADING.finditer(whole), ends[1:]):
        blocks = [Block(block, whole.count("\n", 0, block.start()) + 1)
                  for block in FENCE.finditer(whole, found.start(), end)]
        if blocks:
            yield found[1], blocks


def lines_of(heading):
    """The lines between this heading and the next one."""
    whole = text()
    start = re.search(rf"^##+ {re.escape(heading)}$", whole, re.M).end()
    after = ANY_HEADING.search(whole, start)
    return whole[start:after.start() if after else len(whole)].splitlines()


def prose(heading):
    """The lines outside tables, joined to one text in a list."""
    return [" ".join(line for line in lines_of(heading) if not line.startswith("|"))]


def tables(heading):
    """The rows of the tables under this heading, as lists of cells."""
    rows = [re.split(r"(?<!\\)\|", line)[1:-1] for line in lines_of(heading)
            if line.startswith("|")]
    return [[cell.strip().replace("\\|", "|") for cell in row] for row in rows
            if not set("".join(row)) <= set("- :")]


WHOLE_ID = r"\b(?=[0-9]*[a-z])(?=[a-z]*[0-9])[0-9a-z]{16}\b"
SHORT_ID = r"(?:^ *|replay of |replayed as )(?=[0-9]*[a-z])(?=[a-z]*[0-9])([0-9a-z]{6})(?= )"
# Text that differs from run to run, and patterns for it.
VARIES = [
    (r"\badit-[0-9a-f]{16}\b", "adit-[0-9a-f]{16}"),
    (r"\b(?:curl|Python)/[\d.]+", r"\w+/[\d.]+"),
    (r"\b\w{3}, \d\d \w{3} \d{4} [\d:]{8} GMT", r"\w{3}, \d\d \w{3} \d{4} [\d:]{8} GMT"),
    (r"\b[a-z]+-[a-z]+-[0-9a-f]{8}\b", "[a-z]+-[a-z]+-[0-9a-f]{8}"),  # a name that adit makes
    (r'"visitors":\d+', r'"visitors":\d+'),
    (r"\b\d{5}\b", r"\d{4,5}"),  # a free port
    (r"\b[0-9a-f]{64}\b", "[0-9a-f]{64}"),
    (r"\b[0-9a-f]{32}\b", "[0-9a-f]{32}"),
    (r"\b\d{4}-\d\d-\d\d\b", r"\d{4}-\d\d-\d\d"),
    (r"\b\d\d:\d\d:\d\d(?:\.\d+)?",  # with its date when midnight has passed
     r"(?:(?:\d{4}-)?\d\d-\d\d )?\d\d:\d\d:\d\d(?:\.\d+)?"),
    (r"[+-]\d\d:?\d\d\b", r"[+-]\d\d:?\d\d"),
    (r"\b[\d.]+ (?:ns|us|µs|ms|s|min|m|h|d)\b", r"[\d.]+ (?:ns|us|µs|ms|s|min|m|h|d)"),
    (r"\b[\d.]+ (?:B|[KMG]iB)(?!\w)", r"[\d.]+ (?:B|[KMG]iB)"),
    (r"[#.]{20,}", "[#.]{20,}"),
    (r"\s+", r"\s+"),
]


class Shapes:
    """Compares README's text with output. An id in README, or its last six characters, stands for
    the same real id everywhere."""

    def __init__(self):
        self.real = {}  # ids by README's
        self.short = set()  # README's short ids that were seen

    def in_command(self, command):
        for shown, real in self.real.items():
            command = re.sub(rf"\b{shown}\b", real, command)
        return command

    def pattern(self, line):
        if line == "^C":  # printed by the terminal; a program's output may follow
            return re.compile(r"\^C.*"), []
        self.short.update(re.findall(SHORT_ID, line))
        ids = "|".join([WHOLE_ID, *(rf"\b{one}\b" for one in sorted(self.short))])
        kinds = [f"(?P<v{n}>{what})" for n, (what, _) in enumerate(VARIES)] + [f"(?P<id>{ids})"]
        made, at, groups = "", 0, []
        for found in re.finditer("|".join(kinds), line):
            made += re.escape(line[at:found.start()])
            if found.lastgroup == "id":
                made += self._id(found[0], groups)
            else:
                made += VARIES[int(found.lastgroup[1:])][1]
            at = found.end()
        return re.compile(made + re.escape(line[at:])), groups

    def _id(self, shown, groups):
        if shown in self.real:
            return re.escape(self.real[shown])
        groups.append(shown)
        tail = self.real.get(shown[-6:])
        return f"([0-9a-z]{{10}}{tail})" if tail else f"([0-9a-z]{{{len(shown)}}})"

    def _learn(self, groups, match):
        for shown, real in zip(groups, match.groups()):
            self.real[shown] = real
            self.real.setdefault(shown[-6:], real[-6:])

    def find(self, shown, came):
        """The index after the lines of `came` that match `shown`, or None."""
        for start in range(len(came)):
            before = dict(self.real)
            end = self._all(shown, came, start)
            if end is not None:
                assert len(set(self.real.values())) == len(self.real), f"ids twice: {self.real}"
                return end
            self.real = before
        return None

    def _all(self, shown, came, at):
        for number, line in enumerate(shown):
            if line.strip() == "…":
                rest = shown[number + 1:]
                if not rest:
                    return at
                for start in range(at, len(came)):
                    before = dict(self.real)
                    end = self._all(rest, came, start)
                    if end is not None:
                        return end
                    self.real = before
                return None
            pattern, groups = self.pattern(line.rstrip())
            match = at < len(came) and pattern.fullmatch(came[at].rstrip())
            if not match:
                return None
            self._learn(groups, match)
            at += 1
        return at
