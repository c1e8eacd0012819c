// SPDX-License-Identifier: MIT
// Closing. A lingering close (RFC 9112 §9.6) reads and discards input for a while after our FIN:
// unread input would turn the FIN into a RST, which can destroy our last bytes before the peer
// reads them.
#include <stdlib.h>
#include "common/base/limits.h"
#include "conn_internal.h"

static void free_conn(uv_handle_t *handle)
{
    struct conn *c = handle->data;
    if (c->on_closed)
        c->on_closed(c->on_closed_arg);
    buf_free(&c->in);
    buf_free(&c->out);
    if (c->write) {
        buf_free(&c->write->bytes);
        free(c->write);
    }
    free(c);
}

static void close_socket(struct conn *c)
{
    if (c->closed)
        return;
    c->closed = true;
    timeout_stop(&c->timer);
    loop_unqueue(c->loop, &c->flush);
    if (c->close_mode == CONN_CLOSE_RESET && !uv_tcp_close_reset(&c->tcp, free_conn))
        return;
    if (!uv_is_closing((uv_handle_t *)&c->tcp))
        uv_close((uv_handle_t *)&c->tcp, free_conn);
}

static void on_linger_over(struct timeout *t)
{
    close_socket(container_of(t, struct conn, timer));
}

// (Re)starts the wait for the peer's next byte or FIN, up to linger_until_ms.
static void linger(struct conn *c)
{
    uint64_t now = loop_now_ms(c->loop);
    if (c->linger_until_ms == 0 || conn_pending(c) > 0)
        return; // our FIN is not sent yet
    if (now + LIMIT_LINGER_MS <= c->linger_until_ms)
        timeout_start(c->loop, &c->timer, LIMIT_LINGER_MS, on_linger_over);
}

// Stops draining a peer that exceeds the linger limit: reading its bytes costs time.
void conn_discard(struct conn *c, size_t len)
{
    c->discarded_bytes += len;
    if (c->discarded_bytes > LIMIT_LINGER_BYTES) {
        c->want_read = false;
        conn_update_reading(c);
    }
    linger(c);
}

static void discard_input(struct conn *c)
{
    c->ops = NULL;
    buf_free(&c->in);
    c->read_max = LIMIT_READ_BYTES;
    c->want_read = true;
    conn_update_reading(c);
}

void conn_finish_close(struct conn *c)
{
    if (c->closed)
        return;
    if (c->close_mode != CONN_CLOSE_FLUSH || c->got_eof) {
        close_socket(c);
        return;
    }
    if (c->linger_until_ms > 0)
        return;
    c->linger_until_ms = loop_now_ms(c->loop) + LIMIT_LINGER_MAX_MS;
    conn_shutdown(c);
    linger(c);
    discard_input(c);
}

static void close_handle(uv_handle_t *handle, void *arg)
{
    (void)arg;
    if (handle->type != UV_TCP || uv_is_closing(handle))
        return;
    struct conn *c = handle->data;
    c->closing = true;
    c->close_mode = CONN_CLOSE_NOW;
    close_socket(c);
}

void conn_close_all(struct loop *l)
{
    uv_walk(&l->uv, close_handle, NULL);
}

void conn_close(struct conn *c, enum conn_close_mode mode)
{
    if (!c || c->closing)
        return;
    c->closing = true;
    c->close_mode = (uint8_t)mode;
    c->owner = NULL;
    c->view.len = 0;
    c->want_read = false;
    if (mode == CONN_CLOSE_NOW) {
        close_socket(c);
        return;
    }
    conn_flush(c);
    conn_update_send_limit(c);
    if (!c->closed && conn_pending(c) == 0)
        conn_finish_close(c);
}

void conn_drop(struct conn *c)
{
    if (!c->closing) {
        conn_close(c, CONN_CLOSE_NOW);
        return;
    }
    c->close_mode = CONN_CLOSE_NOW;
    close_socket(c);
}
