// SPDX-License-Identifier: MIT
// Receive windows: credit, and how windows grow and shrink (docs/protocol.md §4.2).
#include "mux_internal.h"

enum {
    GRANT_PARTS = 4, // WINDOW_UPDATEs for each window
    GRANT_PARTS_FAR = 8,
    // WINDOW_UPDATEs cost flood budget, which frames of DATA earn (flood_budget.h)
    GRANT_MIN = MUX_FRAME_MAX / FLOOD_BUDGET_PER_FRAME,
};

void mux_set_now(struct mux *m, uint64_t now_us, uint64_t round_trip_us)
{
    m->now_us = now_us;
    m->round_trip_us = round_trip_us;
}

// A far peer's sender would wait for many round trips if windows grew as slowly as a near one's.
static bool is_far(const struct mux *m)
{
    return m->round_trip_us >= MUX_FAR_US;
}

// Twice the product of the rate at which the reader drains and the least round trip: 0 when that is
// not known. No round trip is shorter than the least, and none carries more than a window: so a
// peer that delays its acknowledgements gains no more than a doubling by each drained window.
static uint64_t measured_window(const struct mux_stream *s)
{
    const struct mux *m = s->mux;
    uint64_t took = m->now_us - s->since_us;
    if (took < m->round_trip_us)
        took = m->round_trip_us;
    return took > 0 ? 2 * s->drained * m->round_trip_us / took : 0;
}

// The size that the window should have now that its reader has drained it once.
static uint32_t next_window(const struct mux_stream *s)
{
    const struct mux *m = s->mux;
    uint64_t doubled = (uint64_t)s->window * 2;
    uint64_t next = is_far(m) ? 2 * doubled : doubled;
    next = next < m->limits.window ? next : m->limits.window;
    uint64_t measured = measured_window(s);
    size_t left = m->limits.unread / 2;
    left = left > m->window_excess ? left - m->window_excess : 0;
    measured = measured < doubled ? measured : doubled;
    measured = measured < m->limits.window_far ? measured : m->limits.window_far;
    left += mux_window_granted(s);
    measured = measured < left ? measured : left;
    // Small steps are not worth their frames.
    bool far = measured > next && measured > s->window + s->window / 8;
    next = far ? measured : next;
    return next > s->window ? (uint32_t)next : s->window;
}

// Grants credit beyond the window that the peer knows.
static void grow(struct mux_stream *s, uint32_t window)
{
    struct mux *m = s->mux;
    uint32_t back = window - s->window < s->withheld ? window - s->window : s->withheld;
    mux_window_set(s, s->window + back, s->withheld - back); // what was to be taken back is left
    int32_t known = nghttp2_session_get_stream_effective_local_window_size(m->session, s->id);
    int64_t more = (int64_t)window - s->window;
    if (more == 0 || known < 0 || known + more > INT32_MAX ||
        nghttp2_session_set_local_window_size(m->session, NGHTTP2_FLAG_NONE, s->id,
                                              (int32_t)(known + more)))
        return;
    mux_window_set(s, window, s->withheld);
}

// Takes credit back: the next bytes that the reader drains are not credited. Until then the peer
// has it, and it counts.
static void shrink(struct mux_stream *s, uint32_t window)
{
    mux_window_set(s, window, s->withheld + s->window - window);
}

void mux_window_finish(struct mux_stream *s)
{
    mux_window_set(s, s->unread, 0);
}

// The drained bytes for which credit is granted. A sender should not wait for it although most of
// its window was drained long ago, least of all one that is far.
static uint32_t grant_part(const struct mux_stream *s)
{
    bool often = is_far(s->mux) && s->window > MUX_GROW_AFTER;
    uint32_t part = s->window / (often ? GRANT_PARTS_FAR : GRANT_PARTS);
    uint32_t least = s->window / 2 < GRANT_MIN ? s->window / 2 : GRANT_MIN;
    return part > least ? part : least;
}

static void grant(struct mux_stream *s, size_t len)
{
    uint32_t kept = len < s->withheld ? (uint32_t)len : s->withheld;
    if (kept > 0)
        mux_window_set(s, s->window, s->withheld - kept);
    s->ungranted += (uint32_t)len - kept;
    if (s->ungranted < grant_part(s))
        return;
    if (!nghttp2_submit_window_update(s->mux->session, NGHTTP2_FLAG_NONE, s->id,
                                      (int32_t)s->ungranted))
        s->ungranted = 0;
}

// Resizes the window when its reader has drained it once, but grows none while the mux holds many
// unread bytes. A near peer's window grows only after MUX_GROW_AFTER, which a socket's buffers may
// take although nobody reads.
static void resize(struct mux_stream *s)
{
    struct mux *m = s->mux;
    uint64_t after = s->window > MUX_GROW_AFTER || is_far(m) ? s->window : MUX_GROW_AFTER;
    if (s->drained < after)
        return;
    uint32_t next = next_window(s);
    uint64_t measured = measured_window(s);
    if (next > s->window && m->unread > m->limits.unread / 2)
        return; // grows as soon as it may
    if (next > s->window)
        grow(s, next);
    else if (measured < s->window / 2 && s->unread >= s->window / 2 &&
             mux_window_excess(m, s->window) > 0)
        shrink(s, measured > m->limits.window ? (uint32_t)measured : m->limits.window);
    s->drained = 0;
    s->since_us = m->now_us;
}

void mux_credit(struct mux_stream *s, size_t len)
{
    struct mux *m = s->mux;
    if (len > s->unread)
        len = s->unread;
    s->unread -= (uint32_t)len;
    m->unread -= len;
    s->drained += len;
    s->stopped = s->stopped && len == 0;
    if (m->profile->is_public && len > 0)
        (void)nghttp2_session_consume_connection(m->session, len);
    if (s->closed)
        return;
    if (s->peer_finished) {
        mux_window_finish(s);
        return;
    }
    grant(s, len);
    resize(s);
}

// Whether so little passes that a near peer's window carries it. A stream that pauses for less than
// MUX_SLOW_US is not slow.
static bool is_slow(const struct mux_stream *s)
{
    return s->mux->now_us - s->since_us >= MUX_SLOW_US &&
           measured_window(s) <= s->mux->limits.window;
}

void mux_window_tick(struct mux *m)
{
    for (struct mux_stream *s = mux_next(m, NULL); s && m->window_excess > 0; s = mux_next(m, s)) {
        bool open = !s->closed && !s->peer_finished;
        bool less = (s->stopped && s->unread > 0) || is_slow(s);
        if (open && less && mux_window_excess(m, s->window) > 0)
            shrink(s, m->limits.window);
        s->stopped = true;
    }
}
