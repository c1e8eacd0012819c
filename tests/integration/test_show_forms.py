# SPDX-License-Identifier: MIT
"""`show` splits forms and multipart bodies into parts, even malformed ones, and no content of a
body looks like a line of adit's own."""
import gzip
import re

import pytest
from exchanges import Record

FORM = "application/x-www-form-urlencoded"
PNG = b"\x89PNG\r\n\x1a\n" + bytes(300)


@pytest.fixture(name="record")
def _record(tmp_path):
    return Record(tmp_path / "adit")


def body_lines(record, body, kind, *words, **columns):
    """The printed lines of a request's body."""
    record.add(method="POST", request=body, request_fields=[("Content-Type", kind)], **columns)
    text = record.output("show", "last", *words).decode()
    return re.search(r"^> Content-Type: .*?\n\n(.*?)\n\n< ", text, re.M | re.S)[1].split("\n")


def part(head, body):
    return b"--B\r\n" + head.encode() + b"\r\n\r\n" + body + b"\r\n"


def disposition(name, filename=None, kind=None):
    return (f'Content-Disposition: form-data; name="{name}"'
            + (f'; filename="{filename}"' if filename is not None else "")
            + (f"\r\nContent-Type: {kind}" if kind else ""))


def test_a_form_is_a_name_and_a_value_a_line(record):
    body = b"user=J%C3%BCrgen+M&password=hunter2&text=one%0D%0Atwo&empty=&flag&x%3Dy=%26&bad=%zz&&e=%1b[2J"
    wanted = ["    user = J\u00fcrgen M", "    password = hunter2", "    text = one\\ntwo", "    empty = ",
              "    flag = ", "    x=y = &", "    bad = %zz", "    e = \\x1b[2J"]
    assert body_lines(record, body, FORM) == wanted
    assert body_lines(record, body, FORM, "--no-decode") == ["    " + body.decode()]
    assert record.output("show", "last", "--body", "request") == body
    record.add(request=gzip.compress(body),
               request_fields=[("Content-Encoding", "gzip"), ("Content-Type", FORM + ";charset=utf-8")])
    assert "\n".join(wanted) in record.output("show", "last").decode()


def test_what_only_calls_itself_a_form_is_shown_as_what_it_is(record):
    assert body_lines(record, b'{"a":"b=c"}', FORM) == ["    {", '      "a": "b=c"', "    }"]
    assert body_lines(record, b"a plain\ntext", FORM) == ["    a plain", "    text"]
    assert body_lines(record, bytes(20), FORM)[0].startswith("    00000000  00 00")


def test_multipart_is_shown_by_part(record):
    inner = (b"--C\r\nContent-Disposition: file; filename=a.txt\r\nContent-Type: text/plain\r\n\r\nin\r\nside"
             b"\r\n--C--\r\n")
    body = (part(disposition("title"), "Gr\u00fc\u00dfe\r\nall".encode())
            + part(disposition("meta", None, "application/json"), b'{"a":1}')
            + part(disposition("file", 'me \\"x\\".png', "image/png"), PNG)
            + part(disposition("none", ""), b"")
            + part(disposition("docs", None, "multipart/mixed; boundary=C"), inner) + b"--B--\r\n")
    kind = "multipart/form-data; boundary=B"
    lines = body_lines(record, body, kind)
    assert lines == [
        '  part 1: name "title", 12 B', "    Gr\u00fc\u00dfe", "    all",
        '  part 2: name "meta", application/json, 7 B', "    {", '      "a": 1', "    }",
        '  part 3: name "file", file "me \\"x\\".png", image/png, 308 B',
        "    00000000  89 50 4e 47 0d 0a 1a 0a 00 00 00 00 00 00 00 00  .PNG............",
        *[f"    000000{n}0 " + " 00" * 16 + "  " + "." * 16 for n in range(1, 4)],
        "  \u2026 244 B more of this part",
        '  part 4: name "none", file "", 0 B',
        f'  part 5: name "docs", multipart/mixed, {len(inner)} B',
        '  part 5.1: file "a.txt", text/plain, 8 B', "    in", "    side"]
    assert body_lines(record, body, kind, "--no-decode")[0].startswith("    00000000  2d 2d 42 0d")
    assert record.output("show", "last", "--body", "request") == body


@pytest.mark.parametrize("body, kind, remark", [
    (part(disposition("a"), b"x")[:-4], "multipart/form-data; boundary=B",
     "(the multipart does not end as it should)"),
    (part(disposition("a"), b"x"), "multipart/form-data; boundary=other",
     "(not taken apart: the boundary that its type names is missing)"),
    (part(disposition("a"), b"x"), "multipart/form-data",
     "(not taken apart: the boundary that its type names is missing)"),
    (part(disposition("a"), b"x") + b"--B--\r\nepilogue", "multipart/form-data; boundary=B",
     "(behind the last part: 8 bytes)"),
    (b"--B\r\nno head\r\n--B--", "multipart/form-data; boundary=B", "part 1: 7 B, without a head"),
    (part("", b"x") * 150 + b"--B--", "multipart/form-data; boundary=B", "(more parts: 600 bytes)"),
], ids=["cut", "other-boundary", "no-boundary", "epilogue", "no-head", "many"])
def test_what_is_wrong_with_a_multipart_is_said_and_its_bytes_are_shown(record, body, kind, remark):
    lines = body_lines(record, body, kind)
    assert "  " + remark in lines
    assert sum(line.startswith("  part ") for line in lines) <= 100
    if remark.startswith("(not"):
        assert lines[1:] == ["    " + line for line in body.decode().split("\r\n")[:-1]]


def test_a_multipart_that_was_not_kept_whole_is_shown_as_far_as_it_goes(record):
    body = part(disposition("a"), b"one") + part(disposition("b"), b"two" * 100) + b"--B--"
    lines = body_lines(record, body, "multipart/form-data; boundary=B", keep_request=len(body) - 200)
    assert lines[0] == '  part 1: name "a", 3 B'
    assert re.fullmatch(r'  part 2: name "b", \d+ B, cut short', lines[2])
    assert re.fullmatch(r"  \(\d+ B of \d+ B were kept\)", lines[-1])


def test_nothing_that_was_sent_looks_like_what_is_ours(record):
    forged = ("> GET / HTTP/1.1\n>+ Via: 1.1 adit-x\n< 200 OK\n  part 1: 3 B\n  (4 B of 10 B were kept)\n"
              "ended     complete\nnote      it is all right\n-> text 1.0 ms\n\x1b[32mx\r\n<+ 200")
    body = (part(disposition("a"), forged.encode())
            + part('Content-Disposition: x; name=a", 9 B; filename=b\r\nContent-Type: a/b, name "x"', b"")
            + part(disposition("n\x1b[2J\\n", "f\u202e"), b"") + b"--B--")
    lines = body_lines(record, body, "multipart/form-data; boundary=B")
    titles = [line for line in lines if not line.startswith("    ")]
    assert len(lines) == forged.count("\n") + 1 + 3
    assert titles[1:] == ['  part 2: name "a", file "b", a/b, 0 B',
                          '  part 3: name "n\\x1b[2J\\n", file "f\\xe2\\x80\\xae", 0 B']
    for kind in ("text/plain", "application/octet-stream", FORM):
        assert all(line.startswith("    ") for line in body_lines(record, forged.encode(), kind))
