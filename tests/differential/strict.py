# SPDX-License-Identifier: MIT
"""A strict reader of HTTP/1.1 (RFC 9112), written from the RFC and sharing nothing with adit's.

It reads whole messages, not streams, so it can afford to be plain. What it rejects has a Fault with
a code; faults.py says for each code which section forbids it and what adit answers.
"""
import dataclasses
import ipaddress
import re

HEAD_BYTES = 32 * 1024  # adit's limits (docs/protocol.md §7), for the faults that name them
RESPONSE_HEAD_BYTES = 64 * 1024
FIELDS = 100
RESPONSE_FIELDS = 1000
CHUNK_LINE = 256
CHUNK_DIGITS = 16
INTERIM = 64
LENGTH = 2**63 - 1
UNLIMITED = 1 << 20  # of the origin and the visitor, which have practically no limits

TOKEN = re.compile(rb"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")
TARGET = re.compile(rb"[\x21\x22\x24-\x7e\x80-\xff]+")
# RFC 3986: characters of a path and a query. Others that TARGET accepts are liberties.
URI = re.compile(rb"(?:[A-Za-z0-9\-._~!$&'()*+,;=:@/?]|%[0-9A-Fa-f]{2})*")
VERSION = re.compile(rb"HTTP/([0-9])\.([0-9])")
CONTROL = re.compile(rb"[\x00-\x08\x0a-\x1f\x7f]")
REG_NAME = re.compile(rb"(?:[A-Za-z0-9\-._~!$&'()*+,;=]|%[0-9A-Fa-f]{2})+")
IP_FUTURE = re.compile(rb"v[0-9A-Fa-f]+\.[A-Za-z0-9\-._~!$&'()*+,;=:]+", re.I)
CHUNK = re.compile(  # chunk-size and chunk-ext of RFC 9112 §7.1.1
    rb"([0-9A-Fa-f]+)"
    rb"(?:[ \t]*;[ \t]*" + TOKEN.pattern +
    rb"(?:[ \t]*=[ \t]*(?:" + TOKEN.pattern +
    rb"|\"(?:[\t \x21\x23-\x5b\x5d-\x7e\x80-\xff]|\\[\t \x21-\x7e\x80-\xff])*\"))?)*")


class Fault(Exception):
    """The bytes are not RFC 9112, or more than adit takes; `code` says why."""

    def __init__(self, code):
        super().__init__(code)
        self.code = code


class Incomplete(Exception):
    """The bytes end before the message does."""


@dataclasses.dataclass
class Message:
    """A request or a response. Field names are in lower case; `raw_names` as they came."""

    minor: int = 1
    method: bytes = b""
    target: bytes = b""  # as sent
    authority: bytes | None = None  # of an absolute-form
    status: int = 0
    reason: bytes = b""
    fields: list = dataclasses.field(default_factory=list)  # (name, value)
    framing: str = "none"  # none, length, chunked, close, switched
    body: bytes = b""
    trailers: list = dataclasses.field(default_factory=list)
    liberties: set = dataclasses.field(default_factory=set)  # not RFC 9112, but unambiguous
    whole: bool = False
    fault: str = ""  # in the body: the head was good
    end: int = 0  # where in the bytes it ends

    def all(self, name):
        return [value for key, value in self.fields if key == name]

    def elements(self, name):
        """The elements of a list field, in lower case, without empty ones (RFC 9110 §5.6.1)."""
        listed = (e.strip(b" \t").lower() for v in self.all(name) for e in v.split(b","))
        return [element for element in listed if element]

    @property
    def host(self):
        hosts = self.all(b"host")
        return self.authority if self.authority is not None else hosts[0] if hosts else b""

    @property
    def closes(self):
        """Whether its sender ends the connection behind it (RFC 9112 §9.3)."""
        options = self.elements(b"connection")
        return b"close" in options or (self.minor == 0 and b"keep-alive" not in options)


def head_lines(data, at, limit, skips_empty=False):
    """The lines of a head and where it ends. Nothing but CRLF ends a line."""
    lines, start, first = [], at, skips_empty
    while True:
        end = data.find(b"\n", at, start + limit)
        if end < 0:
            if len(data) - start >= limit:
                raise Fault("target-too-long" if skips_empty and not lines else "head-too-large")
            raise Incomplete
        if end == start or data[end - 1] != 13:
            raise Fault("bare-lf")
        line, at = data[at:end - 1], end + 1
        if line or first:
            lines += [line] if line else []
        else:
            return lines, at
        first = False


def field_lines(lines, limit=FIELDS):
    fields = []
    for number, line in enumerate(lines):
        if len(fields) >= limit:
            raise Fault("too-many-fields")
        if line[:1] in b" \t":
            raise Fault("space-before-fields" if number == 0 else "obs-fold")
        name, colon, value = line.partition(b":")
        if not colon or not TOKEN.fullmatch(name):
            raise Fault(name_fault(name, colon))
        if bad := CONTROL.search(value):
            raise Fault({b"\x00": "nul", b"\r": "bare-cr"}.get(bad.group(), "value-control"))
        fields.append((name.lower(), value.strip(b" \t")))
    return fields


def name_fault(name, colon):
    if b"\r" in name:
        return "bare-cr"
    if b"\x00" in name:
        return "nul"
    if not colon:
        return "no-colon"
    if not name:
        return "no-name"
    return "space-before-colon" if TOKEN.fullmatch(name.rstrip(b" \t")) else "name-not-token"


def is_host(text):
    """uri-host [ ":" port ], not empty (RFC 9110 §7.2, RFC 3986 §3.2.2)."""
    if text.startswith(b"["):
        literal, bracket, rest = text[1:].partition(b"]")
        if not bracket or not (is_ipv6(literal) or IP_FUTURE.fullmatch(literal)):
            return False
    else:
        found = REG_NAME.match(text)
        if not found:
            return False
        rest = text[found.end():]
    return not rest or (rest[:1] == b":" and (
        rest == b":" or (rest[1:].isdigit() and int(rest[1:]) <= 65535)))


def is_ipv6(text):
    try:
        return b"%" not in text and bool(ipaddress.IPv6Address(text.decode("ascii")))
    except (ValueError, UnicodeDecodeError):
        return False


def take_version(text, message):
    found = VERSION.fullmatch(text)
    if not found:
        raise Fault("version-syntax")
    if found[1] != b"1":
        raise Fault("version-major")
    message.minor = int(found[2])
    if message.minor > 1:
        message.liberties.add("minor-version")


def request_line(line, message):
    if bad := CONTROL.search(line):
        raise Fault({b"\x00": "nul", b"\r": "bare-cr"}.get(bad.group(), "line-control"))
    parts = line.split(b" ")
    if not TOKEN.fullmatch(parts[0]):
        raise Fault("line-spaces" if b"\t" in parts[0] or not parts[0] else "method")
    if len(parts) == 2 and b"\t" not in line and VERSION.fullmatch(parts[1]) is None:
        raise Fault("http-0.9")
    if len(parts) != 3:
        raise Fault("line-spaces")
    message.method, message.target = parts[0], parts[1]
    if b"\t" in message.target or not message.target:
        raise Fault("line-spaces")
    if not TARGET.fullmatch(message.target):
        raise Fault("target-fragment")
    take_version(parts[2], message)
    take_target(message)


def take_target(message):
    """RFC 9112 §3.2. An absolute-form is split; its target begins with "/", "?" or is "*"."""
    target = message.target
    if message.method == b"CONNECT":
        raise Fault("connect")
    if target == b"*":
        if message.method != b"OPTIONS":
            raise Fault("target-form")
    elif not target.startswith(b"/"):
        scheme = re.match(rb"https?://", target, re.I)
        if not scheme:
            raise Fault("target-form")
        rest = target[scheme.end():]
        end = min((i for i in (rest.find(b"/"), rest.find(b"?")) if i >= 0), default=len(rest))
        message.authority, message.target = rest[:end], rest[end:]
        if not is_host(message.authority):
            raise Fault("target-authority")
        if not message.target:
            message.target = b"*" if message.method == b"OPTIONS" else b"/"
        message.liberties.add("absolute-form")
    if not URI.fullmatch(message.target):
        message.liberties.add("target-characters")


def take_host(message):
    hosts = message.all(b"host")
    if not hosts and message.minor >= 1:
        raise Fault("host-missing")
    if len(hosts) > 1:
        raise Fault("host-twice")
    if hosts and not is_host(hosts[0]):
        raise Fault("host-invalid" if hosts[0] else "host-empty")


def take_framing(message):
    """RFC 9112 §6.3 by the fields alone. Returns the length, or None."""
    lengths, codings = message.all(b"content-length"), message.all(b"transfer-encoding")
    if lengths and codings:
        raise Fault("length-and-coding")
    if len(lengths) > 1:
        raise Fault("length-twice")
    if lengths:
        if not re.fullmatch(rb"[0-9]+", lengths[0]):
            listed = re.fullmatch(rb"[0-9]+([ \t]*,[ \t]*[0-9]+)+", lengths[0])
            raise Fault("length-list" if listed else "length-invalid")
        if int(lengths[0]) > LENGTH:
            raise Fault("length-huge")
        message.framing = "length"
        return int(lengths[0])
    if codings:
        take_codings(message, codings)
        message.framing = "chunked"
    return None


def take_codings(message, values):
    if message.minor == 0:
        raise Fault("coding-in-1.0")
    names = []
    for element in (e.strip(b" \t") for value in values for e in value.split(b",")):
        name = TOKEN.match(element)
        rest = element[name.end():].strip(b" \t") if name else element
        if not name and not element:
            raise Fault("coding-empty")
        if not name or (rest and not rest.startswith(b";")):
            raise Fault("coding-syntax")
        if b"chunked" in names:
            raise Fault("chunked-twice" if name.group().lower() == b"chunked" else "chunked-inside")
        names.append(name.group().lower())
        if names[-1] == b"chunked" and rest:
            raise Fault("chunked-parameters")
    if names != [b"chunked"]:
        raise Fault("coding-unknown" if names[-1] != b"chunked" else "coding-before-chunked")


def chunk_line(data, at):
    """The size of a chunk and where its data begins."""
    end = data.find(b"\n", at, at + CHUNK_LINE + 1)
    line = data[at:end] if end >= 0 else data[at:at + CHUNK_LINE + 1]
    if end < 0 and len(line) <= CHUNK_LINE and chunk_prefix(line):
        raise Incomplete
    found = CHUNK.match(line)
    if not found:
        raise Fault("chunk-size")
    if len(found[1]) > CHUNK_DIGITS or int(found[1], 16) > LENGTH:
        raise Fault("chunk-huge")
    if end < 0:
        raise Fault("chunk-line-long" if len(line) > CHUNK_LINE else "chunk-extension")
    if not line.endswith(b"\r"):
        raise Fault("bare-lf-in-chunk" if CHUNK.fullmatch(line) else "chunk-extension")
    if not CHUNK.fullmatch(line[:-1]):
        raise Fault("chunk-extension")
    if end + 1 - at > CHUNK_LINE:
        raise Fault("chunk-line-long")
    return int(found[1], 16), end + 1


def chunk_prefix(line):
    """Whether the line may still become a chunk-size line: it is tried with what could end it."""
    if len(re.match(rb"[0-9A-Fa-f]*", line).group()) > CHUNK_DIGITS:
        return False
    text = line[:-1] if line.endswith(b"\r") else line
    ends = (b"",) if line.endswith(b"\r") else (
        b"", b"0", b";a", b"a", b"=a", b'"', b'a"', b'""')
    return any(CHUNK.fullmatch(text + end) for end in ends)


def take_chunked(data, at, message, limit):
    while True:
        size, at = chunk_line(data, at)
        if size == 0:
            break
        message.body += data[at:at + size]
        at += size
        if data[at:at + 2] != b"\r\n"[:max(0, len(data) - at)]:
            raise Fault("chunk-end")
        if len(data) < at + 2:
            raise Incomplete
        at += 2
    lines, at = head_lines(data, at, limit)
    message.trailers = field_lines(lines, RESPONSE_FIELDS if message.status else FIELDS)
    return at


def take_body(data, at, message, length, limit):
    """Fills in the body. What is wrong with it is noted in the message: its head was good."""
    try:
        if message.framing == "chunked":
            message.end = take_chunked(data, at, message, limit)
        else:
            message.body = data[at:at + length] if length else b""
            if len(message.body) < (length or 0):
                raise Incomplete
            message.end = at + (length or 0)
        message.whole = True
    except Fault as fault:
        message.fault = fault.code
    except Incomplete:
        pass
    return message


def read_request(data, at=0, limit=HEAD_BYTES, most_fields=FIELDS):
    """The request that begins at `at`. A Fault or Incomplete is in its head."""
    if data[at:at + 1] and data[at] != 13 and not TOKEN.match(data[at:at + 1]):
        raise Fault("first-byte")
    lines, end = head_lines(data, at, limit, skips_empty=True)
    message = Message()
    if not lines:
        raise Fault("empty-lines")
    if data[at] == 13:
        message.liberties.add("empty-line")
    request_line(lines[0], message)
    message.fields = field_lines(lines[1:], most_fields)
    take_host(message)
    length = take_framing(message)
    return take_body(data, end, message, length, limit)


def read_requests(data):
    """All requests up to what ends the reading, which is "end", "incomplete", "close" or a Fault's
    code. A request whose body is at fault, or not whole, is the last of the list."""
    requests, at = [], 0
    while at < len(data):
        try:
            request = read_request(data, at)
        except Fault as fault:
            return requests, fault.code
        except Incomplete:
            return requests, "incomplete"
        requests.append(request)
        if not request.whole:
            return requests, request.fault or "incomplete"
        if request.closes:
            return requests, "close"
        at = request.end
    return requests, "end"


def status_line(line, message):
    version, _, rest = line.partition(b" ")
    take_version(version, message)
    if not re.match(rb"[1-9][0-9][0-9](?: |$)", rest):
        raise Fault("bare-cr" if b"\r" in rest[:4] else "status")
    message.status, message.reason = int(rest[:3]), rest[4:]
    if bad := CONTROL.search(message.reason):
        raise Fault({b"\x00": "nul", b"\r": "bare-cr"}.get(bad.group(), "reason-control"))
    if len(rest) == 3:
        message.liberties.add("no-reason-space")
    if message.status > 599:
        message.liberties.add("status-range")


def read_response(data, at=0, method=b"GET", ended=False, limit=RESPONSE_HEAD_BYTES):
    """The response to `method` that begins at `at`; `ended`: the connection ends behind the data.
    With a larger `limit` the number of fields does not count either."""
    if not b"HTTP/".startswith(data[at:at + 5]) or not data[at:]:
        raise Fault("status-line") if data[at:] else Incomplete
    lines, end = head_lines(data, at, limit)
    message = Message()
    status_line(lines[0], message)
    message.fields = field_lines(
        lines[1:], RESPONSE_FIELDS if limit == RESPONSE_HEAD_BYTES else UNLIMITED)
    if message.status == 101:
        if not any(message.all(b"upgrade")):
            raise Fault("switch-to-nothing")
        if message.all(b"transfer-encoding"):
            raise Fault("coding-without-body")
        take_framing(message)
        message.framing = "switched"
        message.body, message.end = data[end:], len(data)
        message.whole = ended
        return message
    if message.status < 200:  # ends with its head whatever its fields say (RFC 9112 §6.3)
        message.end, message.whole = end, True
        return message
    length = take_framing(message)
    bodyless = message.status == 204
    if bodyless and message.framing == "chunked":
        raise Fault("coding-without-body")
    if bodyless or message.status == 304 or method == b"HEAD":
        message.framing, length = "none", 0
    elif message.framing == "none":
        message.framing = "close"
        message.body, message.end, message.whole = data[end:], len(data), ended
        return message
    return take_body(data, end, message, length, limit)
