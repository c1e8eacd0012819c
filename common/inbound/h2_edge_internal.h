// SPDX-License-Identifier: MIT
// Shared by the files of the visitors' HTTP/2, from the bottom: h2_clock.c (time
// limits), h2_websocket.c (RFC 8441), h2_stream.c (requests and responses), h2_edge.c (the
// connection).
#pragma once
#include "common/http2/http2_conn.h"
#include "common/http2/http2_stream.h"
#include "h2_edge.h"

enum {
    H2_KEY_LEN = 24 // Sec-WebSocket-Key
};

enum h2_clock {
    H2_CLOCK_NONE,
    H2_CLOCK_FIRST, // the first request
    H2_CLOCK_HEAD,  // the rest of a head
    H2_CLOCK_IDLE,  // the next request
    H2_CLOCK_BUSY,  // none: looks at the streams regularly
};

// A visitor's HTTP/2 connection.
struct h2_edge {
    struct http2_conn h;
    struct visitor visitor;
    struct visit visit; // of the peer
    struct list_link in_set;
    struct timeout limit;
    void (*on_limit)(struct timeout *limit);
    struct loop_task free_task;
    enum h2_clock clock;
    uint64_t head_since_ms; // when the head that is incomplete began; 0: none is
    struct list streams;    // of struct h2_stream
    size_t count;           // of these
    size_t endless;         // of these: with an endless exchange
    uint64_t send_since_ms; // since when its window as a whole holds a portion back; 0: it does not
    size_t sent_bytes;      // of that portion
    bool used;              // a request has come
    bool closed;
};

// A request, from its head until the mux is done with its stream: the response may be whole long
// before all of it has left.
struct h2_stream {
    struct http2_stream h; // first: the mux_user of the stream
    struct h2_edge *edge;
    struct list_link in_edge;
    struct visit visit;
    bool awaits_continue;   // the visitor holds its body back until a 100
    bool ended;             // the visitor has ended its side before an upgrade was decided
    bool endless;           // counted in edge->endless
    char key[H2_KEY_LEN];   // sent on as Sec-WebSocket-Key; zero: no extended CONNECT
    uint64_t body_since_ms; // since when we wait for a portion of the body; 0: we do not
    uint64_t send_since_ms; // since when a portion of the response waits to leave; 0: none does
    size_t body_bytes, sent_bytes; // of that portion
};

static inline const struct limits *h2_limits(const struct h2_edge *e)
{
    return &e->visitor.set->loop->limits;
}

// h2_clock.c
void h2_edge_start_clock(struct h2_edge *e, enum h2_clock clock);
// To be called when the number of streams has changed, or of endless ones, or a head has begun.
// Chooses the clock, and tells admission whether the connection is idle.
void h2_edge_update(struct h2_edge *e);

// h2_websocket.c
// Turns an extended CONNECT of WebSocket into a request with a new key. The head keeps slices of
// `key`. False: no randomness.
bool h2_websocket_request(struct http_head *head, char key[static H2_KEY_LEN]);
// Whether a 101 accepts the key.
bool h2_websocket_accepts(const struct http_head *response, const char key[static H2_KEY_LEN]);

// h2_stream.c
// Begins and serves a request, for mux_handler.
void h2_stream_on_head(void *ctx, struct mux_stream *s, struct http_head *head,
                       const struct body_framing *framing, bool end);
void h2_stream_on_data(void *ctx, struct mux_stream *s, const char *bytes, size_t len);
void h2_stream_on_end(void *ctx, struct mux_stream *s, struct http_head *trailers);
void h2_stream_on_drained(void *ctx, struct mux_stream *s, size_t len);
// Whether the visitor takes what its window for all streams together has held back, by the rate.
bool h2_edge_is_taken(struct h2_edge *e, uint64_t now_ms);
// Applies the time limits. `taken` is what h2_edge_is_taken says.
void h2_stream_check(struct h2_stream *s, uint64_t now_ms, bool taken);
