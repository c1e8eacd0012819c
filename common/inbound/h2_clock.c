// SPDX-License-Identifier: MIT
// The clock of an HTTP/2 connection.
#include "h2_edge_internal.h"

void h2_edge_start_clock(struct h2_edge *e, enum h2_clock clock)
{
    const struct limits *l = h2_limits(e);
    const uint32_t durations[] = {
        [H2_CLOCK_FIRST] = l->head_ms,
        [H2_CLOCK_HEAD] = l->head_ms,
        [H2_CLOCK_IDLE] = l->keepalive_ms,
        [H2_CLOCK_BUSY] = LIMIT_H2_CHECK_MS,
    };
    e->clock = clock;
    timeout_start(e->h.loop, &e->limit, durations[clock], e->on_limit);
}

static enum h2_clock clock_of(const struct h2_edge *e)
{
    if (e->count > 0)
        return H2_CLOCK_BUSY;
    if (e->head_since_ms)
        return H2_CLOCK_HEAD;
    return e->used ? H2_CLOCK_IDLE : H2_CLOCK_FIRST;
}

void h2_edge_update(struct h2_edge *e)
{
    if (e->closed)
        return;
    const enum h2_clock clock = clock_of(e);
    if (clock == H2_CLOCK_BUSY && e->clock != H2_CLOCK_BUSY)
        admission_set_busy(e->visitor.place);
    else if (clock != H2_CLOCK_BUSY && e->clock == H2_CLOCK_BUSY)
        admission_set_idle(e->visitor.place);
    if (clock != e->clock)
        h2_edge_start_clock(e, clock);
    if (e->h.conn)
        conn_set_send_timeout(e->h.conn, e->endless ? 0 : h2_limits(e)->send_ms);
}
