# SPDX-License-Identifier: MIT
"""Odd but unambiguous responses (docs/protocol.md §6): regular expressions turn an odd head into
one that RFC 9112 allows, sharing nothing with adit, and the strict reader reads that."""
import re

from . import strict

EMPTY_LINES = 8
ODD = {"bare-lf", "empty-lines", "obs-fold", "space-before-colon", "status-spaces", "status-colon",
       "length-again", "framing-without-body"}
FRAMING = (b"content-length", b"transfer-encoding")


def mended(data, at):
    """(the head made valid, where the odd one ends, what was odd), or None without a whole head."""
    odd = set()
    empty = re.compile(rb"(?:\r?\n){0,%d}" % EMPTY_LINES).match(data, at)
    if empty.group():
        odd.add("empty-lines")
    whole = re.compile(rb"(.*?\n)\r?\n", re.S).match(data, empty.end())
    if not whole or len(whole.group()) > strict.RESPONSE_HEAD_BYTES:
        return None
    lines = whole[1].split(b"\n")[:-1]
    if any(not line.endswith(b"\r") for line in lines) or not whole.group().endswith(b"\r\n"):
        odd.add("bare-lf")
    lines = [line[:-1] if line.endswith(b"\r") else line for line in lines]
    first = mend_status_line(lines[0], odd)
    bodyless = re.match(rb"HTTP/1\.[0-9] (1[0-9][0-9]|204)", first)
    fields = unfolded(lines[1:], odd, bodyless)
    if fields is None:
        return None
    fields = [mend_name(line, odd) for line in fields]
    fields = without_coding(fields, odd) if bodyless else one_length(fields, odd)
    return b"\r\n".join([first, *fields, b"", b""]), whole.end(), odd


def mend_status_line(line, odd):
    found = re.fullmatch(rb"(HTTP/[0-9]\.[0-9])([ \t]+)([0-9]{3})(:?)(?:[ \t](.*))?", line, re.S)
    if not found and (found := re.fullmatch(
            rb"(HTTP/[0-9]\.[0-9])([ \t]+)([0-9]{3})(:)([^ \t].*)", line, re.S)) is None:
        return line
    version, spaces, status, colon, reason = found.groups(b"")
    if colon:
        odd.add("status-colon")
    if spaces != b" " or line[len(version + spaces + status + colon):][:1] == b"\t":
        odd.add("status-spaces")
    return version + b" " + status + b" " + reason


def unfolded(lines, odd, bodyless):
    """None when a fold is at a forbidden place."""
    fields = []
    for line in lines:
        if line[:1] not in (b" ", b"\t"):
            fields.append(line)
            continue
        if not fields:
            return None
        inside = fields[-1].partition(b":")[2].strip(b" \t") and line.strip(b" \t")
        if inside and not bodyless and is_framing(fields[-1]):
            return None
        odd.add("obs-fold")
        fields[-1] = (fields[-1].rstrip(b" \t") + b" " + line.strip(b" \t")).rstrip(b" \t")
    return fields


def is_framing(line):
    return line.partition(b":")[0].rstrip(b" \t").lower() in FRAMING


def mend_name(line, odd):
    name, colon, value = line.partition(b":")
    if not colon or not strict.TOKEN.fullmatch(name.rstrip(b" \t")):
        return line
    if name != name.rstrip(b" \t"):
        odd.add("space-before-colon")
    return name.rstrip(b" \t") + b":" + value


def without_coding(fields, odd):
    """Drops framing fields, which mean nothing where there is no body; malformed lines stay."""
    kept = [line for line in fields
            if not is_framing(line) or re.search(rb"[\x00-\x08\x0a-\x1f\x7f]", line)]
    if len(kept) < len(fields):
        odd.add("framing-without-body")
    return kept


def one_length(fields, odd):
    """Merges equal lengths."""
    lengths = [line.partition(b":")[2] for line in fields
               if line.lower().startswith(b"content-length:")]
    numbers = [n.strip(b" \t") for value in lengths for n in value.split(b",")]
    if len(numbers) < 2 or not all(re.fullmatch(rb"[0-9]+", n) for n in numbers) or \
            len(set(map(int, numbers))) > 1:
        return fields
    odd.add("length-again")
    first = next(i for i, line in enumerate(fields) if line.lower().startswith(b"content-length:"))
    fields = fields[:first] + [b"Content-Length: " + numbers[0]] + fields[first + 1:]
    return [line for i, line in enumerate(fields)
            if i == first or not line.lower().startswith(b"content-length:")]


def read_response(data, at, method, ended):
    """Like strict.read_response, for a response as adit accepts it; `liberties` has what was
    odd."""
    try:
        return strict.read_response(data, at, method, ended)
    except strict.Fault:
        mend = mended(data, at)
        if not mend or not mend[2]:
            raise
    except strict.Incomplete:
        mend = mended(data, at)
        if not mend:
            raise
    head, end, odd = mend
    text = head + data[end:]
    message = strict.read_response(text, 0, method, ended)
    message.end += end - len(head)
    message.liberties |= odd
    return message
