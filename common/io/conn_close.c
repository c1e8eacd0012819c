// SPDX-License-Identifier: MIT
// Closing by the owner, or by a loop that stops.
#include "common/base/limits.h"
#include "conn_internal.h"

// A program that ended while one lingers would reset it, and its last bytes with it.
static bool any_is_closing(const struct loop *l)
{
    for (struct list_link *link = l->conns.first; link; link = link->next) {
        const struct conn *c = LIST_ITEM(link, struct conn, in_loop);
        if (c->closing || c->leaving)
            return true;
    }
    return false;
}

void conn_flush_closing(struct loop *l, uint32_t ms)
{
    uv_update_time(&l->uv); // what ended before may have taken long
    uint64_t end = loop_now_ms(l) + ms;
    while (any_is_closing(l) && loop_now_ms(l) < end)
        (void)uv_run(&l->uv, UV_RUN_ONCE); // a tick of the loop ends a wait
}

void conn_close_all(struct loop *l)
{
    while (l->conns.first) {
        struct conn *c = LIST_ITEM(l->conns.first, struct conn, in_loop);
        c->closing = true;
        c->close_mode = CONN_CLOSE_NOW;
        conn_close_socket(c);
    }
}

bool conn_has_handle(const struct loop *l, const uv_handle_t *handle)
{
    for (struct list_link *link = l->conns.first; link; link = link->next)
        if ((const uv_handle_t *)&LIST_ITEM(link, struct conn, in_loop)->poll == handle)
            return true;
    return false;
}

void conn_close(struct conn *c, enum conn_close_mode mode)
{
    if (!c || c->closing)
        return;
    c->closing = true;
    c->close_mode = (uint8_t)mode;
    c->owner = NULL;
    c->view.len = 0;
    if (mode == CONN_CLOSE_NOW || c->phase != CONN_OPEN) {
        conn_close_socket(c);
        return;
    }
    c->read_max = LIMIT_READ_BYTES; // a connection that reads goes on, and discards
    conn_flush(c);
    conn_update_send_limit(c);
    if (!c->closed && conn_pending(c) == 0)
        conn_finish_close(c);
    conn_queue_flush(c);
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
