// SPDX-License-Identifier: MIT
// Peers that take our bytes too slowly. A peer must take limits.rate bytes a second, on average
// over its time limit, or the connection fails with UV_ETIMEDOUT.
#include "conn_internal.h"

enum {
    CHECKS = 3 // per time limit
};

// Bytes that the peer has acknowledged. Not of conn_sent: over TLS a batch of records counts there
// when the kernel has all of it, long after a slow peer has begun to take it.
static uint64_t acked(const struct conn *c)
{
    uint64_t sent = conn_wire_sent(c);
    uint64_t in_flight = transport_unacked(c->transport);
    return sent > in_flight ? sent - in_flight : 0;
}

void conn_begin_send_limit(struct conn *c, uint32_t ms)
{
    c->checked_sent = conn_wire_sent(c);
    c->checked_acked = 0;
    c->slow_checks = 0;
    timeout_start(c->loop, &c->timer, ms / CHECKS, conn_check_send_limit);
}

// Progress is bytes that the kernel took or the peer acknowledged: the kernel takes bytes in large
// gulps, so a slow peer's progress shows only in acknowledgements. The first check begins to watch
// those; the others look at all time since then or since progress was last enough, since a small
// window acknowledges in gulps too, which may miss one check.
void conn_check_send_limit(struct timeout *t)
{
    struct conn *c = container_of(t, struct conn, timer);
    uint32_t ms = conn_send_limit_ms(c);
    if (ms == 0)
        return;
    uint64_t least = (uint64_t)c->loop->limits.rate * ms / 1000 * (c->slow_checks + 1U) / CHECKS;
    uint64_t now = acked(c) + 1;
    bool kernel_took = conn_wire_sent(c) - c->checked_sent > least;
    bool peer_took = c->checked_acked > 0 && now > c->checked_acked + least;
    bool slow = c->checked_acked > 0 && !kernel_took && !peer_took;
    c->slow_checks = slow ? c->slow_checks + 1 : 0;
    if (c->slow_checks == CHECKS - 1) {
        conn_fail(c, UV_ETIMEDOUT);
        return;
    }
    if (!slow) {
        c->checked_acked = kernel_took ? 0 : now;
        c->checked_sent = conn_wire_sent(c);
    }
    timeout_start(c->loop, t, ms / CHECKS, conn_check_send_limit);
}
