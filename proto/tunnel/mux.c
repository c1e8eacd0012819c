// SPDX-License-Identifier: MIT
// The session and its streams: life, limits, credit.
#include <stdlib.h>
#include "mux_internal.h"

// As long as one body needs one, a thousand visitors who leave are a thousand resets; the edge
// limits aborts, not the mux.
enum {
    RESET_BURST = 1000000,
    RESET_RATE = 100000
};

const struct mux_limits mux_default_limits = {
    .streams = MUX_STREAMS_MAX,
    .window = MUX_WINDOW_MAX,
    .unread = MUX_UNREAD_MAX,
    .heads = MUX_HEADS_MAX,
    .flood_budget = MUX_FLOOD_BUDGET,
    .ids = MUX_IDS_MAX,
};

const char *mux_strerror(int error)
{
    switch ((enum mux_error)error) {
    case MUX_E_PROTOCOL: return "HTTP/2 protocol error";
    case MUX_E_MEMORY: return "out of memory";
    case MUX_E_FULL: return "too many streams";
    case MUX_E_HEAD: return "a head over its limit";
    case MUX_E_FLOOD: return "a flood of frames that bring nothing";
    }
    return "no error";
}

static int session_options(const struct mux *m, nghttp2_option **option)
{
    if (nghttp2_option_new(option))
        return MUX_E_MEMORY;
    nghttp2_option_set_no_http_messaging(*option, 1);
    nghttp2_option_set_no_auto_window_update(*option, 1);
    nghttp2_option_set_no_closed_streams(*option, 1);
    nghttp2_option_set_max_send_header_block_length(*option, (size_t)2 * MUX_HEAD_MAX);
    nghttp2_option_set_peer_max_concurrent_streams(*option, 2 * m->limits.streams);
    nghttp2_option_set_stream_reset_rate_limit(*option, RESET_BURST, RESET_RATE);
    return 0;
}

static int session_begin(struct mux *m)
{
    const nghttp2_settings_entry settings[] = {
        {NGHTTP2_SETTINGS_ENABLE_PUSH, 0},
        {NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS, 2 * m->limits.streams},
        {NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, MUX_WINDOW_START},
    };
    size_t first = m->role == MUX_AGENT ? 1 : 0; // only a client says ENABLE_PUSH
    if (nghttp2_submit_settings(m->session, NGHTTP2_FLAG_NONE, settings + first, 3 - first))
        return MUX_E_MEMORY;
    int32_t window = m->limits.unread < INT32_MAX ? (int32_t)m->limits.unread : INT32_MAX;
    return nghttp2_session_set_local_window_size(m->session, NGHTTP2_FLAG_NONE, 0, window)
               ? MUX_E_MEMORY
               : 0;
}

static int session_open(struct mux *m)
{
    nghttp2_session_callbacks *callbacks = NULL;
    nghttp2_option *option = NULL;
    int error = MUX_E_MEMORY;
    if (nghttp2_session_callbacks_new(&callbacks) || session_options(m, &option))
        goto cleanup;
    mux_set_recv_callbacks(callbacks);
    mux_set_send_callbacks(callbacks);
    if (m->role == MUX_RELAY)
        error = nghttp2_session_client_new2(&m->session, callbacks, m, option);
    else
        error = nghttp2_session_server_new2(&m->session, callbacks, m, option);
    if (!error)
        error = session_begin(m);
cleanup:
    nghttp2_option_del(option);
    nghttp2_session_callbacks_del(callbacks);
    return error;
}

struct mux *mux_new(enum mux_role role, const struct mux_limits *limits,
                    const struct mux_handler *handler, void *ctx)
{
    struct mux *m = calloc(1, sizeof(*m));
    if (!m)
        return NULL;
    m->role = role;
    m->limits = limits ? *limits : mux_default_limits;
    m->frame_left = role == MUX_AGENT ? NGHTTP2_CLIENT_MAGIC_LEN : 0;
    flood_budget_init(&m->flood_budget, m->limits.flood_budget);
    m->handler = handler;
    m->ctx = ctx;
    if (session_open(m)) {
        mux_free(m);
        return NULL;
    }
    return m;
}

void mux_free(struct mux *m)
{
    if (!m)
        return;
    nghttp2_session_del(m->session);
    for (struct mux_stream *s = m->streams, *next = NULL; s; s = next) {
        next = s->next;
        mux_stream_free(s);
    }
    free(m->text);
    free(m->refs);
    free(m->head);
    free(m->nva);
    buf_free(&m->spelling);
    free(m);
}

void mux_lose(struct mux *m)
{
    m->dead = true;
    for (struct mux_stream *s = m->streams; s; s = s->next)
        mux_stream_close(s, MUX_RESET_LOST);
    mux_tell_events(m);
}

struct mux_stream *mux_stream_new(struct mux *m, int32_t id, void *user)
{
    struct mux_stream *s = malloc(sizeof(*s)); // calloc takes nothing from the thread's cache
    if (!s)
        return NULL;
    *s = (struct mux_stream){
        .mux = m,
        .id = id,
        .user = user,
        .window = MUX_WINDOW_START,
        .next = m->streams,
    };
    if (m->streams)
        m->streams->prev = s;
    m->streams = s;
    m->stream_count++;
    return s;
}

static void unqueue_event(struct mux_stream *s)
{
    struct mux_stream **at = &s->mux->events;
    while (*at && *at != s)
        at = &(*at)->event_next;
    if (*at)
        *at = s->event_next;
    s->queued = false;
}

void mux_stream_free(struct mux_stream *s)
{
    struct mux *m = s->mux;
    if (s->queued)
        unqueue_event(s);
    if (s->prev)
        s->prev->next = s->next;
    else
        m->streams = s->next;
    if (s->next)
        s->next->prev = s->prev;
    m->stream_count--;
    m->unread -= s->unread;
    free(s->trailers);
    buf_free(&s->out);
    free(s);
}

void mux_stream_close(struct mux_stream *s, uint32_t reset)
{
    s->mux->unread -= s->unread;
    s->unread = 0;
    if (!s->recv_ended)
        mux_expect_stray(s->mux, s->window);
    s->closed = true;
    s->reset = reset;
    mux_queue_event(s);
}

void mux_expect_stray(struct mux *m, uint32_t window)
{
    m->stray += window;
    flood_budget_earn(&m->flood_budget, FLOOD_BUDGET_OF_RESET);
}

void mux_stream_break(struct mux_stream *s, uint32_t code)
{
    struct mux *m = s->mux;
    if (s->closed)
        return;
    (void)nghttp2_session_set_stream_user_data(m->session, s->id, NULL);
    (void)nghttp2_submit_rst_stream(m->session, NGHTTP2_FLAG_NONE, s->id, code);
    mux_stream_close(s, code);
}

struct mux_stream *mux_stream_by_id(struct mux *m, int32_t id)
{
    return nghttp2_session_get_stream_user_data(m->session, id);
}

void mux_queue_event(struct mux_stream *s)
{
    if (s->queued)
        return;
    s->queued = true;
    s->event_next = s->mux->events;
    s->mux->events = s;
}

static void tell_event(struct mux_stream *s)
{
    struct mux *m = s->mux;
    size_t drained = s->drained_out;
    s->drained_out = 0;
    if (s->closed) {
        uint32_t reset = s->reset;
        if (!reset && !(s->recv_ended && s->send_ended))
            reset =
                s->recv_ended && m->role == MUX_RELAY ? MUX_RESET_UNWANTED : NGHTTP2_INTERNAL_ERROR;
        m->handler->closed(m->ctx, s, reset);
        mux_stream_free(s);
    } else if (drained > 0) {
        m->handler->drained(m->ctx, s, drained);
    }
}

void mux_tell_events(struct mux *m)
{
    while (m->events) {
        struct mux_stream *s = m->events;
        m->events = s->event_next;
        s->queued = false;
        tell_event(s);
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

bool mux_is_unread(const struct mux *m)
{
    return m->unread >= m->limits.unread;
}

struct mux_stream *mux_next(const struct mux *m, const struct mux_stream *s)
{
    return s ? s->next : m->streams;
}

size_t mux_unread(const struct mux *m)
{
    return m->unread;
}

size_t mux_stream_unread(const struct mux_stream *s)
{
    return s->unread;
}

bool mux_wants_send(const struct mux *m)
{
    return !m->dead && nghttp2_session_want_write(m->session);
}

const struct mux_peer *mux_peer(const struct mux *m)
{
    return &m->peer;
}

const struct mux_peer *mux_stream_peer(const struct mux_stream *s)
{
    return mux_peer(s->mux);
}

void mux_set_peer(struct mux *m, const struct mux_peer *peer)
{
    m->peer = *peer;
}

bool mux_spend(struct mux *m, uint32_t cost)
{
    return flood_budget_spend(&m->flood_budget, cost);
}

void mux_tick(struct mux *m, uint64_t elapsed_ms)
{
    flood_budget_tick(&m->flood_budget, elapsed_ms);
}

bool mux_is_spent(const struct mux *m)
{
    return m->role == MUX_RELAY && nghttp2_session_get_next_stream_id(m->session) > m->limits.ids;
}

void mux_drain(struct mux *m)
{
    m->draining = true;
    if (m->role == MUX_RELAY)
        return; // a server says GOAWAY; from a client it would cut off what it has queued itself
    (void)nghttp2_submit_goaway(m->session, NGHTTP2_FLAG_NONE,
                                nghttp2_session_get_last_proc_stream_id(m->session),
                                NGHTTP2_NO_ERROR, NULL, 0);
}

// The window grows towards its maximum only as its reader drains, and not while the tunnel holds
// much (docs/protocol.md §4.2).
static void grow_window(struct mux_stream *s)
{
    struct mux *m = s->mux;
    uint64_t after = s->window > MUX_GROW_AFTER ? s->window : MUX_GROW_AFTER;
    uint32_t most = m->limits.window;
    if (s->window >= most || s->drained < after || m->unread > m->limits.unread / 2)
        return;
    uint32_t window = s->window >= most / 2 ? most : s->window * 2;
    if (nghttp2_session_set_local_window_size(m->session, NGHTTP2_FLAG_NONE, s->id,
                                              (int32_t)window))
        return;
    s->window = window;
    s->drained = 0;
}

void mux_credit(struct mux_stream *s, size_t len)
{
    struct mux *m = s->mux;
    if (len > s->unread)
        len = s->unread;
    s->unread -= (uint32_t)len;
    m->unread -= len;
    s->drained += len;
    if (s->closed || s->recv_ended)
        return;
    (void)nghttp2_session_consume_stream(m->session, s->id, len);
    grow_window(s);
}

void mux_reset(struct mux_stream *s, enum mux_reset code)
{
    mux_stream_break(s, code);
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
