// SPDX-License-Identifier: MIT
// A queue of bytes that grows at its end and is taken from at its start. The owner keeps its bound.
#pragma once
#include "bytes.h"

// The bytes are bytes[start..end). All zero is an empty queue.
struct buf {
    char *bytes;
    size_t start, end, cap;
};

void buf_free(struct buf *b); // leaves it empty
bool buf_append(struct buf *b, const void *bytes, size_t len);
// Room for `len` more bytes at the end, or NULL when out of memory; buf_commit then says how many
// were written there.
char *buf_reserve(struct buf *b, size_t len);
// Takes bytes off the start. When it becomes empty all but a little memory is given back.
void buf_take(struct buf *b, size_t len);

static inline size_t buf_len(const struct buf *b)
{
    return b->end - b->start;
}

static inline char *buf_at(const struct buf *b)
{
    return b->bytes + b->start;
}

// The bytes in the queue, valid until it changes; never a null pointer.
static inline struct slice buf_slice(const struct buf *b)
{
    return b->bytes ? slice_of(buf_at(b), buf_len(b)) : slice_of("", 0);
}

static inline void buf_commit(struct buf *b, size_t len)
{
    b->end += len;
}
