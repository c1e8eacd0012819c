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
    if (p->verdict == ADMIT_SERVED && conn_pending(p->conn) > 0)
        return false;
    if (p->owner)
        p->end(p->owner);
    else
        conn_drop(p->conn);
    return true;
}

void edge_set_accept(struct edge_set *set, const struct listener *from, int fd,
                     const struct sockaddr_storage *peer)
{
    struct client_address client;
    client_address_of(peer, &client);
    bool from_proxy = set->trusted && trusted_proxies_contain(set->trusted, &client);
    client.exempt = client.exempt || from_proxy;
    set->admission.evict = evict;
    struct admission_place *place =
        admission_enter(&set->admission, &set->loop->limits, from_proxy ? NULL : &client);
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
    conn_set_send_timeout(e->h.conn, edge_limits(e)->send_ms);
    e->visitor.peer = e->visit.client = client;
    e->visitor.number = client.exempt || from_proxy ? 0 : ++set->last_number;
    client_address_text(&client, e->visit.text);
    edge_start_clock(e, from->tls ? CLOCK_NONE : CLOCK_FIRST); // the handshake has its own
    edge_update(e);
}

void edge_set_close(struct edge_set *set)
{
    while (set->edges.first) {
        struct edge *e = LIST_ITEM(set->edges.first, struct edge, in_set);
        exchange_abort(&e->h.endpoint, EXCHANGE_VISITOR_GONE);
        edge_close(e, CONN_CLOSE_NOW);
    }
    h2_edges_close(set);
    mux_scratch_free(&set->h2_scratch);
}
