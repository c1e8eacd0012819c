# SPDX-License-Identifier: MIT
"""Records made by hand: the real tables out of common/record/schema.c, rows by SQL."""
import ctypes
import ctypes.util
import itertools
import re
import sqlite3
import subprocess

import harness

CHUNK = 64 * 1024
SECOND = 10**9
BEGAN = 1764093600 * SECOND  # 2025-11-25T18:00:00Z


class _Hash128(ctypes.Structure):
    _fields_ = [("low", ctypes.c_uint64), ("high", ctypes.c_uint64)]


_xxhash = ctypes.CDLL(ctypes.util.find_library("xxhash"))
_xxhash.XXH3_128bits.restype = _Hash128
_xxhash.XXH3_128bits.argtypes = [ctypes.c_char_p, ctypes.c_size_t]


def digest(data):
    """XXH3-128 in its canonical form."""
    value = _xxhash.XXH3_128bits(data, len(data))
    return value.high.to_bytes(8, "big") + value.low.to_bytes(8, "big")


def schema():
    source = (harness.ROOT / "common/record/schema.c").read_text()
    steps = source.partition("steps[RECORD_VERSION] = {")[2].partition("};")[0]
    return "".join(re.findall(r'"([^"]*)"', steps))


def lines(fields):
    return b"".join(name.encode() + b": " + (value if isinstance(value, bytes) else value.encode())
                    + b"\r\n" for name, value in fields)


class Record:
    """A record in a directory of its own, and the commands over it."""

    def __init__(self, directory, program="adit http"):
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.directory = directory
        self.numbers = itertools.count(1)
        self.db = sqlite3.connect(directory / "record.db", isolation_level=None)
        self.db.execute("PRAGMA journal_mode=WAL")
        self.db.executescript(schema())
        self.db.execute("PRAGMA application_id=0x61646974")
        self.db.execute("PRAGMA user_version=1")
        self.db.execute("INSERT INTO writer(id, program, version, pid, began_ns, ended_ns)"
                        " VALUES(1, ?, '0', 1, 0, 1)", (program,))
        self.db.execute("INSERT INTO tunnel(id, name) VALUES(1, 'web')")

    def insert(self, table, row):
        marks = ",".join("?" * len(row))
        return self.db.execute(f"INSERT INTO {table}({','.join(row)}) VALUES({marks})",
                               list(row.values())).lastrowid

    def add(self, request=b"", response=b"", request_fields=(), response_fields=(), messages=(),
            **columns):
        """Adds an exchange, small, complete and alike at both ends unless told otherwise."""
        number = next(self.numbers)
        kept = {"request": columns.pop("keep_request", len(request)),
                "response": columns.pop("keep_response", len(response))}
        bodies = {"request": request, "response": response}
        row = {
            "id": f"01jdq{number:011d}", "writer": 1, "tunnel": 1,
            "began_ns": BEGAN + number * SECOND, "visitor": "192.0.2.1", "protocol": "HTTP/1.1",
            "method": "GET", "scheme": "http", "host": "web.localhost:7080", "target": "/",
            "upstream": "localhost:8080", "status": 200, "outcome": "complete", "flags": 8 | 16,
            "size": 1000, "sent_on_ns": 2_000_000, "connect_ns": 1_000_000,
            "answered_ns": 7_000_000, "duration_ns": 9_000_000,
            "request_stalled_ns": 0, "response_stalled_ns": 0,
            "request_head": lines(request_fields), "response_head": lines(response_fields),
            "far_outcome": "complete", "far_flags": 8 | 16, "far_sent_on_ns": 500_000,
            "far_answered_ns": 11_000_000, "far_duration_ns": 14_000_000,
        }
        for side, body in bodies.items():
            row |= {f"{side}_bytes": len(body), f"{side}_kept": kept[side],
                    f"{side}_digest": digest(body), f"far_{side}_bytes": len(body),
                    f"far_{side}_digest": digest(body)}
        row |= columns
        seq = self.insert("exchange", row)
        for side, body in enumerate(bodies.values()):
            body = body[:list(kept.values())[side]]
            for at in range(0, len(body), CHUNK):
                self.insert("body", {"exchange": seq, "side": side, "at": at,
                                     "bytes": body[at:at + CHUNK]})
        for at, (side, opcode, flags, size, data) in enumerate(messages):
            self.insert("message", {"exchange": seq, "number": at, "side": side, "opcode": opcode,
                                    "flags": flags, "at_ns": (at + 1) * 10**6, "size": size,
                                    "bytes": data})
        return row["id"]

    def run(self, *words, program="adit", **options):
        """Runs a command over the record; its output is bytes."""
        return subprocess.run([harness.BIN / program, *words, "--data", self.directory],
                              capture_output=True, timeout=harness.DEADLINE,
                              env=harness.environment(self.directory), check=False, **options)

    def output(self, *words, status=0):
        done = self.run(*words)
        assert done.returncode == status, done
        assert done.stderr == b"" or status, done.stderr
        return done.stdout
