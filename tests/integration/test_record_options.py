# SPDX-License-Identifier: MIT
"""Options decide what a program records, and what an agent lets its relay record."""
import harness
import pytest
import record
from client import until
from test_startup import run

SECRETS = [("Authorization", "Bearer s3cret"), ("Cookie", "c=s3cret"), ("X-Key", "s3cret-key"),
           ("X-Plain", "seen")]
ALL, HEADS, NONE = "all", "heads", "none"


class Ways:
    """A tunnel, or a proxy, with options for the program under test."""

    def __init__(self, directory, which, *args):
        self.parts = []
        self.directory = directory / which
        if which == "adit-proxy":
            self.directory = directory / "adit"
            self.way = self._own(harness.Proxied(directory, *args))
        else:
            relay = self._own(harness.Relay(directory, *(args if which == "aditd" else ())))
            self.way = self._own(harness.Tunnel(directory, *(args if which == "adit" else ()),
                                                relay=relay, compare=False))
        self.way.origin.on("/kept", lambda exchange: exchange.reply(
            b"answer", 200, [("Set-Cookie", "a=s3cret"), ("X-Key", "s3cret-key")]))

    def _own(self, part):
        self.parts.append(part)
        return part

    def ask(self):
        assert self.way.fetch("POST", "/kept", SECRETS, body=b"question").body == b"answer"

    def __enter__(self):
        return self

    def __exit__(self, kind, *rest):
        for part in reversed(self.parts):
            part.__exit__(kind, *rest)


def kept(directory):
    """The bodies and the fields of the one exchange in the record."""
    with record.Record(directory) as read:
        row, = read.exchanges()
        sides = [read.body(row["seq"], side) for side in (record.REQUEST, record.RESPONSE)]
        return sides, row["request_head"] + row["response_head"]


def level_of(directory):
    if not (directory / "record.db").exists():
        return NONE
    with record.Record(directory) as read:
        if not read.number("SELECT count(*) FROM exchange"):
            return NONE
    bodies_, _ = kept(directory)
    return {(b"question", b"answer"): ALL, (b"", b""): HEADS}[tuple(bodies_)]


@pytest.mark.parametrize("which", ["adit", "aditd", "adit-proxy"])
@pytest.mark.parametrize("level", [None, ALL, HEADS, NONE])
def test_each_program_keeps_what_it_is_told(tmp_path, which, level):
    with Ways(tmp_path, which, *(("--record", level) if level else ())) as ways:
        ways.ask()
    assert level_of(ways.directory) == (level or ALL)
    for other in {"adit": ["aditd"], "aditd": ["adit"]}.get(which, []):
        assert level_of(tmp_path / other) == ALL


@pytest.mark.parametrize("which", ["adit", "aditd", "adit-proxy"])
@pytest.mark.parametrize("args, hidden", [
    ([], {b"Bearer s3cret", b"c=s3cret", b"a=s3cret"}),
    (["--redact", "X-KEY", "--redact", "x-none"],
     {b"Bearer s3cret", b"c=s3cret", b"a=s3cret", b"s3cret-key"}),
    (["--no-redact"], set()),
    (["--no-redact", "--redact", "x-key"], {b"s3cret-key"})], ids=str)
def test_values_of_these_fields_are_left_out_and_no_others(tmp_path, which, args, hidden):
    with Ways(tmp_path, which, *args) as ways:
        ways.ask()
    _, fields = kept(ways.directory)
    for value in (b"Bearer s3cret", b"c=s3cret", b"a=s3cret", b"s3cret-key", b"seen"):
        assert (value in fields) != (value in hidden), value
    assert (b"[redacted]" in fields) == bool(hidden)


@pytest.mark.parametrize("relay", [ALL, HEADS, NONE])
@pytest.mark.parametrize("asked", [None, ALL, HEADS, NONE])
def test_a_relay_keeps_no_more_than_its_agent_allows_and_than_it_is_told(tmp_path, relay, asked):
    with harness.Relay(tmp_path, "--record", relay) as program, harness.Tunnel(
            tmp_path, *(("--relay-record", asked) if asked else ()), relay=program,
            compare=False) as tunnel:
        tunnel.origin.on("/kept", lambda exchange: exchange.reply(b"answer"))
        assert tunnel.fetch("POST", "/kept", body=b"question").status == 200
    order = [ALL, HEADS, NONE]
    assert level_of(tmp_path / "aditd") == order[max(order.index(relay),
                                                     order.index(asked or ALL))]
    assert level_of(tmp_path / "adit") == ALL


def test_one_agents_refusal_to_be_recorded_binds_no_other(tmp_path):
    with harness.Relay(tmp_path) as relay, \
            harness.Tunnel(tmp_path / "a", "--relay-record", "none", relay=relay,
                           compare=False) as closed, \
            harness.Tunnel(tmp_path / "b", relay=relay, compare=False) as open_:
        closed.fetch("GET", "/closed")
        open_.fetch("GET", "/open")
    with record.Record(tmp_path / "aditd") as read:
        assert [row["target"] for row in read.exchanges()] == ["/open"]


def test_what_an_agent_allows_holds_for_requests_that_never_reach_it(tmp_path):
    with harness.Relay(tmp_path, "--limit", "body-bytes=1k") as relay, \
            harness.Tunnel(tmp_path / "a", "--relay-record", "none", relay=relay,
                           compare=False) as closed, \
            harness.Tunnel(tmp_path / "b", relay=relay, compare=False) as open_:
        assert closed.fetch("POST", "/closed", body=b"x" * 2000).status == 413
        assert closed.fetch("OPTIONS", "/hops", [("Max-Forwards", "0")]).status == 200
        closed.agent.process.kill()
        relay.wait_for("name .* held", "stderr")
        assert closed.fetch("POST", "/gone", body=b"x").code == "ADIT-AGENT-GONE"
        open_.fetch("GET", "/open")
    with record.Record(tmp_path / "aditd") as read:
        assert [row["target"] for row in read.exchanges()] == ["/open"]


def test_bodies_are_printed_whatever_is_kept(tmp_path):
    with Ways(tmp_path, "adit-proxy", "--record", "none", "--print-bodies") as ways:
        ways.ask()
        ways.way.proxy.wait_for("question")
        ways.way.proxy.wait_for("answer")
        assert "s3cret" not in ways.way.proxy.text("stdout").replace("s3cret-key", "")


@pytest.mark.parametrize("program", [["aditd"], ["adit", "http", "80"],
                                     ["adit", "proxy", "--url", "80"]], ids=lambda p: p[-1])
@pytest.mark.parametrize("args, says", [
    (["--record", "some"], "some"), (["--record", ""], "--record"), (["--redact", ""], "--redact"),
    (["--redact", "a b"], ": a..."), (["--redact", "x:"], ": x..."), (["--record"], "needs a value"),
    (["--no-redact=x"], "--no-redact"), (["--redact", "x"] * 33, "--redact")], ids=str)
def test_mistakes_are_explained_and_exit_2(tmp_path, program, args, says):
    code, out, err = run(tmp_path, *program, *args)
    assert (code, out) == (2, "")
    assert says in err and "--help" in err


def test_a_mistake_about_the_relay_is_explained(tmp_path):
    code, out, err = run(tmp_path, "adit", "http", "80", "--relay-record", "few")
    assert (code, out) == (2, "") and "--relay-record" in err and "few" in err


@pytest.mark.parametrize("program", [["aditd"], ["adit", "http"], ["adit", "proxy"]], ids=str)
def test_help_names_the_options(tmp_path, program):
    code, out, err = run(tmp_path, *program, "--help")
    assert (code, err) == (0, "")
    for word in ("--record all|heads|none", "--redact FIELD", "--no-redact", "record-body",
                 "record-size", "record-age"):
        assert word in out
    assert ("--relay-record" in out) == (program[-1] == "http")


def test_commands_over_a_record_that_is_just_made_find_nothing(tmp_path):
    with harness.Proxied(tmp_path):
        until((tmp_path / "adit/record.db").exists, "there is a record")
        code, out, err = run(tmp_path, "adit", "requests", "--data", tmp_path / "adit")
        said = "nothing is recorded here yet" if code == 0 else "no record yet"
        assert out == "" and said in err
