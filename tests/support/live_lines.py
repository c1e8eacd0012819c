# SPDX-License-Identifier: MIT
"""Parses the lines that `adit http` and `adit proxy` print about exchanges into a pipe."""
import dataclasses
import re

TAKEN = r"\d+\.\d+ m?s"
LINE = re.compile(
    r"(?P<id>[0-9a-z]{16})  (?P<time>\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d[+-]\d\d:\d\d)  "
    r"(?P<status>\d{3}|  -)  (?P<size>[ \d.]+ [KMGT]?i?B)  (?P<took>[ \d.]+ m?s)  "
    r"(?P<method>\S+) +(?P<target>\S+)(?: {2,}(?P<remark>.*))?")


@dataclasses.dataclass
class Line:
    id: str
    time: str
    status: str
    size: str
    took: str
    method: str
    target: str
    remark: str

    @property
    def runs(self):
        return self.remark == "running"


def parsed(line):
    """The parts of a line about an exchange, or None when it is another line."""
    found = LINE.fullmatch(line)
    return found and Line(**{name: (value or "").strip()
                             for name, value in found.groupdict().items()})


def all_of(text):
    return [line for line in map(parsed, text.splitlines()) if line]


def pattern(method, target, status=r"\d{3}", remark=""):
    """A pattern for the line of a finished exchange; `target` and `remark` are patterns."""
    return (rf"^[0-9a-z]{{16}}  \S+  {status}  [ \d.]+ \w+  [ \d.]+ m?s  {method} +{target}"
            + (rf" {{2,}}{remark}$" if remark else r"(?! +running$)(  |$)"))
