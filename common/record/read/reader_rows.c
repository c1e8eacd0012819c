// SPDX-License-Identifier: MIT
// Copies of rows. What a reader hands out keeps no transaction open, so that a slow command,
// blocked by a pager for example, never delays writers.
#include <stdlib.h>
#include "reader_internal.h"

enum {
    SLICES = 22
};

static void list_slices(struct record_exchange *x, struct slice *out[static SLICES])
{
    struct slice *const all[SLICES] = {&x->program,
                                       &x->tunnel,
                                       &x->visitor,
                                       &x->protocol,
                                       &x->method,
                                       &x->scheme,
                                       &x->host,
                                       &x->target,
                                       &x->upstream,
                                       &x->request_head,
                                       &x->interim,
                                       &x->response_head,
                                       &x->response_protocol,
                                       &x->reason,
                                       &x->bad_head,
                                       &x->detail,
                                       &x->outcome,
                                       &x->error,
                                       &x->replay_of,
                                       &x->peer.outcome,
                                       &x->body[RECORD_REQUEST].trailers,
                                       &x->body[RECORD_RESPONSE].trailers};
    memcpy(out, all, sizeof(all));
}

static void take_copy(struct slice *s, char **to)
{
    if (s->len == 0)
        return;
    memcpy(*to, s->p, s->len);
    s->p = *to;
    *to += s->len;
}

struct reader_row *reader_row_new(const struct record_exchange *x, size_t *bytes)
{
    struct slice *list[SLICES];
    struct record_exchange copied = *x;
    size_t len = 0;
    list_slices(&copied, list);
    for (size_t i = 0; i < SLICES; i++)
        len += list[i]->len;
    struct reader_row *row = malloc(sizeof(*row) + len);
    if (!row)
        return NULL;
    char *to = row->bytes;
    for (size_t i = 0; i < SLICES; i++)
        take_copy(list[i], &to);
    row->next = NULL;
    row->x = copied;
    *bytes += sizeof(*row) + len;
    return row;
}

void reader_rows_free(struct reader_row *row)
{
    while (row) {
        struct reader_row *next = row->next;
        free(row);
        row = next;
    }
}

bool reader_copy(struct buf *to, struct slice *bytes)
{
    to->start = to->end = 0;
    if (!buf_append(to, bytes->p, bytes->len))
        return false;
    *bytes = slice_of(bytes->len ? buf_at(to) : NULL, bytes->len);
    return true;
}

void record_reader_end(struct record_reader *r)
{
    for (size_t i = 0; i < READER_STATEMENTS; i++)
        if (r->statements[i])
            (void)sqlite3_reset(r->statements[i]);
    reader_rows_free(r->query.rows);
    reader_rows_free(r->row);
    reader_rows_free(r->found);
    r->row = r->found = NULL;
    r->current = NULL;
    memset(&r->query, 0, sizeof(r->query));
    r->dead_writers.start = r->dead_writers.end = 0;
}
