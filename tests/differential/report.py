# SPDX-License-Identifier: MIT
"""Writes docs/differential.md from a run."""
import collections
import dataclasses
import textwrap

from . import compare, requests, responses, rules, services, strict, verdicts
from .faults import FAULTS

PEERS = ("nginx", "haproxy")


@dataclasses.dataclass
class Findings:
    """Of one direction."""

    direction: str
    seed: str
    count: int
    wrong: list = dataclasses.field(default_factory=list)  # (number, sentence) about adit
    unexplained: list = dataclasses.field(default_factory=list)  # (number, peer, event, facet)
    events: collections.Counter = dataclasses.field(default_factory=collections.Counter)
    results: dict = dataclasses.field(default_factory=dict)  # name -> Counter of (event, in short)
    explained: dict = dataclasses.field(default_factory=dict)  # (key, text) -> peer -> Counter
    kinds: collections.Counter = dataclasses.field(default_factory=collections.Counter)
    alike: collections.Counter = dataclasses.field(default_factory=collections.Counter)
    waited: dict = dataclasses.field(default_factory=dict)

    @property
    def fails(self):
        return bool(self.wrong or self.unexplained)


def event_of(direction, each):
    if direction == "response":
        return services.reading_of(each).event
    seen, ending = strict.read_requests(each.data)
    return ending if ending in FAULTS or ending == "incomplete" else "request"


def in_short(direction, each, outcome):
    """What became of an input, in one of a few words."""
    if direction == "response":
        what = services.result_of(each, outcome).what
        return "refused" if what.startswith("own") or what == "nothing" else \
            "spoiled" if what.startswith("passed,") else what
    steps = compare.steps_of(each, outcome)
    refused = [s for s in steps if s.what.startswith("own")]
    if refused and steps[-2].what == "no HTTP/1.1":  # the body of a refusal that may have none
        del steps[-2]
    bad = [s.what for s in steps if s.what.startswith("forwarded,") or s.what.startswith("no HTTP")]
    last = steps[-2].what if len(steps) > 1 else ""
    if bad:
        return "spoiled"
    if last.startswith("own"):
        return "refused"
    return "waits" if steps[-1].what == "waits" else "passed"


def examine(direction, seed, inputs, runs):
    """Collects all findings of a run."""
    found = Findings(direction, seed, len(inputs))
    difference = compare.difference if direction == "request" else services.difference
    wrong = verdicts.wrong_with_adit if direction == "request" else services.wrong_with_adit
    found.waited = {name: run[1:] for name, run in runs.items()}
    found.results = {name: collections.Counter() for name in runs}
    for number, each in enumerate(inputs):
        event = event_of(direction, each)
        found.events[event] += 1
        found.kinds[each.kind] += 1
        for name, run in runs.items():
            found.results[name][event, in_short(direction, each, run[0][number])] += 1
        ours = runs["adit"][0][number]
        found.wrong += [(each.number, each.kind, text) for text in wrong(each, ours)]
        for peer in PEERS:
            note_difference(found, peer, each, difference(each, ours, runs[peer][0][number]))
    return found


def note_difference(found, peer, each, difference):
    if not difference:
        found.alike[peer] += 1
        return
    for facet in difference.facets:
        why = rules.explain(found.direction, peer, each, difference, facet)
        if why:
            examples = found.explained.setdefault(why, {}).setdefault(peer, [])
            examples.append(each.number)
        else:
            found.unexplained.append((each.number, peer, difference.event, facet))


def problems(found):
    """The lines that a failing run prints."""
    for number, kind, text in found.wrong:
        yield f"{found.direction} {number} of seed {found.seed} ({kind}): {text[:1500]}"
    for number, peer, event, facet in found.unexplained:
        yield (f"{found.direction} {number} of seed {found.seed}: adit | {peer}: {facet} "
               f"({event}): no rule explains this")


def summary(found):
    total = sum(len(n) for peers in found.explained.values() for n in peers.values())
    return (f"{found.count} {found.direction}s of seed {found.seed}: adit wrong about "
            f"{len(found.wrong)}; "
            f"{total} differences explained, {len(found.unexplained)} not; waited and run again: "
            + ", ".join(f"{name} {waited[0]}" for name, waited in found.waited.items()))


def number_of(counter, event, *words):
    return sum(counter[event, word] for word in words)


def cell(found, name, event):
    """The treatment of the inputs of this event by a contestant."""
    counter = found.results[name]
    parts = [(number_of(counter, event, "refused", "cut"), "refused"),
             (number_of(counter, event, "waits"), "waited"),
             (number_of(counter, event, "passed"), "took"),
             (number_of(counter, event, "spoiled", "passed, with bytes behind"), "passed on")]
    parts = [(number, word) for number, word in parts if number]
    text = ", ".join(f"{number} {word}" if len(parts) > 1 else word for number, word in parts)
    lenient = {"took", "passed on"} & {word for _, word in parts}
    note = how(found.direction, name, event) if lenient else ""
    return f"{text}: {note}" if note else text


def how(direction, name, event):
    """The peer's treatment of this fault: whether it mends it or passes it on."""
    if direction == "response" or name == "adit":
        return ""
    notes = [rules.LENIENT[name][what].get(event) for what in ("mends", "passes")]
    return "; ".join(note for note in notes if note)


def fault_table(found):
    lines = ["| strict reading | RFC | inputs | adit | nginx | haproxy |",
             "| --- | --- | --- | --- | --- | --- |"]
    for code, (_, section, text) in FAULTS.items():
        if found.events[code]:
            cells = [cell(found, name, code) for name in ("adit", *PEERS)]
            lines.append(f"| {text} | {section.removeprefix('RFC ') or 'limit'} | "
                         f"{found.events[code]} | " + " | ".join(cells) + " |")
    return lines


def explanations(found):
    """One line for each explanation of a difference without a fault, the commonest first."""
    texts = {}
    for (key, text), peers in found.explained.items():
        if key not in FAULTS:
            for peer, numbers in peers.items():
                texts.setdefault(text, {}).setdefault(peer, []).extend(numbers)

    def frequency(item):
        return -sum(len(numbers) for numbers in item[1].values()), item[0]
    lines = ["| why | nginx | haproxy |", "| --- | --- | --- |"]
    for text, peers in sorted(texts.items(), key=frequency):
        cells = [f"{len(peers[p])} (#{peers[p][0]})" if p in peers else "" for p in PEERS]
        lines.append(f"| {text} | " + " | ".join(cells) + " |")
    return lines


INTRODUCTION = """\
# Differential test

How strict is adit, and why? The same generated bytes go through adit (relay and agent),
{nginx} and {haproxy} as reverse proxies, all in front of the same scripted
service. The test compares what each of them passes on. It fails if a difference has no explanation.
The test writes this page:

    python3 tests/differential --report docs/differential.md    {total} inputs, a minute or two
    python3 tests/differential --count 500 --seed mine          others
    python3 tests/differential --show request 4711              one input, and what becomes of it

It needs the packages of `scripts/setup` and a build (`ADIT_BIN_DIR` names its directory, by default
`build/dev/bin`). The test `integration_differential` runs a part of it,
`integration_slow_differential` all of it.

## Method

**Requests.** {requests} visitors are generated from seed `{seed}`. Each sends a request drawn from a
grammar, with one or more of its parts spoiled, or a few random bytes, perhaps with valid requests before
and after it. Another valid request, which asks to close the connection, ends each input.

**Responses.** {responses} services are generated from the same seed. A harmless request (HTTP/1.1 or
1.0, GET or HEAD, with or without an offer to upgrade) gets a response made in the same way; then the
service keeps the connection, closes it or resets it.

A **strict reader** (`tests/differential/strict.py`), written from the RFCs and without code in common
with adit, reads the bytes as messages, or names the first fault. A **model** (`model.py`, from
docs/protocol.md §6) says what adit must do with them. The test asserts for every input that

- adit refuses what the strict reader does not accept: a request with 400, 414, 431, 501 or 505, a
  response with 502, or by cutting it short visibly. Then the visitor's connection ends. The only exception is
  a response that is odd but has one meaning. Everything else passes, in exactly one form: same method,
  target, host, fields in their order, body and trailers, without what belongs to one hop;
- nothing reaches the service that the strict reader does not also see as a request, and what reaches it
  conforms to RFC 9112 by the same reader;
- every request has one answer, and nothing follows a refusal;
- a body that breaks off is never shown as complete.

No verdict depends on time. An input that is neither answered nor ended counts as waiting only
when requests that were sent later on the same way have come back. Such an input runs again, alone and
with more patience. In this run that happened to {waited} inputs; {changed} of them ended differently
the second time.

nginx and haproxy have their defaults, except that nginx speaks HTTP/1.1 to the service, passes
Host on and streams bodies.

**Result.** {result}
"""

REQUESTS = """
## Requests that are not HTTP/1.1

The first fault that the strict reader finds, and what became of the inputs with it. *Took*: the
request was forwarded as a valid one, repaired or without the bad part. *Passed on*: what came to the
service, or back to the visitor, does not conform to RFC 9112 either. After the colon stands what the
peer does with this fault; it often refused an input for another fault in the same bytes. adit refuses
all of them, for one reason: a relay that repairs a message decides what it means, and a hop in front of it
or behind it may decide otherwise. That is how requests are smuggled.
"""

RESPONSES = """
## Responses that are not HTTP/1.1

A service is trusted more than a visitor, but its faults let a response be taken for the answer to
another request. adit takes a response that is odd but can mean one thing only (docs/protocol.md §6) for
that, and sends it on in a clean form: `odd.py` turns it into what RFC 9112 defines, and it counts among the
valid ones below. adit answers 502 to every other one; once a response has begun, adit cuts it short
visibly. *Passed on*: the visitor gets what does not conform to RFC 9112.

nginx {nginx}. haproxy {haproxy}.
"""


def sentence(found):
    bad = sum(len(f.wrong) for f in found)
    gaps = sum(len(f.unexplained) for f in found)
    alike = {peer: sum(f.alike[peer] for f in found) for peer in PEERS}
    return (f"adit was wrong about {bad or 'none'} of the {sum(f.count for f in found)} inputs"
            f". It did exactly the same as nginx with {alike['nginx']} of them and "
            f"as haproxy with {alike['haproxy']}; "
            f"{gaps or 'none'} of the differences {'are' if gaps > 1 else 'is'} unexplained.")


def markdown(found, versions):
    asked, answered = found
    kinds = [", ".join(sorted(module.KINDS)) for module in (requests, responses)]
    text = INTRODUCTION.format(
        nginx=versions["nginx"], haproxy=versions["haproxy"], total=asked.count + answered.count,
        requests=asked.count,
        responses=answered.count, seed=asked.seed, result=textwrap.fill(sentence(found), 88),
        waited=sum(w[0] for f in found for w in f.waited.values()),
        changed=sum(w[1] for f in found for w in f.waited.values()) or "none")
    lines = [text, textwrap.fill(f"Kinds of requests: {kinds[0]}.", 98), "",
             textwrap.fill(f"Kinds of responses: {kinds[1]}.", 98),
             REQUESTS, *fault_table(asked), "",
             "## Valid requests: why the others differ", "",
             "The number of inputs, and in parentheses the number of one of them. adit passed the "
             "request unchanged unless the text says otherwise.", "",
             *explanations(asked), RESPONSES.format(**rules.LENIENT_RESPONSES),
             *fault_table(answered), "",
             "## Valid responses, and those that broke off: why the others differ", "",
             *explanations(answered)]
    return "\n".join(lines) + "\n"
