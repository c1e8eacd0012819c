// SPDX-License-Identifier: MIT
#include "buf.h"
#include <stdlib.h>

enum {
    BUF_MIN = 512, // the first capacity, which an emptied queue keeps
};

void buf_free(struct buf *b)
{
    free(b->bytes);
    *b = (struct buf){0};
}

// A block of twice the size, or larger, with the bytes at its start.
static bool grow(struct buf *b, size_t len)
{
    size_t used = buf_len(b);
    size_t cap = b->bytes ? 2 * b->cap : BUF_MIN;
    while (cap < used + len)
        cap *= 2;
    char *bytes = NULL;
    if (b->start == 0) {
        bytes = realloc(b->bytes, cap);
    } else if ((bytes = malloc(cap))) {
        memcpy(bytes, buf_at(b), used);
        free(b->bytes);
    }
    if (!bytes)
        return false;
    *b = (struct buf){bytes, 0, used, cap};
    return true;
}

// Moves bytes to the start only if at least as many have been taken since the last move: so a byte
// that passes through a full queue is moved once at most.
char *buf_reserve(struct buf *b, size_t len)
{
    size_t used = buf_len(b);
    if (b->cap - b->end >= len && b->bytes)
        return b->bytes + b->end;
    if (b->cap - used >= len && b->start >= used && b->bytes) {
        memcpy(b->bytes, b->bytes + b->start, used);
        b->start = 0;
        b->end = used;
    } else if (!grow(b, len)) {
        return NULL;
    }
    return b->bytes + b->end;
}

bool buf_append(struct buf *b, const void *bytes, size_t len)
{
    if (len == 0)
        return true;
    char *at = buf_reserve(b, len);
    if (!at)
        return false;
    memcpy(at, bytes, len);
    b->end += len;
    return true;
}

static void take(struct buf *b, size_t len, size_t keep)
{
    b->start += len;
    if (b->start < b->end)
        return;
    b->start = b->end = 0;
    if (b->cap > keep)
        buf_free(b);
}

void buf_take(struct buf *b, size_t len)
{
    take(b, len, BUF_MIN);
}

void buf_take_keeping(struct buf *b, size_t len)
{
    take(b, len, BUF_KEEP_MAX);
}

void buf_trim(struct buf *b)
{
    take(b, 0, BUF_MIN);
}
