// SPDX-License-Identifier: MIT
// Admits connections to the set, evicts them and ends them all.
#include "edge_set.h"
#include <stdlib.h>
#include <unistd.h>
#include "edge_internal.h"
#include "h2_edge.h"

static void on_gone(void *arg)
{
    admission_leave(arg);
}

static struct edge *edge_new(struct edge_set *set, const struct listener *from, int fd)
{
    struct edge *e = calloc(1, sizeof(*e));
    struct conn *c = listener_conn(from, fd, &edge_conn_ops, e);
    if (!e || !c) {
        free(e);
        conn_close(c, CONN_CLOSE_NOW);
        return NULL;
    }
    e->visitor.set = set;
    e->is_new = true;
    e->h.conn = c;
    e->h.endpoint.ops = &edge_endpoint_ops;
    e->h.ops = &edge_http1_ops;
    list_prepend(&set->edges, &e->in_set);
    set->count++;
    return e;
}

static void end_edge(void *owner)
{
    struct edge *e = owner;
    if (!e->h.endpoint.x)
        visit_turned_away(&e->visit, &e->visitor, ANSWERS);
    exchange_abort(&e->h.endpoint, EXCHANGE_VISITOR_GONE);
    edge_close(e, CONN_CLOSE_NOW);
}

// Spares a connection whose answer has not left yet, unless it is on a spare place.
static bool evict(struct admission_place *p)
{
    if (p->verdict == ADMIT_SERVED && p->conn && conn_pending(p->conn) > 0)
        return false;
    if (p->owner)
        p->end(p->owner);
    else
        conn_drop(p->conn);
    return true;
}

// Serves a connection of `client`. `header` names it, or says that nobody knows the client of this
// proxy's connection; NULL: the client is the socket's peer.
static void accept_client(struct edge_set *set, const struct listener *from, int fd,
                          struct client_address client, const struct proxy_header *header)
{
    bool unnamed = header && !header->named;
    bool from_proxy = !unnamed && set->trusted && trusted_proxies_contain(set->trusted, &client);
    bool of_several = from_proxy || unnamed;
    client.exempt = client.exempt || of_several;
    struct admission_place *place =
        admission_enter(&set->admission, &set->loop->limits, of_several ? NULL : &client);
    if (!place) {
        (void)close(fd);
        return;
    }
    struct edge *e = edge_new(set, from, fd);
    if (!e) {
        admission_leave(place);
        return;
    }
    conn_on_closed(e->h.conn, on_gone, place);
    place->owner = e;
    place->end = end_edge;
    place->conn = e->h.conn;
    e->visitor.place = place;
    e->visitor.from_proxy = from_proxy;
    e->visitor.tls = from->tls ? e->h.conn : NULL;
    e->visitor.says_tls = header && header->tls;
    conn_set_send_timeout(e->h.conn, edge_limits(e)->send_ms);
    e->visitor.peer = e->visit.client = client;
    e->visitor.number = client.exempt ? 0 : ++set->last_number;
    client_address_text(&client, e->visit.text);
    edge_start_clock(e, from->tls ? CLOCK_NONE : CLOCK_FIRST); // the handshake has its own
    edge_update(e);
}

static void on_named(void *ctx, const struct proxied_socket *s)
{
    accept_client(ctx, s->from, s->fd, s->header.named ? s->header.client : s->proxy, &s->header);
}

static void on_turned_away(void *ctx, const struct client_address *proxy, enum answer why)
{
    const struct edge_set *set = ctx;
    if (set->handler.turned_away)
        set->handler.turned_away(set->handler.ctx, proxy, why);
}

static void await_header(struct edge_set *set, const struct listener *from, int fd,
                         const struct client_address *proxy)
{
    static const struct proxy_headers_ops ops = {on_named, on_turned_away};
    set->headers.loop = set->loop;
    set->headers.admission = &set->admission;
    set->headers.ops = &ops;
    set->headers.ctx = set;
    proxy_headers_await(&set->headers, from, fd, proxy);
}

void edge_set_accept(struct edge_set *set, const struct listener *from, int fd,
                     const struct sockaddr_storage *peer)
{
    struct client_address client;
    client_address_of(peer, &client);
    set->admission.evict = evict;
    if (set->proxy_protocol && set->trusted && trusted_proxies_contain(set->trusted, &client))
        await_header(set, from, fd, &client);
    else
        accept_client(set, from, fd, client, NULL);
}

void edge_set_close(struct edge_set *set)
{
    proxy_headers_close(&set->headers);
    while (set->edges.first) {
        struct edge *e = LIST_ITEM(set->edges.first, struct edge, in_set);
        exchange_abort(&e->h.endpoint, EXCHANGE_VISITOR_GONE);
        edge_close(e, CONN_CLOSE_NOW);
    }
    h2_edges_close(set);
    mux_scratch_free(&set->h2_scratch);
}
