# SPDX-License-Identifier: MIT
"""--print-bodies shows bodies as `adit show` does: decoded, with JSON, forms and multipart laid
out, and bounded whatever was sent."""
import gzip
import json
import re
import zlib

import harness
import pytest
from client import until

DECODED, SHOWN, LINES = 64 * 1024, 24 * 1024, 1000
FORM = "application/x-www-form-urlencoded"


@pytest.fixture(name="proxied", scope="module")
def _proxied(tmp_path_factory):
    with harness.Proxied(tmp_path_factory.mktemp("way"), "--print-bodies") as started:
        yield started


def body_lines(site, path):
    """The lines below the head of the response, once the block is printed."""
    def whole():
        found = re.search(rf"^  > POST {path} .*?^  <\n(.*?)^  = ", site.agent.text("stdout"), re.M | re.S)
        return found and (found[1].split("\n")[:-1],)

    return until(whole, f"{path} is printed", harness.DEADLINE)[0]


def answered(site, path, body, kind, coding=None):
    fields = [("Content-Type", kind)] + ([("Content-Encoding", coding)] if coding else [])
    site.origin.on(path, lambda exchange: exchange.reply(body, 200, fields))
    assert site.fetch("POST", path, body=b"x").body == body
    return body_lines(site, path)


@pytest.mark.parametrize("coding, pack", [
    ("gzip", gzip.compress), ("deflate", zlib.compress),
    ("deflate, gzip", lambda data: gzip.compress(zlib.compress(data)))], ids=["gzip", "deflate", "both"])
def test_codings_are_undone_and_json_is_laid_out(proxied, coding, pack):
    path = "/" + coding.replace(", ", "-")
    assert answered(proxied, path, pack(b'{"a":[1,2.0]}'), "application/json", coding) == [
        "    {", '      "a": [', "        1,", "        2.0", "      ]", "    }"]


def test_forms_and_multipart_bodies_are_taken_apart(proxied):
    assert answered(proxied, "/form", b"a=1&b+c=%C3%BC%0D%0A2%07", FORM) == [
        "    a = 1", "    b c = \u00fc\\n2?"]
    body = (b'--B\r\nContent-Disposition: form-data; name="t"\r\n\r\none\r\ntwo\r\n'
            b'--B\r\nContent-Disposition: form-data; name="f"; filename="a.png"\r\n'
            b'Content-Type: image/png\r\n\r\n\x89PNG\0\r\n--B--\r\n')
    assert answered(proxied, "/parts", body, "multipart/form-data; boundary=B") == [
        '  part 1: name "t", 8 B', "    one", "    two",
        '  part 2: name "f", file "a.png", image/png, 5 B']


def test_json_that_is_longer_than_what_is_kept_is_laid_out_as_far_as_it_goes(proxied):
    body = json.dumps(list(range(5000)), separators=(",", ":")).encode()
    lines = answered(proxied, "/cut", body, "application/json")
    assert lines[:3] == ["    [", "      0,", "      1,"]
    assert len(lines) == LINES + 2
    assert re.fullmatch(r"  \(\d+ more lines\)", lines[-2])
    assert lines[-1] == f"  ({len(body) - 16384} more bytes)"


def test_what_is_no_line_of_a_body_is_not_behind_four_spaces(proxied):
    forged = "  (broken off)\n12:00:00 GET /\n  part 1: 3 B\n  = 1m8a: sent\n< HTTP/1.1 200 OK\n(1 more byte)"
    lines = answered(proxied, "/forged", forged.encode(), "text/plain")
    assert lines == ["    " + line for line in forged.split("\n")]


@pytest.mark.skipif(not harness.MEMORY_IS_THEIRS, reason="what a sanitizer needs is its own")
def test_a_bomb_costs_nothing(proxied):
    """A body that would expand to 64 MiB is decoded only as far as it is shown."""
    packer = zlib.compressobj(9, zlib.DEFLATED, 31)
    bomb = b"".join(packer.compress(b"[" * (1 << 20)) for _ in range(64)) + packer.flush()
    twice = gzip.compress(bomb)
    before = proxied.agent.resident()
    for number in range(30):
        answered(proxied, f"/bomb{number}", twice, "text/plain", "gzip, gzip")
    assert proxied.agent.resident() - before < 16 << 20
    lines = answered(proxied, "/bomb", twice, "text/plain", "gzip, gzip")
    assert sum(map(len, lines)) < SHOWN + 200
    assert lines[-1] == f"  (more than {DECODED // 1024} KiB when it is decoded)"


def test_a_coding_that_is_broken_says_so(proxied):
    lines = answered(proxied, "/broken", gzip.compress(b"x" * 1000)[:-6], "text/plain", "gzip")
    assert lines == ["    " + "x" * 1000, "  (not all of it can be decoded)"]
