# SPDX-License-Identifier: MIT
"""Makes records with digests, messages and the other end's reports, and runs commands over them."""
import ctypes
import ctypes.util
import subprocess

import harness
import record

CHUNK = record.CHUNK
BEGAN = 1764093600 * record.SECOND  # 2025-11-25T18:00:00Z


class _Hash128(ctypes.Structure):
    _fields_ = [("low", ctypes.c_uint64), ("high", ctypes.c_uint64)]


_xxhash = ctypes.CDLL(ctypes.util.find_library("xxhash"))
_xxhash.XXH3_128bits.restype = _Hash128
_xxhash.XXH3_128bits.argtypes = [ctypes.c_char_p, ctypes.c_size_t]


def digest(data):
    """XXH3-128 in its canonical form."""
    value = _xxhash.XXH3_128bits(data, len(data))
    return value.high.to_bytes(8, "big") + value.low.to_bytes(8, "big")


def lines(fields):
    return b"".join(name.encode() + b": " + (value if isinstance(value, bytes) else value.encode())
                    + b"\r\n" for name, value in fields)


class Record(record.Record):
    """A record in a directory of its own."""

    def __init__(self, directory):
        super().__init__(directory, create=True)

    def add(self, request=b"", response=b"", request_fields=(), response_fields=(), messages=(),
            keep_request=None, keep_response=None, **columns):
        """Adds an exchange: complete, and the same at both ends, unless columns say otherwise."""
        number = self.next
        row = {
            "id": f"01jdq{number:011d}", "began_ns": BEGAN + number * record.SECOND,
            "visitor": "192.0.2.1", "upstream": "localhost:8080", "sent_on_ns": 2_000_000,
            "connect_ns": 1_000_000, "answered_ns": 7_000_000, "duration_ns": 9_000_000,
            "request_head": lines(request_fields), "response_head": lines(response_fields),
            "far_outcome": "complete", "far_flags": 8 | 16, "far_sent_on_ns": 500_000,
            "far_answered_ns": 11_000_000, "far_duration_ns": 14_000_000,
            "request_bytes": len(request), "response_bytes": len(response),
        }
        for side, body in (("request", request), ("response", response)):
            row |= {f"{side}_digest": digest(body), f"far_{side}_bytes": len(body),
                    f"far_{side}_digest": digest(body)}
        identity = super().add(request=request[:keep_request], response=response[:keep_response],
                               **row | columns)
        seq = self.number("SELECT max(seq) FROM exchange")
        for at, (side, opcode, flags, size, data) in enumerate(messages):
            self._insert("message", {"exchange": seq, "number": at, "side": side, "opcode": opcode,
                                     "flags": flags, "at_ns": (at + 1) * 10**6, "size": size,
                                     "bytes": data})
        return identity

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
