# SPDX-License-Identifier: MIT
"""Makes requests of every kind that HTTP/1 allows, from a seed, and their rows in the record."""
import dataclasses

from exchanges import lines

TOKEN = "!#$%&'*+-.^_`|~0123456789abcXYZ"
TARGETS = ["a", "/", "..", ".", "//", "%41", "%e2%82%ac", "%2E%2e", "'", "\"", "\\", "?", "&",
           "=", "{a,b}", "[1-3]", "|", "^", "`touch${IFS}T`", "$(touch${IFS}T)", "$HOME", "!!",
           "!x", "~", "*",
           ";touch${IFS}T;", ":", "@", "+", ",", "<", ">", "\xc3\xa9", "\xe9", "\xff", "\xc2\x9b"]
TEXTS = [b"a", b"Z", b"0", b" ", b"'", b"\"", b"\\", b"`touch T`", b"$(touch T)", b"; touch T #",
         b"'; touch T #", b"'\\''", b"!!", b"!touch", b"%s", b"%41", b"${HOME}", b"~", b"*", b"?",
         b"[a]", b"{a,b}", b"#", b"=x", b"<", b">", b"|", b"&", b"@", "é".encode(),
         "Ё".encode(), "\u20ac".encode(), "\U0001f600".encode()]
# Bytes that terminals, line editors and decoders change.
ODD = [b"\t", b"\xe9", b"\xff", b"\x81'", b"\x9b31m", b"\xc2\x9b31m", b"\xe2\x80\xae",
       b"\xef\xbb\xbf"]
CONTROL = [b"\0", b"\n", b"\r", b"\r\n", b"\x1b[", b"\x7f", b"END_OF_BODY\n", b"\nEND_OF_FIELDS\n",
           b"BODY\n", b"\x03", b"\x04"]
USUAL = ["User-Agent", "user-agent", "Accept", "ACCEPT", "Content-Type", "Cookie", "Authorization",
         "Range", "Referer", "Accept-Encoding", "X-Forwarded-For", "Forwarded", "Via",
         "If-None-Match",
         "Cache-Control", "X-Note"]


@dataclasses.dataclass
class Request:
    method: str
    target: str  # latin-1
    fields: list  # (name, bytes) pairs, with Host and the framing fields
    body: bytes
    version: str = "HTTP/1.1"
    trailers: tuple = ()

    def arrives(self):
        """The request as the other end receives it."""
        return (self.method.encode(), self.target.encode("latin-1"), self.version.encode(),
                [(name.encode(), value) for name, value in self.fields], self.body)


def text(random, most, kinds):
    return b"".join(random.choices(kinds, k=random.randrange(most)))


def a_value(random):
    kinds = TEXTS + ODD if random.random() < 0.25 else TEXTS
    value = text(random, 12, kinds).strip(b" \t")
    if random.random() < 0.05:
        value = b"x" * random.choice([500, 501, 1000, 4096, 8000])
    return b"" if random.random() < 0.1 else value


def a_body(random):
    kind = random.random()
    if kind < 0.35:
        return text(random, 20, TEXTS) or b"@/etc/passwd"
    if kind < 0.8:
        return text(random, 30, TEXTS + ODD + CONTROL) or b"\0"
    return random.randbytes(random.choice([1000, 1001, 4096, 70_000]))


def a_request(random, host):
    """A valid request with random parts; `host` is the value of its Host field."""
    method = random.choice(["GET", "GET", "POST", "PUT", "HEAD", "OPTIONS", "DELETE", "PATCH",
                            "".join(random.choices(TOKEN, k=5)) + "M"])
    target = "/" + "".join(random.choices(TARGETS, k=random.randrange(8)))
    if method == "OPTIONS" and random.random() < 0.3:
        target = "*"
    fields = [("".join(random.choices(TOKEN, k=random.randrange(1, 6))) + "q"
               if random.random() < 0.3 else random.choice(USUAL), a_value(random))
              for _ in range(random.randrange(8))]
    version = "HTTP/1.0" if random.random() < 0.1 else "HTTP/1.1"
    body, framing = b"", []
    if random.random() < 0.5:
        body = a_body(random) if random.random() < 0.8 else b""
        chunked = version == "HTTP/1.1" and random.random() < 0.4
        framing = [("Transfer-Encoding", b"chunked")] if chunked else [
            (random.choice(["Content-Length", "content-length"]), b"%d" % len(body))]
    if framing and random.random() < 0.1 and version == "HTTP/1.1":
        framing.append(("Expect", b"100-continue"))
    for field in framing:
        fields.insert(random.randrange(len(fields) + 1), field)
    at = 0 if random.random() < 0.7 else random.randrange(len(fields) + 1)
    fields.insert(at, (random.choice(["Host", "Host", "host", "HOST"]), host.encode()))
    return Request(method, target, fields, body, version)


HOP_BY_HOP = ("connection", "transfer-encoding", "keep-alive", "upgrade")
FORWARDED = ("forwarded", "x-forwarded-for", "x-forwarded-proto", "x-forwarded-host")
ADDED = [("Forwarded", b'for=192.0.2.1;host="x";proto=http'), ("X-Forwarded-For", b"192.0.2.1"),
         ("X-Forwarded-Proto", b"http"), ("X-Forwarded-Host", b"x"), ]


def as_by_an_agent(request, host):
    """The fields that an agent records of the request, and the request that can be rebuilt from
    them."""
    inner = [(name, value) for name, value in request.fields
             if name.lower() not in ("host", *HOP_BY_HOP, *FORWARDED)]
    kept = [("Host", host.encode()), *inner]
    if any(name.lower() == "transfer-encoding" for name, _ in request.fields) and request.body:
        kept.append(("Transfer-Encoding", b"chunked"))
    via = request.version.encode()[-3:] + b" adit-0123456789abcdef"
    return ([*inner, *ADDED, ("Via", via)], dataclasses.replace(request, fields=kept))


def add(record, request, host, program):
    """Adds the row that this program would write. Returns the request that an export of the row
    must send, and the row's id."""
    fields, wanted, protocol = request.fields, request, request.version
    if program in ("adit http", "adit replay"):
        fields, wanted = as_by_an_agent(request, host)
        protocol = "HTTP/1.1"
    identity = record.add(method=request.method, host=host, protocol=protocol,
                          request_head=lines(fields), request=request.body, upstream=host,
                          writer=record.writers[program])
    record.db.execute("UPDATE exchange SET target=CAST(? AS TEXT) WHERE id=?",
                      (request.target.encode("latin-1"), identity))
    return wanted, identity
