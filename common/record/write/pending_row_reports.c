// SPDX-License-Identifier: MIT
// Rows that expect the peer's report: the index by id, and the list of those that wait for nothing
// else.
#include "pending_row_internal.h"
#include "proto/hash.h"

static struct pending_row **bucket_of(struct pending_rows *rows, const char *id)
{
    return &rows->buckets[hash_bytes(slice_of(id, EXCHANGE_ID_LEN), 0) % PENDING_ROW_BUCKETS];
}

void pending_row_unindex(struct pending_row *row)
{
    struct pending_row **at = row->bucket;
    while (row->indexed && *at && *at != row)
        at = &(*at)->next_in_bucket;
    if (row->indexed && *at)
        *at = row->next_in_bucket;
    row->indexed = false;
}

void pending_row_index(struct pending_rows *rows, struct pending_row *row)
{
    row->bucket = bucket_of(rows, row->x.id);
    row->next_in_bucket = *row->bucket;
    *row->bucket = row;
    row->indexed = true;
}

void pending_row_stop_waiting(struct pending_rows *rows, struct pending_row *row)
{
    if (!row->waiting)
        return;
    row->waiting = false;
    list_remove(&rows->waiting, &row->in_waiting);
    rows->waiting_count--;
    rows->waiting_of[row->share]--;
}

struct pending_row *pending_row_find(struct pending_rows *rows, uint64_t tunnel_id, const char *id)
{
    struct pending_row *row = *bucket_of(rows, id);
    while (row && (row->tunnel_id != tunnel_id || memcmp(row->x.id, id, EXCHANGE_ID_LEN) != 0))
        row = row->next_in_bucket;
    return row;
}

// Beyond three quarters of RECORDER_WAITING_MAX a share may have 1 in RECORDER_SHARE_PART of it: an
// agent that never reports does not take others' places.
bool pending_row_may_wait(const struct pending_rows *rows, const struct pending_row *row)
{
    return row->share == 0 ||
           rows->waiting_count < RECORDER_WAITING_MAX - RECORDER_WAITING_MAX / 4 ||
           rows->waiting_of[row->share] < RECORDER_WAITING_MAX / RECORDER_SHARE_PART;
}

void pending_row_wait_for_report(struct pending_rows *rows, struct pending_row *row,
                                 uint64_t taken_ms)
{
    row->waiting = true;
    row->taken_ms = taken_ms;
    list_append(&rows->waiting, &row->in_waiting);
    rows->waiting_count++;
    rows->waiting_of[row->share]++;
    row->wait_number = rows->waited++;
}

uint64_t pending_rows_reported(const struct pending_rows *rows)
{
    struct list_link *first = rows->waiting.first;
    return first ? LIST_ITEM(first, struct pending_row, in_waiting)->wait_number : rows->waited;
}
