# SPDX-License-Identifier: MIT
"""Tells a sender that is stalled by flow control from one that is merely slow."""
import select

from client import until
from patience import DEADLINE

ROUND_TRIPS = 20


def until_stalled(tunnel, sock, count, most):
    """Waits until the sender on this socket has stalled, and returns count(), the bytes it has sent.

    The clock tells nothing on a busy machine. A sender is stalled when its kernel takes no more and
    the count stays as it is while other requests make whole round trips through the same programs.
    Fails as soon as count() reaches `most`.
    """
    def is_stalled():
        before = count()
        for _ in range(ROUND_TRIPS):
            assert count() < most, "the sender was not slowed down"
            _, writable, _ = select.select([], [sock], [], 0)
            if writable or count() != before:
                return False
            assert tunnel.fetch("GET", "/").body == b"hello"
        return True
    until(is_stalled, "the sender has stalled", 3 * DEADLINE)
    return count()
