// SPDX-License-Identifier: MIT
// An edge's state: whether the edge reads, its time limits, and its end.
#include <stdlib.h>
#include "edge_internal.h"

static void on_free(struct loop_task *task)
{
    struct edge *e = container_of(task, struct edge, free_task);
    http1_conn_free(&e->h);
    free(e);
}

void edge_close(struct edge *e, enum conn_close_mode how)
{
    if (e->state == EDGE_CLOSED)
        return;
    e->state = EDGE_CLOSED;
    timeout_stop(&e->limit);
    visit_end(&e->visit);
    if (e->visitor.place) {
        e->visitor.place->owner = NULL;
        admission_set_idle(e->visitor.place);
        e->visitor.place = NULL;
    }
    conn_close(e->h.conn, how);
    e->h.conn = NULL;
    list_remove(&e->visitor.set->edges, &e->in_set);
    e->visitor.set->count--;
    e->free_task.run = on_free;
    loop_queue(e->visitor.set->loop, &e->free_task);
}

static void on_taken_gone(void *arg)
{
    struct edge_set *set = arg;
    set->taken--;
}

struct conn *edge_take(struct exchange_endpoint *endpoint)
{
    struct edge *e = edge_of(endpoint);
    struct conn *c = e->h.conn;
    conn_set_send_timeout(c, 0);
    exchange_discard(endpoint->x);
    admission_leave(e->visitor.place);
    e->visitor.place = NULL;
    e->visitor.set->taken++;
    conn_on_closed(c, on_taken_gone, e->visitor.set);
    e->h.conn = NULL;
    edge_close(e, CONN_CLOSE_NOW);
    return c;
}

static void on_limit(struct timeout *t);

void edge_start_clock(struct edge *e, enum edge_clock clock)
{
    const struct limits *l = edge_limits(e);
    const uint32_t durations[] = {
        [CLOCK_FIRST] = l->head_ms,
        [CLOCK_HEAD] = l->head_ms,
        [CLOCK_KEEPALIVE] = l->keepalive_ms,
        [CLOCK_BODY] = l->body_ms,
        [CLOCK_STALLED] = LIMIT_STALLED_CHECK_MS,
        [CLOCK_HALF_CLOSED] = LIMIT_HALF_CLOSED_MS,
    };
    e->clock = clock;
    e->portion = 0;
    if (clock == CLOCK_NONE)
        timeout_stop(&e->limit);
    else
        timeout_start(e->visitor.set->loop, &e->limit, durations[clock], on_limit);
}

// A limit runs only while the exchange waits for the visitor: not while the visitor waits for a
// 100, and not while the response streams, since a protocol may pause the request meanwhile.
static enum edge_clock clock_of_exchange(const struct edge *e, bool body, bool read)
{
    const struct exchange *x = e->h.endpoint.x;
    const struct exchange_direction *response = &x->direction[OUTBOUND];
    if (!read || (x->upgraded && conn_got_eof(e->h.conn) && !response->ended))
        return CLOCK_STALLED;
    if (x->upgraded)
        return response->ended ? CLOCK_HALF_CLOSED : CLOCK_NONE;
    bool waits = x->responded ? response->ended : !e->awaits_continue;
    return body && waits ? CLOCK_BODY : CLOCK_NONE;
}

static void update_exchange(struct edge *e)
{
    struct exchange *x = e->h.endpoint.x;
    bool body = x->upgraded || !http1_body_done(&e->h.body);
    bool read = body ? exchange_may_send(&e->h.endpoint) >= LIMIT_CREDIT_MIN
                     : conn_in(e->h.conn).len < edge_limits(e)->head_bytes;
    if (body) {
        http1_conn_want_body(&e->h, LIMIT_READ_BYTES);
    } else {
        conn_set_read_max(e->h.conn, LIMIT_READ_BYTES);
        conn_want_read(e->h.conn, read);
    }
    enum edge_clock clock = clock_of_exchange(e, body, read);
    x->awaits_visitor = clock == CLOCK_BODY;
    if (clock != e->clock)
        edge_start_clock(e, clock);
}

void edge_update(struct edge *e)
{
    if (e->state == EDGE_CLOSED)
        return;
    if (e->h.endpoint.x) {
        update_exchange(e);
        return;
    }
    conn_set_read_max(e->h.conn, LIMIT_READ_BYTES);
    conn_want_read(e->h.conn, !edge_leaves_answers_unread(e));
}

bool edge_write_head(struct edge *e, const struct http_head *head, struct slice hop_fields)
{
    size_t len = http1_write_response(NULL, 0, head);
    char *out = conn_reserve(e->h.conn, len + hop_fields.len);
    if (!out)
        return false;
    (void)http1_write_response(out, len, head);
    // The hop's fields overwrite the empty line, which is written again behind them.
    memcpy(out + len - 2, hop_fields.p, hop_fields.len);
    memcpy(out + len - 2 + hop_fields.len, "\r\n", 2);
    conn_written(e->h.conn, len + hop_fields.len);
    return true;
}

static void answer_and_close(struct edge *e, enum answer answer, enum answer_form form,
                             bool no_body)
{
    char text[ANSWER_TEXT_MAX];
    struct http_head head;
    struct slice body;
    const struct answer_words words = {answer, form, ""};
    answer_make(&words, text, &head, &body);
    if (edge_write_head(e, &head, SLICE("Connection: close\r\n")) && !no_body)
        (void)conn_write(e->h.conn, body.p, body.len);
    edge_close(e, CONN_CLOSE_FLUSH);
}

void edge_refuse_head(struct edge *e, enum answer answer)
{
    struct slice in = conn_in(e->h.conn);
    bool head_method = in.len >= 5 && slice_eq(slice_of(in.p, 5), SLICE("HEAD "));
    visit_turned_away(&e->visit, &e->visitor, answer);
    answer_and_close(e, answer, ANSWER_TEXT, head_method);
}

void edge_abort(struct edge *e, enum exchange_outcome why, enum answer answer)
{
    const struct exchange *x = e->h.endpoint.x;
    const struct exchange_direction *response = &x->direction[OUTBOUND];
    const bool whole = response->ended && !x->upgraded;
    const bool answers = !x->responded && why != EXCHANGE_VISITOR_GONE;
    const enum answer_form form = x->form;
    const bool asks_head = x->asks_head;
    exchange_abort(&e->h.endpoint, why);
    if (answers)
        answer_and_close(e, answer, form, asks_head);
    else
        edge_close(e, whole ? CONN_CLOSE_FLUSH : CONN_CLOSE_RESET);
}

void edge_cut(struct edge *e, enum exchange_outcome why)
{
    exchange_abort(&e->h.endpoint, why);
    edge_close(e, CONN_CLOSE_RESET);
}

static void on_exchange_limit(struct edge *e)
{
    if (e->clock != CLOCK_STALLED)
        edge_abort(e, EXCHANGE_TIMEOUT, ANSWER_REQUEST_TIMEOUT);
    else if (conn_peer_left(e->h.conn, e->h.endpoint.x->upgraded))
        edge_abort(e, EXCHANGE_VISITOR_GONE, ANSWER_BAD_REQUEST);
    else
        edge_start_clock(e, CLOCK_STALLED);
}

static void on_limit(struct timeout *t)
{
    struct edge *e = container_of(t, struct edge, limit);
    switch (e->state) {
    case EDGE_IDLE: edge_close(e, CONN_CLOSE_FLUSH); return;
    case EDGE_HEAD: edge_refuse_head(e, ANSWER_REQUEST_TIMEOUT); return;
    case EDGE_EXCHANGE: on_exchange_limit(e); return;
    case EDGE_CLOSED: return;
    }
}

// Unread request bytes are drained by the lingering close.
void edge_end_early(struct edge *e)
{
    exchange_abandon(&e->h.endpoint);
    edge_close(e, CONN_CLOSE_FLUSH);
}

void edge_become_idle(struct edge *e)
{
    e->state = EDGE_IDLE;
    conn_set_send_timeout(e->h.conn, edge_limits(e)->send_ms);
    visit_end(&e->visit);
    admission_set_idle(e->visitor.place);
    edge_start_clock(e, CLOCK_KEEPALIVE);
    conn_recheck(e->h.conn);
    edge_update(e);
}
