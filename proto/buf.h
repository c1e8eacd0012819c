// SPDX-License-Identifier: MIT
// A growing queue of bytes: appended at the end, taken from the start. Its owner bounds its size.
#pragma once
#include "bytes.h"

// The queue is bytes[start..end). All zero is an empty queue.
struct buf {
    char *bytes;
    size_t start, end, cap;
};

enum {
    BUF_KEEP_MAX = 256 * 1024
};

// Frees the memory and leaves an empty queue.
void buf_free(struct buf *b);
// Appends a copy. False when out of memory.
bool buf_append(struct buf *b, const void *bytes, size_t len);
// Makes room for `len` more bytes at the end; NULL when out of memory. The caller writes there and
// calls buf_commit with the number of bytes written.
char *buf_reserve(struct buf *b, size_t len);
// Removes bytes from the start. An emptied queue frees its memory, except for a small block.
void buf_take(struct buf *b, size_t len);
// The same for a queue that will be filled again soon: emptied, it keeps a block of up to
// BUF_KEEP_MAX bytes until its owner, when it idles, calls buf_trim.
void buf_take_keeping(struct buf *b, size_t len);
// Frees the memory of an empty queue, except for a small block.
void buf_trim(struct buf *b);

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
