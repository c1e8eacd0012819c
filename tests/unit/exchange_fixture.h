// SPDX-License-Identifier: MIT
// An exchange between two fake endpoints, seen by two observers, for its tests.
#pragma once
#include "common/exchange/exchange.h"
#include "tests/support/check.h"

enum {
    EVENTS_MAX = 512
};

// An endpoint that keeps its events as text: one letter each.
struct peer {
    struct exchange_endpoint endpoint;
    char events[EVENTS_MAX]; // h: head, i: interim head, d, f, u, c: credit, x: closed
    size_t bytes, credit;
    uint16_t status;
    enum exchange_outcome why;
};

static struct peer *peer_of(struct exchange_endpoint *e)
{
    return (struct peer *)(void *)e;
}

static void note(char events[static EVENTS_MAX], char event)
{
    size_t len = strlen(events);
    CHECK(len + 1 < EVENTS_MAX);
    events[len] = event;
    events[len + 1] = 0;
}

static void on_head(struct exchange_endpoint *e, const struct http_head *head,
                    const struct body_framing *framing)
{
    (void)framing;
    peer_of(e)->status = head->status;
    note(peer_of(e)->events, status_is_interim(head->status) ? 'i' : 'h');
}

static void on_data(struct exchange_endpoint *e, const char *bytes, size_t len)
{
    (void)bytes;
    peer_of(e)->bytes += len;
    note(peer_of(e)->events, 'd');
}

static void on_finish(struct exchange_endpoint *e, const struct http_head *trailers)
{
    (void)trailers;
    note(peer_of(e)->events, 'f');
}

static void on_unwanted(struct exchange_endpoint *e)
{
    note(peer_of(e)->events, 'u');
}

static void on_credit(struct exchange_endpoint *e, size_t len)
{
    peer_of(e)->credit += len;
    note(peer_of(e)->events, 'c');
}

static void on_closed(struct exchange_endpoint *e, const struct exchange *x,
                      enum exchange_outcome why)
{
    (void)x;
    CHECK(!e->x); // detached before
    peer_of(e)->why = why;
    note(peer_of(e)->events, 'x');
}

static const struct exchange_ops ops = {
    .head = on_head,
    .data = on_data,
    .finish = on_finish,
    .unwanted = on_unwanted,
    .credit = on_credit,
    .closed = on_closed,
};

// An observer that keeps its events likewise. B: begun, r: routed, h: head, b: bad head, d: data,
// f: finished, x: closed, D: discarded.
struct witness {
    struct exchange_observer observer;
    char events[EVENTS_MAX];
    enum exchange_outcome why;
    struct report report;
    bool digests; // it uses digests
};

static void see_begun(void *ctx, struct exchange *x, const struct http_head *request)
{
    (void)x;
    (void)request;
    note(((struct witness *)ctx)->events, 'B');
}

static void see_routed(void *ctx, struct exchange *x)
{
    (void)x;
    note(((struct witness *)ctx)->events, 'r');
}

static void see_head(void *ctx, struct exchange *x, const struct http_head *response)
{
    (void)x;
    (void)response;
    note(((struct witness *)ctx)->events, 'h');
}

static void see_bad_head(void *ctx, struct exchange *x, struct slice bytes)
{
    (void)x;
    (void)bytes;
    note(((struct witness *)ctx)->events, 'b');
}

static void see_data(void *ctx, struct exchange *x, enum exchange_side from, struct slice bytes)
{
    (void)x;
    (void)from;
    (void)bytes;
    note(((struct witness *)ctx)->events, 'd');
}

static void see_finished(void *ctx, struct exchange *x, enum exchange_side from,
                         const struct http_head *trailers)
{
    (void)x;
    (void)from;
    (void)trailers;
    note(((struct witness *)ctx)->events, 'f');
}

static void see_closed(void *ctx, struct exchange *x, enum exchange_outcome why)
{
    struct witness *w = ctx;
    w->why = why;
    exchange_report(x, why, &w->report);
    note(w->events, 'x');
}

static void see_discarded(void *ctx, struct exchange *x)
{
    (void)x;
    note(((struct witness *)ctx)->events, 'D');
}

static bool wants_digests(void *ctx, const struct exchange *x)
{
    (void)x;
    return ((struct witness *)ctx)->digests;
}

static struct exchange_observer observer_of(struct witness *w, const struct exchange_observer *next)
{
    return (struct exchange_observer){
        see_begun,     see_routed,    see_head, see_bad_head, see_data, see_finished, see_closed,
        see_discarded, wants_digests, w,        next};
}

struct fixture {
    struct peer visitor, service;
    struct witness first, second;
    struct exchange *x;
};

static struct http_head request_head(const char *method)
{
    struct http_head head = {.method = slice_str(method), .target = SLICE("/")};
    return head;
}

static struct http_head response_head(uint16_t status)
{
    struct http_head head = {.status = status, .reason = SLICE("Told")};
    return head;
}

static void begin(struct fixture *f, const char *method)
{
    struct http_head head = request_head(method);
    *f = (struct fixture){.visitor.endpoint.ops = &ops, .service.endpoint.ops = &ops};
    f->second.digests = true;
    f->second.observer = observer_of(&f->second, NULL);
    f->first.observer = observer_of(&f->first, &f->second.observer);
    f->x = exchange_new(&f->visitor.endpoint, &head, &f->first.observer);
    assert_non_null(f->x);
}

// Sends the request head on, with a body of this length.
static inline void ask(struct fixture *f, const char *method, uint64_t length)
{
    const struct body_framing framing = {length ? BODY_LENGTH : BODY_NONE, length};
    struct http_head head = request_head(method);
    begin(f, method);
    exchange_attach(f->x, &f->service.endpoint);
    exchange_head(&f->visitor.endpoint, &head, &framing);
}

static void respond(struct fixture *f, uint16_t status, uint64_t length)
{
    const enum body_kind none = status == 101 ? BODY_TUNNEL : BODY_NONE;
    const struct body_framing framing = {length ? BODY_LENGTH : none, length};
    struct http_head head = response_head(status);
    exchange_head(&f->service.endpoint, &head, &framing);
}

static void assert_closed(struct fixture *f, const char *visitor, const char *service,
                          enum exchange_outcome why)
{
    assert_string_equal(f->visitor.events, visitor);
    assert_string_equal(f->service.events, service);
    assert_null(f->visitor.endpoint.x);
    assert_null(f->service.endpoint.x);
    assert_int_equal(f->first.why, why);
    assert_string_equal(f->first.events, f->second.events);
}
