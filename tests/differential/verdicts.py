# SPDX-License-Identifier: MIT
"""Turns the bytes sent and received into a contestant's treatment of a visitor."""
import dataclasses

from . import model, strict


@dataclasses.dataclass
class Answer:
    status: int
    seen: int | None  # the index of the request at the origin that it answers; None: its own answer
    message: strict.Message
    interim: list


@dataclasses.dataclass
class Verdict:
    answers: list
    end: str
    rest: bytes  # bytes that are no response
    problem: str = ""


def method_of(head, requests, seen, number):
    """Of the request that a response with this head answers."""
    serial = head.all(b"origin-serial")
    if serial:
        request = seen[int(serial[0]) - 1].request
        return request.method if request else seen[int(serial[0]) - 1].raw.split(b" ")[0]
    return requests[number].method if number < len(requests) else b"GET"


def verdict_of(each, outcome):
    """Takes the visitor's bytes apart into answers."""
    requests, _ = strict.read_requests(each.data)
    answers, interim, at = [], [], 0
    data = outcome.received
    ended = outcome.end != "waits"
    problem = ""
    while at < len(data):
        try:
            head = strict.read_response(data, at, b"HEAD", limit=strict.UNLIMITED)
            method = method_of(head, requests, outcome.seen, len(answers))
            message = strict.read_response(data, at, method, ended, strict.UNLIMITED)
            if is_refusal_of_head(each, head, message, data):
                message = head
        except strict.Fault as fault:
            problem = fault.code
            break
        except strict.Incomplete:
            problem = "incomplete"
            break
        if message.fault or not message.whole:
            problem = message.fault or "incomplete"
            break
        at = message.end
        if message.status < 200 and message.status != 101:
            interim.append(message.status)
            continue
        serial = message.all(b"origin-serial")
        answers.append(Answer(message.status, int(serial[0]) - 1 if serial else None, message,
                              interim))
        interim = []
    return Verdict(answers, outcome.end, data[at:], problem)


def is_refusal_of_head(each, head, message, data):
    """Whether the last answer has no body for a request that is no HTTP, but begins with HEAD."""
    return not message.whole and head.end == len(data) and b"HEAD" in each.data


def wrong_with_adit(each, outcome):
    """The sentences for each thing that adit did and may not do; empty when all is well."""
    verdict = verdict_of(each, outcome)
    requests, ending = strict.read_requests(each.data)
    expected = model.expected_of(each.data)
    return [*(refused_or_forwarded(verdict, ending, requests) if not expected.early else ()),
            *only_real_requests(outcome, requests),
            *one_answer_each(verdict, outcome), *strict_at_origin(outcome, requests),
            *as_expected(expected, verdict, outcome)]


def refused_or_forwarded(verdict, ending, requests):
    """Bytes that the strict reader rejects get a refusal and the end of the connection."""
    if ending in ("end", "incomplete", "close"):
        return
    last = verdict.answers[-1] if verdict.answers else None
    begun = requests and requests[-1].fault  # then it may have been answered before
    if verdict.end == "waits":
        yield f"{ending}: the connection stays open"
    if not begun and (not last or last.seen is not None or last.status not in (400, 414, 431, 501, 505)):
        yield f"{ending}: not refused"
    announced = last and b"close" in last.message.elements(b"connection")
    if last and last.seen is None and not begun and not announced:
        yield "a refusal that does not announce the end of the connection"


def only_real_requests(outcome, requests):
    """The requests at the origin are, in order, among those that the strict reader sees."""
    there = iter([(r.method, r.host, r.body) for r in requests if r.whole])
    for seen in outcome.seen:
        request = seen.request
        if request and (request.method, request.host, request.body) not in there:
            yield f"a request at the origin that nobody sent: {seen.raw[:200]!r}"


def one_answer_each(verdict, outcome):
    if verdict.rest or verdict.problem:
        yield f"the visitor got what is no response ({verdict.problem}): {verdict.rest[:200]!r}"
    answered = [a.seen for a in verdict.answers if a.seen is not None]
    if answered != list(range(len(outcome.seen))):
        yield f"{len(outcome.seen)} requests at the origin, of which {answered} were answered"
    for answer in verdict.answers:
        if answer.seen is None and not answer.message.all(b"date"):
            yield f"an answer of adit's own, {answer.status}, without a Date"
    for answer in verdict.answers[:-1]:
        if b"close" in answer.message.elements(b"connection"):
            yield "bytes behind an answer that announced the end"


def strict_at_origin(outcome, requests):
    for seen in outcome.seen:
        if seen.fault:
            yield f"not RFC 9112 at the origin ({seen.fault}): {seen.raw[:200]!r}"
    for raw in outcome.broken_off:
        try:
            request = strict.read_request(raw, 0, strict.UNLIMITED, strict.UNLIMITED)
        except strict.Incomplete:
            continue
        except strict.Fault as fault:
            yield f"not RFC 9112 at the origin, broken off ({fault.code}): {raw[:200]!r}"
            continue
        last = requests[-1] if requests else None
        if request.whole or request.fault or not last or last.whole or \
                not last.body.startswith(request.body):
            yield f"broken off at the origin, but no beginning of what was sent: {raw[:200]!r}"


def as_expected(expected, verdict, outcome):
    """Exactly what the model says."""
    got = [a.status if a.seen is None else model.at_origin(outcome.seen[a.seen].request)
           for a in verdict.answers if a.seen is None or outcome.seen[a.seen].request]
    if expected.reset_is_fine and verdict.end == "reset" and got == expected.answers[:len(got)]:
        return
    for number in range(max(len(got), len(expected.answers))):
        want = expected.answers[number] if number < len(expected.answers) else None
        have = got[number] if number < len(got) else None
        if not same(want, have):
            yield f"answer {number}: expected {want}, got {have}"
            return
    if verdict.end != expected.end:
        yield f"the connection should be {expected.end}, and is {verdict.end}"


def same(want, have):
    """`TE: trailers` is one field, wherever it stood."""
    if not isinstance(want, model.Form) or not isinstance(have, model.Form):
        return want == have
    in_order = [sorted(form.fields, key=lambda f: f == (b"te", b"trailers"))
                for form in (want, have)]
    return in_order[0] == in_order[1] and \
        dataclasses.replace(want, fields=[]) == dataclasses.replace(have, fields=[])
