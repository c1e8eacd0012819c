# SPDX-License-Identifier: MIT
"""Text that attacks a terminal or a shell, and records full of it."""
import json

import record

# Text that attacks terminals.
FOR_TERMINALS = [
    b"\x1b]52;c;ZXZpbA==\x07", b"\x1b[2J\x1b[H", b"\x1b[8m", b"\x1b[201~", b"\x1bP+q544e\x1b\\", b"\x9b31m",
    b"\xc2\x9b2J", b"\xc2\x9d0;title\x07", b"\x1b]8;;http://evil/\x1b\\x\x1b]8;;\x1b\\", b"\x08\x08\x08", b"\r",
    b"\x7f", b"\x00", b"\x0e\x0f", b"\x1b", b"\x1bc", b"\x05", b"\n", b"\r\n", b"\x85", b"\xc2\x85", b"\x0b\x0c",
    *(text.encode() for text in (
        "\u202egpj.exe", "\u2066x\u2069", "\u061c", "\u200e\u200f", "\u200b\u200d", "\u2028\u2029", "\ufeff", "\ufff9a\ufffb",
        "\U000e0041\U000e007f", "\U000e0100", "\ufe0f", "\u3164", "\uffa0", "\u115f\u1160", "\u2800", "\u034f", "\u00a0",
        "\u00ad", "\u3000", "\u2003", "\ue000", "\U000f0000", "\U0010ffff", "\u0378", "\u180e", "\u17b4", "\U0001d173",
        "\U00013430", "Z" + "\u0335\u0301\u0489" * 40, "\u0301" * 30, "\u1100" + "\u1161" * 20, "日本\u0301", "\U0001f468\u200d\U0001f469")),
    b"\xed\xa0\x80", b"\xc0\xaf", b"\xf4\x90\x80\x80", b"\xe2\x82", b"\xff\xfe", b"\xc3"]

# Text that attacks shells and curl; CANARY is the command that they must not run.
CANARY = b"touch canary"
FOR_SHELLS = [form.replace(b"CANARY", CANARY) for form in [
    b"$(CANARY)", b"`CANARY`", b"';CANARY;'", b"\";CANARY;\"", b"'\\'';CANARY #", b"\nCANARY\n", b"\rCANARY\r",
    b"\\\nCANARY\n", b"'\nCANARY\n'", b"|CANARY|", b"&CANARY&", b";CANARY;", b"#\nCANARY\n", b"<(CANARY)",
    b">canary", b">(CANARY)", b"<<<canary", b"!CANARY", b"!!;CANARY", b"^x^CANARY^", b"!$", b"!-1", b"${x:=`CANARY`}",
    b"$'\\x27;CANARY;'", b"*", b"~", b"~+", b"=CANARY", b"{a,b}", b"$((x[$(CANARY)]))", b"\xe2\x80\xa8CANARY\xe2\x80\xa8", b"\xc2\x85CANARY\xc2\x85",
    b"\x1b[201~\nCANARY\n", b"\x03CANARY\n", b"\x04CANARY\n", b"\x15CANARY\n", b"\x12CANARY\n", b"\x16\nCANARY\n", b"\x0fCANARY\n", b"\x18\x05CANARY", b"\t\tCANARY", b"\x00CANARY\n",
    b"END_OF_BODY\nCANARY\n", b"END_OF_FIELDS\nCANARY\n", b"\xff';CANARY;'", b"\xbf';CANARY;'", b"\x81'CANARY'", b"\xe3'CANARY #",
    b"@/etc/passwd", b"@-", b"-o canary", b"--output=canary", b"-K/dev/stdin", b"--config", b"-", b"--", b"<canary", b"\xe2\x80\x98;CANARY;\xe2\x80\x99",
    b"{{x}}", b"{{HOME:json}}", b"%{header_json}", b"[1-99]", b"{a,b}#1", b"output=canary", b"file=@/etc/passwd;filename=canary", b"coproc CANARY", b"() { :;}; CANARY"]]

COLUMNS = ["visitor", "protocol", "method", "scheme", "host", "target", "upstream", "outcome", "error", "replay_of",
           "far_outcome", "reason", "detail", "response_protocol", "bad_head"]
LINES = ["request_head", "interim", "response_head", "request_trailers", "response_trailers"]


def hostile(random, pieces, most=4):
    """Some of the pieces, with harmless text between them."""
    parts = []
    for piece in random.choices(pieces, k=random.randrange(1, most)):
        parts += [random.choice([b"", b"a", b" ", b"x=1&", "ü".encode(), b"/"]), piece]
    return b"".join(parts)


def head(random, pieces):
    return b"".join(
        random.choice([b"X-A", b"Cookie", b"Content-Type", b"Content-Disposition", hostile(random, pieces, 2)])
        + b": " + hostile(random, pieces) + b"\r\n" for _ in range(random.randrange(6)))


def body(random, pieces):
    text = hostile(random, pieces, 8)
    kind = random.randrange(4)
    if kind == 0:
        return json.dumps({"a": text.decode("latin-1"), text.decode("latin-1"): [1]}).encode()
    if kind == 1:
        return json.dumps({"a": text.decode("utf-8", "replace")}, ensure_ascii=False).encode()
    return text * random.choice([1, 1, 400]) if kind == 2 else text


def add(made, random, pieces, columns, **row):
    """Adds an exchange with hostile text in some of these columns, even in columns that only
    programs set."""
    identity = made.add(request=body(random, pieces), response=body(random, pieces), **row)
    seq = made.number("SELECT max(seq) FROM exchange")
    for name in random.sample(columns, random.randrange(len(columns)) + 1):
        value, kind = ((head(random, pieces), "BLOB") if name in LINES
                       else (hostile(random, pieces), "BLOB" if name == "bad_head" else "TEXT"))
        made.db.execute(f"UPDATE exchange SET {name}=CAST(? AS {kind}) WHERE seq=?", (value, seq))
    return identity, seq


def doctor(made, random, pieces, count):
    """Fills a record with values that adit never writes, also in ids, names and programs."""
    with made.together():
        for number in range(count):
            messages = [(random.randrange(2), random.choice([0, 1, 2, 8, 9]), 0, 9, hostile(random, pieces))
                        for _ in range(random.randrange(3))]
            flags = 24 | random.choice([0, 1, 2, 32])
            _, seq = add(made, random, pieces, COLUMNS + LINES, messages=messages, flags=flags,
                         tunnel=f"t{number % 3}")
            if random.random() < 0.5:
                made.db.execute("UPDATE exchange SET id=CAST(? AS TEXT) WHERE seq=?",
                                (hostile(random, pieces)[:16], seq))
        for name in range(3):
            made.db.execute("UPDATE tunnel SET name=CAST(? AS TEXT) WHERE name=?",
                            (b"%d" % name + hostile(random, pieces), f"t{name}"))
        if random.random() < 0.5:
            made.db.execute("UPDATE writer SET program=CAST(? AS TEXT), trouble=CAST(? AS TEXT)",
                            (hostile(random, pieces), hostile(random, pieces)))
    assert record.REQUEST == 0
