// SPDX-License-Identifier: MIT
#include "slow_way.h"
#include <stdlib.h>
#include "check.h"
#include "proto/tunnel/tunnel_internal.h"

enum {
    STEP_US = 250,
    US_PER_MS = 1000,
    US_PER_S = 1000 * 1000,
};

static void wire_init(struct slow_wire *wire)
{
    wire->first = NULL;
    wire->last = &wire->first;
}

static void wire_drop(struct slow_wire *wire)
{
    while (wire->first) {
        struct slow_message *m = wire->first;
        wire->first = m->next;
        free(m);
    }
}

void slow_way_open(struct slow_way *w, uint64_t bytes_s, uint64_t round_trip_us, uint64_t queue)
{
    *w = (struct slow_way){.now_us = US_PER_S};
    w->up = w->down =
        (struct slow_wire){.bytes_s = bytes_s, .delay_us = round_trip_us / 2, .queue = queue};
    wire_init(&w->up);
    wire_init(&w->down);
    tunnel_pair_open(&w->pair);
    w->pair.relay.mux.drops_bodies = w->pair.agent.mux.drops_bodies = true;
    w->tick_us = w->now_us + (uint64_t)TUNNEL_TICK_MS * US_PER_MS;
}

void slow_way_bind(struct slow_way *w)
{
    size_t said = w->pair.agent.said_count;
    CHECK(tunnel_say_type(&w->pair.agent, CONTROL_BIND, 2) == 0);
    while (w->pair.agent.said_count == said)
        slow_way_step(w);
    for (uint64_t until = w->now_us + 2 * w->up.delay_us; w->now_us < until;)
        slow_way_step(w);
}

void slow_way_close(struct slow_way *w)
{
    wire_drop(&w->up);
    wire_drop(&w->down);
    tunnel_pair_deinit(&w->pair);
}

void slow_way_forget_asking(struct slow_way *w)
{
    w->pair.relay.tunnel->pipe.can_ask = w->pair.agent.tunnel->pipe.can_ask = false;
}

uint64_t slow_wire_queued(const struct slow_wire *wire, uint64_t now_us)
{
    uint64_t queued = 0;
    for (const struct slow_message *m = wire->first; m; m = m->next)
        queued += m->leaves_us > now_us ? m->len : 0;
    return queued;
}

static void put(struct slow_wire *wire, const uint8_t *bytes, size_t len, uint64_t now_us)
{
    struct slow_message *m = malloc(sizeof(*m) + len);
    CHECK(m);
    memcpy(m->bytes, bytes, len);
    wire->free_us = wire->free_us > now_us ? wire->free_us : now_us;
    wire->free_us += len * US_PER_S / wire->bytes_s;
    m->next = NULL;
    m->len = len;
    m->leaves_us = wire->free_us;
    m->arrives_us = wire->free_us + wire->delay_us;
    if (!wire->first)
        wire->last = &wire->first;
    *wire->last = m;
    wire->last = &m->next;
}

static void flush(struct slow_way *w, struct tunnel_side *from, struct slow_wire *wire)
{
    static uint8_t out[TUNNEL_MESSAGE_MAX];
    const struct pipe *pipe = &from->tunnel->pipe;
    uint64_t queued = slow_wire_queued(wire, w->now_us);
    tunnel_set_now(from->tunnel, w->now_us);
    for (int n = 1; n > 0 && queued < wire->queue; queued += (uint64_t)n) {
        bool wanted = tunnel_wants_send(from->tunnel);
        n = tunnel_send(from->tunnel, out, sizeof(out));
        CHECK(n >= 0 && (wanted || n == 0));
        if (n > 0)
            put(wire, out, (size_t)n, w->now_us);
    }
    wire->most_queued = wire->most_queued > queued ? wire->most_queued : queued;
    uint64_t unacked = pipe->sent - pipe->acked;
    w->most_unacked = w->most_unacked > unacked ? w->most_unacked : unacked;
}

static void deliver(struct slow_way *w, struct slow_wire *wire, struct tunnel_side *to)
{
    if (wire->burst_us > 0 && w->now_us % wire->burst_us >= STEP_US)
        return;
    tunnel_set_now(to->tunnel, w->now_us);
    while (wire->first && wire->first->arrives_us <= w->now_us) {
        struct slow_message *m = wire->first;
        wire->first = m->next;
        CHECK(tunnel_feed(to, m->bytes, m->len, true, m->len) == 0);
        free(m);
    }
}

void slow_way_step(struct slow_way *w)
{
    w->now_us += STEP_US;
    deliver(w, &w->up, &w->pair.agent);
    deliver(w, &w->down, &w->pair.relay);
    if (w->now_us >= w->tick_us) {
        w->tick_us += (uint64_t)TUNNEL_TICK_MS * US_PER_MS;
        CHECK(tunnel_pair_tick(&w->pair, TUNNEL_TICK_MS) == 0);
    }
    flush(w, &w->pair.relay, &w->up);
    flush(w, &w->pair.agent, &w->down);
}
