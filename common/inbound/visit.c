// SPDX-License-Identifier: MIT
#include "visit.h"
#include <stdlib.h>
#include "proto/http/authority.h"
#include "proto/http/cookie.h"
#include "proto/http/field_names.h"

void visit_read_claims(struct visit *r, const struct visitor *v, const struct http_head *head)
{
    struct proxied_request request = {.client = v->peer};
    if (v->from_proxy)
        trusted_proxies_read(v->set->trusted, head, &request);
    r->scheme = request.scheme;
    r->client = request.client;
    client_address_text(&r->client, r->text);
}

// Counts the request among those of its client. False: the client has too many.
static bool count_proxied(struct visit *r, struct edge_set *set)
{
    unsigned char bytes[CLIENT_KEY_BYTES];
    if (r->client.exempt)
        return true;
    struct slice key = client_address_key(&r->client, bytes);
    if (shares_count(&set->proxied, key) >= admission_cap(&set->loop->limits, &r->client))
        return false;
    r->proxied = shares_enter(&set->proxied, key);
    return r->proxied;
}

bool visit_has_place(struct visit *r, struct visitor *v, const struct http_head *head,
                     enum answer *answer)
{
    const struct inbound_handler *handler = &v->set->handler;
    admission_retry(v->place, &v->set->loop->limits);
    enum admission_verdict verdict = v->place->verdict;
    if (verdict == ADMIT_SERVED && v->from_proxy && !count_proxied(r, v->set))
        verdict = ADMIT_TOO_MANY;
    if (verdict == ADMIT_SERVED ||
        (handler->brings_agent && handler->brings_agent(handler->ctx, head)))
        return true;
    *answer = verdict == ADMIT_FULL ? ANSWER_RELAY_FULL : ANSWER_TOO_MANY;
    return false;
}

// Whether the request passed a proxy, trusted or not, so that the connection may carry requests of
// several people: by Via, CDN-Loop or a field with which proxies describe the client.
static bool is_forwarded(const struct http_head *head)
{
    for (size_t i = 0; i < head->field_count; i++) {
        const struct slice name = head->fields[i].name;
        if (field_is_claim(name) || slice_ieq(name, SLICE("via")) ||
            slice_ieq(name, SLICE("cdn-loop")))
            return true;
    }
    return false;
}

// Whether the certificate that the visitor was shown is for the host of the request.
static bool is_covered(const struct visitor *v, const struct http_head *head)
{
    struct authority a;
    if (head->authority.len == 0 || authority_split(head->authority, &a))
        return true; // there is no host that it could be for
    if (a.host.len > 1 && a.host.p[a.host.len - 1] == '.')
        a.host.len--;
    return conn_covers(v->tls, a.host);
}

struct exchange *visit_begin(struct visit *r, struct visitor *v, struct exchange_endpoint *inbound,
                             const struct http_head *head)
{
    struct edge_set *set = v->set;
    struct exchange *x = exchange_new(inbound, head, set->observer);
    if (!x)
        return NULL;
    x->facts.client = r->client;
    x->facts.visitor = r->text;
    x->facts.scheme = r->scheme ? r->scheme : v->tls || v->says_tls ? "https" : set->scheme;
    x->facts.uncovered = v->tls && !is_covered(v, head);
    exchange_id_next(&set->ids, (uint64_t)x->facts.begun_wall_ns / 1000000, x->facts.id);
    if (v->number && is_forwarded(head))
        v->number = 0;
    x->facts.inbound_id = v->number;
    return x;
}

void visit_end(struct visit *r)
{
    shares_leave(r->proxied);
    r->proxied = NULL;
}

// Not inlined: few responses set such cookies, and stack-clash protection probes every page of a
// frame that holds a head.
__attribute__((noinline)) static bool write_confined(
    const struct http_head *head, struct slice domain,
    bool (*write)(void *, const struct http_head *), void *ctx)
{
    struct http_head confined;
    char *values = malloc(cookie_bound(head) + 1);
    if (!values)
        return false;
    head_copy(&confined, head);
    cookie_confine(&confined, domain, values);
    bool ok = write(ctx, &confined);
    free(values);
    return ok;
}

bool visit_write_response(const struct edge_set *set, const struct http_head *head,
                          bool (*write)(void *ctx, const struct http_head *head), void *ctx)
{
    struct slice domain = slice_str(set->shared_domain ? set->shared_domain : "");
    return domain.len > 0 && cookie_exceeds_host(head, domain)
               ? write_confined(head, domain, write, ctx)
               : write(ctx, head);
}

void visit_turned_away(const struct visit *r, const struct visitor *v, enum answer answer)
{
    const struct inbound_handler *handler = &v->set->handler;
    if (handler->turned_away)
        handler->turned_away(handler->ctx, &r->client, answer);
}
