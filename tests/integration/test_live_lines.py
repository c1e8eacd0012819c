# SPDX-License-Identifier: MIT
"""The lines that `adit http` and `adit proxy` print while they run: aligned columns, ids that
commands accept, and a line at the beginning of a long exchange."""
import queue
import re
import signal
import subprocess
import threading
import time

import harness
import live_lines
import pytest
from client import until
from live_terminal import ProxyOnTerminal, columns_of
from origin import Origin
from terminal import what_is_obeyed

WIDTHS = [40, 48, 60, 80, 120, 200]


@pytest.fixture(scope="module")
def origin():
    with Origin() as started:
        started.on("/broken", lambda exchange: exchange.reply("x", 500))
        started.on("/moved", lambda exchange: exchange.reply("x", 302))
        yield started


@pytest.fixture(params=["proxy", "http"])
def site(request, tmp_path):
    kind = harness.Proxied if request.param == "proxy" else harness.Tunnel
    with kind(tmp_path) as started:
        yield started


def ask_everything(seen):
    """Exchanges whose lines are short and long, good and bad."""
    seen.fetch("GET", "/")
    seen.fetch("DELETE", "/orders/17?" + "page=3&" * 20)
    seen.fetch("AVERYLONGMETHODOF24LETTE", "/" + "x" * 190)
    seen.fetch("GET", "/broken")
    seen.fetch("GET", "/moved")
    with seen.visit() as visitor:
        visitor.send(b"GET /\xe6\x97\xa5\xcc\x81\xe2\x80\xae\x9b31m HTTP/1.1\r\nHost: x\r\n\r\n")
        visitor.response()
    seen.fetch("GET", "/last")
    seen.wait_for(r" GET    /last$")


def about_exchanges(seen):
    return [line for line in seen.plain.split("\n")
            if re.match(r"[0-9a-z]{6}  ", line) and not line.endswith("  running")]


@pytest.mark.parametrize("columns", WIDTHS)
def test_no_line_is_wider_than_the_terminal_and_each_has_id_status_and_path(tmp_path, origin,
                                                                           columns):
    with ProxyOnTerminal(tmp_path, origin.address, columns=columns) as seen:
        ask_everything(seen)
        lines = about_exchanges(seen)
        assert len(lines) == 7
        assert all(columns_of(line) <= columns for line in lines), lines
        has = {"time": columns >= 48, "took": columns >= 59, "size": columns >= 71}
        for line, status in zip(lines, (200, 404, 404, 500, 302, 404, 404)):
            assert re.match(r"[0-9a-z]{6}  " + (r"\d\d:\d\d:\d\d  " if has["time"] else "")
                            + str(status), line), line
            assert bool(re.search(r"  [ \d.]+ m?s  [A-Z]", line)) == has["took"]
            assert bool(re.search(r"  [ \d.]+ (B|KiB)  ", line)) == has["size"]
        assert not what_is_obeyed(seen.text.encode())
        whole = subprocess.run([harness.BIN / "adit", "requests", "path=/last", "--json", "--data",
                                tmp_path / "adit"], capture_output=True, text=True, check=True,
                               env=harness.environment(tmp_path), timeout=harness.DEADLINE).stdout
        assert lines[-1][:6] == re.search(r'"id": ?"([0-9a-z]{16})"', whole)[1][-6:]


def test_a_narrower_terminal_is_heeded_at_once(tmp_path, origin):
    with ProxyOnTerminal(tmp_path, origin.address, columns=200) as seen:
        for columns in (200, 40, 80):
            seen.resize(columns)
            path = f"/{columns}-" + "x" * 120
            seen.fetch("GET", path)
            line = seen.wait_for(rf" GET    /{columns}-x")
            assert (columns_of(line) == columns) == (columns < 200), line
            assert (path in line) == (columns == 200)


COLOURED = {"/": "32", "/none": "33", "/broken": "31", "/moved": None}


@pytest.mark.parametrize("env, has", [({}, True), ({"NO_COLOR": "1"}, False),
                                      ({"NO_COLOR": ""}, True), ({"TERM": "dumb"}, False)])
def test_a_status_has_its_colour_where_colours_are_wanted(tmp_path, origin, env, has):
    with ProxyOnTerminal(tmp_path, origin.address, env=env) as seen:
        for path in COLOURED:
            seen.fetch("GET", path)
            seen.wait_for(rf" GET    {path}$")
        for path, colour in COLOURED.items():
            line = next(line for line in seen.text.split("\n") if line.endswith(f"GET    {path}"))
            assert ("\x1b[" in line) == has, line
            status = re.search(r"\d\d:\d\d:\d\d  (?:\x1b\[0m)?(\x1b\[\d+m)?\d{3}", line)[1]
            assert (status == f"\x1b[{colour}m") == (has and colour is not None), line


def test_a_pipe_gets_whole_ids_and_times_and_nothing_is_cut(site):
    target = "/?" + "x" * 190
    site.fetch("GET", target)
    site.agent.wait_for(live_lines.pattern("GET", re.escape(target)))
    line = live_lines.all_of(site.agent.text("stdout"))[0]
    assert (line.status, line.size, line.target) == ("200", "5 B", target)
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d[+-]\d\d:\d\d", line.time)
    assert "\x1b" not in site.agent.text("stdout")
    done = subprocess.run([harness.BIN / "adit", "show", line.id, "--data", site.agent.data],
                          capture_output=True, text=True, check=True, timeout=harness.DEADLINE,
                          env=harness.environment(site.directory))
    assert target in done.stdout


# Long exchanges.

def seconds_of(took):
    number, unit = took.split()
    return float(number) / (1000 if unit == "ms" else 1)



def streams(site, source, kind):
    def handler(exchange):
        exchange.head(200, [("Content-Type", kind), ("Transfer-Encoding", "chunked")])
        while (piece := source.get(timeout=harness.DEADLINE)) is not None:
            exchange.chunk(piece)
        exchange.last_chunk()
    site.origin.on("/stream", handler)


@pytest.mark.parametrize("more", [(), ("--print-bodies",)], ids=["lines", "bodies"])
@pytest.mark.parametrize("kind", ["text/event-stream", "Text/Event-Stream; charset=utf-8"])
def test_an_event_stream_is_told_when_it_begins_and_when_it_ends(tmp_path, more, kind):
    source = queue.Queue()
    with harness.Proxied(tmp_path, *more) as proxied:
        streams(proxied, source, kind)
        with proxied.visit() as visitor:
            asked = time.monotonic()
            visitor.request("GET", "/stream")
            head = visitor.response_head()
            heard = time.monotonic() - asked
            began = live_lines.parsed(proxied.proxy.wait_for("GET +/stream +running$").string)
            assert (began.status, began.size) == ("200", "0 B")
            assert seconds_of(began.took) <= heard
            source.put(b"data: x\n\n")
            source.put(None)
            assert b"".join(visitor.response_body(head)) == b"data: x\n\n"
        proxied.proxy.wait_for(live_lines.pattern("GET", "/stream"))
        both = live_lines.all_of(proxied.proxy.text("stdout"))
        assert [(line.id, line.remark) for line in both] == [(began.id, "running"), (began.id, "")]
        assert both[1].size == "9 B"


def switch(site):
    """An upgraded connection that answers twice what it gets; 5 bytes in, 10 out."""
    def switches(exchange):
        exchange.wire.send(b"HTTP/1.1 101 Switching\r\nConnection: upgrade\r\nUpgrade: foo\r\n\r\n")
        exchange.wire.send(exchange.wire.exactly(5) * 2)
        exchange.keep = False
    site.origin.on("/foo", switches)


def test_a_websocket_is_told_at_the_switch_and_at_its_end(site):
    switch(site)
    with site.visit() as visitor:
        asked = time.monotonic()
        visitor.request("GET", "/foo", [("Connection", "Upgrade"), ("Upgrade", "foo")])
        assert visitor.response_head().status == 101
        heard = time.monotonic() - asked
        began = live_lines.parsed(site.agent.wait_for("GET +/foo +running$").string)
        assert began.status == "101" and seconds_of(began.took) <= heard
        visitor.send(b"hello")
        assert visitor.exactly(10) == b"hellohello"
    ended = live_lines.parsed(site.agent.wait_for(r"/foo +.*: 5 B in, 10 B out$").string)
    assert (ended.id, ended.status, ended.size) == (began.id, "101", "10 B")
    assert len(live_lines.all_of(site.agent.text("stdout"))) == 2


def test_long_exchanges_have_a_line_while_they_run_and_short_ones_one_line(site):
    go_on = threading.Event()

    def hangs(exchange):
        assert go_on.wait(harness.DEADLINE)
        exchange.reply("late")

    def goes_on(exchange):
        exchange.head(200, [("Content-Length", "9")])
        exchange.send(b"half")
        assert go_on.wait(harness.DEADLINE)
        exchange.send(b"whole")

    site.origin.on("/hangs", hangs)
    site.origin.on("/goes-on", goes_on)
    with site.visit() as one, site.visit() as two:
        one.request("GET", "/hangs")
        two.request("GET", "/goes-on")
        two.response_head()
        site.fetch("GET", "/short")
        hung = live_lines.parsed(site.agent.wait_for("/hangs +running$").string)
        went = live_lines.parsed(site.agent.wait_for("/goes-on +running$").string)
        go_on.set()
        assert one.response().status == 200
    assert (hung.status, hung.size) == ("-", "0 B")
    assert (went.status, went.size) == ("200", "4 B")
    assert all(float(line.took.removesuffix(" s")) > 1.8 for line in (hung, went))
    site.agent.wait_for(live_lines.pattern("GET", "/hangs"))
    lines = live_lines.all_of(site.agent.text("stdout"))
    assert [line.id for line in lines].count(hung.id) == 2
    short = [line for line in lines if line.target == "/short"]
    assert len(short) == 1 or short[1].took.endswith(" s")


def test_foreign_text_cannot_be_one_of_our_colours(tmp_path, origin):
    """Not even in printed bodies, which may hold any bytes."""
    forged = "\x1b[31mforged\x1b[0m\x1b[2m"
    origin.on("/forged", lambda exchange: exchange.reply(forged, 200, [
        ("Content-Type", "text/plain"), ("X-A", "\xc2\x9b31m")]))
    with ProxyOnTerminal(tmp_path, origin.address, "--print-bodies") as seen:
        seen.fetch("POST", "/forged", [("Content-Type", "text/plain")], body=forged.encode())
        until(lambda: seen.plain.count("forged") >= 3, "it is shown", harness.DEADLINE)
        assert not what_is_obeyed(seen.text.encode())
        assert not re.search(r"\x1b\[\d+m[^\x1b\n]*forged\x1b\[0m\x1b\[2m", seen.text)
        assert "\x1b[31m" not in seen.text


def test_no_system_call_is_made_for_each_line(tmp_path, origin):
    """The terminal is not asked for its width for each exchange of a burst."""
    trace = tmp_path / "trace"
    with ProxyOnTerminal(tmp_path, origin.address) as seen:
        with subprocess.Popen(["strace", "-f", "-p", str(seen.process.pid), "-e", "trace=ioctl",
                               "-o", trace], stderr=subprocess.PIPE, text=True) as tracer:
            assert "attached" in tracer.stderr.readline()
            with seen.visit() as visitor:
                for number in range(300):
                    visitor.fetch("GET", f"/{number}")
            seen.wait_for("/299$")
            tracer.terminate()
        asked = trace.read_text().count("TIOCGWINSZ")
        seconds = {line.split()[1] for line in about_exchanges(seen)}
        assert asked <= len(seconds) + 1, (asked, seconds)


# The table of paths.

@pytest.mark.parametrize("columns, named", [
    (40, "calls total"), (60, "calls total average p50"),
    (80, "calls total average p50 p90 p99"),
    (120, "calls total average p50 p90 p99 request response")])
def test_the_table_of_paths_fits(tmp_path, origin, columns, named):
    with ProxyOnTerminal(tmp_path, origin.address, columns=columns) as seen:
        seen.fetch("GET", "/" + "x" * 190)
        seen.fetch("GET", "/short?query")
        with seen.visit() as visitor:
            visitor.send(b"GET /" + "日本\u0301語".encode() * 15 + b" HTTP/1.1\r\nHost: x\r\n\r\n")
            visitor.response()
        seen.process.send_signal(signal.SIGUSR1)
        seen.wait_for(r"  path$")
        seen.stop()
        table = seen.plain.split("exchanges on 3 paths\n")[1].split("adit: ")[0].splitlines()
        assert table[0].split() == [*named.split(), "path"]
        assert len(table) == 4 and all(columns_of(line) <= columns for line in table), table
        assert any(line.endswith("  /short") for line in table)
        assert sum(line.endswith("...") for line in table) == 2 - (columns > 200)
        assert len({line.index("  /") for line in table[1:]}) == 1


def test_the_times_below_bodies_have_the_id_of_the_first_line(tmp_path, origin):
    with ProxyOnTerminal(tmp_path, origin.address, "--print-bodies") as seen:
        seen.fetch("GET", "/")
        first = seen.wait_for(r"  GET    /$").split("  ")[0]
        assert len(first) == 6 and seen.wait_for(rf"^  = {first}: sent on after ")
