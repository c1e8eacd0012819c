# SPDX-License-Identifier: MIT
"""Reads the record of a data directory, and makes records for tests: the real tables, with rows
that tests set."""
import contextlib
import ctypes
import fcntl
import os
import pathlib
import re
import sqlite3
import struct

from client import until
from patience import DEADLINE, ROOT

CHUNK = 64 * 1024
SPAN = 128
REQUEST, RESPONSE = 0, 1
SECOND = 1_000_000_000
F_OFD_SETLK = 37
DIGITS = "0123456789abcdefghjkmnpqrstvwxyz"

# The defaults of an exchange; other columns are NULL.
COMPLETE = {
    "writer": 1, "protocol": "HTTP/1.1", "method": "GET", "scheme": "http",
    "host": "web.localhost:7080", "target": "/", "status": 200, "outcome": "complete", "flags": 24,
    "size": 1000, "duration_ns": 1_000_000, "request_bytes": 0, "request_kept": 0,
    "request_stalled_ns": 0, "response_bytes": 0, "response_kept": 0, "response_stalled_ns": 0,
    "request_head": b"Host: web.localhost:7080\r\n",
    "response_head": b"Content-Type: text/plain\r\n",
}


def schema():
    """The statements that create the tables, taken from the source of the programs."""
    source = (ROOT / "common/record/schema.c").read_text()
    steps = re.search(r"\bsteps\[RECORD_VERSION\] = \{(.*?)\n\};", source, re.S)[1]
    return "".join(re.findall(r'"((?:\\.|[^"\\])*)"', steps))


def version():
    """The version of the schema."""
    header = (ROOT / "common/record/schema.h").read_text()
    return int(re.search(r"RECORD_VERSION = (\d+),", header)[1])


def exchange_id(number, began_ns):
    """16 digits that sort by time; `number` makes them unique."""
    value = (began_ns // 1_000_000) << 35 | number & (1 << 35) - 1
    return "".join(DIGITS[value >> 5 * place & 31] for place in range(15, -1, -1))


def as_text(value):
    """Decodes text that visitors sent, which may not be UTF-8."""
    return value.decode("utf-8", "backslashreplace")


class Record:
    """The record of a data directory; `create` creates a missing one."""

    def __init__(self, directory, create=False):
        self.directory = pathlib.Path(directory)
        self.path = self.directory / "record.db"
        if create:
            self.directory.mkdir(parents=True, exist_ok=True)
        self.db = sqlite3.connect(self.path if create else f"file:{self.path}?mode=ro",
                                  uri=not create, isolation_level=None, timeout=DEADLINE)
        self.db.row_factory, self.db.text_factory = sqlite3.Row, as_text
        self.next = 1
        if create:
            self._create()

    def _create(self):
        self.db.executescript(
            "PRAGMA auto_vacuum=INCREMENTAL; PRAGMA journal_mode=WAL; PRAGMA synchronous=OFF;"
            f"{schema()} PRAGMA application_id={0x61646974}; PRAGMA user_version={version()};")
        self.writer("adit http")
        self.tunnels = {}

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.db.close()

    # reading

    def exchanges(self, where="1"):
        """All columns as dicts, the oldest first, with the names of `tunnel` and `program`."""
        rows = self.db.execute(
            "SELECT e.*, t.name AS tunnel_name, w.program FROM exchange e"
            " LEFT JOIN tunnel t ON t.id = e.tunnel LEFT JOIN writer w ON w.id = e.writer"
            f" WHERE {where} ORDER BY e.seq")
        return [dict(row) for row in rows]

    def body(self, seq, side):
        rows = self.db.execute(
            "SELECT bytes FROM bodies WHERE exchange=? AND side=? ORDER BY at", (seq, side))
        return b"".join(row[0] for row in rows)

    def number(self, sql, *values):
        return self.db.execute(sql, values).fetchone()[0]

    # making

    def writer(self, program, **columns):
        names = {"program": program, "version": "0", "pid": 1, "began_ns": 1, **columns}
        return self._insert("writer", names)

    def _insert(self, table, columns):
        names = ", ".join(columns)
        marks = ", ".join("?" * len(columns))
        return self.db.execute(
            f"INSERT INTO {table}({names}) VALUES({marks})", list(columns.values())).lastrowid

    def tunnel(self, name):
        if name not in self.tunnels:
            self.tunnels[name] = self._insert("tunnel", {"name": name})
        return self.tunnels[name]

    def add(self, tunnel="web", response=b"", request=b"", **columns):
        """Adds an exchange with these bodies and columns. Returns its id."""
        began = columns.pop("began_ns", 1_700_000_000 * SECOND + self.next * SECOND)
        row = {**COMPLETE, "id": exchange_id(self.next, began), "began_ns": began,
               "tunnel": self.tunnel(tunnel), "size": 1000 + len(request) + len(response),
               "request_bytes": len(request), "request_kept": len(request),
               "response_bytes": len(response), "response_kept": len(response), **columns}
        self.next += 1
        seq = self._insert("exchange", row)
        self.db.execute("UPDATE tunnel SET bytes = bytes + ? WHERE id = ?",
                        (row["size"], row["tunnel"]))
        first = seq - seq % SPAN
        self.db.execute(
            "INSERT INTO span VALUES(?, ?, ?, ?, ?) ON CONFLICT DO UPDATE SET last=excluded.last,"
            " first_id=min(first_id, excluded.first_id), last_id=max(last_id, excluded.last_id)",
            (row["tunnel"], first, seq, row["id"], row["id"]))
        for side, body in ((REQUEST, request), (RESPONSE, response)):
            self.db.executemany(
                "INSERT INTO body VALUES(?, ?, ?, ?)",
                ((seq, side, at, body[at:at + CHUNK]) for at in range(0, len(body), CHUNK)))
        return row["id"]

    def running(self, **columns):
        return self.add(outcome=None, status=None, duration_ns=None, response_head=None, **columns)

    @contextlib.contextmanager
    def together(self):
        """Groups changes into one transaction."""
        self.db.execute("BEGIN IMMEDIATE")
        yield
        self.db.execute("COMMIT")

    def fill(self, count, make=lambda number: {}):
        """Adds `count` exchanges in one transaction; `make(number)` gives the arguments of add."""
        with self.together():
            for number in range(count):
                self.add(**make(number))

    @contextlib.contextmanager
    def lives(self, writer=1):
        """Holds the lock by which a recording program shows that it is alive."""
        lock = os.open(self.directory / "record.lock", os.O_RDWR | os.O_CREAT, 0o600)
        fcntl.fcntl(lock, F_OFD_SETLK, struct.pack("hhqqi4x", fcntl.F_WRLCK, 0, writer, 1, 0))
        try:
            yield
        finally:
            os.close(lock)


def exchanges(directory, where="1"):
    """The exchanges of a record; none if the record does not exist yet."""
    try:
        with Record(directory) as record:
            return record.exchanges(where)
    except sqlite3.OperationalError as error:
        assert re.search("unable to open|no such table", str(error)), error
        return []


def writers(directory):
    """The number of processes that have begun to write a record; 0 if it does not exist."""
    try:
        with Record(directory) as record:
            return record.number("SELECT count(*) FROM writer")
    except sqlite3.OperationalError:
        return 0


def ended(directory, where, within=DEADLINE):
    """Waits until the one exchange that meets the condition has ended. Returns its row."""
    found = until(lambda: exchanges(directory, f"outcome IS NOT NULL AND ({where})"),
                  f"an exchange with {where}", within)
    assert len(found) == 1, found
    return found[0]


class _Hash(ctypes.Structure):
    _fields_ = [("low", ctypes.c_uint64), ("high", ctypes.c_uint64)]


def xxh3(data):
    """XXH3-128 in its canonical form, in one go."""
    library = ctypes.CDLL("libxxhash.so.0")
    library.XXH3_128bits.restype = _Hash
    digest = library.XXH3_128bits(data, ctypes.c_size_t(len(data)))
    return digest.high.to_bytes(8, "big") + digest.low.to_bytes(8, "big")


WHOLE = (8, 16)  # flags of the sides
SIDES = ("request", "response")


def differences(agent, relay):
    """The contradictions between the records of two data directories, for exchanges in both: a
    direction that is whole at both ends must have the same bytes. A relay that has lost its agent
    answers itself, whatever the agent was about to send: that response is not compared."""
    paths = [pathlib.Path(directory) / "record.db" for directory in (agent, relay)]
    if not all(path.exists() for path in paths):
        return []
    columns = ", ".join(f"{end}.{side}_{what} AS {end}_{side}_{what}" for end in "ar"
                        for side in SIDES for what in ("bytes", "digest"))
    found = []
    with contextlib.closing(sqlite3.connect(f"file:{paths[0]}?mode=ro", uri=True)) as db:
        db.row_factory, db.text_factory = sqlite3.Row, as_text
        db.execute("ATTACH ? AS relay", (f"file:{paths[1]}?mode=ro",))
        rows = db.execute(
            f"SELECT a.id, a.method, a.target, a.flags AS a_flags, r.flags AS r_flags, {columns},"
            " r.error IS NOT NULL AND r.error IS NOT a.error AS relays_own"
            " FROM main.exchange a JOIN relay.exchange r ON r.id = a.id"
            " WHERE a.outcome IS NOT NULL AND r.outcome IS NOT NULL")
        for row in rows:
            for side, whole in zip(SIDES, WHOLE):
                ends = [(row[f"{end}_{side}_bytes"], row[f"{end}_{side}_digest"]) for end in "ar"]
                own = side == SIDES[RESPONSE] and row["relays_own"]
                if row["a_flags"] & row["r_flags"] & whole and ends[0] != ends[1] and not own:
                    found.append(f"{row['id']} {row['method']} {row['target']}: the {side} has"
                                 f" {ends[0]} at the agent, {ends[1]} at the relay")
    return found
