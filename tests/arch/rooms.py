# SPDX-License-Identifier: MIT
"""The rooms of docs/architecture.md and which of them know which: for layers and circles."""

# Each may use itself and what stands before it.
ROOMS = (
    "proto",
    "proto/http",
    "proto/http2",
    "proto/tunnel",
    "common/base",
    "common/io",
    "common/exchange",
    "common/http1",
    "common/http2",
    "common/inbound",
    "common/outbound",
    "common/tunnel",
    "common/record",
    "common/record/filter",
    "common/record/spool",
    "common/record/write",
    "common/record/read",
    "common/inspect",
    "common/config",
    "common/worker",
    "server",
    "client/display",
    "client/link",
    "client",
    "client/cmd",
)

# But these never, nor the rooms in them: what asks knows nothing of what answers, what writes the
# record nothing of what reads it, and the programs nothing of each other.
APART = (
    ("common/inbound", "common/outbound"),
    ("common/inbound", "common/tunnel"),
    ("common/outbound", "common/tunnel"),
    ("common/record/filter", "common/record/write"),
    ("common/record/write", "common/record/read"),
    ("server", "client"),
    ("client/display", "client/link"),
)


def within(room, folder):
    return room == folder or room.startswith(folder + "/")


def why_unknown(room, target):
    """Why `room` may not use `target`, or None."""
    if ROOMS.index(target) > ROOMS.index(room):
        return f"{target}/ stands behind {room}/"
    for pair in APART:
        if any(within(room, a) and within(target, b) for a, b in (pair, pair[::-1])):
            return f"{room}/ knows nothing of {target}/"
    return None
