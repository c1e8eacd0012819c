# SPDX-License-Identifier: MIT
"""What a contestant made of a service's bytes: the result at the visitor, the result that adit
should have, and where two contestants differ."""
import dataclasses

from . import model, odd, strict
from .compare import Difference, by_name

OWN = {400, 408, 500, 502, 503, 504}  # no generated service answers with these but 500
ADDED = {b"connection", b"transfer-encoding", b"date", b"server", b"content-length", b"upgrade",
         b"keep-alive", b"te", b"via"}
SERVED = b"origin-serial"  # in the origin's own answers, so in that to the sentinel


@dataclasses.dataclass
class Result:
    what: str  # passed, passed, CODE (not RFC 9112), cut, own 502, nothing, waits
    message: strict.Message | None
    interim: list
    kept: bool  # the connection went on to the next request


def method_of(each):
    return each.data.split(b" ", 1)[0]


def result_of(each, outcome):
    data, ended, at, interim = outcome.received, outcome.end == "closed", 0, []
    while True:
        try:
            message = strict.read_response(data, at, method_of(each), ended, strict.UNLIMITED)
        except strict.Fault as fault:
            return Result(f"passed, {fault.code}", None, interim, False)
        except strict.Incomplete:
            break
        at = message.end
        if message.status >= 200 or message.status == 101:
            return final_result(message, interim, outcome, data[at:])
        interim.append((message.status, message.fields))
    if data[at:]:
        return Result("cut", None, interim, False)
    return Result("waits" if outcome.end == "waits" else "nothing", None, interim, False)


def final_result(message, interim, outcome, rest):
    kept = False
    if rest and message.whole:
        try:
            following = strict.read_response(rest, 0, b"GET", True)
            kept = following.whole and bool(following.all(SERVED))
        except (strict.Fault, strict.Incomplete):
            pass
        if not kept:
            return Result("passed, with bytes behind", message, interim, False)
    if message.status in OWN and message.status != 500:
        return Result(f"own {message.status}", message, interim, kept)
    if message.fault:
        return Result(f"passed, {message.fault}", message, interim, kept)
    if message.framing == "switched":
        return Result("passed", message, interim, kept)
    if not message.whole and outcome.end == "waits":
        return Result("waits", message, interim, kept)
    return Result("passed" if message.whole else "cut", message, interim, kept)


@dataclasses.dataclass
class Reading:
    """The strict reading: `event` is "response", "incomplete" or a fault's code; `begun`: its final
    head was good."""

    event: str
    begun: bool
    message: strict.Message | None
    interim: list
    behind: bool = False
    liberties: set = dataclasses.field(default_factory=set)  # of the heads that are whole


def reading_of(each):
    method, interim, at, liberties = method_of(each), [], 0, set()
    offered = model.offer(strict.read_requests(each.data)[0][0])
    text, ended = each.response, each.end == "close"
    while True:
        try:
            message = odd.read_response(text, at, method, ended)
        except strict.Fault as fault:
            return Reading(fault.code, False, None, interim, liberties=liberties)
        except strict.Incomplete:
            return Reading("incomplete", False, None, interim, liberties=liberties)
        liberties |= message.liberties
        if message.status >= 200 or message.status == 101:
            message.liberties = liberties
            break
        at = message.end
        interim.append((message.status, fields_of(message)))
        if len(interim) > strict.INTERIM:
            return Reading("interim-flood", False, None, interim)
    if message.status == 101 and not is_offered(message, offered):
        return Reading("switch-unasked", False, None, interim)
    whole = message.whole or (message.framing == "switched" and each.end != "reset")
    event = message.fault or ("response" if whole else "incomplete")
    return Reading(event, True, message, interim, message.end < len(text), liberties)


def is_offered(message, offered):
    """Whether a 101 switches only to protocols that were offered (RFC 9110 §7.8)."""
    names = message.elements(b"upgrade")
    return bool(names) and set(names) <= {n.strip(b" \t").lower() for n in offered.split(b",")}


def upgrade_of(message):
    """The Upgrade that passes: that of a 101, and of a 426 without h2c (RFC 9110 §15.5.22)."""
    value = next((v for v in message.all(b"upgrade")), b"")
    if message.status == 426:
        return strict.Message(fields=[(b"upgrade", model.without_h2c(value))]).elements(b"upgrade")
    return message.elements(b"upgrade") if message.status == 101 else []


def fields_of(message):
    fields = model.passing(message)
    if message.status < 200 or message.status == 204:
        fields = [f for f in fields if f[0] != b"content-length"]
    return fields


def wrong_with_adit(each, outcome):
    """The sentences for each thing that adit did and may not do."""
    want, got = reading_of(each), result_of(each, outcome)
    old = b" HTTP/1.0\r\n" in each.data.split(b"\n")[0] + b"\n"
    if got.what.startswith("passed,"):
        yield f"the visitor got what is no response: {got.what}"
    # A service that closes without an answer is asked once more on another connection.
    most = 2 if each.response else 3
    if not 1 <= len(outcome.seen) <= most or any(s.fault for s in outcome.seen):
        yield f"{len(outcome.seen)} requests at the origin"
    allowed = allowed_results(each, want)
    if got.what.startswith("own") and not got.message.all(b"date"):
        yield f"an answer of adit's own without a Date: {got.what}"
    if got.what not in allowed:
        yield f"{want.event}: {got.what}, where {allowed} was expected"
    elif got.what == "passed" and want.event == "response":
        yield from passed_unchanged(want, got)
    elif got.what == "passed" and outcome.end != "reset":
        yield "the end of a switched connection does not show that the service reset it"
    if want.event == "response" and got.what in ("passed", "own 502"):
        interim = [] if old else want.interim
        if got.interim != interim:
            yield f"interim responses {got.interim} instead of {interim}"
        switched = got.message.status == 101
        if got.kept == (old or switched):
            yield f"the connection was {'kept' if got.kept else 'not kept'}"


def allowed_results(each, want):
    if want.event == "response":
        return ("passed",)
    if want.event == "interim-flood":
        return ("nothing", "own 502")
    # A head may still be held back when its body turns out to be broken.
    broken = ("cut", "nothing", "own 502") if want.begun else ("own 502",)
    # Only the new protocol knows where the bytes behind a 101 are whole.
    switched = want.message and want.message.framing == "switched" and not want.message.fault
    return (*broken, "passed") if switched else broken


def passed_unchanged(want, got):
    ours = [f for f in got.message.fields
            if f[0] not in (b"connection", b"transfer-encoding", b"upgrade")]
    theirs = fields_of(want.message)
    if not want.message.all(b"date") and got.message.status != 101:  # RFC 9110 §6.6.1
        if len(got.message.all(b"date")) != 1:
            yield "a response without a Date, or with two"
        ours = [f for f in ours if f[0] != b"date"]
    if b"trailers" in want.message.elements(b"te"):
        ours = [f for f in ours if f[0] != b"te"]
    if got.message.status != want.message.status or ours != theirs:
        yield (f"status or fields changed: {want.message.status} {theirs} "
               f"to {got.message.status} {ours}")
    upgrade = got.message.elements(b"upgrade")
    announced = b"upgrade" in got.message.elements(b"connection")
    if upgrade != upgrade_of(want.message) or announced != bool(upgrade):
        yield f"Upgrade {upgrade} instead of {upgrade_of(want.message)}, announced: {announced}"
    if got.message.body != want.message.body:
        yield f"body changed: {want.message.body[:200]!r} to {got.message.body[:200]!r}"
    trailers = model.passing_trailers(want.message)
    if got.message.framing == "chunked" and got.message.trailers != trailers:
        yield f"trailers {got.message.trailers} instead of {trailers}"


def difference(each, ours, theirs):
    """Between two outcomes, as compare.difference; None when there is none."""
    reading = reading_of(each)
    a, b = result_of(each, ours), result_of(each, theirs)
    event = reading.event
    if reading.event == "response" and reading.behind:
        event = "response with bytes behind"
    if a.what != b.what:
        return Difference(event, [f"{a.what} | {b.what}"], reading.message)
    facets = []
    if a.what == "passed":
        facets = messages_differ(a.message, b.message)
    if a.what in ("passed", "own 502"):
        if [s for s, _ in a.interim] != [s for s, _ in b.interim]:
            facets.append(f"interim {short(a)} | {short(b)}")
        if a.kept != b.kept:
            facets.append("kept | closed" if a.kept else "closed | kept")
    return Difference(event, facets, reading.message) if facets else None


def short(result):
    return "passed" if result.interim else "none"


def messages_differ(a, b):
    facets = [what for what in ("status", "reason", "body") if getattr(a, what) != getattr(b, what)]
    ours, theirs = by_name(a.fields), by_name(b.fields)
    for name in sorted(set(ours) | set(theirs)):
        if name in ADDED or ours.get(name) == theirs.get(name):
            continue
        sign = "-" if name not in theirs else "+" if name not in ours else "~"
        facets.append(sign + name.decode("latin-1"))
    if a.trailers != b.trailers and "chunked" in (a.framing, b.framing):
        facets.append("trailers" if b.trailers else "no trailers")
    return facets
