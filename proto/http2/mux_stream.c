// SPDX-License-Identifier: MIT
// The streams of a mux: creation and destruction, queued events, limits.
#include <stdlib.h>
#include "mux_internal.h"

struct mux_stream *mux_stream_new(struct mux *m, int32_t id, void *user)
{
    struct mux_stream *s = malloc(sizeof(*s)); // calloc would bypass glibc's thread cache
    if (!s)
        return NULL;
    *s = (struct mux_stream){
        .mux = m,
        .id = id,
        .user = user,
        .window = MUX_WINDOW_START,
        .since_us = m->now_us,
    };
    list_prepend(&m->streams, &s->in_streams);
    m->stream_count++;
    return s;
}

// A stream that nghttp2 has not begun is not held back by its window.
static bool has_remote_window(const struct mux_stream *s)
{
    return nghttp2_session_get_stream_remote_window_size(s->mux->session, s->id) != 0;
}

void mux_stream_count_waiting(struct mux_stream *s)
{
    bool waits = !s->closed && mux_stream_queued(s) > 0 && has_remote_window(s);
    s->mux->waiting += waits;
    s->mux->waiting -= s->waits;
    s->waits = waits;
}

ptrdiff_t mux_stream_room(const struct mux_stream *s, int32_t most)
{
    int32_t window = nghttp2_session_get_stream_remote_window_size(s->mux->session, s->id);
    return (window < most ? window : most) - (ptrdiff_t)mux_stream_queued(s);
}

bool mux_stream_is_held(const struct mux_stream *s)
{
    return nghttp2_session_get_stream_remote_window_size(s->mux->session, s->id) <= 0;
}

bool mux_is_held(const struct mux *m)
{
    return nghttp2_session_get_remote_window_size(m->session) <= 0;
}

struct mux_stream *mux_stream_find(struct mux *m, int32_t id)
{
    m->found = id != 0 ? nghttp2_session_get_stream_user_data(m->session, id) : NULL;
    return m->found;
}

static void forget_found(struct mux_stream *s)
{
    if (s->mux->found == s)
        s->mux->found = NULL;
}

// Drops the body bytes that were not sent.
static void drop_queue(struct mux_stream *s)
{
    chain_free(&s->out);
    if (s->mux->borrower == s)
        s->mux->borrower = NULL;
    mux_stream_count_waiting(s);
}

void mux_stream_free(struct mux_stream *s)
{
    struct mux *m = s->mux;
    if (s->queued)
        list_remove(&m->events, &s->in_events);
    list_remove(&m->streams, &s->in_streams);
    m->stream_count--;
    m->unread -= s->unread;
    forget_found(s);
    drop_queue(s);
    mux_window_set(s, 0, 0);
    free(s->trailers);
    free(s->offer);
    free(s);
}

void mux_stream_close(struct mux_stream *s, uint32_t reset)
{
    s->mux->unread -= s->unread;
    if (s->mux->profile->is_public)
        (void)nghttp2_session_consume_connection(s->mux->session, s->unread);
    s->unread = 0;
    if (!s->peer_finished && !s->peer_left)
        mux_expect_stray(s->mux, mux_window_granted(s));
    forget_found(s);
    drop_queue(s);
    s->closed = true;
    s->reset = reset;
    mux_queue_event(s);
}

bool mux_spend_reset(struct mux *m)
{
    if (!m->profile->is_public || m->role == MUX_CLIENT) // a client begins the streams itself
        return true;
    m->flooded = m->flooded || m->resets_left == 0;
    m->resets_left -= !m->flooded;
    return !m->flooded;
}

void mux_expect_stray(struct mux *m, uint32_t window)
{
    m->stray += window;
    m->stray_heads++;
    mux_earn(m, m->profile->is_public ? FLOOD_BUDGET_PER_HEAD : FLOOD_BUDGET_PER_RESET);
}

void mux_stream_reset(struct mux_stream *s, uint32_t code)
{
    struct mux *m = s->mux;
    if (s->closed)
        return;
    (void)nghttp2_session_set_stream_user_data(m->session, s->id, NULL);
    (void)nghttp2_submit_rst_stream(m->session, NGHTTP2_FLAG_NONE, s->id, code);
    mux_stream_close(s, code);
}

void mux_queue_event(struct mux_stream *s)
{
    if (s->queued)
        return;
    s->queued = true;
    list_prepend(&s->mux->events, &s->in_events);
}

static void dispatch_event(struct mux_stream *s)
{
    struct mux *m = s->mux;
    size_t drained = s->drained_out;
    bool changed = s->window_changed;
    s->drained_out = 0;
    s->window_changed = false;
    if (s->closed) {
        uint32_t reset = s->reset;
        if (!reset && !(s->peer_finished && s->finished))
            reset = s->peer_finished && m->role == MUX_CLIENT ? MUX_RESET_UNWANTED
                                                              : NGHTTP2_INTERNAL_ERROR;
        m->handler->closed(m->ctx, s, reset);
        mux_stream_free(s);
    } else if (drained > 0 || changed) {
        m->handler->drained(m->ctx, s, drained);
    }
}

void mux_dispatch_events(struct mux *m)
{
    struct list_link *event = NULL;
    while ((event = list_take_first(&m->events))) {
        struct mux_stream *s = LIST_ITEM(event, struct mux_stream, in_events);
        s->queued = false;
        dispatch_event(s);
    }
}

size_t mux_stream_count(const struct mux *m)
{
    return m->stream_count;
}

bool mux_is_full(const struct mux *m)
{
    return m->stream_count >= m->limits.streams;
}

bool mux_is_greeted(const struct mux *m)
{
    return m->greeted;
}

size_t mux_most_streams(const struct mux *m)
{
    const uint32_t most =
        nghttp2_session_get_remote_settings(m->session, NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS);
    const uint32_t peers = m->greeted ? most : MUX_STREAMS_PUBLIC;
    return peers < m->limits.streams ? peers : m->limits.streams;
}

bool mux_is_ending(const struct mux *m)
{
    return m->dead || m->draining || mux_ids_exhausted(m);
}

bool mux_unread_is_full(const struct mux *m)
{
    return m->unread >= m->limits.unread;
}

struct mux_stream *mux_next(const struct mux *m, const struct mux_stream *s)
{
    struct list_link *next = s ? s->in_streams.next : m->streams.first;
    return next ? LIST_ITEM(next, struct mux_stream, in_streams) : NULL;
}

size_t mux_unread(const struct mux *m)
{
    return m->unread;
}

size_t mux_stream_unread(const struct mux_stream *s)
{
    return s->unread;
}

size_t mux_stream_unsent(const struct mux_stream *s)
{
    return mux_stream_queued(s);
}

bool mux_stream_head_is_cut(const struct mux_stream *s)
{
    return s->head_cut;
}

const struct mux_peer *mux_stream_peer(const struct mux_stream *s)
{
    return &s->mux->peer;
}

bool mux_ids_exhausted(const struct mux *m)
{
    return m->role == MUX_CLIENT && nghttp2_session_get_next_stream_id(m->session) > m->limits.ids;
}

void mux_reset(struct mux_stream *s, enum mux_reset code)
{
    mux_stream_reset(s, code);
    mux_stream_free(s);
}

void mux_set_user(struct mux_stream *s, void *user)
{
    s->user = user;
}

void *mux_user(const struct mux_stream *s)
{
    return s->user;
}
