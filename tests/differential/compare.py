# SPDX-License-Identifier: MIT
"""Finds where two contestants differ about one visitor: the first step at which they part, in few
words.

A contestant's steps are the fates of the requests in the bytes, in order: "forwarded", a refusal or
another own answer ("own 400"), "waits", "closed". Steps behind the first difference are its
consequence. Requests that both forward are compared field by field.
"""
import dataclasses

from . import model, strict, verdicts

ADDED = {  # fields that a contestant adds, replaces or drops by its configuration
    b"forwarded", b"x-forwarded-for", b"x-forwarded-proto", b"x-forwarded-host", b"host",
    b"connection", b"transfer-encoding", b"content-length", b"upgrade"}


@dataclasses.dataclass
class Step:
    what: str
    seen: object = None
    answer: object = None


@dataclasses.dataclass
class Difference:
    """`event` is what the strict reader says at this point: a fault's code, "request",
    "incomplete", "end". `facets` are what differs: one for steps, perhaps many for two
    requests that were forwarded."""

    event: str
    facets: list
    request: object = None  # the strict reader's


def steps_of(each, outcome):
    verdict = verdicts.verdict_of(each, outcome)
    steps = []
    for answer in verdict.answers:
        if answer.seen is None:
            steps.append(Step(f"own {answer.status}", None, answer))
        else:
            seen = outcome.seen[answer.seen]
            steps.append(Step(f"forwarded, {seen.fault}" if seen.fault else "forwarded", seen,
                              answer))
    if verdict.problem == "status-line":
        steps.append(Step("no HTTP/1.1"))
    elif verdict.problem:
        steps.append(Step(f"half an answer, {verdict.problem}"))
    answered = {a.seen for a in verdict.answers}
    for number, seen in enumerate(outcome.seen):
        if number not in answered:
            steps.append(Step("forwarded unanswered", seen))
    steps.append(Step("waits" if outcome.end == "waits" else "closed"))
    return steps


def event_at(requests, ending, number):
    if number < len(requests):
        return requests[number].fault or ("request" if requests[number].whole else "incomplete")
    return ending


def difference(each, ours, theirs):
    """Between two outcomes; None when there is none."""
    requests, ending = strict.read_requests(each.data)
    a, b = steps_of(each, ours), steps_of(each, theirs)
    for number, (one, other) in enumerate(zip(a, b)):
        event = event_at(requests, ending, number)
        request = requests[number] if number < len(requests) else None
        if one.what != other.what:
            return Difference(event, [f"{one.what} | {other.what}"], request)
        facets = forms_differ(one, other) if one.seen and one.seen.request else []
        if facets:
            return Difference(event, facets, request)
        if one.what == "closed":
            break
    return None


def by_name(fields):
    names = {}
    for name, value in fields:
        names.setdefault(name, []).append(value)
    return names


def forms_differ(one, other):
    a, b = one.seen.request, other.seen.request
    facets = [what for what in ("method", "target", "host", "body")
              if getattr(a, what) != getattr(b, what)]
    if a.framing != b.framing:
        facets.append(f"framing {a.framing} | {b.framing}")
    if b.minor != a.minor:
        facets.append("version")
    theirs, ours = by_name(b.fields), by_name(model.at_origin(a).fields)
    upgrades = by_name(b.fields).get(b"upgrade"), by_name(a.fields).get(b"upgrade")
    if upgrades[0] != upgrades[1]:
        facets.append("upgrade")
    for name in sorted(set(ours) | set(theirs)):
        if name in ADDED or ours.get(name) == theirs.get(name):
            continue
        if name not in theirs:
            facets.append(f"-{name.decode('latin-1')}")
        elif name not in ours:
            facets.append(f"+{name.decode('latin-1')}")
        else:
            facets.append(f"~{name.decode('latin-1')}")
    if a.trailers != b.trailers:
        facets.append("trailers" if b.trailers else "no trailers")
    if one.answer.interim != other.answer.interim:
        facets.append("interim")
    return facets
