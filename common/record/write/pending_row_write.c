// SPDX-License-Identifier: MIT
// Writes pending rows to the record.
#include "pending_row_internal.h"

static struct slice all_of(const struct buf *b)
{
    return slice_of(b->bytes ? buf_at(b) : NULL, buf_len(b));
}

static int write_body(const struct pending_row *row, struct store *s, enum record_side side)
{
    struct slice left = all_of(&row->body[side]);
    uint64_t at = row->x.body[side].kept - left.len;
    int error = SQLITE_OK;
    while (!error && left.len > 0) {
        size_t len = left.len < RECORD_CHUNK_BYTES ? left.len : RECORD_CHUNK_BYTES;
        error = store_body(s, row->x.seq, side, at, slice_of(left.p, len));
        left.p += len;
        left.len -= len;
        at += len;
    }
    return error;
}

uint64_t pending_row_message_bytes(const struct pending_row *row)
{
    uint64_t bytes = 0;
    for (const struct ws_capture_message *d = row->messages ? row->messages->first : NULL; d;
         d = d->next)
        bytes += d->message.bytes.len + 32;
    return bytes;
}

static int write_pending_row(struct pending_row *row, struct store *s)
{
    struct record_exchange *x = &row->x;
    uint8_t ws_state[WS_CAPTURE_STATE_BYTES];
    x->interim = all_of(&row->interim);
    x->response_head = slice_of(all_of(&row->head).p, buf_len(&row->head) ? row->head_len : 0);
    x->bad_head = all_of(&row->bad_head);
    x->detail = all_of(&row->detail);
    for (int side = 0; side < 2; side++)
        x->body[side].trailers = all_of(&row->trailers[side]);
    uint64_t size = x->size + pending_row_message_bytes(row);
    uint64_t before = x->size;
    struct slice small[2] = {0};
    row->inserting = x->seq == 0;
    for (int side = 0; side < 2; side++)
        if (row->inserting && row->ended && buf_len(&row->body[side]) <= RECORD_SMALL_BODY_BYTES)
            small[side] = all_of(&row->body[side]);
    if (row->messages && !row->ended) {
        ws_capture_save(row->messages, ws_state);
        x->ws_state = slice_of((const char *)ws_state, sizeof(ws_state));
    }
    x->size = size;
    int error = store_exchange(s, x, size - row->counted_size, small);
    x->size = before;
    x->ws_state = (struct slice){0};
    for (int side = 0; !error && side < 2; side++)
        if (small[side].len == 0)
            error = write_body(row, s, (enum record_side)side);
    for (struct ws_capture_message *d = row->messages ? row->messages->first : NULL; !error && d;
         d = d->next)
        error = store_message(s, x->seq, d->number, &d->message);
    return error;
}

size_t pending_rows_message_overhead(const struct pending_rows *rows)
{
    return rows->budget.messages * sizeof(struct ws_capture_message);
}

bool pending_row_is_complete(const struct pending_row *row)
{
    return row->ended && (!row->indexed || row->x.peer.known);
}

int pending_rows_write(struct pending_rows *rows, struct store *s)
{
    int error = SQLITE_OK;
    for (struct pending_row *row = rows->dirty; !error && row; row = row->next_dirty)
        error = write_pending_row(row, s);
    return error;
}

void pending_rows_rolled_back(struct pending_rows *rows)
{
    for (struct pending_row *row = rows->dirty; row; row = row->next_dirty) {
        if (row->inserting)
            row->x.seq = 0;
        row->inserting = false;
    }
}

// Frees what the record has now, and keeps what further events need.
static void forget_written(struct pending_row *row)
{
    row->x.size += pending_row_message_bytes(row);
    row->counted_size = row->x.size;
    row->inserting = row->dirty = false;
    row->stored = true;
    row->x.visitor = row->x.method = row->x.scheme = row->x.host = row->x.target =
        (struct slice){0};
    row->x.upstream = row->x.request_head = row->x.replay_of = row->x.reason = (struct slice){0};
    pending_row_free_buffers(row);
    if (row->messages)
        ws_capture_clear(row->messages);
}

void pending_rows_committed(struct pending_rows *rows, uint64_t taken_ms)
{
    size_t count = 0;
    struct pending_row *row = rows->dirty;
    rows->dirty = NULL;
    rows->dirty_last = &rows->dirty;
    for (struct pending_row *next = NULL; row; row = next, count++) {
        next = row->next_dirty;
        if (pending_row_is_complete(row)) {
            pending_row_free(rows, row);
            continue;
        }
        forget_written(row);
        if (!row->ended)
            continue;
        pending_row_free_messages(row);
        if (pending_row_may_wait(rows, row))
            pending_row_wait_for_report(rows, row, taken_ms);
        else
            pending_row_free(rows, row);
    }
    if (count < PENDING_ROWS_KEPT_QUIET)
        pending_rows_shrink(rows);
}

uint64_t pending_rows_count_dirty(const struct pending_rows *rows)
{
    uint64_t count = 0;
    for (const struct pending_row *row = rows->dirty; row; row = row->next_dirty)
        count++;
    return count;
}

static bool is_droppable(const struct pending_row *row)
{
    return row->ended && !row->stored;
}

static uint8_t largest_share(const struct pending_rows *rows)
{
    uint64_t bytes[RECORDER_SHARES] = {0};
    uint8_t largest = 0;
    for (const struct pending_row *row = rows->dirty; row; row = row->next_dirty)
        bytes[row->share] += is_droppable(row) ? row->x.size : 0;
    for (size_t i = 1; i < RECORDER_SHARES; i++)
        largest = bytes[i] > bytes[largest] ? (uint8_t)i : largest;
    return largest;
}

void pending_rows_drop_largest(struct pending_rows *rows)
{
    const uint8_t share = largest_share(rows);
    struct pending_row **at = &rows->dirty;
    while (*at) {
        struct pending_row *row = *at;
        if (row->share != share || !is_droppable(row)) {
            at = &row->next_dirty;
            continue;
        }
        *at = row->next_dirty;
        rows->begun--;
        rows->lost++;
        pending_row_free(rows, row);
    }
    rows->dirty_last = at;
}
