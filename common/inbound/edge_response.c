// SPDX-License-Identifier: MIT
// Writes to the visitor: the edge as the endpoint of its exchange.
#include "edge_internal.h"

struct response {
    struct edge *e;
    struct slice hop_fields;
};

static bool write_head(void *ctx, const struct http_head *head)
{
    const struct response *r = ctx;
    return edge_write_head(r->e, head, r->hop_fields);
}

// Writes the fields of this hop (RFC 9112 §6.1, §9.6; RFC 9110 §7.8) and decides how the response
// is framed and whether the connection is kept alive. Returns their length.
static size_t hop_fields(struct edge *e, const struct http_head *head,
                         const struct body_framing *framing, char *out)
{
    size_t n = 0;
    bool of_unknown_length = framing->kind == BODY_CHUNKED || framing->kind == BODY_UNTIL_CLOSE;
    e->h.chunked = of_unknown_length && !e->version_10;
    e->until_close = of_unknown_length && e->version_10;
    e->too_large = head->status == 413 && e->h.endpoint.x->facts.refused;
    // After an early response the rest of the request is often unwanted; and a visitor that got no
    // 100 may send its body or not, so a body could not be told from the next request.
    if (e->until_close || e->too_large || edge_must_end(e))
        e->keep_alive = false;
    bool says_upgrade = head->upgrade.len > 0 && head->upgrade.len <= 255;
    struct slice date = {0};
    if (exchange_wants_date(head))
        date = date_text(&e->visitor.set->loop->date, wall_clock_ns() / 1000000000);
    struct slice keeps = SLICE("");
    if (head->status != 101 && !e->keep_alive)
        keeps = SLICE("Connection: close\r\n");
    else if (head->status != 101 && e->version_10)
        keeps = SLICE("Connection: keep-alive\r\n");
    const struct slice parts[] = {
        date.len > 0 ? SLICE("Date: ") : SLICE(""),
        date.len > 0 ? date : SLICE(""),
        date.len > 0 ? SLICE("\r\n") : SLICE(""),
        e->h.chunked ? SLICE("Transfer-Encoding: chunked\r\n") : SLICE(""),
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
static void settle_upgrade(struct edge *e)
{
    const struct exchange *x = e->h.endpoint.x;
    if (x->upgraded)
        conn_recheck(e->h.conn);
    else if (x->offers && http1_body_done(&e->h.body))
        exchange_finish(&e->h.endpoint, NULL);
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
    struct response response = {e, slice_of(hop, hop_len)};
    if (!visit_write_response(e->visitor.set, head, write_head, &response)) {
        edge_cut(e, EXCHANGE_MEMORY);
        return;
    }
    if (head->status == 100)
        e->awaits_continue = false;
    if (interim) {
        edge_update(e);
        return;
    }
    settle_upgrade(e);
    struct exchange *x = endpoint->x;
    if (!x)
        return;
    x->endless = x->upgraded || exchange_is_event_stream(head);
    if (x->endless)
        conn_set_send_timeout(e->h.conn, 0);
    edge_update(e);
}

static void endpoint_finish(struct exchange_endpoint *endpoint, const struct http_head *trailers)
{
    struct edge *e = edge_of(endpoint);
    // Before the shutdown, whose flush may find the visitor gone and close the edge.
    if (endpoint->x->upgraded)
        edge_update(e);
    http1_conn_finish(endpoint, trailers);
    if (!endpoint->x || endpoint->x->upgraded)
        return;
    if (e->awaits_continue && !http1_body_done(&e->h.body))
        edge_end_early(e);
    else
        edge_update(e);
}

static void endpoint_unwanted(struct exchange_endpoint *endpoint)
{
    struct edge *e = edge_of(endpoint);
    admission_set_idle(e->visitor.place);
    if (edge_must_end(e))
        edge_end_early(e);
}

static void endpoint_credit(struct exchange_endpoint *endpoint, size_t len)
{
    struct edge *e = edge_of(endpoint);
    (void)len;
    if (conn_in(e->h.conn).len > 0)
        conn_recheck(e->h.conn);
    edge_update(e);
}

static void endpoint_closed(struct exchange_endpoint *endpoint, const struct exchange *x,
                            enum exchange_outcome why)
{
    struct edge *e = edge_of(endpoint);
    if (e->state == EDGE_CLOSED)
        return;
    bool whole = why == EXCHANGE_COMPLETE;
    if (!whole || !e->keep_alive || !http1_body_done(&e->h.body) || x->upgraded) {
        const struct exchange_direction *response = &x->direction[OUTBOUND];
        // A cut body of known framing is visible to the visitor after a FIN, any other only after
        // a reset.
        bool cut_shows = response->ended || (x->responded && !e->until_close && !x->upgraded);
        edge_close(e, whole || cut_shows ? CONN_CLOSE_FLUSH : CONN_CLOSE_RESET);
        return;
    }
    edge_become_idle(e);
}

const struct exchange_ops edge_endpoint_ops = {
    .head = endpoint_head,
    .data = http1_conn_data,
    .finish = endpoint_finish,
    .unwanted = endpoint_unwanted,
    .credit = endpoint_credit,
    .closed = endpoint_closed,
    .take = edge_take,
};
