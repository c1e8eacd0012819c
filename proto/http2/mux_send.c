// SPDX-License-Identifier: MIT
// Sends queued and borrowed bodies; nghttp2's callbacks for sending.
#include "mux_internal.h"

enum {
    REFUSED_CHARGE = 20, // flood budget of a public stream above the limit
    FRAME_MIN = 2048     // of DATA at the end of a message; what needs more waits for the next one
};

// Whether the next body bytes of the stream may end the output from where they are.
static bool lends(const struct mux_stream *s)
{
    const struct mux *m = s->mux;
    return m->out_most > m->out_len && m->borrower == s && s->out.len == 0;
}

// Bytes of DATA frames, heads included, for which there is room.
static size_t data_room(const struct mux_stream *s)
{
    const struct mux *m = s->mux;
    size_t room = m->out_cap - m->out_len;
    return room > MUX_FRAME_HEAD && lends(s) ? m->out_most - m->out_len : room;
}

// NOLINTNEXTLINE(readability-function-size): the library's signature
ssize_t mux_read_data(nghttp2_session *session, int32_t id, uint8_t *buf, size_t len,
                      uint32_t *flags, nghttp2_data_source *source, void *user_data)
{
    struct mux *m = user_data;
    struct mux_stream *s = mux_stream_by_id(m, id);
    (void)session;
    (void)buf;
    (void)source;
    if (!s)
        return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
    size_t queued = mux_stream_queued(s);
    if (queued == 0 && !s->finished) {
        s->deferred = true;
        return NGHTTP2_ERR_DEFERRED;
    }
    // nghttp2 keeps the length of a frame once it is chosen, and the room of the next mux_send is
    // unknown: wait for it. So does a body for which only a small frame is left.
    size_t room = data_room(s);
    if (room <= MUX_FRAME_HEAD ||
        (m->out_len > 0 && room < MUX_FRAME_HEAD + FRAME_MIN && queued > room - MUX_FRAME_HEAD))
        return NGHTTP2_ERR_PAUSE;
    *flags = NGHTTP2_DATA_FLAG_NO_COPY;
    size_t n = queued < len ? queued : len;
    if (n == queued && s->finished) {
        *flags |= NGHTTP2_DATA_FLAG_EOF;
        if (s->trailers) {
            *flags |= NGHTTP2_DATA_FLAG_NO_END_STREAM;
            if (!mux_submit_trailers(s))
                return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
        }
    }
    return (ssize_t)n;
}

static size_t min_size(size_t a, size_t b)
{
    return a < b ? a : b;
}

// The longest frame of DATA that may be sent now. A long one would let a short body of another
// stream wait behind it; alone, it saves heads. Not longer than the queue, since nghttp2 allocates
// as much.
// NOLINTNEXTLINE(readability-function-size): the library's signature
static ssize_t frame_length(nghttp2_session *session, uint8_t type, int32_t id,
                            int32_t session_window, int32_t stream_window, uint32_t max_frame,
                            void *user_data)
{
    struct mux *m = user_data;
    const struct mux_stream *s = mux_stream_by_id(m, id);
    (void)session;
    (void)type;
    size_t len = min_size(max_frame, m->waiting > 1 ? MUX_FRAME_SHARED : MUX_FRAME_MAX);
    size_t room = s ? data_room(s) : 0;
    if (room > MUX_FRAME_HEAD)
        len = min_size(len, room - MUX_FRAME_HEAD);
    if (s && mux_stream_queued(s) > 0)
        len = min_size(len, mux_stream_queued(s));
    ssize_t window = session_window < stream_window ? session_window : stream_window;
    return window < (ssize_t)len ? window : (ssize_t)len;
}

static ssize_t send_bytes(nghttp2_session *session, const uint8_t *data, size_t len, int flags,
                          void *user_data)
{
    struct mux *m = user_data;
    size_t room = m->out_cap - m->out_len;
    (void)session;
    (void)flags;
    if (room == 0)
        return NGHTTP2_ERR_WOULDBLOCK;
    if (len > room)
        len = room;
    memcpy(m->out + m->out_len, data, len);
    m->out_len += len;
    return (ssize_t)len;
}

static void take_borrowed(struct mux *m, size_t len)
{
    m->borrowed = slice_of(m->borrowed.p + len, m->borrowed.len - len);
    if (m->borrowed.len == 0)
        m->borrower = NULL;
}

// Ends the output with `len` borrowed bytes: there is room for no more.
static void lend(struct mux *m, size_t len)
{
    m->tail = slice_of(m->borrowed.p, len);
    m->out_cap = m->out_len;
    m->out_most = 0;
    take_borrowed(m, len);
}

// Moves the first `len` bytes of a body to `out`: those of the queue, then borrowed ones.
static void take_body(struct mux_stream *s, char *out, size_t len)
{
    struct mux *m = s->mux;
    size_t queued = min_size(len, s->out.len);
    size_t borrowed = len - queued;
    chain_take(&s->out, out, queued);
    if (borrowed > 0) {
        memcpy(out + queued, m->borrowed.p, borrowed);
        take_borrowed(m, borrowed);
    }
}

// NOLINTNEXTLINE(readability-function-size): the library's signature
static int send_data(nghttp2_session *session, nghttp2_frame *frame, const uint8_t *framehd,
                     size_t len, nghttp2_data_source *source, void *user_data)
{
    struct mux *m = user_data;
    struct mux_stream *s = mux_stream_by_id(m, frame->hd.stream_id);
    (void)session;
    (void)source;
    if (!s || mux_stream_queued(s) < len)
        return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
    if (data_room(s) < MUX_FRAME_HEAD + len)
        return NGHTTP2_ERR_WOULDBLOCK;
    bool lent = lends(s) && len > 0;
    memcpy(m->out + m->out_len, framehd, MUX_FRAME_HEAD);
    m->out_len += MUX_FRAME_HEAD;
    if (len == 0)
        return 0;
    if (lent) {
        lend(m, len);
    } else {
        take_body(s, m->out + m->out_len, len);
        m->out_len += len;
    }
    s->drained_out += len;
    mux_queue_event(s);
    return 0;
}

static void head_dequeued(struct mux *m, const nghttp2_frame *frame)
{
    m->heads -= mux_head_size(frame->headers.nva, frame->headers.nvlen);
}

static void reset_if_stopped(struct mux_stream *s)
{
    if (s->stop && s->end_stream_sent && !s->peer_finished)
        mux_stream_reset(s, NGHTTP2_NO_ERROR);
}

void mux_stop_request(struct mux_stream *s)
{
    s->stop = true;
    reset_if_stopped(s);
}

// nghttp2 has begun the stream with this frame, or taken the frame from its window.
static void note_sent(struct mux *m, const nghttp2_frame_hd *hd)
{
    struct mux_stream *s = mux_stream_by_id(m, hd->stream_id);
    if (!s)
        return;
    mux_stream_count_waiting(s);
    if (!(hd->flags & NGHTTP2_FLAG_END_STREAM))
        return;
    s->end_stream_sent = true;
    reset_if_stopped(s);
}

// Resets for a breach of the peer count as its own: else the peer could have us reset its streams
// (made-you-reset). One above the number of streams costs flood budget.
static void charge_reset(struct mux *m, uint32_t code)
{
    switch (code) {
    case NGHTTP2_PROTOCOL_ERROR:
    case NGHTTP2_FLOW_CONTROL_ERROR:
    case NGHTTP2_STREAM_CLOSED:
    case NGHTTP2_FRAME_SIZE_ERROR: (void)mux_spend_reset(m); return;
    case NGHTTP2_REFUSED_STREAM:
        if (m->profile->is_public && !flood_budget_spend(&m->flood_budget, REFUSED_CHARGE))
            m->flooded = true;
        return;
    default: return;
    }
}

// Earns flood budget for what was sent, and ends the session once nghttp2 has sent its GOAWAY for a
// breach by the peer.
static int on_frame_send(nghttp2_session *session, const nghttp2_frame *frame, void *user_data)
{
    struct mux *m = user_data;
    (void)session;
    if (frame->hd.type == NGHTTP2_HEADERS) {
        head_dequeued(m, frame);
        mux_earn(m, FLOOD_BUDGET_PER_HEAD);
    } else if (frame->hd.type == NGHTTP2_DATA) {
        mux_earn(m, FLOOD_BUDGET_PER_FRAME);
    }
    bool carries = frame->hd.type == NGHTTP2_HEADERS || frame->hd.type == NGHTTP2_DATA;
    if (carries)
        note_sent(m, &frame->hd);
    if (frame->hd.type == NGHTTP2_RST_STREAM)
        charge_reset(m, frame->rst_stream.error_code);
    bool failed = frame->hd.type == NGHTTP2_GOAWAY && frame->goaway.error_code != NGHTTP2_NO_ERROR;
    m->said_goaway = m->said_goaway || failed;
    return failed ? NGHTTP2_ERR_CALLBACK_FAILURE : 0;
}

// nghttp2 dropped a head because its stream was reset first.
static int on_frame_not_send(nghttp2_session *session, const nghttp2_frame *frame, int error,
                             void *user_data)
{
    (void)session;
    (void)error;
    if (frame->hd.type == NGHTTP2_HEADERS)
        head_dequeued(user_data, frame);
    return 0;
}

void mux_set_send_callbacks(nghttp2_session_callbacks *callbacks)
{
    nghttp2_session_callbacks_set_send_callback(callbacks, send_bytes);
    nghttp2_session_callbacks_set_send_data_callback(callbacks, send_data);
    nghttp2_session_callbacks_set_on_frame_send_callback(callbacks, on_frame_send);
    nghttp2_session_callbacks_set_on_frame_not_send_callback(callbacks, on_frame_not_send);
    nghttp2_session_callbacks_set_data_source_read_length_callback(callbacks, frame_length);
}

int mux_send(struct mux *m, char *out, size_t cap)
{
    struct slice none;
    return mux_send_lent(m, out, cap, 0, &none);
}

int mux_send_lent(struct mux *m, char *out, size_t cap, size_t most, struct slice *tail)
{
    *tail = slice_of(NULL, 0);
    if (m->dead)
        return m->flooded ? MUX_E_FLOOD : MUX_E_PROTOCOL;
    m->out = out;
    m->out_len = 0;
    m->out_cap = cap;
    m->out_most = most;
    m->tail = *tail;
    int error = nghttp2_session_send(m->session);
    size_t len = m->out_len;
    *tail = m->tail;
    m->out = NULL;
    m->out_len = m->out_cap = m->out_most = 0;
    mux_dispatch_events(m);
    if (!error && !m->flooded)
        return (int)len;
    m->dead = true;
    if (m->profile->is_public && len > 0)
        return (int)len; // its GOAWAY is among them; the next call returns the error
    if (m->flooded)
        return MUX_E_FLOOD;
    return error == NGHTTP2_ERR_NOMEM ? MUX_E_MEMORY : MUX_E_PROTOCOL;
}

static void resume(struct mux_stream *s)
{
    if (!s->deferred || s->closed)
        return;
    s->deferred = false;
    (void)nghttp2_session_resume_data(s->mux->session, s->id);
}

static void keep_borrowed(struct mux *m)
{
    struct mux_stream *s = m->borrower;
    m->borrower = NULL;
    if (s && !chain_append(&s->out, m->borrowed.p, m->borrowed.len))
        mux_stream_reset(s, NGHTTP2_INTERNAL_ERROR);
}

bool mux_has_borrowed(const struct mux *m)
{
    return m->borrower != NULL;
}

void mux_settle_data(struct mux *m)
{
    keep_borrowed(m);
    mux_dispatch_events(m);
}

int mux_data_borrowed(struct mux_stream *s, const char *bytes, size_t len)
{
    struct mux *m = s->mux;
    if (s->closed || s->finished || len == 0)
        return 0;
    keep_borrowed(m);
    if (s->closed)
        return MUX_E_MEMORY;
    m->borrower = s;
    m->borrowed = slice_of(bytes, len);
    mux_stream_count_waiting(s);
    resume(s);
    return 0;
}

int mux_data(struct mux_stream *s, const char *bytes, size_t len)
{
    struct mux *m = s->mux;
    if (s->closed || s->finished || len == 0)
        return 0;
    if (m->borrower == s)
        keep_borrowed(m);
    if (s->closed || !chain_append(&s->out, bytes, len))
        return MUX_E_MEMORY;
    mux_stream_count_waiting(s);
    resume(s);
    return 0;
}

int mux_finish(struct mux_stream *s, const struct http_head *trailers)
{
    if (s->closed || s->finished)
        return 0;
    int error = 0;
    if (trailers && trailers->field_count > 0)
        error = mux_keep_trailers(s, trailers);
    if (error)
        return error;
    s->finished = true;
    resume(s);
    return 0;
}
