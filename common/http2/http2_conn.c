// SPDX-License-Identifier: MIT
#include "http2_conn.h"

enum {
    SHORT_BYTES = 4 * 1024,                // written while no body waits
    FRAMES_BYTES = 64 * 1024,              // written together
    LENT_BYTES = FRAMES_BYTES + 128 * 1024 // the same with a borrowed end
};

static bool is_open(const struct http2_conn *h)
{
    return h->conn && !h->closing;
}

static void do_close(struct http2_conn *h)
{
    char out[MUX_GOODBYE_MAX];
    const size_t len = mux_last_words(h->mux, h->error, out);
    if (h->conn)
        (void)conn_write(h->conn, out, len);
    mux_link_lost(h->mux);
    loop_unqueue(h->loop, &h->flush);
    loop_unqueue_settle(h->loop, &h->settle);
    if (h->conn && h->mode == CONN_CLOSE_NOW)
        conn_flush(h->conn); // may fail, which the owner hears of
    conn_close(h->conn, h->mode);
    h->conn = NULL;
}

void http2_conn_close(struct http2_conn *h, int error, enum conn_close_mode mode)
{
    if (h->closing)
        return;
    h->closing = true;
    h->error = error;
    h->mode = mode;
    if (!h->in_mux)
        do_close(h);
}

void http2_conn_free(struct http2_conn *h)
{
    mux_free(h->mux);
    h->mux = NULL;
}

static void queue_flush(struct http2_conn *h)
{
    h->woken = false;
    if (!is_open(h))
        return;
    if (mux_has_borrowed(h->mux))
        loop_queue_settle(h->loop, &h->settle);
    else
        loop_queue(h->loop, &h->flush);
}

void http2_conn_wake(void *ctx)
{
    struct http2_conn *h = ctx;
    if (h->in_mux)
        h->woken = true;
    else
        queue_flush(h);
}

// Behind each call into the mux: does what could not be done meanwhile.
static void leave_mux(struct http2_conn *h)
{
    h->in_mux = false;
    if (h->closing)
        do_close(h);
    else if (h->woken)
        queue_flush(h);
}

// Writes what the mux has to send next. Returns the number of bytes, 0: nothing, or a mux_error.
static int write_some(struct http2_conn *h)
{
    char out[SHORT_BYTES];
    int n = mux_send(h->mux, out, sizeof(out));
    if (n > 0 && !conn_write(h->conn, out, (size_t)n))
        return MUX_E_MEMORY;
    return n;
}

static int write_bodies(struct http2_conn *h)
{
    struct slice tail;
    char *out = conn_reserve(h->conn, FRAMES_BYTES);
    if (!out)
        return MUX_E_MEMORY;
    int n = mux_send_lent(h->mux, out, FRAMES_BYTES, LENT_BYTES, &tail);
    if (n <= 0)
        return n;
    conn_written(h->conn, (size_t)n);
    if (tail.len > 0 && !conn_write_borrowed(h->conn, tail.p, tail.len))
        return MUX_E_MEMORY;
    return n;
}

// Reads on whatever waits to be sent: what comes may be the credit that it waits for, and a peer
// that writes before it reads on would wait for us for ever. Answers to a peer that does not read
// them are bounded by its flood budget, by nghttp2's count of them, and by its streams.
static void update_reading(struct http2_conn *h)
{
    if (is_open(h))
        conn_want_read(h->conn, true);
}

// Moves frames to the connection while fewer than `most` bytes wait there. Returns whether there
// was any.
static bool fill(struct http2_conn *h, size_t most)
{
    bool any = false;
    int n = 1;
    while (n > 0 && is_open(h) && conn_pending(h->conn) < most) {
        const bool bodies = mux_has_bodies(h->mux) && mux_wants_send(h->mux);
        h->in_mux = true;
        n = bodies ? write_bodies(h) : write_some(h);
        leave_mux(h);
        any = any || n > 0;
    }
    if (n < 0 && is_open(h))
        h->ops->failed(h, n);
    update_reading(h);
    return any;
}

static void on_flush(struct loop_task *task)
{
    (void)fill(container_of(task, struct http2_conn, flush), LIMIT_LINK_QUEUE_BYTES);
}

static size_t most_lent(const struct http2_conn *h)
{
    bool takes = h->conn && !conn_is_blocked(h->conn);
    return takes ? LIMIT_LINK_LENT_BYTES : LIMIT_LINK_QUEUE_BYTES;
}

// Body bytes that the mux has borrowed from a read buffer leave from there as far as the connection
// takes them; the rest is copied into their stream's queue.
static void on_settle(struct loop_task *task)
{
    struct http2_conn *h = container_of(task, struct http2_conn, settle);
    while (fill(h, most_lent(h)) && is_open(h) && conn_pending(h->conn) >= most_lent(h))
        conn_flush(h->conn);
    if (!is_open(h))
        return;
    h->in_mux = true;
    mux_settle_data(h->mux);
    leave_mux(h);
    http2_conn_wake(h);
}

void http2_conn_begin(struct http2_conn *h, struct loop *l, struct conn *c, struct mux *m,
                      const struct http2_conn_ops *ops)
{
    *h = (struct http2_conn){
        .loop = l, .conn = c, .mux = m, .ops = ops, .ticked_ms = loop_now_ms(l)};
    h->flush.run = on_flush;
    h->settle.run = on_settle;
    conn_want_read(c, true);
    http2_conn_wake(h);
}

static void let_time_pass(struct http2_conn *h)
{
    enum {
        EVERY_MS = 100
    };
    const uint64_t now = loop_now_ms(h->loop);
    if (now - h->ticked_ms < EVERY_MS)
        return;
    mux_tick(h->mux, now - h->ticked_ms);
    h->ticked_ms = now;
}

void http2_conn_read(struct http2_conn *h)
{
    const struct slice in = conn_in(h->conn);
    let_time_pass(h);
    mux_set_now(h->mux, clock_ns() / 1000, 0);
    h->in_mux = true;
    int error = mux_recv(h->mux, in.p, in.len);
    h->woken = true;
    leave_mux(h);
    if (!is_open(h))
        return;
    conn_consume(h->conn, in.len);
    if (error)
        h->ops->failed(h, error);
    else
        update_reading(h);
}

void http2_conn_sent(struct http2_conn *h)
{
    if (mux_wants_send(h->mux))
        http2_conn_wake(h);
    update_reading(h);
}
