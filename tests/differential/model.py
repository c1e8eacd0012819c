# SPDX-License-Identifier: MIT
"""What adit must do with given bytes, derived a second time: from the strict reading and
docs/protocol.md §6, not from adit's code."""
import dataclasses
import re

from . import strict
from .faults import status_of

HOP = {b"connection", b"keep-alive", b"proxy-connection", b"te", b"transfer-encoding", b"upgrade",
       b"http2-settings"}
OURS = {b"forwarded", b"x-forwarded-for", b"x-forwarded-proto", b"x-forwarded-host"}
ADDED = OURS | {b"host", b"connection", b"transfer-encoding", b"upgrade"}
SWALLOW = 64 * 1024  # bytes of a body that an early answer lets come (docs/protocol.md §6)
HOPS = 2**64
STAY = {b"host", b"content-length", b"te"}  # whatever Connection says
COMMON = {b"close", b"keep-alive", b"upgrade"}
NO_TRAILER = HOP | OURS | {
    b"content-length", b"host", b"trailer", b"via", b"cache-control", b"expect", b"max-forwards",
    b"pragma", b"range", b"if-match", b"if-none-match", b"if-modified-since",
    b"if-unmodified-since", b"if-range", b"authorization", b"proxy-authorization",
    b"proxy-authenticate", b"www-authenticate", b"authentication-info",
    b"proxy-authentication-info", b"cookie", b"set-cookie", b"set-cookie2",
    b"age", b"date", b"expires",
    b"location", b"retry-after", b"vary", b"warning", b"content-encoding", b"content-type",
    b"content-range"}

NO_LETTER = re.compile(rb"[^a-z0-9]")
# Fields of a proxy before us, which a visitor may not set (docs/protocol.md §6).
CLAIMS = {b"forwarded", b"front-end-https", b"fastly-client-ip", b"client-ip", b"proxy",
          b"true-client-ip", b"x-forwarded", b"x-forwarder-for", b"x-real-ip", b"x-client-ip",
          b"x-cluster-client-ip", b"x-rewrite-url", b"x-scheme", b"x-url-scheme"}
CLAIMED = (b"cf-connecting-", b"remote-", b"x-forwarded-", b"x-forward-", b"x-original-",
           b"x-remote-")
TAKEN = HOP | OURS | CLAIMS | {b"host", b"content-length", b"max-forwards", b"trailer", b"via"}


def folded(name):
    """A name as seen by servers that make variables of fields."""
    return NO_LETTER.sub(b"-", name)


def is_twin(name, of=None):
    twin = folded(name)
    if twin == name or name.startswith(b"proxy-"):
        return False
    return twin in (of or TAKEN) or twin.startswith((*CLAIMED, b"proxy-", b"adit-"))


def is_claim(name):
    return name in CLAIMS or name.startswith(CLAIMED)


@dataclasses.dataclass
class Form:
    """A request as it is at the origin, or a response at the visitor, without the fields of the
    hop: forms are compared for equality."""

    method: bytes = b""
    target: bytes = b""
    status: int = 0
    reason: bytes = b""
    host: bytes = b""
    fields: list = dataclasses.field(default_factory=list)
    framing: str = ""
    upgrade: bytes = b""
    body: bytes = b""
    trailers: list = dataclasses.field(default_factory=list)


def named(message):
    return set(message.elements(b"connection")) - COMMON - STAY


def is_ours(name):
    return name.startswith(b"adit-")


def passing(message):
    """The fields that pass a hop, in their order."""
    gone = HOP | named(message)
    connection = {folded(name) for name in named(message)}
    return [(n, v) for n, v in message.fields
            if n not in gone and folded(n) not in connection and not is_ours(n)]


def passing_trailers(message):
    gone = NO_TRAILER | named(message) | named(strict.Message(fields=message.trailers))
    gone = {folded(name) for name in gone}
    return [(n, v) for n, v in message.trailers
            if folded(n) not in gone and not is_ours(n) and not is_claim(folded(n))
            and not folded(n).startswith((b"proxy-", b"adit-"))]


def offer(message):
    """The offer of an upgrade that passes: no h2c, none of HTTP/1.0, none behind a chunked body."""
    if message.minor == 0 or message.framing == "chunked":
        return b""
    if b"upgrade" not in message.elements(b"connection"):
        return b""
    return without_h2c(next((v for v in message.all(b"upgrade") if v), b""))


def without_h2c(value):
    """The longest beginning of an Upgrade without h2c, once h2c is taken off its front."""
    offered = [e.strip(b" \t") for e in value.split(b",")]
    offered = [e for e in offered if e]
    is_h2c = [e.lower().startswith(b"h2c") for e in offered]
    if not any(is_h2c):
        return value if offered else b""
    while offered and is_h2c[0]:
        offered, is_h2c = offered[1:], is_h2c[1:]
    end = is_h2c.index(True) if True in is_h2c else len(offered)
    return b", ".join(offered[:end])


def hops_left(message):
    """The value of Max-Forwards for the methods that it applies to (RFC 9110 §7.6.2), or None."""
    value = (message.all(b"max-forwards") or [b""])[0]
    if message.method not in (b"OPTIONS", b"TRACE") or not re.fullmatch(rb"[0-9]+", value):
        return None
    return int(value) if int(value) < HOPS else None


def with_a_hop_less(message, fields):
    left = hops_left(message)
    at = next((i for i, (name, _) in enumerate(fields) if name == b"max-forwards"), None)
    if left is None or at is None:
        return fields
    return [*fields[:at], (b"max-forwards", b"%d" % (left - 1)), *fields[at + 1:]]


def forwarded(message):
    """The form of a request that is forwarded."""
    gone = OURS | {b"host"}
    if message.minor == 0:  # HTTP/1.0 has no expectations (RFC 9110 §10.1.1)
        gone = gone | {b"expect"}
    fields = [(n, v) for n, v in passing(message)
              if n not in gone and not is_claim(n) and not is_twin(n)]
    fields = with_a_hop_less(message, fields)
    if b"trailers" in message.elements(b"te"):
        fields.append((b"te", b"trailers"))
    target = b"/" + message.target if message.target.startswith(b"?") else message.target
    return Form(method=message.method, target=target, host=message.host, fields=fields,
                framing=message.framing, upgrade=offer(message), body=message.body,
                trailers=passing_trailers(message))


def at_origin(message):
    """The form of a request that the origin got from adit; what the hop adds is taken out."""
    last_via = max((i for i, (n, _) in enumerate(message.fields) if n == b"via"), default=-1)
    fields = [(n, v) for i, (n, v) in enumerate(message.fields)
              if i != last_via and n not in ADDED]
    return Form(method=message.method, target=message.target, host=message.host, fields=fields,
                framing=message.framing, upgrade=b",".join(message.all(b"upgrade")),
                body=message.body, trailers=message.trailers)


def place(host, name=b"d", domain=b"localhost"):
    """ "tunnel", "relay" for its own host, or the status that it answers for others."""
    bare = host[:host.index(b"]") + 1] if host.startswith(b"[") else host.partition(b":")[0]
    bare = bare.lower()
    if len(bare) > 1 and bare.endswith(b"."):
        bare = bare[:-1]
    if not bare or bare == domain or bare.startswith(b"[") or not bare.strip(b"0123456789."):
        return "relay"
    if not bare.endswith(b"." + domain) or len(bare) <= len(domain) + 1:
        return 421
    return "tunnel" if bare == name + b"." + domain else 404


def own_status(message):
    """The status of the relay's own pages that the tests ask for."""
    path = message.target.partition(b"?")[0]
    if path == b"/_adit/health":
        return 200
    if path == b"/_adit/v1/tunnel":
        return 403 if message.all(b"origin") else 426
    return 404


def answered_here(message):
    """The status of an answer that needs no service, or 0."""
    where = place(message.host)
    if where == "relay":
        return own_status(message)
    if where != "tunnel":
        return where
    if hops_left(message) == 0:
        return 200 if message.method == b"OPTIONS" else 501
    return 0


def ends_early(message):
    """Whether an answer to its head is the connection's last: the body that waits for a 100 may or
    may not follow, and a long one is not waited for (docs/protocol.md §6)."""
    expect = message.minor > 0 and [v.lower() for v in message.all(b"expect")[:1]]
    if message.framing != "none" and expect == [b"100-continue"]:
        return True
    return message.framing == "length" and int(message.all(b"content-length")[0]) > SWALLOW


@dataclasses.dataclass
class Expected:
    """Answers in their order, each a Form that is forwarded or the status of an own answer, and how
    the connection is left: "closed" or "waits"."""

    answers: list
    end: str
    early: bool = False  # bytes behind the last answer are ignored
    reset_is_fine: bool = False  # an own answer had begun when the body turned out to be broken


def expected_of(data):
    requests, ending = strict.read_requests(data)
    answers = []
    own = 0
    for request in requests:
        own = answered_here(request)
        if own:
            answers.append(own)
            if ends_early(request):
                return Expected(answers, "closed", early=True)
        elif request.whole:
            answers.append(forwarded(request))
    broken = bool(requests) and bool(requests[-1].fault)
    if ending in ("end", "incomplete"):
        return Expected(answers, "waits")
    if ending != "close" and not (broken and own):
        answers.append(status_of(ending))
    return Expected(answers, "closed", reset_is_fine=broken and bool(own))
