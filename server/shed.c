// SPDX-License-Identifier: MIT
#include "shed.h"
#include "common/base/limits.h"
#include "common/tunnel/tunnel_stream.h"

// The visitor's rate in bytes a second: of the response while some of it is uncredited, else of the
// request. SIZE_MAX when the exchange does not wait for the visitor, or is too young to tell.
static size_t rate_of(const struct exchange *x, uint64_t now_ns)
{
    const struct exchange_direction *request = &x->direction[INBOUND];
    const struct exchange_direction *response = &x->direction[OUTBOUND];
    uint64_t since_ns = x->facts.begun_ns;
    uint64_t bytes = request->bytes;
    if (x->endless)
        return SIZE_MAX;
    if (response->uncredited > 0) {
        since_ns = response->uncredited_since_ns;
        bytes = response->bytes - response->uncredited - response->credited_before;
    } else if (!x->awaits_visitor) {
        return SIZE_MAX;
    }
    uint64_t age_ms = (now_ns - since_ns) / 1000000;
    return age_ms < LIMIT_SHED_AGE_MS ? SIZE_MAX : (size_t)(bytes * 1000 / age_ms);
}

static struct tunnel_stream *slowest_visitor(const struct mux *m, uint64_t now_ns)
{
    struct tunnel_stream *slowest = NULL;
    size_t slowest_rate = LIMIT_SHED_RATE;
    for (struct mux_stream *s = mux_next(m, NULL); s; s = mux_next(m, s)) {
        struct tunnel_stream *e = mux_user(s);
        size_t rate = e && e->h.endpoint.x ? rate_of(e->h.endpoint.x, now_ns) : SIZE_MAX;
        if (rate >= slowest_rate)
            continue;
        slowest = e;
        slowest_rate = rate;
    }
    return slowest;
}

// Kinds of long-lived exchange, in the order in which they are shed.
enum long_lived {
    LONG_LIVED_HANGING, // no byte either way
    LONG_LIVED_EVENT_STREAM,
    LONG_LIVED_UPGRADED,
    LONG_LIVED_NOT
};

struct candidate {
    struct tunnel_stream *e;
    size_t clients; // exchanges of the same client
    enum long_lived kind;
    uint64_t idle_ns;
};

static struct candidate candidate_of(struct mux_stream *s, size_t of_unknown, uint64_t now_ns)
{
    struct tunnel_stream *e = mux_user(s);
    struct candidate c = {.e = e, .kind = LONG_LIVED_NOT};
    if (!e || !e->h.endpoint.x)
        return c;
    const struct exchange *x = e->h.endpoint.x;
    const uint64_t times[] = {x->facts.begun_ns, x->facts.sent_on_ns, x->facts.answered_ns,
                              x->direction[INBOUND].last_ns, x->direction[OUTBOUND].last_ns};
    uint64_t last_ns = 0;
    for (size_t i = 0; i < sizeof(times) / sizeof(times[0]); i++)
        last_ns = times[i] > last_ns ? times[i] : last_ns;
    c.clients = e->share ? e->share->count : of_unknown;
    c.idle_ns = now_ns > last_ns ? now_ns - last_ns : 0;
    if (x->upgraded)
        c.kind = LONG_LIVED_UPGRADED;
    else if (x->endless)
        c.kind = LONG_LIVED_EVENT_STREAM;
    else if (c.idle_ns >= (uint64_t)LIMIT_SHED_HANG_MS * 1000000)
        c.kind = LONG_LIVED_HANGING;
    return c;
}

static bool is_shed_before(const struct candidate *a, const struct candidate *b)
{
    if (a->clients != b->clients)
        return a->clients > b->clients;
    return a->kind != b->kind ? a->kind < b->kind : a->idle_ns > b->idle_ns;
}

// NULL unless more than half of the exchanges are long-lived: the others end soon and make room.
static struct tunnel_stream *first_long_lived(const struct mux *m, uint64_t now_ns)
{
    struct candidate best = {.kind = LONG_LIVED_NOT};
    size_t of_unknown = 0;
    size_t long_lived = 0;
    for (struct mux_stream *s = mux_next(m, NULL); s; s = mux_next(m, s)) {
        const struct tunnel_stream *e = mux_user(s);
        of_unknown += e && !e->share;
    }
    for (struct mux_stream *s = mux_next(m, NULL); s; s = mux_next(m, s)) {
        struct candidate c = candidate_of(s, of_unknown, now_ns);
        if (c.kind == LONG_LIVED_NOT)
            continue;
        long_lived++;
        if (!best.e || is_shed_before(&c, &best))
            best = c;
    }
    return 2 * long_lived > mux_stream_count(m) ? best.e : NULL;
}

struct mux_stream *shed_fullest(void *ctx, struct mux *m)
{
    struct mux_stream *fullest = NULL;
    size_t most = 0;
    size_t of_unknown = 0;
    (void)ctx;
    for (struct mux_stream *s = mux_next(m, NULL); s; s = mux_next(m, s)) {
        const struct tunnel_stream *e = mux_user(s);
        if (e && e->share)
            e->share->weight = 0;
    }
    for (struct mux_stream *s = mux_next(m, NULL); s; s = mux_next(m, s)) {
        const struct tunnel_stream *e = mux_user(s);
        *(e && e->share ? &e->share->weight : &of_unknown) += mux_stream_unread(s);
    }
    for (struct mux_stream *s = mux_next(m, NULL); s; s = mux_next(m, s)) {
        const struct tunnel_stream *e = mux_user(s);
        size_t weight = e && e->share ? e->share->weight : of_unknown;
        if (!fullest || weight > most ||
            (weight == most && mux_stream_unread(s) > mux_stream_unread(fullest))) {
            fullest = s;
            most = weight;
        }
    }
    return fullest;
}

// At the limit of unread bytes, refuses the stream of shed_fullest: no stream can begin, and
// perhaps nothing else happens that would make the mux choose one.
static void shed_unread(struct mux *m)
{
    struct mux_stream *s = mux_unread_is_full(m) ? shed_fullest(NULL, m) : NULL;
    struct tunnel_stream *e = s ? mux_user(s) : NULL;
    if (e && e->h.endpoint.x)
        tunnel_stream_refuse(e, ANSWER_BUSY, EXCHANGE_RESET);
}

void shed_make_room(struct mux *m)
{
    uint64_t now_ns = uv_hrtime();
    shed_unread(m);
    if (!mux_is_full(m))
        return;
    struct tunnel_stream *e = slowest_visitor(m, now_ns);
    if (e) {
        tunnel_stream_refuse(e, ANSWER_REQUEST_TIMEOUT, EXCHANGE_TIMEOUT);
        return;
    }
    e = first_long_lived(m, now_ns);
    if (e)
        tunnel_stream_refuse(e, ANSWER_BUSY, EXCHANGE_TIMEOUT);
}
