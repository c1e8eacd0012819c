# SPDX-License-Identifier: MIT
"""The benchmark measures the rows that it names, compares like with like, and names who took no part.
No program is measured here."""
import contextlib
import dataclasses
import os
import pathlib
import socket
import sqlite3
import sys
import threading
import types

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

from bench import cli, killed, kinds, loads, peers, records, report, rows, tunnels  # noqa: E402
from bench.processes import Failed, Process, Supervisor  # noqa: E402
from bench.site import Certificate, Link, Running, Site  # noqa: E402
from bench.stats import at_least, at_most  # noqa: E402

ROW = {row.name: row for row in rows.ROWS}
VERSUS = [row for row in rows.ROWS if isinstance(row, kinds.Versus)]


@pytest.fixture
def site(tmp_path):
    with Supervisor(tmp_path, {}) as procs:
        yield Site(tmp_path, {}, None, 10, tmp_path / "big", 1 << 20, procs=procs)


def effort(count=1):
    others = types.SimpleNamespace(wait_until_quiet=lambda: None, share=lambda: 0.0)
    return kinds.Effort(count, count, lambda *_: None, others)


def load_of(samples):
    """A load that needs no program: a contestant's passes are `samples` of its name, in turn."""
    given = {name: iter(of_name) for name, of_name in samples.items()}
    return loads.Load(lambda _, running: next(given[running.name]), lambda passes: passes[0])


def contestants(monkeypatch, **found):
    """Each is a Running without processes, or the reason why there is none."""

    def stand_in(name, why):
        def begin(*_):
            if why:
                raise Failed(why)
            return Running(name, 1, None, None)

        return begin

    monkeypatch.setattr(kinds, "CONTESTANTS", {n: stand_in(n, why) for n, why in found.items()})
    monkeypatch.setattr(kinds, "ORIGINS", {"files": lambda _: 2})
    monkeypatch.setattr(kinds, "warm", lambda *_: None)
    monkeypatch.setattr(kinds.usage, "wait_until_idle", lambda *_: None)


def measured(monkeypatch, site, samples, targets, absent=(), **more):
    """The result of a row whose contestants give those samples."""
    contestants(monkeypatch, **dict.fromkeys(samples), **dict(absent))
    row = kinds.Versus("row", "work", "requests/s", "per_second", load_of(samples), targets, **more)
    return kinds.run(row, site, "adit", effort(max(len(of) for of in samples.values())))


def note_starts(monkeypatch, site, note):
    """Nothing is started."""

    def start(name, argv, **_):
        note(name, argv)
        return Process(name, None, None)

    monkeypatch.setattr(site.procs, "start", start)


def sample(per_second, cpu, late=0.0):
    return {"per_second": per_second, "cpu_us_per_request": cpu, "cpu_s": cpu - late,
            "late_cpu_s": late}


def results_of(*of_rows):
    return {"rows": list(of_rows), "failed": []}


# The table -----------------------------------------------------------------------------------------


def test_rows_and_groups_name_only_what_there_is():
    assert len(ROW) == len(rows.ROWS)
    for row in VERSUS:
        assert row.targets.keys() <= peers.CONTESTANTS.keys(), row.name
        assert row.cpu_targets.keys() <= row.targets.keys(), row.name
    assert peers.DESCRIPTIONS.keys() == peers.CONTESTANTS.keys()
    assert all(set(group) <= ROW.keys() for group in rows.GROUPS.values())


def test_an_earlier_build_is_in_the_rows_about_speed():
    with_it = {row.name for row in VERSUS if "before" in row.targets}
    assert with_it == {"small", "few", "many200", "many1000", "single", "down", "up", "tls-small",
                       "tls-down", "h2", "handshakes", "recording", "recording-few", "recording-four"}


def test_few_is_small_over_ten_connections(monkeypatch, site):
    asked = []
    monkeypatch.setattr(loads, "wrk", lambda *arguments: asked.append(arguments))
    ROW["few"].load.one_pass(site, "visitors")
    ROW["small"].load.one_pass(site, "visitors")
    assert asked == [(site, "visitors", 10, 10), (site, "visitors", 50, 10)]
    assert ROW["few"].targets["n2"] == at_least(1.05)


@pytest.mark.parametrize("seconds, passes", [(1, 1), (2, 2), (3, 3), (4, 3), (10, 3)])
def test_brief_passes_are_cut_off_by_the_asked_seconds(site, seconds, passes):
    site = dataclasses.replace(site, seconds=seconds)
    assert ROW["single"].load.passes(site) == passes
    assert ROW["small"].load.passes(site) == 1


@pytest.mark.parametrize("asked, sent", [(8, 8), (199, 199), (200, 200), (201, 200), (1024, 200)])
def test_the_long_way_is_at_most_200_mib(monkeypatch, site, asked, sent):
    seen = []

    def run(_, own, *__):
        seen.append((own.upload_bytes >> 20, own.big_file.stat().st_size >> 20))
        return {}

    monkeypatch.setattr(kinds, "run", run)
    options = cli.parse(["--size", str(asked)])
    cli.measure_row(ROW["long-way-up"], site, options, results_of())
    cli.measure_row(ROW["up"], site, options, results_of())
    assert seen == [(sent, sent), (asked, asked)]


@pytest.mark.parametrize("shed, flags, missing", [
    ([0], [], 0), ([0], [0, 1, 4, 8], 0), ([1], [0], 1), ([0], [2], 1), ([2, 3], [2, 1, 3], 7)])
def test_what_a_record_lacks_is_counted_whole_or_in_part(tmp_path, shed, flags, missing):
    with contextlib.closing(sqlite3.connect(tmp_path / "record.db")) as record:
        record.execute("CREATE TABLE writer (shed)")
        record.execute("CREATE TABLE exchange (seq INTEGER PRIMARY KEY, flags)")
        record.executemany("INSERT INTO writer VALUES (?)", [(one,) for one in shed])
        record.executemany("INSERT INTO exchange(flags) VALUES (?)", [(one,) for one in flags])
        record.commit()
    found = records.Record(tmp_path)
    assert found.lacks_more() == missing and found.lacks_more() == 0


# Who takes part ------------------------------------------------------------------------------------


def test_an_absent_peer_is_named_once_with_its_rows(monkeypatch, site):
    def row():
        return measured(monkeypatch, site, {"adit": [sample(2, 1)], "n2": [sample(1, 1)]},
                        {"n2": None, "bore": None}, {"bore": "there is no bore\non PATH"})

    text = report.as_text(results_of(row(), row() | {"row": "other"}))
    assert text.count("bore") == 2
    assert "bore took no part in row, other: there is no bore on PATH" in text.splitlines()


def test_a_row_without_any_peer_is_not_measured(monkeypatch, site):
    result = measured(monkeypatch, site, {"adit": [sample(1, 1)]}, {"bore": None}, {"bore": "absent"})
    assert result["figures"] == result["cpu"] == result["samples"]["subject"] == []
    assert report.as_text(results_of(result)) == "bore took no part in row: absent"
    assert "bore took no part" in "\n".join(report.remarks(results_of(result)))


def test_without_the_option_there_is_no_earlier_build(monkeypatch, site):
    samples = {name: [sample(1, 1)] for name in ("adit", "n2", "before")}
    targets = {"n2": None, "before": None}
    result = measured(monkeypatch, site, samples, targets)
    assert result["samples"].keys() == {"subject", "n2"} and not result["absent"]
    own = dataclasses.replace(site, before=site.directory)
    assert measured(monkeypatch, own, samples, targets)["samples"].keys() == {
        "subject", "n2", "before"}


def test_the_earlier_build_is_the_one_of_the_option(monkeypatch, site):
    started = []
    monkeypatch.setattr(peers, "wait_until_200", lambda *_: None)
    note_starts(monkeypatch, site, lambda _, argv: started.append(argv[0]))
    own = dataclasses.replace(site, bin=pathlib.Path("/now"), before=pathlib.Path("/then"))
    assert peers.CONTESTANTS["before"](own, 80).name == "before"
    assert started == [pathlib.Path("/then/aditd"), pathlib.Path("/then/adit")]
    with pytest.raises(Failed):
        peers.CONTESTANTS["before"](site, 80)


@pytest.mark.parametrize("missing", ["adit", "aditd"])
def test_an_earlier_build_without_a_program_is_refused(tmp_path, missing):
    for program in {"adit", "aditd"} - {missing}:
        (tmp_path / program).touch(mode=0o755)
    with pytest.raises(Failed, match=f"there is no .*/{missing}$"):
        cli.checked(tmp_path)


# The CPU time --------------------------------------------------------------------------------------


def test_ratios_of_cpu_time_are_taken_inside_a_round(monkeypatch, site):
    """Each round of a machine that slows down to a tenth has the same ratio."""
    samples = {"adit": [sample(1, 6 * slow) for slow in (1, 10, 5)],
               "n2": [sample(1, 10 * slow) for slow in (1, 10, 5)]}
    result = measured(monkeypatch, site, samples, {"n2": None}, cpu_targets={"n2": at_most(0.7)})
    own, its = result["cpu"]
    assert (own["of"], own["value"]) == ("subject", 30) and "ratio" not in own
    assert (its["of"], its["value"], its["ratio"], its["met"]) == ("n2", 50, 0.6, True)


def test_what_is_written_after_the_load_counts_as_cpu_time():
    passes = [{"cpu_s": 3.0, "late_cpu_s": 1.0, "requests": 1000, "duration_us": 1,
               "latencies": [[1, 1]]}] * 2
    assert loads.wrk_together(passes)["cpu_us_per_request"] == 4000
    whole = {"cpu_s": 3.0, "late_cpu_s": 1.0, "bytes": 1 << 29}
    assert loads.transfer_together([whole])["cpu_s_per_gib"] == 8


def test_the_share_after_the_load_is_told(monkeypatch, site):
    samples = {"subject": [sample(1, 10, 2)], "n2": [sample(1, 5)]}
    row = dataclasses.replace(ROW["few"], cpu_targets={"n2": at_most(1.5)})
    cpu = list(kinds.cpu_figures(row, samples))
    text = report.as_text(results_of(measured(monkeypatch, site, {"adit": []}, {}) | {"cpu": cpu}))
    assert ["row", "adit", "10.0 µs a request", "8.00", "2.00"] == columns(text, "adit")
    assert ["row", "n2", "5.00 µs a request", "5.00", "0", "2.00", "≤ 1.5", "missed",
            "2.00–2.00 (0 %)"] == columns(text, "n2")


def columns(text, who):
    """The filled cells of the line about a contestant."""
    lines = [[cell.strip() for cell in line.split("  ") if cell] for line in text.splitlines()]
    (found,) = [line for line in lines if line[1:2] == [who]]
    return found


@pytest.mark.parametrize("late, share", [(0.0, 0.0), (1.0, 0.25), (None, None)])
def test_late_share_is_of_the_whole(late, share):
    one = {"cpu_s": 3.0} | ({} if late is None else {"late_cpu_s": late})
    assert kinds.late_share([one]) == share


@pytest.mark.parametrize("spent, compared", [((0, 0), []), ((0, 1), [False]), ((1, 1), [True])])
def test_cpu_time_is_compared_where_there_is_any(monkeypatch, site, spent, compared):
    samples = {"adit": [sample(1, 5)] * 2, "n2": [sample(1, cpu) for cpu in spent]}
    result = measured(monkeypatch, site, samples, {"n2": None})
    assert ["ratio" in figure for figure in result["cpu"]] == [False, *compared]


def test_markdown_has_the_cpu_time_and_its_target(monkeypatch, site):
    result = measured(monkeypatch, site, {"adit": [sample(1, 5)], "n2": [sample(1, 4)]}, {"n2": None},
                      cpu_targets={"n2": at_most(1.4)})
    results = results_of(result)
    table = "\n".join(report.markdown_table(report.cpu_heads(results), report.cpu_lines(results)))
    assert "| row | n2 | 4.00 µs a request | 4.00 | 0 | 1.25 | ≤ 1.4 | met | 1.25–1.25 (0 %) |" in table


def test_the_load_alone_is_compared_where_a_row_says_so(monkeypatch, site):
    samples = {"subject": [sample(1, 10, 4)], "unrecorded": [sample(1, 5)]}
    row = dataclasses.replace(ROW["recording"], cpu_targets={"unrecorded": at_most(1.2)})
    (own, its), (_, all_of_it) = (
        kinds.cpu_figures(one, samples) for one in (row, dataclasses.replace(row, cpu_in_load=False)))
    assert (own["value"], own["in_load"], its["ratio"], its["met"]) == (10, 6, 1.2, True)
    assert (all_of_it["ratio"], all_of_it["met"]) == (2, False)
    text = report.as_text(results_of(measured(monkeypatch, site, {"adit": []}, {}) | {"cpu": [its]}))
    assert "1.20 during the load" in columns(text, "unrecorded")


# What is put off, and the records -------------------------------------------------------------------


def test_what_each_end_does_later_is_told_of_the_ends_that_record():
    passes = [{"requests": 1000, "late_of": {"relay": 0.004, "agent": late}, "lacking": {
        "relay": 0, "agent": lacks}} for late, lacks in ((0.006, 0), (0.008, 3))]
    assert kinds.put_off(passes) == {"relay after the load": 4, "relay lacks": 0,
                                     "agent after the load": 7, "agent lacks": 3}
    assert kinds.put_off([{"requests": 1000, "late_of": {}, "lacking": {}}]) == {}
    assert kinds.put_off([{"bytes": 1}]) == {}


def test_later_work_and_gaps_are_judged_and_others_have_none(monkeypatch, site):
    own = sample(1, 5) | {"relay after the load": 8, "relay lacks": 1}
    told = {part: ROW["recording"].told[part] for part in ("relay after the load", "relay lacks")}
    result = measured(monkeypatch, site, {"adit": [own], "unrecorded": [sample(1, 4)]},
                      {"unrecorded": None}, told=told)
    assert [(figure["part"], figure["met"]) for figure in result["figures"] if not figure["beside"]] \
        == [("relay after the load", True), ("relay lacks", False)]


@contextlib.contextmanager
def writer(directory, *replies):
    """A program that writes the record of a directory: whoever asks gets these replies, then it
    leaves. Yields how many have asked."""
    found, asked = os.stat(directory), []
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(f"\0adit-record-{found.st_dev:x}-{found.st_ino:x}-{os.urandom(4).hex()}")
        listener.listen()

        def serve():
            with contextlib.suppress(OSError):
                while True:
                    with listener.accept()[0] as reader:
                        asked.append(1)
                        for reply in replies:
                            reader.send(reply)

        thread = threading.Thread(target=serve)
        thread.start()
        yield asked
        listener.shutdown(socket.SHUT_RDWR)
        thread.join()


def both_ends(tmp_path):
    ends = []
    for part in ("relay", "agent"):
        ends.append(Process(part, None, None))
        ends[-1].record = records.Record(tmp_path / part)
        ends[-1].record.directory.mkdir()
    return Running("adit", 1, *ends)


def test_both_ends_are_asked_and_progress_is_no_answer(tmp_path):
    running = both_ends(tmp_path)
    relay, agent = (process.record.directory for process in running.processes)
    with writer(tmp_path, b"w") as other, writer(relay, b"\x80", b"\xe4", b"w") as first, \
            writer(agent, b"wr") as second:
        took = records.catch_up(running)
    assert took.keys() == {"relay", "agent"} and min(took.values()) >= 0
    assert (first, second, other) == ([1], [1], [])


@pytest.mark.parametrize("replies", [(), (b"b",), (b"\x80",)])
def test_an_end_that_does_not_write_is_no_measurement(tmp_path, replies):
    running = both_ends(tmp_path)
    with writer(running.agent.record.directory, *replies), pytest.raises(Failed, match="agent"):
        records.catch_up(running)


def test_nobody_is_asked_who_does_not_record(tmp_path):
    running = both_ends(tmp_path)
    running.relay.record = None
    assert records.catch_up(running) == {}


class Answered:
    """Visitors whose answers came before a kill and after it."""

    def __init__(self, _):
        self.answered = {1: 9.0, 2: 9.99, 3: 10.0, 4: 10.01}

    def wait(self):
        pass


@pytest.mark.parametrize("there, lost", [
    ([1, 2, 3], (0, 0)), ([1, 2], (0, 1)), ([1], (10, 2)), ([2, 3], (1000, 1)), ([], (1000, 3))])
def test_a_loss_reaches_back_to_the_first_answer_that_is_not_recorded(monkeypatch, site, there, lost):
    running = Running("adit", 1, killed_process(site), killed_process(site))
    monkeypatch.setattr(killed, "Visitors", Answered)
    monkeypatch.setattr(killed, "time", types.SimpleNamespace(
        sleep=lambda _: None, monotonic=lambda: 10.0))
    monkeypatch.setattr(site.procs, "run", lambda *_: None)
    monkeypatch.setattr(killed, "recorded", lambda _: set(there))
    found = killed.lost_by_a_kill(site, running, pathlib.Path())
    assert found["answered"] == 3
    assert (round(found["agent"], 6), found["agent lost"]) == lost


def killed_process(site):
    process = site.procs.start("sleep", ["sleep", "60"])
    process.record = records.Record(site.directory)
    return process


# Sessions and peers --------------------------------------------------------------------------------


@pytest.mark.parametrize("sessions", ["own", "one"])
def test_processes_are_in_sessions_of_their_own_or_in_ours(tmp_path, sessions):
    with Supervisor(tmp_path, {}, sessions) as procs:
        pids = [procs.start("sleep", ["/bin/sleep", "60"]).popen.pid for _ in range(2)]
        assert [os.getsid(pid) for pid in pids] == {"own": pids, "one": [os.getsid(0)] * 2}[sessions]
        assert [os.getpgid(pid) for pid in pids] == pids  # which is how they are counted and stopped


@pytest.mark.parametrize("asked, speed, memory", [
    ([], ["own"], ["own"]), (["--sessions", "one"], ["one"], ["one"]),
    (["--sessions", "both"], ["own", "one"], ["own"])])
def test_rows_about_speed_are_measured_in_both_ways(asked, speed, memory):
    options = cli.parse(asked)
    for row, wanted in (("small", speed), ("recording", speed), ("idle", speed), ("stalled", memory)):
        assert list(cli.ways(ROW[row], options)) == wanted, row


def test_the_way_of_sessions_is_told_with_the_row(monkeypatch, site):
    samples = {"adit": [sample(2, 1)], "n2": [sample(1, 1)]}
    both = [measured(monkeypatch, dataclasses.replace(site, sessions=way), samples, {"n2": None})
            | {"row": "few"} for way in ("one", "own")]
    parts = [part_of("a", both[0], failed=["small"]), part_of("b", both[1])]
    lines = report.as_markdown(report.joined(parts)).splitlines()
    assert [line.split(" | ")[0] for line in lines if "requests/s |" in line] == [
        "| few", "| few (one session)"]
    assert "small was not measured: it broke" in lines


@pytest.mark.parametrize("named, measured_with", [("n2", {"n2"}), ("n2,n1", {"n2", "n1"}),
                                                  ("go1", set())])
def test_only_the_named_peers_take_part(monkeypatch, site, named, measured_with):
    samples = {name: [sample(1, 1)] for name in ("adit", "n1", "n2", "before")}
    own = dataclasses.replace(site, before=site.directory, beside=cli.parse(["--beside", named]).beside)
    result = measured(monkeypatch, own, samples, dict.fromkeys(("n1", "n2", "before")))
    assert result["samples"].keys() == measured_with | {"subject", "before"}


def test_a_peer_that_does_not_exist_is_refused(capsys):
    with pytest.raises(SystemExit):
        cli.parse(["--beside", "n2,nobody"])
    assert "there is no nobody" in capsys.readouterr().err


def test_help_begins_with_examples(capsys):
    with pytest.raises(SystemExit):
        cli.parse(["--help"])
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("scripts/bench: ") and lines[3].startswith("  scripts/bench ")


# Other tunnels, and the way between ----------------------------------------------------------------


@pytest.mark.parametrize("name", rows.other_tunnels())
def test_no_secret_stands_in_a_command_line(monkeypatch, site, name):
    secrets, started = [], []

    def token_hex(_):
        secrets.append("the-secret")
        return secrets[-1]

    monkeypatch.setattr(tunnels.secrets, "token_hex", token_hex)
    monkeypatch.setattr(tunnels.shutil, "which", lambda program: f"/there/{program}")
    monkeypatch.setattr(tunnels, "wait_until_it_listens", lambda *_: None)
    monkeypatch.setattr(tunnels, "wait_until_200", lambda *_: None)
    monkeypatch.setattr(site.procs, "start", lambda _, argv, **more: started.append((argv, more)))
    assert peers.CONTESTANTS[name](site, 80).name == name
    told = [str(more) + "".join(path.read_text() for path in argv if isinstance(path, pathlib.Path))
            for argv, more in started]
    assert len(started) == 2 and secrets == (["the-secret"] if name != "localtunnel" else [])
    assert all("the-secret" in one for one in told) == bool(secrets)
    assert not any("the-secret" in str(word) for argv, _ in started for word in argv)


@pytest.mark.parametrize("name", rows.other_tunnels())
def test_a_tunnel_that_is_not_on_path_says_so(monkeypatch, site, name):
    monkeypatch.setattr(tunnels.shutil, "which", lambda _: None)
    with pytest.raises(Failed, match="there is no [a-z-]+ on PATH"):
        peers.CONTESTANTS[name](site, 80)


@pytest.mark.parametrize("name, far", [("adit", "relay"), ("straight", "origin")])
def test_the_way_lies_between_the_ends_of_a_tunnel(monkeypatch, site, name, far):
    started = {}
    monkeypatch.setattr(peers, "wait_until_200", lambda *_: None)
    monkeypatch.setattr(peers, "wait_until_it_listens", lambda *_: None)
    note_starts(monkeypatch, site, lambda name, argv: started.update({name: argv}))
    link = Link(round_trip_ms=100, mbit_per_second=200, queue_kib=4096)
    own = dataclasses.replace(site, link=link, bin=pathlib.Path(), tools={"slowlink": "slowlink"})
    visitors = peers.CONTESTANTS[name](own, 80).port
    _, near, to, *way = started["slowlink"]
    assert way[:3] == [50, 200_000, 4096]
    assert to == {"relay": visitors, "origin": 80}[far]
    assert near == visitors if name == "straight" else f"http://127.0.0.1:{near}" in started["adit"]


def test_tls_is_on_the_public_side_and_between_the_hops(monkeypatch, site):
    started = {}
    monkeypatch.setattr(peers, "wait_until_200", lambda *_: None)
    note_starts(monkeypatch, site, lambda name, argv: started.update({name: argv}))
    certificate = Certificate(pathlib.Path("/chain"), pathlib.Path("/key"))
    own = dataclasses.replace(site, tls=certificate, bin=pathlib.Path())
    running = peers.CONTESTANTS["adit"](own, 80)
    assert f"https://127.0.0.1:{running.port}" in started["aditd"]
    assert certificate.key in started["aditd"]
    relay = started["adit"].index("--relay")
    assert started["adit"][relay + 1:relay + 4] == [
        f"https://127.0.0.1:{running.port}", "--relay-ca", certificate.chain]
    assert peers.CONTESTANTS["n2"](own, 80).url.startswith("https://")
    visitors, beside = (started[f"n2-hop{n}"][-1].read_text() for n in (1, 2))
    assert "ssl;" in visitors and "proxy_pass https:" in visitors
    assert "ssl;" in beside and "proxy_pass http:" in beside


# Several measurements ------------------------------------------------------------------------------


def part_of(commit, *of_rows, failed=(), cpu="one", **more):
    return {
        "schema": report.SCHEMA,
        "date": "2000-01-01 00:00 UTC",
        "machine": {"cpu": cpu, "cores": 2, "memory_kib": 1, "system": "", "kernel": ""},
        "versions": {"commit": commit, f"seen by {commit}": "1"},
        "options": {"runs": 5, "most_runs": 15, "seconds": 10, "size_mib": 1024},
        "rows": list(of_rows),
        "failed": [{"row": name, "why": "it broke"} for name in failed],
        **more,
    }


def test_the_last_measurement_of_a_row_is_shown_with_its_commit(monkeypatch, site):
    def row(name, requests):
        samples = {"adit": [sample(requests, 1)], "n2": [sample(1, 1)]}
        return measured(monkeypatch, site, samples, {"n2": None}) | {"row": name}

    parts = [part_of("a", row("few", 111), row("small", 222), failed=["up"]),
             part_of("b", row("small", 333), failed=["few", "down"]),
             part_of("c", row("up", 444))]
    lines = report.as_markdown(report.joined(parts)).splitlines()
    assert [line for line in lines if line.startswith("- commit")] == [
        f"- commit {commit}, 2000-01-01 00:00 UTC, 5 to 15 rounds, passes of 10 s, "
        f"transfers of 1024 MiB: {name}"
        for commit, name in (("a", "few"), ("b", "small"), ("c", "up"))]
    assert [line.split(" | ")[:3] for line in lines if "requests/s |" in line] == [
        ["| small", "adit", "333 requests/s"], ["| few", "adit", "111 requests/s"],
        ["| up", "adit", "444 requests/s"]]
    assert [line for line in lines if "not measured" in line] == ["down was not measured: it broke"]
    assert {"- seen by a: 1", "- seen by c: 1"} <= set(lines)


@pytest.mark.parametrize("other, why", [({"cpu": "two"}, "machines"), ({"schema": 2}, "schema")])
def test_what_cannot_be_compared_is_not_joined(other, why):
    with pytest.raises(Failed, match=why):
        report.joined([part_of("a"), part_of("b", **other)])
