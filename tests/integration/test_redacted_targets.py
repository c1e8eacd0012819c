# SPDX-License-Identifier: MIT
"""Replay and export send no target that was recorded in part: they name the missing part, and take
the whole target from --path."""
import harness
import pytest
from harness import Program
from listening import Listening
from replays import Service
from shells import run_script

CANARY = "opensesame"


@pytest.fixture
def proxied(tmp_path):
    with harness.Proxied(tmp_path, "--redact", "query:own") as way:
        yield Service(way)


def files_of(service):
    return b"".join(path.read_bytes() for path in service.directory.rglob("*")
                    if path.name.startswith("record") or path.suffix == ".seg")


def test_a_replay_wants_the_whole_target(proxied):
    row = proxied.fetch("GET", f"/kept?a=1&token={CANARY}&user%5Bpassword%5D={CANARY}&own={CANARY}")
    assert row["target"] == (
        "/kept?a=1&token=[redacted]&user%5Bpassword%5D=[redacted]&own=[redacted]")
    _, err = proxied.run(row["id"], status=1)
    assert "target" in err and "token, user?5Bpassword?5D, own: " in err
    assert "--path" in err and len(proxied.asked) == 1
    proxied.run(row["id"], "--path", f"/kept?a=1&token={CANARY}&OWN={CANARY}&b=seen")
    assert proxied.asked[1].target == f"/kept?a=1&token={CANARY}&OWN={CANARY}&b=seen"
    again = proxied.rows()[-1]
    assert again["target"] == "/kept?a=1&token=[redacted]&OWN=[redacted]&b=seen"
    assert CANARY.encode() not in files_of(proxied)


def test_a_replay_leaves_a_field_out_of_which_a_part_is_missing(proxied):
    row = proxied.fetch("GET", "/kept", [("Referer", f"https://a/?own={CANARY}"), ("A", "1"),
                                         ("X-Url", f"https://me:{CANARY}@a/")])
    _, err = proxied.run(row["id"])
    assert "Referer, X-Url; --header sets it" in err
    assert proxied.asked[1].without("via") == proxied.asked[0].without("via", "referer", "x-url")
    _, err = proxied.run(row["id"], "--drop-header", "x-url", "--header",
                         f"referer: https://a/?own={CANARY}")
    assert err == "" and proxied.asked[2].field("referer") == [f"https://a/?own={CANARY}"]
    assert CANARY.encode() not in files_of(proxied)


def test_an_answer_with_another_token_is_the_same_answer(proxied):
    count = iter(range(100))
    proxied.usual = lambda exchange: exchange.reply(
        b"x", 302, [("Location", f"https://a/cb?code=c{next(count)}&state=1")])
    proxied.fetch("GET", "/kept")
    assert proxied.replay().endswith("the same answer\n")
    proxied.usual = lambda exchange: exchange.reply(
        b"x", 302, [("Location", f"https://a/cb?code={CANARY}&state=2")])
    assert "state=2" in proxied.replay()
    assert CANARY.encode() not in files_of(proxied)


@pytest.mark.parametrize("path", ["x", "/a b", "/a#b", ""])
def test_export_refuses_what_is_no_target(tmp_path, path):
    with Program(tmp_path, "adit", "export", "last", "--curl", "--path", path) as program:
        assert program.exit_code() == 2 and "--path" in program.text("stderr")


def test_export_names_what_is_missing_and_takes_the_whole_target(proxied, tmp_path):
    with Listening() as listening:
        row = proxied.fetch("GET", f"/kept?a=1&token={CANARY}&$(id)&sig={CANARY}",
                            [("Referer", f"https://a/?token={CANARY}"), ("A", "1")])
        out, _ = proxied.run(row["id"], "--curl", command="export")
        assert "# redacted in its target: token, sig\n# so there is no command" in out and "\ncurl" not in out and "[redacted]" not in out
        out, _ = proxied.run(row["id"], "--curl", "--path", f"/kept?token={CANARY}&b=$(id)",
                             command="export")
        assert "# redacted, to be put in again: Referer\n" in out
        script = out.replace(proxied.way.host, listening.host).encode()
        (tmp_path / "empty").mkdir()
        run_script("dash", script, tmp_path / "empty")
        asked, = listening.take()
        assert asked.target == f"/kept?token={CANARY}&b=$(id)".encode()
        assert b"A" in dict(asked.fields) and b"Referer" not in dict(asked.fields)
        _, err = proxied.run(row["id"], "--har", "--path", "/x", command="export", status=2)
        assert "--path needs --curl" in err


def test_a_har_has_the_same_in_the_query_as_in_the_url(proxied):
    import json  # pylint: disable=import-outside-toplevel
    row = proxied.fetch("GET", f"/kept?a=1&token={CANARY}")
    out, _ = proxied.run(row["id"], "--har", command="export")
    request = json.loads(out)["log"]["entries"][0]["request"]
    assert request["url"].endswith("/kept?a=1&token=%5Bredacted%5D")
    assert {"name": "token", "value": "[redacted]"} in request["queryString"]


def test_filters_see_what_is_kept(proxied):
    row = proxied.fetch("GET", f"/kept?filter=1&token={CANARY}")
    out, _ = proxied.run("query~token", command="requests")
    assert row["id"] in out and CANARY not in out
    out, _ = proxied.run(f"query~{CANARY}", command="requests", status=(0, 1))
    assert row["id"] not in out


# A visitor may send the mark [redacted]: it is no credential, and replay sends it too.
def test_a_mark_that_was_sent_is_no_missing_value(proxied):
    row = proxied.fetch("GET", "/kept?a=[redacted]", [("X-A", "[redacted]")])
    assert not row["flags"] & 1
    _, err = proxied.run(row["id"])
    assert err == "" and proxied.asked[1].target == "/kept?a=[redacted]"
    assert proxied.asked[1].field("x-a") == ["[redacted]"]
