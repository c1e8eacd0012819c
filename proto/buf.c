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

char *buf_reserve(struct buf *b, size_t len)
{
    if (b->cap - b->end >= len && b->bytes)
        return b->bytes + b->end;
    size_t used = buf_len(b);
    if (b->bytes && b->start > 0) {
        memmove(b->bytes, b->bytes + b->start, used);
        b->start = 0;
        b->end = used;
    }
    if (b->cap - used >= len && b->bytes)
        return b->bytes + b->end;
    size_t cap = b->cap ? b->cap : BUF_MIN;
    while (cap < used + len)
        cap *= 2;
    char *bytes = realloc(b->bytes, cap);
    if (!bytes)
        return NULL;
    b->bytes = bytes;
    b->cap = cap;
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

void buf_take(struct buf *b, size_t len)
{
    b->start += len;
    if (b->start < b->end)
        return;
    b->start = b->end = 0;
    if (b->cap > BUF_MIN)
        buf_free(b);
}
