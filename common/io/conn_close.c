// SPDX-License-Identifier: MIT
// Closing by the owner, or by a loop that stops.
#include "conn_internal.h"

static void close_handle(uv_handle_t *handle, void *arg)
{
    (void)arg;
    if (handle->type != UV_TCP || uv_is_closing(handle))
        return;
    struct conn *c = handle->data;
    c->closing = true;
    c->close_mode = CONN_CLOSE_NOW;
    conn_close_socket(c);
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
        conn_close_socket(c);
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
    conn_close_socket(c);
}
