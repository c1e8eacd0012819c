// SPDX-License-Identifier: MIT
// Tracks become rows.
#include "pending_row_internal.h"

static struct slice all_of(const struct buf *b)
{
    return slice_of(b->bytes ? buf_at(b) : NULL, buf_len(b));
}

static int write_body(const struct pending_row *k, struct store *s, enum record_side side)
{
    struct slice left = all_of(&k->body[side]);
    uint64_t at = k->x.body[side].kept - left.len;
    int error = SQLITE_OK;
    while (!error && left.len > 0) {
        size_t len = left.len < RECORD_CHUNK_BYTES ? left.len : RECORD_CHUNK_BYTES;
        error = store_body(s, k->x.seq, side, at, slice_of(left.p, len));
        left.p += len;
        left.len -= len;
        at += len;
    }
    return error;
}

uint64_t pending_row_message_bytes(const struct pending_row *k)
{
    uint64_t bytes = 0;
    for (const struct ws_capture_message *d = k->messages ? k->messages->first : NULL; d;
         d = d->next)
        bytes += d->message.bytes.len + 32;
    return bytes;
}

static int write_pending_row(struct pending_row *k, struct store *s)
{
    struct record_exchange *x = &k->x;
    x->interim = all_of(&k->interim);
    x->response_head = slice_of(all_of(&k->head).p, buf_len(&k->head) ? k->head_len : 0);
    x->bad_head = all_of(&k->bad_head);
    x->detail = all_of(&k->detail);
    for (int side = 0; side < 2; side++)
        x->body[side].trailers = all_of(&k->trailers[side]);
    uint64_t size = x->size + pending_row_message_bytes(k);
    uint64_t before = x->size;
    struct slice small[2] = {0};
    k->inserting = x->seq == 0;
    for (int side = 0; side < 2; side++)
        if (k->inserting && k->ended && buf_len(&k->body[side]) <= RECORD_SMALL_BODY_BYTES)
            small[side] = all_of(&k->body[side]);
    x->size = size;
    int error = store_exchange(s, x, size - k->counted, small);
    x->size = before;
    for (int side = 0; !error && side < 2; side++)
        if (small[side].len == 0)
            error = write_body(k, s, (enum record_side)side);
    for (struct ws_capture_message *d = k->messages ? k->messages->first : NULL; !error && d;
         d = d->next)
        error = store_message(s, x->seq, d->number, &d->message);
    return error;
}

size_t pending_rows_messages(const struct pending_rows *t)
{
    return t->budget.messages * sizeof(struct ws_capture_message);
}

bool pending_row_is_over(const struct pending_row *k)
{
    return k->ended && (!k->hashed || k->x.peer.known);
}

static bool is_to_leave(const struct pending_row *k, enum pending_rows_leave leave)
{
    switch (leave) {
    case PENDING_ROWS_LEAVE_NONE: return false;
    case PENDING_ROWS_LEAVE_RUNNING: return !k->ended;
    case PENDING_ROWS_LEAVE_UNREPORTED: return !pending_row_is_over(k);
    }
    return false;
}

int pending_rows_write(struct pending_rows *t, struct store *s, enum pending_rows_leave leave,
                       size_t most, bool *more)
{
    int error = SQLITE_OK;
    struct pending_row *k = t->next ? t->next : t->dirty;
    for (; !error && k && most > 0; k = k->next_dirty, most--) {
        k->left = !k->late && is_to_leave(k, leave);
        if (!k->left)
            error = write_pending_row(k, s);
    }
    t->next = error ? NULL : k;
    *more = t->next != NULL;
    return error;
}

void pending_rows_unwritten(struct pending_rows *t)
{
    t->next = NULL;
    for (struct pending_row *k = t->dirty; k; k = k->next_dirty) {
        if (k->inserting)
            k->x.seq = 0;
        k->inserting = k->left = false;
    }
}
