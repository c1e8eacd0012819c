# SPDX-License-Identifier: MIT
"""Reads the spool of a program that records, by docs/record.md, "The spool", alone."""
import ctypes
import pathlib
import struct

SEGMENT = struct.Struct("<8sIIQqQ32s32s")
BATCH = struct.Struct("<IIQQQ")
BATCH_HASHED = 24  # bytes of a batch's head before its hash
BATCH_MAX, EVENT_MAX, SLOTS_MAX = 256 << 10, 128 << 10, 1 << 20

# Of each kind: its name; its fixed part from offset 8 on, in which "unused" bytes are 0; the size
# of a body; its texts, whose lengths are the members NAME_len, or `len` where there is one text.
TEXT = ("method", "scheme", "host", "target", "lines", "visitor")
ROUTE = ("visitor", "tunnel", "scheme", "upstream", "replay", "owner", "address")
TIMES = "sent_on_ns connect_ns service_first_ns answered_ns duration_ns"
FACTS = ("<HBBH2s5q", f"status outcome answer detail_len unused {TIMES}", 48, ("detail",))
KINDS = (
    ("begun", "<q6I", "began_ns " + " ".join(f"{name}_len" for name in TEXT), 0, TEXT),
    ("routed", "<Q16s7HB1s", "tunnel_id id " + " ".join(f"{name}_len" for name in ROUTE)
     + " share unused", 0, ROUTE),
    ("discarded", "<", "", 0, ()),
    ("head", "<IIH2s", "lines_len reason_len status unused", 0, ("lines", "reason")),
    ("data", "<qI4s", "at_ns len unused", 0, ("bytes",)),
    ("trailers", "<I", "lines_len", 0, ("lines",)),
    ("bad head", "<I", "len", 0, ("bytes",)),
    ("progress", *FACTS),
    ("closed", *FACTS),
    ("reported", "<Q16s4QB7s",
     "tunnel_id id sent_on_ns connect_ns answered_ns duration_ns outcome unused", 24, ()),
)
BODY = (1024, 2048)  # flags: a body of the request, of the response follows


class Malformed(Exception):
    """A batch that counts has something that is no event."""


def _xxh3(data, seed):
    library = ctypes.CDLL("libxxhash.so.0")
    library.XXH3_64bits_withSeed.restype = ctypes.c_uint64
    return library.XXH3_64bits_withSeed(data, ctypes.c_size_t(len(data)), ctypes.c_uint64(seed))


def _demand(condition, what):
    if not condition:
        raise Malformed(what)


def _take_body(event, side, data):
    if event["kind"] == "reported":
        names = ("bytes", "digest")
        values = struct.unpack_from("<Q16s", data)
    else:
        names = ("bytes", "first_ns", "last_ns", "stalled_ns", "digest")
        values = struct.unpack_from("<Q3q16s", data)
    event[("request", "response")[side]] = dict(zip(names, values))


def decode(data):
    """One event as a dict of its members, bodies and texts."""
    slot, kind, side, flags = struct.unpack_from("<IBBH", data)
    _demand(kind < len(KINDS), f"kind {kind}")
    name, form, members, body_size, texts = KINDS[kind]
    event = {"slot": slot, "kind": name, "side": side, "flags": flags}
    event.update(zip(members.split(), struct.unpack_from(form, data, 8)))
    at = 8 + struct.calcsize(form)
    _demand(slot < SLOTS_MAX, f"slot {slot}")
    _demand(side <= (name in ("data", "trailers")), f"{name} of side {side}")
    _demand(not any(event.pop("unused", b"")), f"{name} with unused bytes that are not 0")
    for number, flag in enumerate(BODY):
        if body_size and flags & flag:
            _take_body(event, number, data[at:at + body_size])
            at += body_size
    for text in texts:
        size = event.pop("len" if "len" in event else f"{text}_len")
        event[text] = data[at:at + size]
        at += size
    _demand(at == len(data), f"{name} of {len(data)} bytes, whose parts have {at}")
    return event


def _events_of(entries):
    at = 0
    while at < len(entries):
        size, = struct.unpack_from("<Q", entries, at)
        end = at + 8 + size
        _demand(8 <= size <= EVENT_MAX and end <= len(entries), f"an event of {size} bytes")
        padded = (end + 7) & ~7
        _demand(not any(entries[end:padded]), "padding that is not 0")
        yield decode(entries[at + 8:end])
        at = padded


class Segment:
    """A segment's facts, its events, and whether all its bytes count; `number` is None where it has
    no head (yet)."""

    def __init__(self, path):
        data = pathlib.Path(path).read_bytes()
        self.events, self.batches, self.counts, self.number = [], 0, False, None
        self.shed = self.shed_bytes = 0
        if len(data) < SEGMENT.size or data[:8] != b"aditspl1":
            return
        (_, self.number, self.pid, self.before, self.began_ns, self.body_bytes, program,
         version) = SEGMENT.unpack_from(data)
        self.program, self.version = (text.split(b"\0")[0].decode() for text in (program, version))
        self.end = SEGMENT.size
        while self._take_batch(data):
            pass
        self.counts = self.end == len(data)

    def _take_batch(self, data):
        if len(data) - self.end < BATCH.size:
            return False
        magic, size, shed, shed_bytes, number = BATCH.unpack_from(data, self.end)
        begin = self.end + BATCH.size
        if magic != 0x68637462 or size > BATCH_MAX or len(data) - begin < size:
            return False
        entries = data[begin:begin + size]
        seed = _xxh3(data[self.end:self.end + BATCH_HASHED], 0)
        if _xxh3(entries, seed) != number:
            return False
        self.events += _events_of(entries)
        self.shed, self.shed_bytes = shed, shed_bytes
        self.batches += 1
        self.end = begin + size
        return True


def spools(directory):
    """The directories of the spools of a state directory."""
    return sorted(path for path in (pathlib.Path(directory) / "spool").glob("*") if path.is_dir())


def segments(spool):
    """The segments of a spool that have a head, in their order."""
    paths = sorted(pathlib.Path(spool).glob("*.seg"), key=lambda path: int(path.stem))
    return [segment for segment in map(Segment, paths) if segment.number is not None]


def exchanges(spool):
    """The routed exchanges of a spool as dicts, in the order of their routes: the members of `begun`
    and `routed`, `heads`, `bodies` and `trailers` by side, `facts` (the last `progress`, or
    `closed`), `reported`, and `ended`."""
    running, found = {}, []
    for event in (event for segment in segments(spool) for event in segment.events):
        kind, slot = event["kind"], event["slot"]
        if kind == "begun":
            running[slot] = {**event, "heads": [], "bodies": [b"", b""], "trailers": [b"", b""],
                             "facts": None, "reported": None, "ended": False}
        elif kind == "reported":
            for exchange in found:
                if all(exchange[name] == event[name] for name in ("tunnel_id", "id")):
                    exchange["reported"] = event
        elif slot in running:
            _apply(running[slot], event)
            if kind == "routed":
                found.append(running[slot])
            if kind in ("discarded", "closed"):
                del running[slot]
    return found


def _apply(exchange, event):
    kind = event["kind"]
    if kind == "routed":
        exchange.update((name, value) for name, value in event.items()
                        if value or name not in exchange)
    elif kind == "head":
        exchange["heads"].append(event)
    elif kind == "data":
        exchange["bodies"][event["side"]] += event["bytes"]
    elif kind == "trailers":
        exchange["trailers"][event["side"]] += event["lines"]
    elif kind in ("progress", "closed"):
        exchange["facts"] = event
        exchange["ended"] = kind == "closed"
