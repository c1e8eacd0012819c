# SPDX-License-Identifier: MIT
"""A service that keeps its requests, a tunnel or proxy to it, and `adit replay` over the record."""
import dataclasses
import json
import os
import pty
import re
import select
import subprocess

import harness
import record
from client import until
from wire import Fields

REPLAYED = re.compile(r"^(\w{16}) replayed as (\w{16}): (.*)$", re.M)


@dataclasses.dataclass
class Asked:
    """A request that the service received."""
    method: str
    target: str
    fields: list
    body: bytes
    trailers: list

    def field(self, name):
        return Fields(self.fields).all(name)

    def without(self, *names):
        fields = [(name, value) for name, value in self.fields if name.lower() not in names]
        return dataclasses.replace(self, fields=fields)


class Service:
    """A service that keeps its requests; `way` (a Tunnel or a Proxied) leads to the service, and
    records in `directory`."""

    def __init__(self, way, directory=None):
        self.way = way
        self.origin = way.origin
        self.directory = directory or way.directory / "adit"
        self.asked = []
        self.answers = []  # handlers for the next requests, in order; then `usual`
        self.usual = lambda exchange: exchange.reply(b"answer", 200, [("X-Answer", "1")])
        self.at("/kept")
        until(self.has_record, "there is a record")

    def at(self, path):
        self.origin.on(path, self._answer)

    def _answer(self, exchange):
        body = b"".join(exchange.body())
        request = exchange.request
        self.asked.append(
            Asked(request.method, request.target, list(request.fields), body, exchange.trailers))
        (self.answers.pop(0) if self.answers else self.usual)(exchange)

    def rows(self, where="1"):
        with record.Record(self.directory) as read:
            read.db.text_factory = lambda text: text.decode("utf-8", "surrogateescape")
            return read.exchanges(where)

    def body(self, row, side):
        with record.Record(self.directory) as read:
            return read.body(row["seq"], side)

    def has_record(self):
        """Whether the record exists: programs create their records after they begin to serve."""
        if not (self.directory / "record.db").exists():
            return False
        with record.Record(self.directory) as read:
            return read.number("PRAGMA user_version") > 0

    def passed(self):
        """The rows of exchanges without the replays."""
        return self.rows("w.program <> 'adit replay'")

    def kept(self, count=1):
        """Waits until `count` exchanges are recorded and all have ended. Returns their rows."""
        def ended():
            rows = self.passed()
            return rows if len(rows) >= count and all(row["outcome"] for row in rows) else None
        return until(ended, f"{count} exchanges are in the record")

    def fetch(self, *args, **options):
        """One exchange through `way`. Returns its row."""
        before = len(self.passed())
        self.way.fetch(*args, **options)
        return self.kept(before + 1)[-1]

    def send(self, raw, method="GET"):
        """Sends the bytes of a request through `way`. Returns the row."""
        before = len(self.passed())
        with self.way.visit() as visitor:
            visitor.send(raw.replace(b"HOST", self.way.host.encode()))
            visitor.response(method)
        return self.kept(before + 1)[-1]

    def run(self, *words, status=0, stdin=b"", command="replay"):
        """Runs `adit replay`, or another command. Returns (stdout, stderr)."""
        done = subprocess.run(
            [harness.BIN / "adit", command, *words, "--data", self.directory], input=stdin,
            capture_output=True, timeout=harness.DEADLINE * 3, check=False,
            env=harness.environment(self.directory))
        out, err = (text.decode(errors="backslashreplace") for text in (done.stdout, done.stderr))
        wanted = status if isinstance(status, tuple) else (status,)
        assert done.returncode in wanted, (done.returncode, out, err)
        return out, err

    def replay(self, *words, **options):
        """Replays the newest exchange. Returns the printed result."""
        row = self.kept()[-1]
        out, err = self.run(row["id"], "--yes", *words, **options)
        assert err == "", err
        return out

    def replayed(self, out):
        """The rows of the replays that an output names."""
        rows = {row["id"]: row for row in self.rows()}
        return [rows[again] for _, again, _ in REPLAYED.findall(out)]

    def at_terminal(self, *words, types):
        """Runs `adit replay` at a terminal and types the next of `types` at each question. Returns
        (exit status, output)."""
        pid, master = pty.fork()
        if pid == 0:
            os.execve(harness.BIN / "adit",
                      ["adit", "replay", *words, "--data", str(self.directory)],
                      harness.environment(self.directory))
        text = b""
        answers = list(types)
        while select.select([master], [], [], harness.DEADLINE)[0]:
            try:
                data = os.read(master, 65536)
            except OSError:  # the other end of a terminal is closed
                break
            text += data
            if text.endswith(b"[y/N] ") and answers:
                os.write(master, answers.pop(0).encode())
        os.close(master)
        return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), text.decode()


def objects(out):
    return [json.loads(line) for line in out.splitlines()]
