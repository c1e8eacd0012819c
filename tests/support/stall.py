# SPDX-License-Identifier: MIT
"""Tells senders that flow control has stalled from slow senders."""
import select

from client import until
from patience import DEADLINE

ROUND_TRIPS = 20


def until_stalled(tunnel, sock, count, most):
    """Waits until the sender on this socket has stalled. Returns count(), the number of bytes sent.

    A busy machine makes a pause of a given time meaningless. A sender is stalled when its kernel
    takes no more and count() does not change while other requests make whole round trips through
    the same programs. Fails as soon as count() reaches `most`.
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
