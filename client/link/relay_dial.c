// SPDX-License-Identifier: MIT
#include "relay_dial.h"
#include <stdio.h>
#include <stdlib.h>
#include "common/base/secret.h"
#include "common/base/version.h"
#include "common/io/dial.h"
#include "proto/http/authority.h"
#include "proto/http/http1.h"

enum {
    CONNECT_MS = 10 * 1000, // to the relay or the proxy, all addresses together
    ANSWER_MS = 30 * 1000,  // for the proxy to connect and answer
    ANSWER_BYTES = 16 * 1024,
    ANSWER_FIELDS = 100,
    REQUEST_MAX = 1024 + RELAY_PROXY_AUTHORIZATION_MAX
};

struct relay_dial {
    struct loop *loop;
    const struct link_target *target;
    void (*done)(void *ctx, struct conn *c, const struct link_failure *failure);
    void *ctx;
    struct dial_target to; // the relay or the proxy
    struct dial *dial;
    struct conn *conn; // to the proxy, until it has answered
    struct timeout answer_timeout;
    size_t scanned; // bytes of its answer, by http1_parse_response
};

static void dial_free(struct relay_dial *d)
{
    timeout_stop(&d->answer_timeout);
    dial_cancel(d->dial);
    conn_close(d->conn, CONN_CLOSE_NOW);
    free(d);
}

// Calls `done` and frees the dial.
static void finish(struct relay_dial *d, struct conn *c, const struct link_failure *failure)
{
    void (*done)(void *ctx, struct conn *conn, const struct link_failure *failure) = d->done;
    void *ctx = d->ctx;
    d->conn = NULL;
    dial_free(d);
    done(ctx, c, failure);
}

static void fail_proxy(struct relay_dial *d, struct link_failure failure)
{
    failure.at_proxy = true;
    conn_close(d->conn, CONN_CLOSE_NOW);
    finish(d, NULL, &failure);
}

static void on_answer(struct relay_dial *d, unsigned status)
{
    struct conn *c = d->conn;
    if (status / 100 != 2) {
        fail_proxy(d, (struct link_failure){.status = status, .text = ""});
        return;
    }
    if (conn_in(c).len > 0) { // the relay never speaks first, with TLS or without
        fail_proxy(d, (struct link_failure){.text = "it sent more than its answer"});
        return;
    }
    conn_want_read(c, false);
    finish(d, c, NULL);
}

static void on_readable(struct conn *c)
{
    static const struct http1_limits limits = {ANSWER_BYTES, ANSWER_FIELDS};
    struct relay_dial *d = conn_owner(c);
    unsigned status = 100;
    while (status / 100 == 1) {
        struct http_head head;
        struct slice in = conn_in(c);
        int n = http1_parse_response(in.p, in.len, &d->scanned, &limits, &head);
        if (n < 0)
            fail_proxy(d, (struct link_failure){.text = "its answer is not HTTP"});
        if (n <= 0)
            return;
        status = head.status;
        conn_consume(c, (size_t)n);
    }
    on_answer(d, status);
}

static void on_sent(struct conn *c)
{
    (void)c;
}

static void on_eof(struct conn *c)
{
    fail_proxy(conn_owner(c),
               (struct link_failure){.text = "it closed the connection without an answer"});
}

static void on_failed(struct conn *c, int error)
{
    struct relay_dial *d = conn_owner(c);
    d->conn = NULL;
    fail_proxy(d, (struct link_failure){.error = error, .text = uv_strerror(error)});
}

static void on_answer_timeout(struct timeout *t)
{
    fail_proxy(container_of(t, struct relay_dial, answer_timeout),
               (struct link_failure){.text = "no answer in time"});
}

static const struct conn_ops proxy_ops = {on_readable, on_sent, on_eof, on_failed, NULL};

static bool write_request(struct relay_dial *d)
{
    const struct destination *relay = &d->target->at;
    const char *authorization = d->target->proxy.authorization;
    char at[AUTHORITY_MAX];
    char text[REQUEST_MAX];
    (void)authority_text(relay->host, relay->port, at);
    int len = snprintf(text, sizeof(text),
                       "CONNECT %s HTTP/1.1\r\nHost: %s\r\nUser-Agent: adit/%s\r\n%s%s%s\r\n", at,
                       at, adit_version(), authorization[0] ? "Proxy-Authorization: " : "",
                       authorization, authorization[0] ? "\r\n" : "");
    bool written = conn_write(d->conn, text, (size_t)len);
    secret_wipe(text, sizeof(text));
    return written;
}

static void on_dialed(void *ctx, struct conn *c, int error)
{
    struct relay_dial *d = ctx;
    const bool at_proxy = d->target->proxy.used;
    d->dial = NULL;
    if (!c) {
        struct link_failure failure = {
            .error = error, .text = uv_strerror(error), .at_proxy = at_proxy};
        (void)snprintf(failure.address, sizeof(failure.address), "%s", d->to.failed_at);
        finish(d, NULL, &failure);
        return;
    }
    if (!at_proxy) {
        finish(d, c, NULL);
        return;
    }
    d->conn = c;
    conn_set_owner(c, &proxy_ops, d);
    if (!write_request(d)) {
        fail_proxy(d, (struct link_failure){.error = UV_ENOMEM, .text = uv_strerror(UV_ENOMEM)});
        return;
    }
    conn_want_read(c, true);
    timeout_start(d->loop, &d->answer_timeout, ANSWER_MS, on_answer_timeout);
}

struct relay_dial *relay_dial_start(struct loop *l, const struct link_target *target,
                                    void (*done)(void *ctx, struct conn *c,
                                                 const struct link_failure *failure),
                                    void *ctx)
{
    struct relay_dial *d = calloc(1, sizeof(*d));
    if (!d)
        return NULL;
    const struct destination *to = target->proxy.used ? &target->proxy.at : &target->at;
    d->loop = l;
    d->target = target;
    d->done = done;
    d->ctx = ctx;
    d->to = (struct dial_target){.port = to->port, .limit_ms = CONNECT_MS};
    memcpy(d->to.host, to->host, sizeof(d->to.host));
    d->dial = dial_start(l, &d->to, on_dialed, d);
    if (d->dial)
        return d;
    free(d);
    return NULL;
}

void relay_dial_cancel(struct relay_dial *d)
{
    if (d)
        dial_free(d);
}
