// SPDX-License-Identifier: MIT
// Writes to the visitor: the edge as the endpoint of its exchange.
#include <stdlib.h>
#include "edge_internal.h"
#include "proto/http/cookie.h"

static struct edge *edge_of(struct exchange_endpoint *endpoint)
{
    return container_of(endpoint, struct edge, endpoint);
}

// Not inlined: few responses set such cookies, and stack-clash protection probes every page of a
// frame that holds a head.
__attribute__((noinline)) static bool write_confined(struct edge *e, const struct http_head *head,
                                                     struct slice hop_fields, struct slice domain)
{
    struct http_head confined;
    char *values = malloc(cookie_bound(head) + 1);
    if (!values)
        return false;
    head_copy(&confined, head);
    cookie_confine(&confined, domain, values);
    bool ok = edge_write_head(e, &confined, hop_fields);
    free(values);
    return ok;
}

// Writes a response head, with cookies for all of a shared domain confined to this name.
static bool write_response(struct edge *e, const struct http_head *head, struct slice hop_fields)
{
    struct slice domain = slice_str(e->set->shared_domain ? e->set->shared_domain : "");
    return domain.len > 0 && cookie_exceeds_host(head, domain)
               ? write_confined(e, head, hop_fields, domain)
               : edge_write_head(e, head, hop_fields);
}

// Writes the fields of this hop (RFC 9112 §6.1, §9.6; RFC 9110 §7.8) and decides how the response
// is framed and whether the connection is kept alive. Returns their length.
static size_t hop_fields(struct edge *e, const struct http_head *head,
                         const struct body_framing *framing, char *out)
{
    size_t n = 0;
    bool of_unknown_length = framing->kind == BODY_CHUNKED || framing->kind == BODY_UNTIL_CLOSE;
    e->chunked = of_unknown_length && !e->version_10;
    e->until_close = of_unknown_length && e->version_10;
    // After an early response the rest of the request is often unwanted; and a visitor that got no
    // 100 may send its body or not, so a body could not be told from the next request.
    if (e->until_close || (!e->request_done && !edge_may_drain(e)))
        e->keep_alive = false;
    bool says_upgrade = head->upgrade.len > 0 && head->upgrade.len <= 255;
    struct slice date = {0};
    if (exchange_wants_date(head))
        date = date_text(&e->set->loop->date, wall_clock_ns() / 1000000000);
    struct slice keeps = SLICE("");
    if (head->status != 101 && !e->keep_alive)
        keeps = SLICE("Connection: close\r\n");
    else if (head->status != 101 && e->version_10)
        keeps = SLICE("Connection: keep-alive\r\n");
    const struct slice parts[] = {
        date.len > 0 ? SLICE("Date: ") : SLICE(""),
        date.len > 0 ? date : SLICE(""),
        date.len > 0 ? SLICE("\r\n") : SLICE(""),
        e->chunked ? SLICE("Transfer-Encoding: chunked\r\n") : SLICE(""),
        keeps,
        says_upgrade ? SLICE("Connection: upgrade\r\nUpgrade: ") : SLICE(""),
        says_upgrade ? head->upgrade : SLICE(""),
        says_upgrade ? SLICE("\r\n") : SLICE(""),
    };
    for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
        memcpy(out + n, parts[i].p, parts[i].len);
        n += parts[i].len;
    }
    return n;
}

// The response to an offered upgrade decides whether the request's direction ends.
static void settle_upgrade(struct edge *e, const struct http_head *head)
{
    if (!e->upgrade_offered)
        return;
    e->upgrade_offered = false;
    e->upgraded = head->status == 101;
    if (e->upgraded)
        conn_recheck(e->conn);
    else if (e->request_done && e->endpoint.x)
        exchange_finish(&e->endpoint, NULL);
}

static void endpoint_head(struct exchange_endpoint *endpoint, const struct http_head *head,
                          const struct body_framing *framing)
{
    struct edge *e = edge_of(endpoint);
    char hop[512];
    bool interim = status_is_interim(head->status);
    if (interim && e->version_10)
        return; // RFC 9110 §15.2: a 1.0 client knows no 1xx
    size_t hop_len = interim ? 0 : hop_fields(e, head, framing, hop);
    if (!write_response(e, head, slice_of(hop, hop_len))) {
        edge_abort(e, EXCHANGE_MEMORY, ANSWER_BUSY);
        return;
    }
    if (head->status == 100)
        e->awaits_continue = false;
    if (interim) {
        edge_update(e);
        return;
    }
    e->response_begun = true;
    settle_upgrade(e, head);
    if (e->state == EDGE_CLOSED || !e->endpoint.x)
        return;
    e->endpoint.x->endless = e->upgraded || exchange_is_event_stream(head);
    if (e->endpoint.x->endless)
        conn_set_send_timeout(e->conn, 0);
    edge_update(e);
}

static void endpoint_data(struct exchange_endpoint *endpoint, const char *bytes, size_t len)
{
    struct edge *e = edge_of(endpoint);
    char size[HTTP1_CHUNK_HEAD_MAX];
    bool ok = !e->chunked || conn_write(e->conn, size, http1_write_chunk_head(size, len));
    ok = ok && conn_write_borrowed(e->conn, bytes, len);
    if (!ok || (e->chunked && !conn_write(e->conn, "\r\n", 2))) {
        edge_abort(e, EXCHANGE_MEMORY, ANSWER_BUSY);
        return;
    }
    e->uncredited += len;
}

static bool write_last_chunk(struct edge *e, const struct http_head *trailers)
{
    size_t need = http1_write_last_chunk(NULL, 0, trailers);
    char *out = conn_reserve(e->conn, need);
    if (!out)
        return false;
    (void)http1_write_last_chunk(out, need, trailers);
    conn_written(e->conn, need);
    return true;
}

static void endpoint_finish(struct exchange_endpoint *endpoint, const struct http_head *trailers)
{
    struct edge *e = edge_of(endpoint);
    e->response_ended = true;
    if (e->upgraded) {
        // Before the shutdown, whose flush may find the visitor gone and close the edge.
        edge_update(e);
        conn_shutdown(e->conn);
        return;
    }
    if (e->chunked && !write_last_chunk(e, trailers)) {
        e->response_ended = false;
        edge_abort(e, EXCHANGE_MEMORY, ANSWER_BUSY);
    } else if (e->awaits_continue && !e->request_done) {
        edge_end_early(e);
    } else {
        edge_update(e);
    }
}

static void endpoint_unwanted(struct exchange_endpoint *endpoint)
{
    struct edge *e = edge_of(endpoint);
    e->unwanted = true;
    admission_set_idle(e->place);
    if (!e->request_done && !edge_may_drain(e))
        edge_end_early(e);
}

static void endpoint_credit(struct exchange_endpoint *endpoint, size_t len)
{
    struct edge *e = edge_of(endpoint);
    e->credit += (ptrdiff_t)len;
    if (conn_in(e->conn).len > 0)
        conn_recheck(e->conn);
    edge_update(e);
}

static void endpoint_closed(struct exchange_endpoint *endpoint, enum exchange_outcome why)
{
    struct edge *e = edge_of(endpoint);
    if (e->state == EDGE_CLOSED)
        return;
    bool whole = why == EXCHANGE_COMPLETE;
    if (!whole || !e->keep_alive || !e->request_done || e->upgraded) {
        // A cut body of known framing is visible to the visitor after a FIN, any other only after
        // a reset.
        bool cut_shows =
            e->response_ended || (e->response_begun && !e->until_close && !e->upgraded);
        edge_close(e, whole || cut_shows ? CONN_CLOSE_FLUSH : CONN_CLOSE_RESET);
        return;
    }
    edge_become_idle(e);
}

const struct exchange_ops edge_endpoint_ops = {
    .head = endpoint_head,
    .data = endpoint_data,
    .finish = endpoint_finish,
    .unwanted = endpoint_unwanted,
    .credit = endpoint_credit,
    .closed = endpoint_closed,
};
