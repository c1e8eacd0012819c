// SPDX-License-Identifier: MIT
// A connection that carries a mux and nothing else: HTTP/2 as RFC 9113 §3 begins it. Its owner
// passes the connection's events on.
#pragma once
#include "common/io/conn.h"
#include "proto/http2/mux.h"

struct http2_conn;

struct http2_conn_ops {
    // The mux has failed with a mux_error. The owner calls http2_conn_close.
    void (*failed)(struct http2_conn *h, int error);
};

// Embedded.
struct http2_conn {
    struct loop *loop;
    struct conn *conn; // NULL once closed
    struct mux *mux;
    const struct http2_conn_ops *ops;
    struct loop_task flush, settle;
    uint64_t ticked_ms;
    bool in_mux;  // the mux is on the stack: its streams stay
    bool woken;   // meanwhile: http2_conn_wake was called
    bool closing; // http2_conn_close was called,
    int error;    // with these
    enum conn_close_mode mode;
};

// Begins with a connection, whose owner stays its owner, and a new mux, which is freed by
// http2_conn_free.
void http2_conn_begin(struct http2_conn *h, struct loop *l, struct conn *c, struct mux *m,
                      const struct http2_conn_ops *ops);
// To be called when it is closed, and not by an event of the mux.
void http2_conn_free(struct http2_conn *h);
// The mux has something to send, which leaves before the loop sleeps. `ctx` is the http2_conn.
void http2_conn_wake(void *ctx);
// For conn_ops: feeds all input to the mux; goes on once output has left.
void http2_conn_read(struct http2_conn *h);
void http2_conn_sent(struct http2_conn *h);
// Ends all streams (MUX_RESET_LOST) and the connection, behind a GOAWAY by a mux_error or 0, unless
// the connection is gone (`h->conn` is NULL). Inside an event of the mux, behind that event.
void http2_conn_close(struct http2_conn *h, int error, enum conn_close_mode mode);
