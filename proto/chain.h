// SPDX-License-Identifier: MIT
// A queue of bytes in blocks: bytes are appended at the end and copied out at the start, and never
// move in between, however long the queue is. Its owner bounds its size.
#pragma once
#include "bytes.h"

// The block holds bytes[start..end).
struct chain_block {
    struct chain_block *next;
    size_t start, end, cap;
    char bytes[];
};

// All zero is an empty queue.
struct chain {
    struct chain_block *first, *last;
    size_t len;
};

enum {
    CHAIN_BLOCK_MAX = 16 * 1024 // bytes of a block
};

// Frees the memory and leaves an empty queue.
void chain_free(struct chain *c);
// Appends a copy. False when out of memory: the queue is unchanged.
bool chain_append(struct chain *c, const char *bytes, size_t len);
// Copies the first `len` bytes to `out` and removes them; the queue has as many. An emptied queue
// keeps one block until its owner, when it idles, calls chain_trim.
void chain_take(struct chain *c, char *out, size_t len);
// Frees the memory of an empty queue.
void chain_trim(struct chain *c);
