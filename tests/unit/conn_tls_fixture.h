// SPDX-License-Identifier: MIT
// Two connections over TLS on one loop: one that a listener accepts, and one that is dialled.
#pragma once
#include "common/io/dial.h"
#include "common/io/listener.h"
#include "conn_fixture.h"
#include "tests/support/chance.h"
#include "tests/support/tls_pair.h"

struct ends {
    struct tls_files files;
    struct tls_pair contexts; // without transports
    struct owner *server;     // its loop is that of all
    struct owner client;
    struct listener listener;
    struct dial_target target;
    struct dial *dial;
    bool dialled;
    int dial_error;
};

static inline void end_accepted(const struct listener *l, int fd,
                                const struct sockaddr_storage *peer)
{
    struct owner *o = ((struct ends *)l->ctx)->server;
    (void)peer;
    o->conn = listener_conn(l, fd, &owner_ops, o);
    assert_non_null(o->conn);
    conn_on_closed(o->conn, owner_closed, o);
    conn_want_read(o->conn, true);
}

static inline void end_dialled(void *ctx, struct conn *c, int error)
{
    struct ends *e = ctx;
    e->dial = NULL;
    e->dialled = true;
    e->dial_error = error;
    e->client.conn = c;
    if (!c)
        return;
    conn_set_owner(c, &owner_ops, &e->client);
    conn_on_closed(c, owner_closed, &e->client);
    conn_want_read(c, true);
}

static inline void ends_listen(struct ends *e, const struct tls_server *server)
{
    struct sockaddr_storage at = {0};
    struct sockaddr_storage actual;
    assert_int_equal(uv_ip4_addr("127.0.0.1", 0, (struct sockaddr_in *)&at), 0);
    e->listener = (struct listener){.accepted = end_accepted, .ctx = e, .tls = server};
    assert_int_equal(listener_open(&e->listener, &e->server->loop, &at, &actual), 0);
    e->target.port = address_port(&actual);
}

static inline void ends_stop_listening(struct ends *e)
{
    listener_close(&e->listener);
    serve(e->server);
}

// Listens with TLS, with the good certificate.
static inline struct ends *ends_new(const char *client_alpn, const char *server_alpn)
{
    struct ends *e = calloc(1, sizeof(*e));
    assert_non_null(e);
    tls_files_make(&e->files);
    tls_pair_contexts(&e->contexts, &e->files, client_alpn, server_alpn);
    e->server = owner_new();
    ends_listen(e, e->contexts.server);
    return e;
}

static inline void ends_dial(struct ends *e, const char *host)
{
    (void)snprintf(e->target.host, sizeof(e->target.host), "%s", host);
    e->target.tls = e->contexts.client;
    e->dialled = false;
    e->dial = dial_start(&e->server->loop, &e->target, end_dialled, e);
    assert_non_null(e->dial);
}

static inline void ends_connect(struct ends *e, const char *host)
{
    ends_dial(e, host);
    WAIT(e->server, e->dialled);
    assert_int_equal(e->dial_error, 0);
    WAIT(e->server, e->server->connected);
}

// Dials the listener's port without TLS.
static inline int ends_plain_socket(struct ends *e)
{
    struct sockaddr_in at;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(uv_ip4_addr("127.0.0.1", e->target.port, &at), 0);
    assert_int_equal(connect(fd, (struct sockaddr *)&at, sizeof(at)), 0);
    WAIT(e->server, e->server->conn);
    return fd;
}

static inline void ends_free(struct ends *e)
{
    dial_cancel(e->dial);
    listener_close(&e->listener);
    buf_free(&e->client.got);
    owner_free(e->server);
    tls_pair_free_contexts(&e->contexts);
    tls_files_remove(&e->files);
    free(e);
}
