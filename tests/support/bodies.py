# SPDX-License-Identifier: MIT
"""Makes bodies of any length from a seed, piece by piece, and their digests."""
import functools
import hashlib
import random

BLOCK = (1 << 20) - 3  # odd, so that no buffer of the programs divides it


@functools.lru_cache(maxsize=8)
def _block(seed):
    return random.Random(seed).randbytes(BLOCK)


def pieces(seed, size, step=65536):
    """Yields the body of `size` bytes, at most `step` at a time. All blocks differ."""
    number = 0
    while size > 0:
        block = (number.to_bytes(8, "big") + _block(seed)[8:])[:size]
        for start in range(0, len(block), step):
            yield block[start:start + step]
        size -= len(block)
        number += 1


def make(seed, size):
    return b"".join(pieces(seed, size, BLOCK))


def sha256(parts):
    """Hex digest of bytes, or of an iterable of bytes."""
    digest = hashlib.sha256()
    for part in (parts,) if isinstance(parts, (bytes, bytearray)) else parts:
        digest.update(part)
    return digest.hexdigest()


@functools.lru_cache(maxsize=256)
def digest(seed, size):
    return sha256(pieces(seed, size, BLOCK))
