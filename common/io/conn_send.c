// SPDX-License-Identifier: MIT
// The sending half of a connection: one write for everything that one turn of the loop queued.
#include <stdlib.h>
#include "conn_internal.h"

bool conn_write(struct conn *c, const void *bytes, size_t len)
{
    if (c->closing || c->write_failed || len == 0)
        return true;
    if (!buf_append(&c->out, bytes, len))
        return false;
    c->queued_bytes += len;
    loop_queue(c->loop, &c->flush);
    return true;
}

char *conn_reserve(struct conn *c, size_t len)
{
    return buf_reserve(&c->out, len);
}

void conn_written(struct conn *c, size_t len)
{
    if (c->write_failed)
        return;
    buf_commit(&c->out, len);
    c->queued_bytes += len;
    loop_queue(c->loop, &c->flush);
}

static void after_sent(struct conn *c)
{
    conn_update_send_limit(c);
    if (c->shutdown_wanted)
        conn_try_shutdown(c);
    if (!c->closing)
        c->ops->sent(c);
    else if (conn_pending(c) == 0)
        conn_finish_close(c);
}

// Drops the output after a failed write. A peer that has closed may have answered before: then
// reading goes on, as fast as the owner wants it, and reports the end.
static void fail_write(struct conn *c, int error)
{
    buf_free(&c->out);
    c->write_failed = true;
    c->write_error = error;
    bool peer_closed = error == UV_EPIPE || error == UV_ECONNRESET;
    if (c->closing || c->got_eof || !peer_closed)
        conn_fail(c, error);
}

static void on_written(uv_write_t *req, int status)
{
    struct conn_write *w = container_of(req, struct conn_write, req);
    struct conn *c = req->data;
    buf_free(&w->bytes);
    free(w);
    c->write = NULL;
    if (c->closed)
        return;
    if (status < 0) {
        fail_write(c, status);
        return;
    }
    if (buf_len(&c->out) > 0)
        loop_queue(c->loop, &c->flush);
    after_sent(c);
}

// Leaves the output to libuv, which writes it when the socket takes more.
static void write_later(struct conn *c)
{
    struct conn_write *w = malloc(sizeof(*w));
    if (!w) {
        conn_fail(c, UV_ENOMEM);
        return;
    }
    w->bytes = c->out;
    w->req.data = c;
    c->out = (struct buf){0};
    c->write = w;
    uv_buf_t b = uv_buf_init(buf_at(&w->bytes), (unsigned)buf_len(&w->bytes));
    int error = uv_write(&w->req, (uv_stream_t *)&c->tcp, &b, 1, on_written);
    conn_update_send_limit(c);
    if (!error)
        return;
    c->write = NULL;
    buf_free(&w->bytes);
    free(w);
    fail_write(c, error);
}

void conn_flush(struct conn *c)
{
    if (c->closed || c->write || buf_len(&c->out) == 0)
        return;
    uv_buf_t b = uv_buf_init(buf_at(&c->out), (unsigned)buf_len(&c->out));
    int n = uv_try_write((uv_stream_t *)&c->tcp, &b, 1);
    if (n < 0 && n != UV_EAGAIN) {
        fail_write(c, n);
        return;
    }
    if (n > 0)
        buf_take(&c->out, (size_t)n);
    if (buf_len(&c->out) > 0)
        write_later(c);
    if (n > 0 && !c->closed)
        after_sent(c);
}

void conn_shutdown(struct conn *c)
{
    c->shutdown_wanted = true;
    conn_flush(c);
    conn_try_shutdown(c);
}
