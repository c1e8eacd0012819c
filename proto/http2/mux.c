// SPDX-License-Identifier: MIT
// The session: creation, the settings of both ends, shutdown.
#include <stdlib.h>
#include "mux_internal.h"

const struct mux_limits mux_default_limits = {
    .streams = MUX_STREAMS_MAX,
    .window = MUX_WINDOW_MAX,
    .window_far = MUX_WINDOW_FAR_MAX,
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
    case MUX_E_FLOOD: return "a flood of frames that carry no exchange";
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
    if (m->profile->reset_burst > 0)
        nghttp2_option_set_stream_reset_rate_limit(*option, m->profile->reset_burst,
                                                   m->profile->reset_rate);
    return 0;
}

static int session_begin(struct mux *m)
{
    const nghttp2_settings_entry settings[] = {
        {NGHTTP2_SETTINGS_ENABLE_PUSH, 0},
        {NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS, 2 * m->limits.streams},
        {NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, MUX_WINDOW_START},
        {NGHTTP2_SETTINGS_MAX_FRAME_SIZE, MUX_FRAME_MAX},
    };
    const size_t count = sizeof(settings) / sizeof(settings[0]);
    size_t first = m->role == MUX_SERVER ? 1 : 0; // only a client sends ENABLE_PUSH
    if (nghttp2_submit_settings(m->session, NGHTTP2_FLAG_NONE, settings + first, count - first))
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
    m->body.read_callback = mux_read_data;
    if (m->role == MUX_CLIENT)
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

struct mux *mux_new(const struct mux_config *config, const struct mux_handler *handler, void *ctx)
{
    struct mux *m = calloc(1, sizeof(*m));
    if (!m)
        return NULL;
    m->role = config->role;
    m->profile = config->profile;
    m->limits = config->limits ? *config->limits : mux_default_limits;
    m->frame_left = m->role == MUX_SERVER ? NGHTTP2_CLIENT_MAGIC_LEN : 0;
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
    while (m->streams.first)
        mux_stream_free(mux_next(m, NULL));
    free(m->text);
    free(m->head);
    free(m->nva);
    buf_free(&m->spelling);
    free(m);
}

void mux_link_lost(struct mux *m)
{
    m->dead = true;
    for (struct mux_stream *s = mux_next(m, NULL); s; s = mux_next(m, s))
        mux_stream_close(s, MUX_RESET_LOST);
    mux_dispatch_events(m);
}

bool mux_wants_send(const struct mux *m)
{
    return !m->dead && nghttp2_session_want_write(m->session);
}

bool mux_has_bodies(const struct mux *m)
{
    return m->waiting > 0;
}

const struct mux_peer *mux_peer(const struct mux *m)
{
    return &m->peer;
}

void mux_set_peer(struct mux *m, const struct mux_peer *peer)
{
    m->peer = *peer;
}

bool mux_charge(struct mux *m, uint32_t cost)
{
    return flood_budget_spend(&m->flood_budget, cost);
}

void mux_tick(struct mux *m, uint64_t elapsed_ms)
{
    flood_budget_tick(&m->flood_budget, elapsed_ms);
    for (struct mux_stream *s = mux_next(m, NULL); s; s = mux_next(m, s))
        chain_trim(&s->out);
    mux_window_tick(m);
}

void mux_drain(struct mux *m)
{
    m->draining = true;
    if (m->role == MUX_CLIENT)
        return; // a client's GOAWAY would drop the requests that nghttp2 has queued
    (void)nghttp2_submit_goaway(m->session, NGHTTP2_FLAG_NONE,
                                nghttp2_session_get_last_proc_stream_id(m->session),
                                NGHTTP2_NO_ERROR, NULL, 0);
}
