// SPDX-License-Identifier: MIT
#include "chain.h"
#include <stdlib.h>

enum {
    BLOCK_MIN = 480
};

void chain_free(struct chain *c)
{
    for (struct chain_block *b = c->first; b;) {
        struct chain_block *next = b->next;
        free(b);
        b = next;
    }
    *c = (struct chain){0};
}

void chain_trim(struct chain *c)
{
    if (c->len == 0)
        chain_free(c);
}

// A block for `len` bytes or more: a long queue has few blocks, a short one a small block.
static struct chain_block *block_new(const struct chain *c, size_t len)
{
    size_t cap = c->len < CHAIN_BLOCK_MAX ? c->len : CHAIN_BLOCK_MAX;
    if (cap < BLOCK_MIN)
        cap = BLOCK_MIN;
    if (cap < len)
        cap = len;
    struct chain_block *b = malloc(sizeof(*b) + cap);
    if (!b)
        return NULL;
    b->next = NULL;
    b->start = b->end = 0;
    b->cap = cap;
    return b;
}

// Makes room in the only block by moving what is left to its start, if that is no more than was
// taken: a byte that waits there would else hold back the memory of a whole block.
static void compact(const struct chain *c)
{
    struct chain_block *b = c->last;
    if (b != c->first || b->start < c->len)
        return;
    memcpy(b->bytes, b->bytes + b->start, c->len);
    b->start = 0;
    b->end = c->len;
}

static void fill(struct chain *c, struct chain_block *b, const char *bytes, size_t len)
{
    memcpy(b->bytes + b->end, bytes, len);
    b->end += len;
    c->len += len;
}

bool chain_append(struct chain *c, const char *bytes, size_t len)
{
    struct chain_block *more = NULL;
    size_t room = 0;
    if (len == 0)
        return true;
    if (c->last && c->last->cap - c->last->end < len)
        compact(c);
    if (c->last)
        room = c->last->cap - c->last->end;
    if (room < len) {
        more = block_new(c, len - room);
        if (!more)
            return false;
    }
    if (room > len)
        room = len;
    if (room > 0)
        fill(c, c->last, bytes, room);
    if (!more)
        return true;
    fill(c, more, bytes + room, len - room);
    if (c->last)
        c->last->next = more;
    else
        c->first = more;
    c->last = more;
    return true;
}

// Frees the first block, which is empty; the only one stays, unless it is large.
static void drop_first(struct chain *c)
{
    struct chain_block *b = c->first;
    if (b == c->last && b->cap <= CHAIN_BLOCK_MAX) {
        b->start = b->end = 0;
        return;
    }
    c->first = b->next;
    if (!c->first)
        c->last = NULL;
    free(b);
}

void chain_take(struct chain *c, char *out, size_t len)
{
    while (len > 0) {
        struct chain_block *b = c->first;
        size_t n = b->end - b->start < len ? b->end - b->start : len;
        memcpy(out, b->bytes + b->start, n);
        b->start += n;
        c->len -= n;
        out += n;
        len -= n;
        if (b->start == b->end)
            drop_first(c);
    }
}
