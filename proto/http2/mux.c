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

// Streams that a server accepts. A tunnel's relay counts one as over sooner than its agent.
static uint32_t accepted_streams(const struct mux *m)
{
    return m->profile->is_public ? m->limits.streams : 2 * m->limits.streams;
}

static int session_options(const struct mux *m, nghttp2_option **option)
{
    if (nghttp2_option_new(option))
        return MUX_E_MEMORY;
    nghttp2_option_set_no_http_messaging(*option, 1);
    nghttp2_option_set_no_auto_window_update(*option, 1);
    nghttp2_option_set_no_closed_streams(*option, 1);
    nghttp2_option_set_max_send_header_block_length(*option, (size_t)2 * MUX_HEAD_MAX);
    nghttp2_option_set_peer_max_concurrent_streams(*option, accepted_streams(m));
    if (m->profile->reset_burst > 0)
        nghttp2_option_set_stream_reset_rate_limit(*option, m->profile->reset_burst,
                                                   m->profile->reset_rate);
    return 0;
}

// As RFC 9113 §6.5.2 measures it: with 32 bytes for each field.
static uint32_t head_list_size(const struct mux *m)
{
    const size_t bytes = m->limits.head_bytes ? m->limits.head_bytes : MUX_HEAD_MAX;
    const size_t fields = m->limits.head_fields ? m->limits.head_fields : MESSAGE_FIELDS_CAP;
    return (uint32_t)(bytes + fields * (32 - 4));
}

static int session_begin(struct mux *m)
{
    const bool is_public = m->profile->is_public;
    const nghttp2_settings_entry settings[] = {
        {NGHTTP2_SETTINGS_ENABLE_PUSH, 0},
        {NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS, accepted_streams(m)},
        {NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, MUX_WINDOW_START},
        {NGHTTP2_SETTINGS_MAX_FRAME_SIZE, is_public ? MUX_FRAME_PUBLIC : MUX_FRAME_MAX},
        {NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE, head_list_size(m)},
        {NGHTTP2_SETTINGS_ENABLE_CONNECT_PROTOCOL, 1},
    };
    const size_t own = m->role == MUX_SERVER ? 2 : 1; // of a public mux, at the end
    const size_t count = sizeof(settings) / sizeof(settings[0]) - (is_public ? 2 - own : 2);
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
    m->scratch = config->scratch;
    m->resets_left = MUX_RESETS_MAX;
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

static void refill_resets(struct mux *m, uint64_t elapsed_ms)
{
    const uint32_t each_ms = MUX_RESETS_MS / MUX_RESETS_MAX;
    m->resets_ms += elapsed_ms < MUX_RESETS_MS ? (uint32_t)elapsed_ms : MUX_RESETS_MS;
    m->resets_left += m->resets_ms / each_ms;
    m->resets_ms %= each_ms;
    if (m->resets_left > MUX_RESETS_MAX)
        m->resets_left = MUX_RESETS_MAX;
}

void mux_tick(struct mux *m, uint64_t elapsed_ms)
{
    flood_budget_tick(&m->flood_budget, elapsed_ms);
    refill_resets(m, elapsed_ms);
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

bool mux_is_draining(const struct mux *m)
{
    return m->draining;
}

size_t mux_last_words(struct mux *m, int error, char out[static MUX_GOODBYE_MAX])
{
    uint32_t code = NGHTTP2_NO_ERROR;
    if (error == MUX_E_PROTOCOL)
        code = m->breach ? m->breach : NGHTTP2_PROTOCOL_ERROR;
    else if (error)
        code = NGHTTP2_INTERNAL_ERROR;
    if (error == MUX_E_FLOOD)
        code = NGHTTP2_ENHANCE_YOUR_CALM;
    m->dead = true;
    if (m->said_goaway)
        return 0;
    m->out = out;
    m->out_len = 0;
    m->out_cap = MUX_GOODBYE_MAX;
    (void)nghttp2_session_terminate_session(m->session, code);
    (void)nghttp2_session_send(m->session);
    size_t len = m->out_len;
    m->out = NULL;
    m->out_len = m->out_cap = 0;
    return len;
}
