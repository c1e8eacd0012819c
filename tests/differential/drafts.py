# SPDX-License-Identifier: MIT
"""Messages in pieces, each of which a mutation may spoil."""
import dataclasses

CONTROLS = bytes(b for b in (*range(0x20), 0x7f) if b not in b"\t\r\n")
HIGH = bytes(range(0x80, 0x100))
WORD = b"abcdefghijklmnopqrstuvwxyz0123456789-"

# Fields that change nothing of the framing, as visitors and services send them.
ORDINARY = [
    (b"Accept", b"text/html, */*;q=0.1"), (b"Accept-Encoding", b"gzip, br"),
    (b"Cookie", b"a=1; b=\"2\"; c=%20"), (b"Cookie", b"second=of them"),
    (b"User-Agent", b"x/1 (y)"),
    (b"X-Empty", b""), (b"x-lower", b"value"), (b"X-UPPER", b"VALUE"), (b"X-Tab", b"a\tb"),
    (b"X-Commas", b",, a ,,b,"), (b"X-Quoted", b'"a\\"b", "c,d"'), (b"X-Colon", b": : b"),
    (b"X-Long", b"0123456789" * 30), (b"X-Twice", b"1"), (b"X-Twice", b"2"),
    (b"Range", b"bytes=0-"),
    (b"Content-Type", b"application/json"), (b"Cache-Control", b"no-cache"),
    (b"Date", b"yesterday"),
    (b"X-Spaces", b"a   b"), (b"Origin", b"null"), (b"If-None-Match", b'W/"x"'),
    (b"X-Utf8", b"\xc3\xa4"),
    (b"!#$%&'*+.^`|~", b"a token"), (b"X_Underscore", b"1"), (b"Pragma", b"no-cache"),
    (b"Authorization", b"Basic eDp5"), (b"Referer", b"http://a/b?c#d"),
    (b"Content-Encoding", b"gzip"),
    (b"0", b"digit"), (b"X-Brackets", b"[]{}<>()@\\/"), (b"Accept-Language", b"de;q=1"),
]


@dataclasses.dataclass
class Field:
    name: bytes
    value: bytes
    colon: bytes = b": "
    end: bytes = b"\r\n"

    def text(self):
        return self.name + self.colon + self.value + self.end


@dataclasses.dataclass
class Chunk:
    data: bytes
    size: bytes | None = None  # as written; None: as it is
    line_end: bytes = b"\r\n"
    end: bytes = b"\r\n"
    extension: bytes = b""

    def text(self):
        size = b"%x" % len(self.data) if self.size is None else self.size
        end = self.end if self.data else b""
        return size + self.extension + self.line_end + self.data + end


@dataclasses.dataclass
class Draft:
    line: list  # words and gaps of the first line, its end the last
    fields: list
    end: bytes = b"\r\n"  # of the head
    before: bytes = b""
    plain: bytes = b""  # a body that is not chunked
    chunks: list = dataclasses.field(default_factory=list)
    trailers: list = dataclasses.field(default_factory=list)
    trailers_end: bytes = b"\r\n"
    text_is: bytes | None = None  # instead of all that

    def head(self):
        return b"".join([self.before, *self.line, *(f.text() for f in self.fields), self.end])

    def text(self):
        if self.text_is is not None:
            return self.text_is
        parts = [self.head(), self.plain]
        if self.chunks:
            parts += [c.text() for c in self.chunks]
            parts += [f.text() for f in self.trailers] + [self.trailers_end]
        return b"".join(parts)

    def find(self, name):
        return next((f for f in self.fields if f.name.lower() == name), None)

    def any_field(self, rng):
        if not self.fields:
            self.fields.append(Field(b"X-Any", b"value"))
        return rng.choice(self.fields)

    def drop(self, *names):
        self.fields = [f for f in self.fields if f.name.lower() not in names]

    def add(self, rng, *fields):
        """Puts fields at a random place, together."""
        at = rng.randint(0, len(self.fields))
        self.fields[at:at] = fields

    def be_chunked(self, rng, data=None, field=True):
        self.drop(b"content-length", b"transfer-encoding")
        data = self.plain if data is None else data
        self.plain, self.chunks = b"", []
        while data:
            size = rng.randint(1, len(data))
            self.chunks.append(Chunk(data[:size]))
            data = data[size:]
        self.chunks.append(Chunk(b""))
        if field:
            self.add(rng, Field(b"Transfer-Encoding", b"chunked"))

    def be_counted(self, rng, data, field=True):
        self.drop(b"content-length", b"transfer-encoding")
        self.plain, self.chunks, self.trailers = data, [], []
        if field:
            self.add(rng, Field(b"Content-Length", b"%d" % len(data)))


def word(rng, most=8):
    return bytes(rng.choice(WORD) for _ in range(rng.randint(1, most)))


def body(rng):
    return rng.choice([b"hello", b"a=1&b=2", b"0\r\n\r\n", bytes(range(256)), word(rng, 40),
                       b"\r\n",
                       b"GET /inner HTTP/1.1\r\nHost: d.localhost\r\n\r\n",
                       b"5\r\nhello\r\n0\r\n\r\n"])


def insert(rng, text, what):
    at = rng.randint(0, len(text))
    return text[:at] + what + text[at:]


def random_case(rng, text):
    return bytes(ord(chr(c).upper()) if rng.random() < 0.5 else ord(chr(c).lower()) for c in text)


def spoil_bytes(rng, text, most=3):
    """Makes a few random changes."""
    for _ in range(rng.randint(1, most)):
        at = rng.randrange(len(text) + 1)
        how = rng.randrange(6)
        if how == 0:
            text = text[:at] + bytes([rng.randrange(256)]) + text[at:]
        elif how == 1:
            text = text[:at] + text[at + 1:]
        elif how == 2:
            text = text[:at] + bytes([rng.randrange(256)]) + text[at + 1:]
        elif how == 3:
            end = at + rng.randint(1, 20)
            text = text[:end] + text[at:end] + text[end:]
        elif how == 4:
            text = text[:at] + rng.choice([b"\r", b"\n", b"\r\n", b" ", b"\t", b":", b"\x00",
                                           b","]) + text[at:]
        else:
            end = at + rng.randint(1, 20)
            text = text[:at] + text[end:]
    return text
