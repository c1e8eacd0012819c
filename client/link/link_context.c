// SPDX-License-Identifier: MIT
// The libwebsockets context on our loop: how to make one, and how to free all of it.
#include <stdlib.h>
#include "common/io/conn.h"
#include "link_internal.h"

enum {
    SERVICE_BYTES = 16 * 1024, // of a read: a whole TLS record, or data could stall in OpenSSL
    DESTROY_TURNS = 8,         // turns of the loop that freeing the context may take
    LWS_LIMIT_S = 30           // libwebsockets' own, which gives no event: longer than our timeouts
};

static void count_watcher(uv_handle_t *handle, void *count)
{
    if (handle->type == UV_POLL)
        ++*(size_t *)count;
}

static size_t count_watchers(struct loop *l)
{
    size_t count = 0;
    uv_walk(&l->uv, count_watcher, &count);
    return count;
}

// libwebsockets makes a context even when it gets no descriptor for its wake-ups, and crashes when
// that context is freed. A sound new context has exactly that descriptor's watcher.
static bool make_context(struct link_context *c, const struct lws_context_creation_info *info)
{
    const size_t before = count_watchers(c->loop);
    c->lws = lws_create_context(info);
    return c->lws && count_watchers(c->loop) > before;
}

struct link_context *link_context_new(struct loop *l, const struct link_target *target)
{
    struct link_context *c = calloc(1, sizeof(*c));
    void *foreign[1] = {&l->uv};
    if (!c)
        return NULL;
    const struct lws_context_creation_info info = {
        .port = CONTEXT_PORT_NO_LISTEN,
        .protocols = link_protocols,
        .foreign_loops = foreign,
        .pcontext = &c->lws,
        .options =
            LWS_SERVER_OPTION_LIBUV | (target->at.tls ? LWS_SERVER_OPTION_DO_SSL_GLOBAL_INIT : 0),
        .pt_serv_buf_size = SERVICE_BYTES,
        .gid = -1,
        .uid = -1,
        .fd_limit_per_thread = 64,
        .user = c,
        .timeout_secs = LWS_LIMIT_S,
        .connect_timeout_secs = LWS_LIMIT_S,
    };
    (void)unsetenv("http_proxy"); // relay_proxy has read it; libwebsockets must not use it too
    lws_set_log_level(0, NULL);
    c->loop = l;
    c->ca_file = target->ca_file;
    if (make_context(c, &info))
        return c;
    free(c);
    return NULL;
}

static void free_handle(uv_handle_t *handle)
{
    free(handle);
}

// An agent's loop has libwebsockets' UV_POLL handles and those of its connections.
static void close_lost_watcher(uv_handle_t *handle, void *loop)
{
    if (handle->type == UV_POLL && !uv_is_closing(handle) && !conn_has_handle(loop, handle))
        uv_close(handle, free_handle);
}

void link_context_free(struct link_context *c)
{
    if (!c)
        return;
    // The first call starts to close its handles, which takes turns of the loop; a second call
    // frees the context. libwebsockets clears c->lws (`pcontext`) when it has freed it by itself.
    lws_context_destroy(c->lws);
    for (int turn = 0; c->lws && turn < DESTROY_TURNS; turn++)
        loop_run_once(c->loop);
    if (c->lws)
        lws_context_destroy(c->lws);
    // Freeing the context reports the end of most links, but not of all.
    while (c->links.first)
        link_free(LIST_ITEM(c->links.first, struct link, in_context));
    // libwebsockets forgets the watcher of a connect() that failed at once.
    uv_walk(&c->loop->uv, close_lost_watcher, c->loop);
    free(c);
}
