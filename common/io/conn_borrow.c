// SPDX-License-Identifier: MIT
// Borrowed output: bytes that lie in another connection's input while its read callback runs.
#include <stdlib.h>
#include "conn_internal.h"

static void add_part(struct conn_borrowed *b, const char *borrowed, size_t len)
{
    b->parts[b->count++] = (struct conn_part){borrowed, len};
}

static struct conn_borrowed *begin(struct conn *c, void (*settle)(struct loop_task *))
{
    struct conn_borrowed *b = malloc(sizeof(*b));
    if (!b)
        return NULL;
    b->settle = (struct loop_task){.run = settle};
    b->conn = c;
    b->count = 0;
    if (buf_len(&c->out) > 0)
        add_part(b, NULL, buf_len(&c->out));
    c->borrowed = b;
    loop_queue_settle(c->loop, &b->settle);
    return b;
}

// Leaves one part for bytes that are copied behind the last borrowed ones.
bool conn_borrow(struct conn *c, const char *bytes, size_t len, void (*settle)(struct loop_task *))
{
    if (len > UINT32_MAX / CONN_PARTS_MAX)
        return false;
    struct conn_borrowed *b = c->borrowed ? c->borrowed : begin(c, settle);
    if (!b || b->count > CONN_PARTS_MAX - 2)
        return false;
    add_part(b, bytes, len);
    c->borrowed_bytes += (uint32_t)len;
    return true;
}

void conn_note_copied(struct conn *c, size_t len)
{
    struct conn_borrowed *b = c->borrowed;
    if (b->parts[b->count - 1].borrowed)
        add_part(b, NULL, len);
    else
        b->parts[b->count - 1].len += len;
}

void conn_drop_borrowed(struct conn *c)
{
    if (!c->borrowed)
        return;
    loop_unqueue_settle(c->loop, &c->borrowed->settle);
    free(c->borrowed);
    c->borrowed = NULL;
    c->borrowed_bytes = 0;
}

// Copies to `rest` all parts but their first `n` bytes. False when out of memory.
static bool copy_rest(const struct conn *c, size_t n, struct buf *rest)
{
    const struct conn_borrowed *b = c->borrowed;
    const char *copied = buf_slice(&c->out).p;
    if (!buf_reserve(rest, conn_pending(c) - n))
        return false;
    for (int i = 0; i < b->count; i++) {
        const struct conn_part *part = &b->parts[i];
        size_t gone = n < part->len ? n : part->len;
        const char *bytes = part->borrowed ? part->borrowed : copied;
        (void)buf_append(rest, bytes + gone, part->len - gone); // there is room
        n -= gone;
        copied += part->borrowed ? 0 : part->len;
    }
    return true;
}

bool conn_settle_borrowed(struct conn *c, size_t n)
{
    struct buf rest = {0};
    bool all = n == conn_pending(c);
    bool ok = all || copy_rest(c, n, &rest);
    conn_drop_borrowed(c);
    if (all) {
        buf_take(&c->out, buf_len(&c->out));
        return true;
    }
    buf_free(&c->out);
    c->out = rest;
    return ok;
}
