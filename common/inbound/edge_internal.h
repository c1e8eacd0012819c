// SPDX-License-Identifier: MIT
// Shared by the files of the edge, from the bottom: edge.c (state, time limits, end),
// edge_request.c (reads from the visitor) and edge_response.c (writes to the visitor), edge_set.c
// (makes, admits and evicts edges).
#pragma once
#include "common/http1/http1_conn.h"
#include "edge_set.h"
#include "visit.h"

enum edge_state {
    EDGE_IDLE,     // waits for the first byte of a request
    EDGE_HEAD,     // waits for the rest of the request head
    EDGE_EXCHANGE, // waits for the request's body and for the response
    EDGE_CLOSED,   // waits to be freed
};

// The event that the running time limit waits for.
enum edge_clock {
    CLOCK_NONE,
    CLOCK_FIRST,       // the first byte of the connection
    CLOCK_HEAD,        // the whole request head
    CLOCK_KEEPALIVE,   // the next request
    CLOCK_BODY,        // the next portion of the body
    CLOCK_STALLED,     // none: we do not read, and check regularly whether the visitor has left
    CLOCK_HALF_CLOSED, // the next byte on an upgraded stream whose response side has ended
};

// A visitor's HTTP/1.1 connection, which carries one exchange after the other (RFC 9112 §9).
struct edge {
    struct http1_conn h;
    struct visitor visitor;
    struct visit visit; // the current request
    struct list_link in_set;
    struct timeout limit;
    struct loop_task free_task;
    enum edge_state state;
    enum edge_clock clock;
    bool keep_alive, version_10;
    bool awaits_continue; // the visitor holds its body back until a 100 (RFC 9110 §10.1.1)
    bool until_close;     // the response ends with the connection
    bool too_large;       // we have answered 413: the rest of the body is not read
    size_t portion;       // bytes of body since the clock was started
    size_t drained;       // bytes of unwanted body
    bool is_new;          // no byte has been taken: the connection may become HTTP/2
};

static inline struct edge *edge_of(struct exchange_endpoint *endpoint)
{
    return container_of(endpoint, struct edge, h.endpoint);
}

static inline const struct limits *edge_limits(const struct edge *e)
{
    return &e->visitor.set->loop->limits;
}

// Whether reading pauses since the visitor pipelines without reading our answers.
static inline bool edge_leaves_answers_unread(const struct edge *e)
{
    return e->state != EDGE_EXCHANGE && conn_pending(e->h.conn) > LIMIT_UNREAD_ANSWERS_BYTES;
}

// Whether the unwanted rest of a request's body is short enough to be drained; else the connection
// ends.
static inline bool edge_may_drain(const struct edge *e)
{
    if (e->awaits_continue || e->too_large || e->drained > LIMIT_DRAIN_BYTES)
        return false;
    return e->h.body.kind != BODY_LENGTH || e->h.body.remaining <= LIMIT_DRAIN_BYTES;
}

// Whether the rest of the request's body cannot be drained, so that the connection must end.
static inline bool edge_must_end(const struct edge *e)
{
    return !http1_body_done(&e->h.body) && !edge_may_drain(e);
}

// edge.c
// The only way an edge ends. Its exchange must be closed already.
void edge_close(struct edge *e, enum conn_close_mode how);
// Writes a response head followed by the fields of this hop. False when out of memory.
bool edge_write_head(struct edge *e, const struct http_head *head, struct slice hop_fields);
// Aborts the running exchange and ends the connection, with `answer` if the visitor has no response
// head.
void edge_abort(struct edge *e, enum exchange_outcome why, enum answer answer);
// Aborts the running exchange and resets the connection: what was written is no whole response.
void edge_cut(struct edge *e, enum exchange_outcome why);
// exchange_ops.take: the connection leaves admission and counts in `taken` of the set until it is
// gone.
struct conn *edge_take(struct exchange_endpoint *endpoint);
// Answers bytes that are no request head, or an incomplete head, and ends the connection.
void edge_refuse_head(struct edge *e, enum answer answer);
// Leaves an exchange whose response is whole and ends the connection, since too much of the
// request's body is left to drain.
void edge_end_early(struct edge *e);

// The one place that derives from the state whether we read and which time limit runs.
void edge_update(struct edge *e);
void edge_start_clock(struct edge *e, enum edge_clock clock);
// Waits for the next request, after an exchange that keeps the connection alive.
void edge_become_idle(struct edge *e);
// edge_request.c
extern const struct conn_ops edge_conn_ops;
extern const struct http1_conn_ops edge_http1_ops;

// edge_response.c
extern const struct exchange_ops edge_endpoint_ops;
