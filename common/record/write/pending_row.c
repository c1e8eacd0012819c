// SPDX-License-Identifier: MIT
// The memory of pending rows: the table of slots, the dirty list, reuse.
#include <stdlib.h>
#include "pending_row_internal.h"

void pending_rows_init(struct pending_rows *rows, uint64_t body_bytes)
{
    *rows = (struct pending_rows){.body_bytes = body_bytes, .budget.max = RECORDER_MESSAGE_BYTES};
    rows->dirty_last = &rows->dirty;
}

void pending_row_free_messages(struct pending_row *row)
{
    if (row->messages)
        ws_capture_deinit(row->messages);
    free(row->messages);
    row->messages = NULL;
}

void pending_row_free_buffers(struct pending_row *row)
{
    buf_free(&row->texts);
    buf_free(&row->head);
    buf_free(&row->interim);
    buf_free(&row->bad_head);
    buf_free(&row->detail);
    for (int side = 0; side < 2; side++) {
        buf_free(&row->trailers[side]);
        buf_free(&row->body[side]);
    }
}

void pending_row_empty(struct buf *b)
{
    if (b->cap > PENDING_ROW_BUFFER_KEPT)
        buf_free(b);
    b->start = b->end = 0;
}

static size_t kept_bytes(const struct pending_row *row)
{
    return sizeof(*row) + row->texts.cap + row->head.cap + row->body[0].cap + row->body[1].cap;
}

// Keeps a row for reuse, up to PENDING_ROWS_KEPT_BYTES, or frees it.
static void keep(struct pending_rows *rows, struct pending_row *row)
{
    struct buf *const rare[] = {&row->interim, &row->bad_head, &row->detail};
    for (size_t i = 0; i < sizeof(rare) / sizeof(rare[0]); i++)
        if (rare[i]->bytes)
            buf_free(rare[i]);
    for (int side = 0; side < 2; side++) {
        if (row->trailers[side].bytes)
            buf_free(&row->trailers[side]);
        pending_row_empty(&row->body[side]);
    }
    pending_row_empty(&row->texts);
    pending_row_empty(&row->head);
    size_t bytes = kept_bytes(row);
    if (bytes > PENDING_ROWS_KEPT_BYTES - rows->kept_bytes) {
        pending_row_free_buffers(row);
        free(row);
        return;
    }
    row->next_dirty = rows->kept;
    rows->kept = row;
    rows->kept_count++;
    rows->kept_bytes += bytes;
}

static struct pending_row *take_kept(struct pending_rows *rows)
{
    struct pending_row *row = rows->kept;
    if (!row)
        return NULL;
    rows->kept = row->next_dirty;
    rows->kept_count--;
    rows->kept_bytes -= kept_bytes(row);
    return row;
}

static void shrink(struct pending_rows *rows, size_t count)
{
    while (rows->kept_count > count) {
        struct pending_row *row = take_kept(rows);
        pending_row_free_buffers(row);
        free(row);
    }
}

void pending_rows_shrink(struct pending_rows *rows)
{
    shrink(rows, PENDING_ROWS_KEPT_QUIET);
}

struct pending_row *pending_row_new(struct pending_rows *rows)
{
    struct pending_row *row = take_kept(rows);
    if (!row)
        return calloc(1, sizeof(*row));
    memset(row, 0, offsetof(struct pending_row, texts));
    return row;
}

void pending_row_free(struct pending_rows *rows, struct pending_row *row)
{
    pending_row_stop_waiting(rows, row);
    pending_row_unindex(row);
    pending_row_free_messages(row);
    keep(rows, row);
}

static struct pending_row *oldest_waiting(const struct pending_rows *rows)
{
    struct list_link *first = rows->waiting.first;
    return first ? LIST_ITEM(first, struct pending_row, in_waiting) : NULL;
}

static void free_waiting(struct pending_rows *rows)
{
    struct pending_row *oldest = NULL;
    while ((oldest = oldest_waiting(rows)))
        pending_row_free(rows, oldest);
}

void pending_rows_expire_waiting(struct pending_rows *rows, uint64_t read_ms)
{
    struct pending_row *oldest = NULL;
    while ((oldest = oldest_waiting(rows)) && (rows->waiting_count > RECORDER_WAITING_MAX ||
                                               read_ms >= oldest->taken_ms + RECORDER_REPORT_MS))
        pending_row_free(rows, oldest);
}

void pending_rows_deinit(struct pending_rows *rows)
{
    for (struct pending_row *row = rows->dirty, *next = NULL; row; row = next) {
        next = row->next_dirty;
        row->dirty = false;
        if (row->ended)
            pending_row_free(rows, row);
    }
    free_waiting(rows);
    for (uint32_t i = 0; i < rows->slot_count; i++)
        if (rows->slots[i])
            pending_row_free(rows, rows->slots[i]);
    shrink(rows, 0);
    free(rows->slots);
}

void pending_row_mark_dirty(struct pending_rows *rows, struct pending_row *row)
{
    if (row->dirty || !row->routed)
        return;
    row->dirty = true;
    row->next_dirty = NULL;
    *rows->dirty_last = row;
    rows->dirty_last = &row->next_dirty;
}

void pending_row_lose(struct pending_rows *rows, uint32_t slot)
{
    struct pending_row *row = rows->slots[slot];
    rows->slots[slot] = NULL;
    rows->lost += row->routed ? 0 : 1; // a routed one is in `begun`, and partly recorded
    rows->unrouted -= row->routed ? 0 : 1;
    row->ended = true;
    row->x.flags |= RECORD_SHED;
    row->x.outcome = SLICE("recorder gone");
    if (row->routed)
        pending_row_mark_dirty(rows, row);
    else
        pending_row_free(rows, row);
}

void pending_rows_lose_running(struct pending_rows *rows)
{
    for (uint32_t i = 0; i < rows->slot_count; i++)
        if (rows->slots[i])
            pending_row_lose(rows, i);
}

bool pending_rows_reserve_slot(struct pending_rows *rows, uint32_t slot)
{
    if (slot < rows->slot_count)
        return true;
    uint32_t count = rows->slot_count ? rows->slot_count : 64;
    while (count <= slot)
        count *= 2;
    struct pending_row **slots = realloc(rows->slots, count * sizeof(struct pending_row *));
    if (!slots)
        return false;
    memset(slots + rows->slot_count, 0, (count - rows->slot_count) * sizeof(struct pending_row *));
    rows->slots = slots;
    rows->slot_count = count;
    return true;
}

// The program's own text that is equal; empty if there is none.
static struct slice own_outcome(struct slice text)
{
    for (int i = 0; i <= EXCHANGE_MEMORY; i++)
        if (slice_eq(slice_str(exchange_outcome_text((enum exchange_outcome)i)), text))
            return slice_str(exchange_outcome_text((enum exchange_outcome)i));
    return slice_eq(text, SLICE("recorder gone")) ? SLICE("recorder gone") : (struct slice){0};
}

static struct slice own_code(struct slice text)
{
    for (int i = 0; i < ANSWERS; i++)
        if (slice_eq(slice_str(answer_code((enum answer)i)), text))
            return slice_str(answer_code((enum answer)i));
    return (struct slice){0};
}

// Texts that an update replaces are kept, those that it keeps are not needed.
static void keep_texts(struct pending_row *row, const struct record_exchange *x)
{
    const struct slice none = {0};
    row->x.tunnel = slice_of(row->tunnel, x->tunnel.len < sizeof(row->tunnel) ? x->tunnel.len : 0);
    memcpy(row->tunnel, x->tunnel.p ? x->tunnel.p : "", row->x.tunnel.len);
    row->x.program = row->x.visitor = row->x.protocol = row->x.method = row->x.scheme = none;
    row->x.host = row->x.target = row->x.upstream = row->x.request_head = row->x.replay_of = none;
    row->x.interim = row->x.response_head = row->x.response_protocol = row->x.reason = none;
    row->x.bad_head = row->x.detail = row->x.ws_state = none;
    row->x.body[0].trailers = row->x.body[1].trailers = none;
    row->x.error = own_code(x->error);
    row->x.outcome = own_outcome(x->outcome);
    row->x.peer.outcome = own_outcome(x->peer.outcome);
}

// Takes up the capture of a WebSocket's messages. A damaged state ends it: the row is shed, and an
// exchange that is shed keeps no further bytes. False: out of memory.
static bool restore_messages(struct pending_rows *rows, struct pending_row *row,
                             const struct record_exchange *x)
{
    if (x->ws_state.len == 0)
        return true;
    row->messages = malloc(sizeof(*row->messages));
    if (!row->messages)
        return false;
    ws_capture_init(row->messages, &rows->budget, row->share, rows->body_bytes);
    if (!ws_capture_restore(row->messages, x->ws_state, x->messages)) {
        pending_row_free_messages(row);
        row->x.flags |= RECORD_SHED;
    }
    return true;
}

bool pending_rows_restore(struct pending_rows *rows, const struct record_exchange *x,
                          uint64_t taken_ms)
{
    bool ended = x->outcome.len > 0;
    if (!ended && !pending_rows_reserve_slot(rows, x->slot))
        return false;
    // No program writes two rows of a slot, or another outcome.
    if (ended ? own_outcome(x->outcome).len == 0 : rows->slots[x->slot] != NULL)
        return true;
    struct pending_row *row = pending_row_new(rows);
    if (!row)
        return false;
    row->x = *x;
    keep_texts(row, x);
    row->counted_size = x->size;
    row->tunnel_id = x->link;
    row->routed = row->stored = true;
    row->ended = ended;
    if (!ended && !restore_messages(rows, row, x)) {
        pending_row_free(rows, row);
        return false;
    }
    if (row->tunnel_id && !x->peer.known)
        pending_row_index(rows, row);
    if (!ended)
        rows->slots[x->slot] = row;
    else
        pending_row_wait_for_report(rows, row, taken_ms);
    return true;
}

void pending_rows_forget_record(struct pending_rows *rows)
{
    struct pending_row **at = &rows->dirty;
    free_waiting(rows);
    for (uint32_t i = 0; i < rows->slot_count; i++) {
        struct pending_row *row = rows->slots[i];
        if (row && row->routed && row->stored) {
            rows->slots[i] = NULL;
            rows->lost++;
            row->ended = true;
            if (!row->dirty)
                pending_row_free(rows, row);
        }
    }
    while (*at) {
        struct pending_row *row = *at;
        if (!row->stored) {
            at = &row->next_dirty;
            continue;
        }
        *at = row->next_dirty;
        pending_row_free(rows, row);
    }
    rows->dirty_last = at;
}
