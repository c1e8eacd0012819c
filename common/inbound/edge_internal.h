// SPDX-License-Identifier: MIT
// What the files of the edge share: edge.c (its life and its clocks), edge_request.c (what the
// visitor says), edge_response.c (what it hears).
#pragma once
#include "edge.h"

enum edge_state {
    EDGE_IDLE,     // waits for the first byte of a request
    EDGE_HEAD,     // waits for the rest of its head
    EDGE_EXCHANGE, // an exchange runs: waits for the request's body, and the response
    EDGE_CLOSED,   // waits to be freed
};

// What the visitor's time limit is for.
enum edge_clock {
    CLOCK_NONE,
    CLOCK_FIRST,       // its first byte
    CLOCK_HEAD,        // the whole head
    CLOCK_KEEPALIVE,   // the next request
    CLOCK_BODY,        // the next portion of the body
    CLOCK_STALLED,     // not read: looks now and then whether it has left
    CLOCK_HALF_CLOSED, // its next byte on an upgraded stream that the service has ended
};

struct edge {
    struct exchange_endpoint end;
    struct edge_set *set;
    struct edge *prev, *next;
    struct conn *conn;
    struct admission_place *place;
    struct timeout limit;
    struct loop_task free_task;
    enum edge_state state;
    enum edge_clock clock;
    bool keep_alive, version_10;
    bool awaits_continue; // the visitor keeps its body back until it hears a 100 (RFC 9110 §10.1.1)
    bool upgrade_offered, upgraded;
    bool request_done;   // its body is whole
    bool response_begun; // its final head was written
    bool response_ended; // it is whole
    bool unwanted;       // nobody takes the rest of the request
    bool chunked, until_close;
    size_t scanned;      // of the head
    size_t head_len;     // of the request whose head is being handled
    ptrdiff_t credit;    // bytes of body that the outbound takes now
    size_t owed;         // bytes of response that are not yet credited
    size_t portion;      // bytes of body since the clock began
    size_t swallowed;    // bytes of body that came although it was unwanted
    uint64_t body_bytes; // all of them
    char *hop_names;     // the fields that Connection named, which may not be trailers
    struct http1_body body;
    struct client_address client; // of the request
    uint64_t number; // of the connection, for struct exchange; 0: it may carry several people's
                     // requests, as one from a proxy does
    char visitor[INET6_ADDRSTRLEN]; // the same as text
    struct client_address peer;
    bool from_proxy;       // the peer is a trusted proxy
    const char *scheme;    // as it says; NULL: it does not
    struct share *proxied; // by which the request counts, of one through a trusted proxy
};

static inline const struct limits *edge_limits(const struct edge *e)
{
    return &e->set->loop->limits;
}

// The one way an edge ends. Its exchange, if any, must have been told before.
void edge_close(struct edge *e, enum conn_close_mode how);
// Gives up on the visitor in the middle of an exchange: `answer`, when no response has begun.
void edge_break_off(struct edge *e, enum exchange_why why, enum answer answer);
// Our own answer to what is no head, or never became one; the connection ends with it.
void edge_refuse_head(struct edge *e, enum answer answer);
// The response is whole, and of the request more is to come than is worth reading for nothing.
void edge_end_early(struct edge *e);

// The one place that decides whether we read and what the visitor's time limit is.
void edge_update(struct edge *e);
void edge_start_clock(struct edge *e, enum edge_clock clock);
// The exchange is over and the connection can take another, or has begun to.
void edge_become_idle(struct edge *e);

// The request counts among those of its client from now on. False: there are too many.
bool edge_count_proxied(struct edge *e);
void edge_uncount_proxied(struct edge *e);

// edge_request.c
bool edge_reads_too_little(const struct edge *e);
// Whether the rest of the request is short enough to be read for nothing.
bool edge_may_swallow(const struct edge *e);
extern const struct conn_ops edge_conn_ops;

// edge_response.c
extern const struct exchange_ops edge_end_ops;
// Writes a response head with the fields of this hop behind it. False when out of memory.
bool edge_write_head(struct edge *e, const struct http_head *head, struct slice hop_fields);
