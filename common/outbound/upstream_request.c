// SPDX-License-Identifier: MIT
// Sends a request to the origin: the endpoint of its exchange.
#include "upstream_internal.h"
#include "upstream_strip.h"

static bool add_hop_fields(struct http_head *head, bool chunked, bool keeps)
{
    bool te = head_find(head, SLICE("te")) != NULL;
    bool ok = true;
    if (head->upgrade.len > 0) {
        ok = head_add(head, SLICE("Connection"), te ? SLICE("upgrade, te") : SLICE("upgrade")) &&
             head_add(head, SLICE("Upgrade"), head->upgrade);
    } else if (te) {
        ok = head_add(head, SLICE("Connection"), keeps ? SLICE("te") : SLICE("close, te"));
    } else if (!keeps) {
        ok = head_add(head, SLICE("Connection"), SLICE("close"));
    }
    return ok && (!chunked || head_add(head, SLICE("Transfer-Encoding"), SLICE("chunked")));
}

static bool write_head(struct upstream_request *r, const struct http_head *request)
{
    struct http_head head;
    head_copy(&head, request);
    if (head.authority.len == 0) // HTTP/1.0 does not require Host
        head.authority = slice_str(r->upstream->authority);
    bool ok = add_hop_fields(&head, r->h.chunked, upstream_pool_keeps(r->upstream, &r->use));
    size_t len = ok ? http1_write_request(NULL, 0, &head) : 0;
    char *out = ok ? buf_reserve(&r->waiting, len) : NULL;
    if (out)
        buf_commit(&r->waiting, http1_write_request(out, len, &head));
    return out != NULL;
}

// The connection will name the visitor, whom our own X-Forwarded-For tells, and serves no other.
static void name_client(struct upstream_request *r, const struct http_head *head)
{
    const struct field *f = head_find(head, SLICE("x-forwarded-for"));
    r->use.limits_reuse = true;
    if (f)
        (void)client_address_parse(f->value, &r->client);
}

static void endpoint_head(struct exchange_endpoint *endpoint, const struct http_head *head,
                          const struct body_framing *framing)
{
    struct upstream_request *r = upstream_request_of(endpoint);
    const struct exchange *x = endpoint->x;
    r->h.chunked = framing->kind == BODY_CHUNKED;
    bool idempotent = method_is_idempotent(head->method);
    bool bodiless = !framing_has_body(framing);
    r->use = (struct upstream_use){.repeatable = idempotent && bodiless && !x->offer,
                                   .limits_reuse = exchange_limits_reuse(head, framing),
                                   .tunnel_id = x->facts.tunnel_id,
                                   .inbound_id = x->facts.inbound_id};
    if (r->upstream->proxy_version > 0)
        name_client(r, head);
    if (!write_head(r, head))
        upstream_request_refuse(r, ANSWER_BUSY);
    else
        upstream_request_connect(r);
}

static void endpoint_data(struct exchange_endpoint *endpoint, const char *bytes, size_t len)
{
    http1_conn_data(endpoint, bytes, len);
    upstream_request_update_limit(upstream_request_of(endpoint));
}

static void endpoint_finish(struct exchange_endpoint *endpoint, const struct http_head *trailers)
{
    upstream_request_update_limit(upstream_request_of(endpoint));
    http1_conn_finish(endpoint, trailers);
}

static void endpoint_credit(struct exchange_endpoint *endpoint, size_t len)
{
    struct upstream_request *r = upstream_request_of(endpoint);
    (void)len;
    if (!r->h.conn)
        return;
    if (conn_in(r->h.conn).len > 0)
        conn_recheck(r->h.conn);
    upstream_request_update(r);
}

static void endpoint_closed(struct exchange_endpoint *endpoint, const struct exchange *x,
                            enum exchange_outcome why)
{
    struct upstream_request *r = upstream_request_of(endpoint);
    bool over = why == EXCHANGE_COMPLETE && r->state == REQUEST_DONE &&
                x->direction[INBOUND].ended && !r->early;
    bool told_to_close = !upstream_pool_keeps(r->upstream, &r->use);
    bool to_pool = over && (r->keep_alive || told_to_close);
    // The last bytes of an upgraded connection have yet to leave.
    if (why == EXCHANGE_COMPLETE && r->h.conn && !to_pool) {
        conn_close(r->h.conn, CONN_CLOSE_FLUSH);
        r->h.conn = NULL;
    }
    upstream_request_close(r, to_pool);
}

const struct exchange_ops upstream_request_ops = {
    .head = endpoint_head,
    .data = endpoint_data,
    .finish = endpoint_finish,
    .credit = endpoint_credit,
    .closed = endpoint_closed,
    .strip = upstream_strip,
};
