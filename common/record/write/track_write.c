// SPDX-License-Identifier: MIT
// Tracks become rows.
#include "track_internal.h"

static struct slice all_of(const struct buf *b)
{
    return slice_of(b->bytes ? buf_at(b) : NULL, buf_len(b));
}

static int write_body(const struct track *k, struct store *s, enum record_side side)
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

uint64_t track_message_bytes(const struct track *k)
{
    uint64_t bytes = 0;
    for (const struct frames_message *d = k->messages ? k->messages->first : NULL; d; d = d->next)
        bytes += d->message.bytes.len + 32;
    return bytes;
}

static int write_track(struct track *k, struct store *s)
{
    struct record_exchange *x = &k->x;
    x->interim = all_of(&k->interim);
    x->response_head = slice_of(all_of(&k->head).p, buf_len(&k->head) ? k->head_len : 0);
    x->bad_head = all_of(&k->bad_head);
    x->detail = all_of(&k->detail);
    for (int side = 0; side < 2; side++)
        x->body[side].trailers = all_of(&k->trailers[side]);
    uint64_t size = x->size + track_message_bytes(k);
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
    for (struct frames_message *d = k->messages ? k->messages->first : NULL; !error && d;
         d = d->next)
        error = store_message(s, x->seq, d->number, &d->message);
    return error;
}

size_t tracks_messages(const struct tracks *t)
{
    return t->budget.messages * sizeof(struct frames_message);
}

bool track_is_over(const struct track *k)
{
    return k->ended && (!k->hashed || k->x.far.known);
}

static bool is_to_leave(const struct track *k, enum tracks_leave leave)
{
    switch (leave) {
    case TRACKS_LEAVE_NONE: return false;
    case TRACKS_LEAVE_RUNNING: return !k->ended;
    case TRACKS_LEAVE_UNREPORTED: return !track_is_over(k);
    }
    return false;
}

int tracks_write(struct tracks *t, struct store *s, enum tracks_leave leave, size_t most,
                 bool *more)
{
    int error = SQLITE_OK;
    struct track *k = t->next ? t->next : t->dirty;
    for (; !error && k && most > 0; k = k->next_dirty, most--) {
        k->left = !k->late && is_to_leave(k, leave);
        if (!k->left)
            error = write_track(k, s);
    }
    t->next = error ? NULL : k;
    *more = t->next != NULL;
    return error;
}

void tracks_unwritten(struct tracks *t)
{
    t->next = NULL;
    for (struct track *k = t->dirty; k; k = k->next_dirty) {
        if (k->inserting)
            k->x.seq = 0;
        k->inserting = k->left = false;
    }
}
