// SPDX-License-Identifier: MIT
#include "sim.h"
#include <stdio.h>
#include <stdlib.h>
#include "check.h"
#include "tunnel_pair.h"

enum {
    LIVE_MAX = 12, // so that their windows fit under the limit on unread bytes
    TICK_MS = 1000,
    RELAY = 0, // the index of each side
    AGENT = 1,
};

// The task of one side of an exchange.
struct endpoint {
    struct mux_view *view; // NULL at the agent until the head arrives
    uint64_t key, total;
    bool trailers, head_sent, ended;
};

struct exchange {
    struct exchange *next;
    struct endpoint endpoints[2];
    size_t number;
    bool broken; // either side sent a reset
};

// One direction of the link: whole messages, the first perhaps delivered in part.
struct wire {
    struct buf bytes, lengths;
    size_t delivered;
};

struct sim {
    struct tunnel_pair pair;
    struct chance *chance;
    struct exchange *live;
    size_t live_count;    // also those whose end only the agent has not seen
    struct wire wires[2]; // by sender
    uint64_t tick_ms;
    size_t steps;
    bool drained, settling;
    struct sim_result result;
};

static struct tunnel_side *side_of(struct sim *s, int side)
{
    return side == RELAY ? &s->pair.relay : &s->pair.agent;
}

static const struct mux_hooks hooks;

static bool maybe(struct sim *s, uint32_t n)
{
    return chance_one_in(s->chance, n);
}

// Mostly small, sometimes many windows long.
static uint64_t some_length(struct sim *s)
{
    static const uint32_t bounds[] = {1, 100, 20000, 400000, 3000000};
    uint32_t which = chance_below(s->chance, 20);
    return chance_below(s->chance, bounds[which < 4    ? 0
                                          : which < 11 ? 1
                                          : which < 17 ? 2
                                          : which < 19 ? 3
                                                       : 4]);
}

static void add_fields(struct sim *s, struct http_head *head)
{
    static char value[3000];
    memset(value, 'v', sizeof(value));
    for (uint32_t n = chance_below(s->chance, 8); n > 0; n--)
        CHECK(head_add(head, SLICE("x-field"),
                       slice_of(value, maybe(s, 8) ? sizeof(value) : 10 * n)));
}

static struct http_head trailers_of(const struct endpoint *e)
{
    struct http_head trailers = {0};
    if (e->trailers)
        CHECK(head_add(&trailers, SLICE("X-Trailer"), SLICE("behind the body")));
    return trailers;
}

static void begin(struct sim *s)
{
    char target[32];
    if (mux_stream_count(s->pair.relay.mux.mux) >= LIVE_MAX)
        return;
    struct exchange *x = calloc(1, sizeof(*x));
    CHECK(x);
    x->number = s->result.exchanges;
    for (int side = 0; side < 2; side++)
        x->endpoints[side] = (struct endpoint){.key = 2 * x->number + (unsigned)side,
                                               .total = some_length(s),
                                               .trailers = maybe(s, 3)};
    (void)snprintf(target, sizeof(target), "/%zu", x->number);
    struct http_head head = head_request("POST", target);
    add_fields(s, &head);
    bool at_once = x->endpoints[RELAY].total == 0 && !x->endpoints[RELAY].trailers;
    x->endpoints[RELAY].head_sent = true;
    x->endpoints[RELAY].ended = at_once;
    x->endpoints[RELAY].view = mux_side_open(&s->pair.relay.mux, &head, at_once);
    if (!x->endpoints[RELAY].view) {
        CHECK(s->drained);
        free(x);
        return;
    }
    x->endpoints[RELAY].view->user = x;
    x->next = s->live;
    s->live = x;
    s->live_count++;
    s->result.exchanges++;
}

static struct sim *sim_of(struct mux_view *v)
{
    return v->side->ctx;
}

static int index_of(const struct mux_view *v)
{
    return v->side->role == MUX_CLIENT ? RELAY : AGENT;
}

// The task of the sender of the bytes that this view receives.
static const struct endpoint *sender_of(const struct mux_view *v)
{
    const struct exchange *x = v->user;
    return &x->endpoints[index_of(v) == RELAY ? AGENT : RELAY];
}

static void on_head(struct mux_view *v, const struct http_head *head, bool end)
{
    if (index_of(v) == AGENT) {
        uint64_t number = 0;
        struct exchange *x = sim_of(v)->live;
        CHECK(slice_to_u64(slice_of(head->target.p + 1, head->target.len - 1), &number));
        while (x && x->number != number)
            x = x->next;
        CHECK(x && !x->endpoints[AGENT].view);
        x->endpoints[AGENT].view = v;
        v->user = x;
    }
    CHECK(!end || sender_of(v)->total == 0);
}

static void on_data(struct mux_view *v, const char *bytes, size_t len)
{
    const struct endpoint *from = sender_of(v);
    CHECK(v->received <= from->total);
    CHECK(pattern_is(bytes, len, from->key, v->received - len));
    sim_of(v)->result.bytes += len;
}

static void on_end(struct mux_view *v, const struct http_head *trailers)
{
    const struct endpoint *from = sender_of(v);
    CHECK(v->received == from->total);
    CHECK(from->trailers == (trailers != NULL));
    CHECK(!trailers || buf_is(&v->trailers, "X-Trailer: behind the body\n"));
}

static void on_closed(struct mux_view *v, uint32_t reset)
{
    struct exchange *x = v->user;
    const struct sim *s = sim_of(v);
    CHECK(reset == 0 || x->broken || reset == MUX_RESET_LOST ||
          (reset == MUX_RESET_REFUSED && s->drained));
    CHECK(reset != 0 || (v->ended && x->endpoints[index_of(v)].ended));
    CHECK(reset != 0 || v->received == sender_of(v)->total);
    x->broken = x->broken || reset != 0;
}

static const struct mux_hooks hooks = {on_head, on_data, on_end, NULL, on_closed};

static bool is_over(const struct endpoint *e)
{
    return !e->view || !e->view->stream;
}

// Forgets the exchanges that are closed on both sides.
static void sweep(struct sim *s)
{
    for (struct exchange **at = &s->live; *at;) {
        struct exchange *x = *at;
        bool unknown = !x->endpoints[AGENT].view && !x->broken;
        if (unknown || !is_over(&x->endpoints[RELAY]) || !is_over(&x->endpoints[AGENT])) {
            at = &x->next;
            continue;
        }
        // The relay may have reset a request whose head is still under way.
        if (!x->endpoints[AGENT].view && !s->settling) {
            at = &x->next;
            continue;
        }
        s->result.complete += !x->broken;
        s->result.reset += x->broken;
        s->live_count--;
        *at = x->next;
        free(x);
    }
}

static struct exchange *pick(struct sim *s)
{
    struct exchange *x = s->live;
    uint32_t n = s->live_count ? chance_below(s->chance, s->live_count) : 0;
    while (x && n-- > 0)
        x = x->next;
    return x;
}

static void send_head(struct sim *s, struct endpoint *e, bool all)
{
    struct http_head head = head_response(all || maybe(s, 3) ? 200 : 103);
    add_fields(s, &head);
    bool end = head.status == 200 && e->total == 0 && !e->trailers && maybe(s, 2);
    if (end)
        head_put(&head, "content-length", "0");
    CHECK(mux_respond(e->view->stream, &head, end) == 0);
    e->head_sent = head.status == 200;
    e->ended = end;
}

// Does a part of the task of this side, or all that credit allows.
static void work(struct sim *s, struct exchange *x, int side, bool all)
{
    struct endpoint *e = &x->endpoints[side];
    if (is_over(e))
        return;
    if (e->view->uncredited > 0 && (all || maybe(s, 2)))
        mux_view_credit(e->view, all ? e->view->uncredited
                                     : chance_below(s->chance, e->view->uncredited + 1));
    if (!e->head_sent)
        send_head(s, e, all);
    if (!e->head_sent || e->ended)
        return;
    uint64_t part = all ? e->total : e->view->sent + chance_below(s->chance, MUX_SEND_MAX);
    part = part < e->total ? part : e->total;
    if (e->view->sent % 2 == 0)
        (void)mux_view_lend(e->view, e->key, part);
    else
        (void)mux_view_feed(e->view, e->key, part);
    if (e->view->sent < e->total || (!all && maybe(s, 2)))
        return;
    struct http_head trailers = trailers_of(e);
    CHECK(mux_finish(e->view->stream, e->trailers ? &trailers : NULL) == 0);
    e->ended = true;
}

static void reset(struct exchange *x, int side)
{
    struct endpoint *e = &x->endpoints[side];
    if (is_over(e))
        return;
    x->broken = true;
    mux_view_reset(e->view, MUX_RESET_CANCEL);
}

static void flush(struct sim *s, int side, size_t cap)
{
    static uint8_t message[TUNNEL_MESSAGE_MAX];
    struct tunnel *from = side_of(s, side)->tunnel;
    bool wanted = tunnel_wants_send(from);
    struct slice tail = {0};
    int n =
        maybe(s, 2) ? tunnel_send(from, message, cap) : tunnel_send_lent(from, message, cap, &tail);
    CHECK(n >= 0 && n <= (int)cap && (wanted || n == 0));
    CHECK(n > 0 || tail.len == 0);
    size_t len = (size_t)n + tail.len;
    CHECK(len <= TUNNEL_MESSAGE_MAX);
    if (n > 0)
        CHECK(buf_append(&s->wires[side].bytes, message, (size_t)n) &&
              buf_append(&s->wires[side].bytes, tail.p, tail.len) &&
              buf_append(&s->wires[side].lengths, &len, sizeof(len)));
    if (tail.len > 0) // whoever takes lent bytes may change them
        memset((char *)(uintptr_t)tail.p, 'x', tail.len);
}

// Delivers at most `most` bytes of the first message.
static void deliver(struct sim *s, int from, size_t most)
{
    struct wire *w = &s->wires[from];
    size_t len = 0;
    if (buf_len(&w->lengths) == 0)
        return;
    memcpy(&len, buf_at(&w->lengths), sizeof(len));
    size_t left = len - w->delivered;
    size_t n = most < left ? most : left;
    const uint8_t *bytes = (const uint8_t *)buf_at(&w->bytes);
    struct tunnel_side *to = side_of(s, from == RELAY ? AGENT : RELAY);
    CHECK(tunnel_feed(to, bytes, n, n == left, n ? n : 1) == 0);
    buf_take(&w->bytes, n);
    w->delivered += n;
    if (n == left) {
        buf_take(&w->lengths, sizeof(len));
        w->delivered = 0;
    }
}

static bool move_all(struct sim *s)
{
    bool moved = false;
    for (int side = 0; side < 2; side++) {
        flush(s, side, TUNNEL_MESSAGE_MAX);
        while (buf_len(&s->wires[side].lengths) > 0) {
            deliver(s, side, TUNNEL_MESSAGE_MAX);
            moved = true;
        }
    }
    return moved;
}

// A link never pauses for longer than a tick, since a tunnel rightly ends after a silence.
static void pass(struct sim *s, uint64_t ms)
{
    s->pair.now_ms += ms;
    if (s->pair.now_ms < s->tick_ms)
        return;
    s->tick_ms = s->pair.now_ms + TICK_MS;
    CHECK(tunnel_pair_tick(&s->pair, 0) == 0);
    while (move_all(s))
        ;
}

static void speak(struct sim *s)
{
    int error = maybe(s, 2) ? tunnel_say_type(&s->pair.relay, CONTROL_BOUND, 2)
                            : tunnel_say_type(&s->pair.agent, CONTROL_BIND, 2);
    CHECK(error == 0 || error == TUNNEL_E_FULL);
}

static void drain(struct sim *s)
{
    s->drained = true;
    mux_drain(side_of(s, (int)chance_below(s->chance, 2))->mux.mux);
}

// Takes back the bytes that were lent for a few steps.
static void settle_data(struct sim *s)
{
    mux_side_settle(&s->pair.relay.mux);
    mux_side_settle(&s->pair.agent.mux);
}

static void step(struct sim *s)
{
    static const uint32_t caps[] = {TUNNEL_MESSAGE_MIN, 3000, TUNNEL_MESSAGE_MAX,
                                    TUNNEL_MESSAGE_MAX};
    uint32_t what = chance_below(s->chance, 64);
    struct exchange *x = what < 34 ? pick(s) : NULL;
    int side = (int)chance_below(s->chance, 2);
    if (x && what == 0)
        reset(x, side);
    else if (x)
        work(s, x, side, false);
    else if (what < 40)
        begin(s);
    else if (what < 50)
        flush(s, side, caps[chance_below(s->chance, 4)]);
    else if (what < 60)
        deliver(s, side, maybe(s, 4) ? TUNNEL_MESSAGE_MAX : chance_below(s->chance, 5000));
    else if (what < 62)
        pass(s, maybe(s, 200) ? 60000 : chance_below(s->chance, 256));
    else if (what < 63)
        speak(s);
    else if (maybe(s, 250))
        drain(s);
    if (++s->steps % 3 == 0)
        settle_data(s);
    sweep(s);
}

// Begins nothing more and lets everything finish.
static void settle(struct sim *s)
{
    bool moved = true;
    while (moved) {
        for (struct exchange *x = s->live; x; x = x->next)
            for (int side = 0; side < 2; side++)
                work(s, x, side, true);
        moved = move_all(s);
        settle_data(s);
    }
    s->settling = true;
    sweep(s);
    CHECK(!s->live && s->live_count == 0);
    for (int i = 0; i < 5; i++)
        pass(s, TICK_MS);
}

static void lose(struct sim *s)
{
    mux_link_lost(s->pair.relay.mux.mux);
    mux_link_lost(s->pair.agent.mux.mux);
    s->settling = true;
    for (struct exchange *x = s->live; x; x = x->next)
        x->broken = true;
    sweep(s);
    CHECK(!s->live);
}

struct sim_result sim_run(struct chance *chance, size_t steps)
{
    struct sim s = {.chance = chance};
    tunnel_pair_open(&s.pair);
    s.tick_ms = s.pair.now_ms + TICK_MS;
    for (int side = 0; side < 2; side++) {
        struct mux_side *m = &side_of(&s, side)->mux;
        m->hooks = hooks;
        m->ctx = &s;
        m->holds_credit = m->drops_bodies = true;
    }
    for (size_t i = 0; i < steps && !chance_is_over(chance); i++)
        step(&s);
    if (maybe(&s, 8))
        lose(&s);
    else
        settle(&s);
    for (int side = 0; side < 2; side++) {
        const struct mux *m = side_of(&s, side)->mux.mux;
        CHECK(mux_stream_count(m) == 0 && mux_unread(m) == 0);
        buf_free(&s.wires[side].bytes);
        buf_free(&s.wires[side].lengths);
    }
    CHECK(s.result.complete + s.result.reset == s.result.exchanges);
    tunnel_pair_deinit(&s.pair);
    return s.result;
}
