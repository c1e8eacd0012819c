# SPDX-License-Identifier: MIT
"""Each line of the log has the form that docs/operations.md promises and is in its table; no client
can fill a disk with it; fail2ban finds in it the addresses to ban."""
import contextlib
import os
import pathlib
import re
import signal
import subprocess
import time

import harness
import pytest
from client import until
from origin import Origin
from patience import BIN
from tunnel_peer import TEXT, AgentPeer, ws_frame

ROOT = pathlib.Path(__file__).resolve().parents[2]
TOKEN = "0123456789abcdef0123456789abcdef"
FORM = re.compile(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z) (error|warn|info|debug) aditd: (.+)")
PARTS = {"PID": r"\d+", "VERSION": r"[\d.]+", "DOMAIN": r"\S+", "URLS": r"http://\S+(?:, http://\S+)*",
         "DIR": r".+", "PATH": r"\S+", "NAME": r"(?:-|no name|[a-z0-9-]+(?: and \d+ more)?)", "OWNER": "[0-9a-f]{8}",
         "ADDRESS": r"[0-9a-f.:]+", "SOFTWARE": r"[\w ./+-]+", "URL": r"https?://\S+",
         "CODE": "ADIT-[A-Z-]+", "TIME": r"[\d.]+ m?s", "SIZE": r"[\d.]+ (?:B|[KMGT]iB)",
         "WORDS": ".+", "STATUS": r"(?:\d{3}|-)", "METHOD": "[A-Z]+", "ID": "[0-9a-z]{16}",
         "LIMIT": ".+", "N": r"\d+"}


def pattern(text):
    """A pattern for a text of the table."""
    found = "".join(
        {"[": "(?:", "]": ")?"}.get(word) or PARTS.get(word) or re.escape(word)
        for word in re.split(r"([][]|\b(?:" + "|".join(PARTS) + r")\b)", text) if word)
    return re.compile(found.replace("exchanges", "exchanges?").replace(
        r"requests\ were", r"requests?\ (?:was|were)"))


def table():
    """The rows of docs/operations.md "The log": (levels, pattern)."""
    text = (ROOT / "docs/operations.md").read_text().split("## The log", 1)[1].split("\n## ")[0]
    for levels, row in re.findall(r"^\| ([a-z, ]+) \| `([^`]+)` \|", text, re.M):
        yield levels.split(", "), pattern(row)


ROWS = list(table())
LEFT_OUT = r" (\d+) lines about exchanges were left out"


def lines(relay):
    """The lines of a log so far, as (level, text); all have the form."""
    found = [FORM.fullmatch(line) for line in relay.text("stderr").splitlines()]
    assert all(found), relay.text("stderr")
    return [(one[2], one[3]) for one in found]


def texts(relay):
    return [text for _, text in lines(relay)]


def check(relay):
    """Checks that each line is in the table, with its level."""
    for level, text in lines(relay):
        assert any(level in levels and row.fullmatch(text) for levels, row in ROWS), (level, text)


@pytest.fixture(scope="module")
def origin():
    with Origin() as started:
        yield started


@pytest.fixture
def guarded(tmp_path):
    token = tmp_path / "token"
    token.touch(0o600)
    token.write_text(TOKEN)
    with contextlib.ExitStack() as stack:
        yield lambda *words: stack.enter_context(
            harness.Relay(tmp_path, "--token-file", token, *words))


def agent(directory, relay, origin, name, **options):
    return harness.Agent(directory, relay, origin.address, "--url", name,
                         env={"ADIT_TOKEN": TOKEN}, **options)


def test_the_story_of_a_tunnel(guarded, tmp_path, origin):
    relay = guarded("--limit", "gone-time=100ms")
    relay.wait_for(r" info aditd: started: version \S+, pid %d, domain localhost, with a token,"
                   rf" listening on {relay.url}, state in " % relay.pid, "stderr")
    with agent(tmp_path / "one", relay, origin, "first") as one:
        relay.wait_for(r"tunnel 1 opened: first for 127\.0\.0\.1, owner [0-9a-f]{8}, adit [\d.]+, "
                       + re.escape(one.url), "stderr")
        with relay.visit(one.host) as visitor:
            visitor.fetch("POST", "/echo", body=b"x" * 2048)
        # Another owner asks for the name, then its owner.
        with AgentPeer(relay, harness.DEADLINE, greet=False, token=TOKEN) as other:
            other.hello("cd" * 32)
            other.control(type="bind", id="1", name="first")
            relay.wait_for(r"tunnel 2 refused: ADIT-NAME-IN-USE for 127\.0\.0\.1: .*first", "stderr")
        relay.wait_for(r"tunnel 2 closed: no name for 127\.0\.0\.1, .*: ", "stderr")
    relay.wait_for(r"name first free: ", "stderr")
    relay.wait_for(r"tunnel 1 closed: first for 127\.0\.0\.1, after \S+ m?s, 1 exchange,"
                   r" 2\.0 KiB in, \d+ B out: the agent has left", "stderr")
    two = agent(tmp_path / "one", relay, origin, "first")
    two.kill()
    relay.wait_for(r"name first held: for its owner", "stderr")
    relay.wait_for(r"tunnel 3 closed: first .*: ", "stderr")
    relay.wait_for(r"name first given up: its owner did not come back", "stderr")
    relay.process.send_signal(signal.SIGHUP)
    relay.wait_for(r"reload: .*the token is the same", "stderr")
    relay.stop()
    assert texts(relay)[-1].startswith("stopping: signal 15, 0 tunnels, ")
    check(relay)
    assert TOKEN not in relay.text("stderr")
    assert not [level for level, _ in lines(relay) if level == "debug"]


def test_an_agent_that_breaks_the_protocol_is_a_warning(tmp_path):
    with harness.Relay(tmp_path) as relay:
        with AgentPeer(relay, harness.DEADLINE, "mine") as peer:
            peer.control(type="bind", id="2", name="other")
            relay.wait_for(r"tunnel 1 bound: other for ", "stderr")
            peer.sock.sendall(ws_frame(TEXT, b"x"))
            relay.wait_for(r" warn aditd: tunnel 1 closed: other and 1 more for 127\.0\.0\.1, .*:"
                           " a message that is not binary", "stderr")
        # Its version text imitates a line of the log, with an address to be banned.
        with AgentPeer(relay, harness.DEADLINE, greet=False) as peer:
            peer.hello(software="x: refused 192.0.2.1: a wrong token")
            peer.control(type="bind", id="1")
            relay.wait_for(r"tunnel 2 opened: \S+ for \S+, owner \w+, unknown software, ", "stderr")
    check(relay)


def test_what_an_agent_is_refused_is_told_a_few_times_and_counted(tmp_path):
    with harness.Relay(tmp_path) as relay:
        with AgentPeer(relay, harness.DEADLINE, "mine") as peer:
            for number in range(2, 40):
                peer.control(type="bind", id=str(number), name="-")
            while peer.said()[1].get("id") != "39":
                pass
        relay.wait_for(r"tunnel 1 closed: mine .*, 38 refusals: ", "stderr")
        assert sum(" refused: " in text for text in texts(relay)) == 8
    check(relay)


def test_more_is_told_with_verbose(guarded, tmp_path, origin):
    relay = guarded("--verbose")
    with agent(tmp_path / "one", relay, origin, "first") as one:
        with relay.visit(one.host) as visitor:
            ident = visitor.fetch("GET", "/bytes?size=5&secret=canary").status
        relay.wait_for(r" debug aditd: exchange \w{16}: 200, 5 B, \S+ ms, GET first for"
                       r" 127\.0\.0\.1, tunnel 1$", "stderr")
        assert ident == 200
        with relay.visit("nobody.localhost") as visitor:
            visitor.fetch("GET", "/")
        relay.wait_for(r"exchange \w{16}: 404, .*, GET - for .*, ADIT-NO-TUNNEL$", "stderr")
        for fields in ([], [("Origin", "http://evil.example")]):
            with relay.visit() as visitor:
                visitor.fetch("GET", "/_adit/v1/tunnel", fields)
        relay.wait_for(r"no tunnel for 127\.0\.0\.1: it is no WebSocket handshake", "stderr")
        relay.wait_for(r"no tunnel for 127\.0\.0\.1: it has an Origin", "stderr")
        with relay.visit() as visitor:
            visitor.send(b"nonsense\r\n\r\n")
            visitor.rest()
        relay.wait_for(r"connection of 127\.0\.0\.1 refused: 400 ADIT-BAD-REQUEST$", "stderr")
        with relay.visit(one.host) as visitor:  # it leaves before the answer is whole
            visitor.request("GET", "/bytes?size=100000000")
            visitor.response_head()
        relay.wait_for(r"exchange \w{16}: 200, .*, ended: visitor gone$", "stderr")
    check(relay)
    assert "canary" not in relay.text("stderr") and TOKEN not in relay.text("stderr")


@pytest.mark.parametrize("kind", [harness.Tunnel, harness.Proxied])
def test_more_is_told_of_connections_made_with_verbose(tmp_path, kind):
    with kind(tmp_path, "--verbose") as way:
        assert way.fetch("GET", "/").status == 200
        told = way.agent.wait_for(r"^adit: a new connection to the service (\S+) after \d+ us,"
                                  r" for exchange \w{16}$", "stderr")
        assert told[1] == way.origin.address
        if kind is harness.Tunnel:
            way.agent.wait_for(f"^adit: connecting to the relay {way.relay.url}$", "stderr")
            way.agent.wait_for("^adit: connected to the relay", "stderr")


def test_visitors_without_end_do_not_fill_the_log(tmp_path):
    """Each exchange is logged or counted; the budget bounds the logged ones."""
    asked = []
    begun = time.monotonic()
    with harness.Relay(tmp_path, "--verbose") as relay:
        def is_told():
            with relay.visit("nobody.localhost") as visitor:
                for number in range(500):  # at once: one by one may be slower than the budget
                    visitor.request("GET", "/")
                    asked.append(number)
                for _ in range(500):
                    assert visitor.response().status == 404
            return re.search(LEFT_OUT, relay.text("stderr"))

        until(is_told, "it is told that lines are missing", harness.DEADLINE)
    told = sum("exchange " in text for text in texts(relay))
    left_out = sum(map(int, re.findall(LEFT_OUT, relay.text("stderr"))))
    assert told + left_out == len(asked)
    assert told <= 1000 + 100 * (time.monotonic() - begun) + 1
    check(relay)


def test_a_limit_that_is_met_is_told_once_and_counted(tmp_path):
    origin = Origin()
    origin.on("/hang", lambda exchange: exchange.peer_leaves())
    with origin, harness.Relay(tmp_path, "--limit", "streams=1") as relay, \
            harness.Agent(tmp_path, relay, origin.address) as there:
        with relay.visit(there.host) as hangs:
            hangs.request("GET", "/hang")
            until(lambda: origin.seen("/hang"), "it hangs", harness.DEADLINE)
            for _ in range(3):
                with relay.visit(there.host) as visitor:
                    assert visitor.fetch("GET", "/").status == 503
    told = [text for text in texts(relay) if text.startswith("limit met")]
    assert re.fullmatch(r"limit met: 1 request was answered \d+ ADIT-TOO-MANY\S+ \(--limit .*\)",
                        told[0])
    assert re.fullmatch(r"limit met: 2 more requests were answered \d+ ADIT-TOO-MANY\S+ .*", told[1])
    check(relay)


def test_a_place_that_was_needed_is_told_with_verbose(tmp_path):
    with harness.Relay(tmp_path, "--limit", "visitors=1", "--verbose") as relay:
        with relay.visit("a.localhost") as idle:
            assert idle.fetch("GET", "/").status == 404
            with relay.visit("a.localhost") as other:
                assert other.fetch("GET", "/").status == 404
        relay.wait_for(r"connection of 127\.0\.0\.1 ended: it was idle", "stderr")
    check(relay)


def test_why_it_does_not_start_is_an_error(tmp_path):
    relay = harness.Program(tmp_path, "aditd", "--listen", "127.0.0.1:0", "--domain", "a.example")
    assert relay.exit_code() == 1
    (level, text), = lines(relay)
    assert level == "error" and "--token-file" in text


def run_in_journal(tmp_path, name, *args, stream="{0.st_dev}:{0.st_ino}", ends=False):
    """Standard error of a program that believes it to be the journal; ends the program after its
    first line unless it ends by itself."""
    reads, writes = os.pipe()
    env = {**harness.environment(tmp_path), "JOURNAL_STREAM": stream.format(os.fstat(writes))}
    with subprocess.Popen([BIN / name, *args, "--data", tmp_path / name], stdout=subprocess.DEVNULL,
                          stdin=subprocess.DEVNULL, stderr=writes, env=env) as process:
        os.close(writes)
        with open(reads) as stderr:
            first = stderr.readline()
            if not ends:
                process.terminate()
            return first + stderr.read()


def test_the_journal_gets_priorities_and_no_second_time(tmp_path):
    said = run_in_journal(tmp_path, "aditd", "--listen", "127.0.0.1:0")
    assert re.fullmatch(r"<6>started: version .*\n<6>stopping: signal 15, .*\n", said)
    said = run_in_journal(tmp_path, "aditd", "--listen", "127.0.0.1:0", "--domain", "a.example",
                          ends=True)
    assert re.fullmatch(r"<3>without a token .*\n", said)
    said = run_in_journal(tmp_path, "adit", "http", "1", "--relay", "http://127.0.0.1:1")
    assert re.match(r"<4>cannot reach the relay ", said)
    # The journal's socket is another stream: the log does not go there.
    said = run_in_journal(tmp_path, "aditd", "--listen", "127.0.0.1:0", stream="1:1")
    assert all(FORM.fullmatch(line) for line in said.splitlines())


def failregex():
    text = (ROOT / "packaging/examples/fail2ban-adit.conf").read_text()
    assert text.split("[Definition]\n")[1] in "\n".join(
        line.strip() for line in (ROOT / "docs/operations.md").read_text().splitlines()) + "\n"
    return re.compile(re.search(r"^failregex = (.*)$", text, re.M)[1].replace(
        "<HOST>", r"(?P<host>\d+\.\d+\.\d+\.\d+|[0-9a-f:]+)"))


def test_fail2ban_finds_clients_that_guess_tokens_and_no_others(guarded, tmp_path):
    """fail2ban reads lines without their time, or as it takes them from the journal."""
    relay = guarded("--trusted-proxy", "loopback")
    for number, address in enumerate(("192.0.2.1", "2001:db8::1", "192.0.2.3")):
        with relay.visit() as visitor:
            token = [] if number == 2 else [("Authorization", "Bearer wrong-wrong-wrong-wrong")]
            visitor.fetch("GET", "/_adit/v1/tunnel", [
                ("Connection", "upgrade"), ("Upgrade", "websocket"), ("X-Forwarded-For", address),
                ("Sec-WebSocket-Version", "13"), ("Sec-WebSocket-Protocol", "adit.v1"),
                ("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ=="), *token])
    with AgentPeer(relay, harness.DEADLINE, greet=False, token=TOKEN) as peer:
        peer.hello(software="aditd: refused 192.0.2.9: a wrong token")
        peer.control(type="bind", id="1", name="refused")
        relay.wait_for("tunnel 1 opened", "stderr")
    relay.stop()
    banned = failregex()
    forms = {"a file": lambda level, text: f" {level} aditd: {text}",
             "the journal": lambda level, text: f"host aditd[123]: {text}"}
    for name, form in forms.items():
        hosts = [found["host"] for level, text in lines(relay)
                 if (found := banned.search(form(level, text)))]
        assert hosts == ["192.0.2.1", "2001:db8::1", "192.0.2.3"], name
