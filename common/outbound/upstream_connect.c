// SPDX-License-Identifier: MIT
// Finds a connection for a request, in the pool or by dialling, and a second one when a pooled
// connection turns out to be closed.
#include <inttypes.h>
#include "common/base/log.h"
#include "common/base/proxy_protocol.h"
#include "dial_answer.h"
#include "upstream_internal.h"

static void use_conn(struct upstream_request *r, struct conn *c)
{
    r->h.conn = c;
    r->state = REQUEST_HEAD;
    conn_set_owner(c, r->conn_ops, r);
    r->sent_before = conn_wire_sent(c);
    r->h.endpoint.x->facts.sent_on_ns = uv_hrtime();
    if (!conn_write(c, buf_at(&r->waiting), buf_len(&r->waiting))) {
        upstream_request_refuse(r, ANSWER_BUSY);
        return;
    }
    if (!r->use.repeatable)
        buf_free(&r->waiting);
    upstream_request_update(r);
}

static void on_dialed(void *ctx, struct conn *c, int error)
{
    struct upstream_request *r = ctx;
    r->dial = NULL;
    r->h.endpoint.x->facts.connect_ns = uv_hrtime() - r->dialed_ns;
    if (c) {
        log_debug("a new connection to the service %s after %" PRIu64 " us, for exchange %s",
                  r->upstream->name, r->h.endpoint.x->facts.connect_ns / 1000,
                  r->h.endpoint.x->facts.id);
        use_conn(r, c);
        return;
    }
    struct exchange_facts *facts = &r->h.endpoint.x->facts;
    upstream_request_refuse(r, dial_answer(&r->upstream->target, error, facts->detail));
}

static void send_proxy_header(struct upstream_request *r)
{
    char header[PROXY_V1_MAX];
    const struct upstream *u = r->upstream;
    size_t len = proxy_header_write(u->proxy_version, &r->client, u->target.port, header);
    dial_send_first(r->dial, header, len);
}

static void dial(struct upstream_request *r)
{
    r->state = REQUEST_CONNECTING;
    r->dialed_ns = uv_hrtime();
    r->h.endpoint.x->facts.sent_on_ns = 0; // set again when the request leaves
    r->dial = dial_start(r->upstream->loop, &r->upstream->target, on_dialed, r);
    if (!r->dial)
        upstream_request_refuse(r, ANSWER_BUSY);
    else if (r->upstream->proxy_version > 0)
        send_proxy_header(r);
}

void upstream_request_connect(struct upstream_request *r)
{
    struct conn *c = upstream_pool_get(r->upstream, &r->use, &r->history);
    if (c) {
        r->pooled = true;
        use_conn(r, c);
    } else {
        dial(r);
    }
}

void upstream_request_lost(struct upstream_request *r)
{
    if (r->pooled && !r->response_bytes)
        upstream_pool_lost(r->upstream, &r->history);
    if (r->state == REQUEST_DONE) {
        exchange_detach(&r->h.endpoint);
        upstream_request_close(r, false);
    } else if (r->state == REQUEST_HEAD && r->pooled && r->use.repeatable && !r->response_bytes) {
        conn_close(r->h.conn, CONN_CLOSE_NOW);
        r->h.conn = NULL;
        r->pooled = false;
        dial(r);
    } else {
        upstream_request_refuse(r, ANSWER_UPSTREAM_CLOSED);
    }
}
