# SPDX-License-Identifier: MIT
"""Generated services: a visitor asks for "/r", and the origin answers with a response drawn from a
grammar, one or more of its parts spoiled, and perhaps leaves."""
import random

from . import drafts, requests, strict
from .drafts import Draft, Field
from .lanes import HOST, SENTINEL, Input

# What may be spoiled in any message is spoiled as in requests.
SHARED = {"length": 14, "several lengths": 10, "coding": 16, "several codings": 8,
          "length and coding": 14,
          "framing name": 12, "field name": 12, "fold": 14, "line end": 18,
          "line break in a value": 10,
          "chunk size": 20, "chunk extension": 16, "chunk end": 18, "trailer": 20, "many fields": 4,
          "connection": 16,
          "body length": 12, "empty lines": 8}
KINDS = {name: (weight, requests.KINDS[name][1]) for name, weight in SHARED.items()}
STATUSES = [b"200"] * 8 + [b"201", b"206", b"301", b"404", b"500", b"418", b"299", b"402"]
ORDINARY = [(b"Content-Type", b"text/plain"), (b"Set-Cookie", b"a=b"),
            (b"Set-Cookie", b"c=d; Secure"), (b"ETag", b'"x"'),
            (b"X-Custom", b"\xc3\xa4"), (b"Vary", b"*"), (b"X-Empty", b""),
            (b"Cache-Control", b"no-store, max-age=0"),
            (b"Link", b"</a>; rel=x"), (b"X_Under", b"1"), (b"x-lower", b"1"),
            (b"Location", b"/elsewhere"), (b"X-Long", b"y" * 300),
            (b"WWW-Authenticate", b"Basic realm=\"a\", Bearer"), (b"Content-Encoding", b"gzip"),
            (b"!#$%&'*+.^`|~", b"1"), (b"X-Tab", b"a\tb")]


def kind(name, weight=10):
    def note(function):
        KINDS[name] = (weight, function)
        return function
    return note


def response(rng):
    fields = [Field(*f) for f in rng.sample(ORDINARY, rng.randint(0, 4))]
    draft = Draft([b"HTTP/1.1", b" ", rng.choice(STATUSES), b" ",
                   rng.choice([b"OK", b"Some words", b""]), b"\r\n"], fields)
    if rng.random() < 0.6:
        draft.be_counted(rng, drafts.body(rng))
    else:
        draft.be_chunked(rng, drafts.body(rng))
    return draft


@kind("plain", 14)
def plain(rng, draft):
    pass


@kind("status line", 24)
def status_line(rng, draft):
    how = rng.randrange(5)
    if how == 0:
        draft.line[0] = rng.choice(requests.VERSIONS)
    elif how == 1:
        draft.line[2] = rng.choice([b"20", b"2000", b"+20", b"abc", b"", b"099", b"000", b"600",
                                    b"999", b"2 0", b"20x", b"-20", b"0200", b"\xb2\xb00",
                                    b"200.1", b"1000", b"199", b"599", b"001"])
    elif how == 2:
        draft.line[4] = rng.choice([b"", b"a\tb", b"\xc3\x84rger", b"a\x00b", b"a\rb", b"a\x01",
                                    b"x" * 2000, b"\x7f", b"  two", b"OK ", b"a: b"])
    elif how == 3:
        draft.line[3:5] = [b"", b""]
    else:
        at = rng.choice([1, 3])
        draft.line[at] = rng.choice([b"  ", b"\t", b"", b"\r", b"\x0b"])


@kind("control", 16)
def control(rng, draft):
    draft.add(rng, Field(b"X-Control", b"some value"))
    what = bytes([rng.choice(drafts.CONTROLS)])
    field = draft.any_field(rng)
    if rng.random() < 0.7:
        field.value = drafts.insert(rng, field.value, what)
    else:
        field.name = drafts.insert(rng, field.name, what)


@kind("high byte", 8)
def high_byte(rng, draft):
    draft.add(rng, Field(b"X-High", b"some value"))
    field = draft.any_field(rng)
    what = bytes([rng.choice(drafts.HIGH)])
    if rng.random() < 0.8:
        field.value = drafts.insert(rng, field.value, what)
    else:
        field.name = drafts.insert(rng, field.name, what)


@kind("large head", 5)
def large_head(rng, draft):
    size = rng.choice([1000, 3000, 4000, 8000, 16000, 33000, 70000, 0, 0])
    if size == 0:  # about the limit
        size = strict.RESPONSE_HEAD_BYTES + rng.choice([-2, -1, 0, 1, 2]) - len(draft.head()) - 9
    draft.add(rng, Field(b"X-Big", b"x" * size))


@kind("no body", 24)
def no_body(rng, draft):
    """Statuses that have no body, with or without what would be one."""
    draft.line[2] = rng.choice([b"204", b"304", b"204", b"304", b"205"])
    how = rng.randrange(4)
    if how == 0:
        draft.be_counted(rng, b"", rng.random() < 0.5)
    elif how == 1:
        draft.plain, draft.chunks, draft.trailers = b"", [], []


@kind("interim", 24)
def interim(rng, draft):
    count = rng.choice([1, 1, 2, 3, 10, 63, 64, 65, 100])
    lines = [b"100 Continue", b"102 Processing", b"103 Early Hints", b"199 x", b"150", b"100"]
    fields = [b"", b"", b"Link: </a>\r\n", b"Content-Length: 0\r\n", b"Content-Length: 5\r\n",
              b"X: y\r\nConnection: x\r\n"]
    if rng.random() < 0.15:
        fields = [b"Transfer-Encoding: chunked\r\n", b"X : y\r\n", b" X: y\r\n", b"X: \x00\r\n"]
    draft.before = b"".join(b"HTTP/1.1 %s\r\n%s\r\n" % (rng.choice(lines), rng.choice(fields))
                            for _ in range(count))
    if rng.random() < 0.1:
        draft.text_is = draft.before


@kind("switch", 14)
def switch(rng, draft):
    draft.line[2] = b"101"
    draft.drop(b"content-length", b"transfer-encoding")
    draft.chunks, draft.plain = [], rng.choice([b"", b"\x81\x05hello",
                                                b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"])
    if rng.random() < 0.8:
        draft.add(rng,
                  Field(b"Upgrade", rng.choice([b"chat/2", b"chat/2", b"", b"h2c", b"websocket"])))
    if rng.random() < 0.8:
        draft.add(rng, Field(b"Connection", rng.choice([b"upgrade", b"close", b"Upgrade, x"])))
    if rng.random() < 0.2:
        draft.add(rng,
                  Field(*rng.choice([(b"Content-Length", b"5"),
                                     (b"Transfer-Encoding", b"chunked")])))
    if rng.random() < 0.2:  # a service that wants the switch; it may name more than was offered
        draft.line[2] = b"426"


@kind("until the end", 16)
def until_close(rng, draft):
    draft.be_counted(rng, drafts.body(rng), field=False)
    if rng.random() < 0.5:
        draft.line[0] = b"HTTP/1.0"
    if rng.random() < 0.3:
        draft.add(rng, Field(b"Connection", rng.choice([b"keep-alive", b"close"])))


@kind("HTTP/1.0", 12)
def http_10(rng, draft):
    draft.line[0] = b"HTTP/1.0"
    if rng.random() < 0.5:
        draft.add(rng, Field(b"Connection", rng.choice([b"keep-alive", b"close"])))


@kind("hop fields", 12)
def hop_fields(rng, draft):
    draft.add(rng, *(Field(*rng.choice(requests.HOP)) for _ in range(rng.randint(1, 3))))
    if rng.random() < 0.3:
        draft.add(rng,
                  Field(*rng.choice([(b"Upgrade", b"h2c"), (b"X-Accel-Expires", b"1"),
                                     (b"X-Accel-Buffering", b"no"), (b"Server", b"x"),
                                          (b"Alt-Svc", b"clear"), (b"X-Pad", b"x")])))


@kind("behind", 20)
def behind(rng, draft):
    """Bytes behind a response that was complete."""
    more = rng.choice([b"X", b"\r\n", b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nsecond",
                       b"0\r\n\r\n", b"\x00" * 100])
    draft.text_is = draft.text() + more


@kind("cut", 24)
def cut(rng, draft):
    text = draft.text()
    at = rng.randint(0,
                     len(text)) if rng.random() < 0.3 else rng.randint(min(len(draft.head()),
                         len(text)), len(text))
    draft.text_is = text[:at]


@kind("not HTTP", 5)
def not_http(rng, draft):
    draft.text_is = rng.choice([b"", b"x", b"ICY 200 OK\r\n\r\n", b"<html>", b"220 mail\r\n",
                                b"HTTP", b"HTTP/1.1", b"\x15\x03\x01\x00\x02\x02\x0a",
                                b"HTTP/1.1 200 OK",
                                rng.randbytes(40), b"HTTP/2 200\r\n\r\n",
                                b"GET / HTTP/1.1\r\nHost: d.localhost\r\n\r\n",
                                b"\r\nHTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"])


@kind("bytes", 36)
def spoiled(rng, draft):
    draft.text_is = drafts.spoil_bytes(rng, draft.text())


@kind("two at once", 30)
def two(rng, draft):
    names = [name for name in KINDS if name not in ("two at once", "plain", "not HTTP", "bytes",
                                                    "large head", "cut", "behind")]
    for name in rng.sample(names, 2):
        KINDS[name][1](rng, draft)


def visitor(rng, offers):
    """A harmless visitor; `offers` an upgrade more often than not."""
    method = rng.choice([b"GET"] * 8 + [b"HEAD"] * 2)
    version = b"HTTP/1.0" if rng.random() < 0.1 else b"HTTP/1.1"
    fields = b""
    if offers and rng.random() < 0.6:
        fields = b"Connection: upgrade\r\nUpgrade: chat/2\r\n"
    head = b"%s /r %s\r\nHost: %s\r\n%s\r\n" % (method, version, HOST, fields)
    return method, head + SENTINEL


def ends_itself(text, method):
    """Whether the strict reader finds a whole response that does not need the connection's end."""
    at = 0
    try:
        while True:
            message = strict.read_response(text, at, method)
            at = message.end
            if message.status >= 200 or message.status == 101 or message.fault:
                return message.whole and not message.fault
    except (strict.Fault, strict.Incomplete):
        return False


def generate(seed, number):
    """The visitor and the service of this number."""
    rng = random.Random(f"adit response {seed} {number}")
    names = list(KINDS)
    name = rng.choices(names, [KINDS[n][0] for n in names])[0]
    draft = response(rng)
    KINDS[name][1](rng, draft)
    method, data = visitor(rng, name == "switch" or rng.random() < 0.05)
    text = draft.text()
    end = rng.choice(["keep", "keep", "close"]) if ends_itself(text, method) else "close"
    if end == "close" and rng.random() < 0.1 and len(text) < 20000:
        end = "reset"
    return Input(number, name, data, text, end)
