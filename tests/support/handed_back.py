# SPDX-License-Identifier: MIT
"""Checks exports of a record: importers accept its archive, and some of its exported commands,
pasted into a shell, send the recorded bytes."""
import os
import re
import subprocess
import tempfile

import har
import record
from listening import Listening
from patience import BIN, DEADLINE

MOST_BYTES = 16 << 20  # larger records are not checked
COMMANDS = int(os.environ.get("ADIT_COMMANDS", "5"))  # commands run per record, 20 ms each
SHELLS = ["dash", "bash", "zsh -f", "busybox sh", "ksh93", "mksh"]
TOKEN = re.compile(rb"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
REPLACED = (b"forwarded", b"x-forwarded-for", b"x-forwarded-proto", b"x-forwarded-host")
OWN_VIA = re.compile(rb"(?:^|,[ \t]*)(1\.[01]|2\.0) adit-[^,]*$")
CURL = """#!/bin/sh
exec "$CURL" "$@" --connect-to "::$TO" --silent --max-time 20 --output /dev/null
"""


def field_lines(head):
    lines = [line.split(b":", 1) for line in (head or b"").split(b"\r\n")[:-1]]
    return [(name, value.strip(b" \t")) for name, value in lines]


def _from_agent(row, fields):
    """The visitor's request, rebuilt from the record of an agent or a replay."""
    version = b"HTTP/1.1"
    vias = [at for at, (name, _) in enumerate(fields) if name.lower() == b"via"]
    if vias and (own := OWN_VIA.search(fields[vias[-1]][1])):
        name, value = fields[vias[-1]]
        version = b"HTTP/" + own[1]
        fields[vias[-1]] = (name, value[:own.start()].rstrip(b" \t") if own.start() else None)
    fields = [(name, value) for name, value in fields
              if value is not None and name.lower() not in REPLACED]
    for at, (name, value) in enumerate(fields):
        if name.lower() == b"max-forwards" and row["method"] in ("OPTIONS", "TRACE"):
            fields[at] = (name, b"%d" % (int(value) + 1))
    if not any(name.lower() == b"host" for name, _ in fields) and row["host"]:
        fields.insert(0, (b"Host", row["host"].encode()))
    return version, fields


def wanted(row, body):
    """The request that the exported command of this row must send: (method, target, version,
    fields, body)."""
    fields, version = field_lines(row["request_head"]), row["protocol"].encode()
    if row["program"] not in ("aditd", "adit proxy"):
        version, fields = _from_agent(row, fields)
    if version.startswith(b"HTTP/2"):
        version = b"HTTP/1.1"  # which every service understands
    if row["flags"] & 1:
        fields = [(name, value) for name, value in fields if b"[redacted]" not in value]
    names = {name.lower() for name, _ in fields}
    if (body or row["request_trailers"]) and not names & {b"content-length", b"transfer-encoding"}:
        fields.append((b"Transfer-Encoding", b"chunked"))
    target = row["target"].encode("utf-8", "surrogateescape")
    if target.startswith(b"?"):
        target = b"http://" + row["host"].encode() + target
    return row["method"].encode(), target, version, fields, body


def can_be_sent(row):
    """Whether an exported command exists and sends a valid request."""
    fields = field_lines(row["request_head"])
    refused = row["error"] and row["status"] in (400, 501)
    return (not refused and row["outcome"] and row["flags"] & 8 and not row["flags"] & 32
            and row["host"] and not (row["flags"] & 1 and "[redacted]" in row["target"])
            and row["request_kept"] == row["request_bytes"] and row["scheme"] != "https"
            and all(TOKEN.fullmatch(name) for name, _ in fields))


def _export(program, data, *words, environment):
    done = subprocess.run([BIN / program, "export", *words, "--data", data], timeout=DEADLINE,
                          stdin=subprocess.DEVNULL, capture_output=True, env=environment,
                          check=False)
    assert done.returncode == 0, done
    return done.stdout


def _paste(script, shell, environment):
    """Runs commands whose requests all go to a service of the test. Returns the requests that
    arrived."""
    with Listening() as service, tempfile.TemporaryDirectory() as directory:
        path = os.path.join(directory, "curl")
        with open(path, "w", encoding="ascii") as wrapper:
            os.fchmod(wrapper.fileno(), 0o755)
            wrapper.write(CURL)
        paths = f"{directory}:{environment['PATH']}"
        done = subprocess.run(shell.split(), input=script, timeout=2 * DEADLINE, check=False,
                              capture_output=True, cwd=directory, env={
                                  **environment, "PATH": paths, "TO": service.host,
                                  "CURL": "/usr/bin/curl"})
        assert done.returncode == 0 and os.listdir(directory) == ["curl"], (script, done)
        return [(r.method, r.target, r.version, r.fields, r.body) for r in service.take()]


def check_record(program, data, environment):
    """Fails when an export of a program's record differs from what was recorded."""
    if (data / "record.db").stat().st_size > MOST_BYTES:
        return
    entries = har.load(_export(program, data, "--har", environment=environment))
    with record.Record(data) as read:
        read.db.text_factory = lambda text: text.decode("utf-8", "surrogateescape")
        rows = read.exchanges()
        assert len(entries) == len(rows)
        ids = [row["id"] for row in rows]
        rows = [row for row in rows if can_be_sent(row) and ids.count(row["id"]) == 1]
        rows = rows[::len(rows) // COMMANDS + 1]
        bodies = [read.body(row["seq"], record.REQUEST) for row in rows]
    if not rows:
        return
    script = _export(program, data, *(row["id"] for row in rows), "--curl",
                     environment=environment)
    heard = _paste(script, SHELLS[len(ids) % len(SHELLS)], environment)
    for row, body, each in zip(rows, bodies, heard):
        assert each == wanted(row, body), (script, row)
    assert len(heard) == len(rows), script
