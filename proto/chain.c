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

static size_t min_size(size_t a, size_t b)
{
    return a < b ? a : b;
}

// A block for `len` bytes, or for as many as a block holds. In a long queue it has room for more,
// so that there are few blocks.
static struct chain_block *block_new(const struct chain *c, size_t len)
{
    size_t cap = min_size(len > c->len / 4 ? len : c->len / 4, CHAIN_BLOCK_MAX);
    if (cap < BLOCK_MIN)
        cap = BLOCK_MIN;
    struct chain_block *b = malloc(sizeof(*b) + cap);
    if (!b)
        return NULL;
    b->next = NULL;
    b->start = b->end = 0;
    b->cap = cap;
    return b;
}

// Empty blocks for `len` bytes, to be linked behind those of the queue. False when out of memory.
static bool blocks_new(const struct chain *c, size_t len, struct chain *more)
{
    while (len > 0) {
        struct chain_block *b = block_new(c, len);
        if (!b) {
            chain_free(more);
            return false;
        }
        if (more->last)
            more->last->next = b;
        else
            more->first = b;
        more->last = b;
        len -= min_size(len, b->cap);
    }
    return true;
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

static void fill(struct chain_block *b, const char *bytes, size_t len)
{
    memcpy(b->bytes + b->end, bytes, len);
    b->end += len;
}

bool chain_append(struct chain *c, const char *bytes, size_t len)
{
    struct chain more = {0};
    size_t room = 0;
    if (len == 0)
        return true;
    if (c->last && c->last->cap - c->last->end < len)
        compact(c);
    if (c->last)
        room = min_size(c->last->cap - c->last->end, len);
    if (!blocks_new(c, len - room, &more))
        return false;
    if (room > 0)
        fill(c->last, bytes, room);
    c->len += len;
    for (struct chain_block *b = more.first; b; b = b->next) {
        size_t n = min_size(b->cap, len - room);
        fill(b, bytes + room, n);
        room += n;
    }
    if (!more.first)
        return true;
    if (c->last)
        c->last->next = more.first;
    else
        c->first = more.first;
    c->last = more.last;
    return true;
}

// Frees the first block, which is empty; the only one stays.
static void drop_first(struct chain *c)
{
    struct chain_block *b = c->first;
    if (b == c->last) {
        b->start = b->end = 0;
        return;
    }
    c->first = b->next;
    free(b);
}

void chain_take(struct chain *c, char *out, size_t len)
{
    while (len > 0) {
        struct chain_block *b = c->first;
        size_t n = min_size(b->end - b->start, len);
        memcpy(out, b->bytes + b->start, n);
        b->start += n;
        c->len -= n;
        out += n;
        len -= n;
        if (b->start == b->end)
            drop_first(c);
    }
}
