// SPDX-License-Identifier: MIT
// Sends a request to the origin: the endpoint of its exchange.
#include <stdlib.h>
#include "common/exchange/host_rewrite.h"
#include "upstream_internal.h"

static struct upstream_request *request_of(struct exchange_endpoint *endpoint)
{
    return container_of(endpoint, struct upstream_request, endpoint);
}

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

// Replaces Host, and the public origin in Origin and Referer by the origin server's own.
static bool replace_host(struct upstream_request *r, struct http_head *head, char **values)
{
    r->public_origin = host_rewrite_public(head);
    head->authority = slice_str(r->upstream->host);
    return r->public_origin &&
           host_rewrite_request(head, r->public_origin, head->authority, values);
}

static bool write_head(struct upstream_request *r, const struct http_head *request)
{
    struct http_head head;
    char *values = NULL;
    head_copy(&head, request);
    bool ok = r->upstream->host_mode == UPSTREAM_HOST_PRESERVE || replace_host(r, &head, &values);
    ok = ok && add_hop_fields(&head, r->chunked, upstream_pool_keeps(r->upstream, &r->use));
    size_t len = ok ? http1_write_request(NULL, 0, &head) : 0;
    char *out = ok ? buf_reserve(&r->waiting, len) : NULL;
    if (out)
        buf_commit(&r->waiting, http1_write_request(out, len, &head));
    free(values);
    return out != NULL;
}

static char *copy_of(struct slice text)
{
    char *copy = malloc(text.len + 1);
    if (!copy)
        return NULL;
    memcpy(copy, text.p, text.len);
    copy[text.len] = 0;
    return copy;
}

static void endpoint_head(struct exchange_endpoint *endpoint, const struct http_head *head,
                          const struct body_framing *framing)
{
    struct upstream_request *r = request_of(endpoint);
    r->head_request = slice_eq(head->method, SLICE("HEAD"));
    bool offers = head->upgrade.len > 0;
    r->offer = offers ? copy_of(head->upgrade) : NULL;
    r->chunked = framing->kind == BODY_CHUNKED;
    r->body_left = r->chunked ? UINT64_MAX : framing->kind == BODY_LENGTH ? framing->length : 0;
    bool idempotent = method_is_idempotent(head->method);
    bool bodiless = !framing_has_body(framing);
    r->use = (struct upstream_use){.repeatable = idempotent && bodiless && !offers,
                                   .limits_reuse = exchange_limits_reuse(head, framing),
                                   .tunnel_id = endpoint->x->info.tunnel_id,
                                   .inbound_id = endpoint->x->info.inbound_id};
    if ((offers && !r->offer) || !write_head(r, head)) {
        upstream_request_refuse(r, ANSWER_BUSY);
        return;
    }
    upstream_request_connect(r);
}

// Sends bytes, or queues them until there is a connection.
static bool send_bytes(struct upstream_request *r, const void *bytes, size_t len)
{
    return r->conn ? conn_write_borrowed(r->conn, bytes, len) : buf_append(&r->waiting, bytes, len);
}

static void endpoint_data(struct exchange_endpoint *endpoint, const char *bytes, size_t len)
{
    struct upstream_request *r = request_of(endpoint);
    char size[HTTP1_CHUNK_HEAD_MAX];
    bool ok = true;
    bool chunk = r->chunked && r->state != REQUEST_UPGRADED;
    if (chunk)
        ok = send_bytes(r, size, http1_write_chunk_head(size, len));
    ok = ok && send_bytes(r, bytes, len) && (!chunk || send_bytes(r, "\r\n", 2));
    r->uncredited += len;
    if (!r->chunked) {
        r->body_left -= len < r->body_left ? len : r->body_left;
        upstream_request_update_limit(r);
    }
    if (!ok)
        upstream_request_abort(r, EXCHANGE_MEMORY);
}

static void endpoint_finish(struct exchange_endpoint *endpoint, const struct http_head *trailers)
{
    struct upstream_request *r = request_of(endpoint);
    r->request_ended = true;
    upstream_request_update_limit(r);
    if (r->state == REQUEST_UPGRADED) {
        conn_shutdown(r->conn);
        return;
    }
    if (!r->chunked)
        return;
    size_t need = http1_write_last_chunk(NULL, 0, trailers);
    char *out = malloc(need);
    bool ok =
        out && http1_write_last_chunk(out, need, trailers) == need && send_bytes(r, out, need);
    free(out);
    if (!ok)
        upstream_request_abort(r, EXCHANGE_MEMORY);
}

static void endpoint_credit(struct exchange_endpoint *endpoint, size_t len)
{
    struct upstream_request *r = request_of(endpoint);
    r->credit += (ptrdiff_t)len;
    if (!r->conn)
        return;
    if (conn_in(r->conn).len > 0)
        conn_recheck(r->conn);
    upstream_request_update(r);
}

static void endpoint_closed(struct exchange_endpoint *endpoint, enum exchange_outcome why)
{
    struct upstream_request *r = request_of(endpoint);
    bool over =
        why == EXCHANGE_COMPLETE && r->state == REQUEST_DONE && r->request_ended && !r->early;
    bool told_to_close = !upstream_pool_keeps(r->upstream, &r->use);
    bool to_pool = over && (r->keep_alive || told_to_close);
    // The last bytes of an upgraded connection have yet to leave.
    if (why == EXCHANGE_COMPLETE && r->conn && !to_pool) {
        conn_close(r->conn, CONN_CLOSE_FLUSH);
        r->conn = NULL;
    }
    upstream_request_close(r, to_pool);
}

const struct exchange_ops upstream_request_ops = {
    .head = endpoint_head,
    .data = endpoint_data,
    .finish = endpoint_finish,
    .credit = endpoint_credit,
    .closed = endpoint_closed,
};
