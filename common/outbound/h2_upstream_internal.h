// SPDX-License-Identifier: MIT
// Shared by the files of the HTTP/2 origin, from the bottom: h2_head.c (request heads), h2_trunk.c
// (connections, and the places in them), h2_request.c (requests and responses), h2_upstream.c
// (makes requests).
#pragma once
#include "common/http2/http2_conn.h"
#include "common/http2/http2_stream.h"
#include "h2_upstream.h"

// A connection, or one that is being established.
struct h2_trunk {
    struct http2_conn h;
    struct h2_upstream *upstream;
    struct list_link in_upstream;
    struct dial *dial;
    struct timeout idle;
    struct loop_task free_task;
    struct list requests; // that have a place here
    size_t count;         // of these
    int error;            // the mux_error with which it ended, or 0
    bool open;            // its mux runs
    bool answered;        // a response has come
    bool closed;
};

// A request, from its head until the exchange is over.
struct h2_request {
    struct http2_stream h; // first: the mux_user of the stream
    struct h2_upstream *upstream;
    struct h2_trunk *trunk;   // the place; NULL: waits for one
    struct list_link in_list; // of the trunk, or of the upstream's waiting
    struct timeout limit;     // of the wait for a place, then for the response
    struct body_framing framing;
    struct head_copy *head;     // to be sent, or sent again; NULL: it will not be
    struct head_copy *trailers; // likewise; NULL: none
    struct buf body;            // likewise
    bool finished;              // likewise: the body is whole
    bool idempotent;            // and without a body
    bool reused;                // the trunk had answered others before
    bool waits;                 // in the upstream's waiting
    uint64_t placed_ns;
    uint8_t tries;
};

// Called by h2_trunk.c.
struct h2_request_ops {
    // The request has a place in a connection that is open: it opens its stream.
    void (*begin)(struct h2_request *r);
    // No place is to be had. `detail` may be "".
    void (*refuse)(struct h2_request *r, enum answer answer, const char *detail);
    struct mux_handler handler;
};

// h2_head.c
// Makes a copy of a request head as HTTP/2 sends it to the origin. NULL when out of memory.
struct head_copy *h2_head_make(const struct h2_upstream *u, const struct http_head *request);

// h2_trunk.c
// Finds a place, in another connection than `except` (may be NULL), for a request that has none:
// opens it, now or once a connection is established, or refuses it.
void h2_trunk_place(struct h2_request *r, const struct h2_trunk *except);
// Gives the place up, or the wait for one; another request may get it.
void h2_trunk_leave(struct h2_request *r);
void h2_trunks_close(struct h2_upstream *u);

// h2_request.c
extern const struct h2_request_ops h2_request_ops;
// Makes a request for an exchange. NULL when out of memory.
struct h2_request *h2_request_new(struct h2_upstream *u);
