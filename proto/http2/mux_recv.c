// SPDX-License-Identifier: MIT
// nghttp2's callbacks for received frames: heads, bodies, trailers, resets.
#include "mux_internal.h"

static int on_begin_frame(nghttp2_session *session, const nghttp2_frame_hd *hd, void *user_data)
{
    struct mux *m = user_data;
    (void)session;
    (void)hd;
    m->frame_accepted = true;
    return 0;
}

static int on_begin_headers(nghttp2_session *session, const nghttp2_frame *frame, void *user_data)
{
    struct mux *m = user_data;
    (void)session;
    (void)frame;
    m->head_open = true;
    m->head_broken = !mux_head_begin(m); // then its stream is reset
    return 0;
}

// NOLINTNEXTLINE(readability-function-size): the library's signature
static int on_header(nghttp2_session *session, const nghttp2_frame *frame, const uint8_t *name,
                     size_t name_len, const uint8_t *value, size_t value_len, uint8_t flags,
                     void *user_data)
{
    struct mux *m = user_data;
    (void)session;
    (void)frame;
    (void)flags;
    return mux_head_add(m, slice_of((const char *)name, name_len),
                        slice_of((const char *)value, value_len));
}

static bool has_request_fields(const struct http_head *head)
{
    return head->method.p || head->scheme.p || head->authority.p || head->target.p;
}

static bool is_head_for(const struct mux *m, const struct http_head *head)
{
    bool connects = m->profile->is_public && slice_eq(head->method, SLICE("CONNECT"));
    bool request = head->method.len > 0 && (head->target.len > 0 || connects) && head->status == 0;
    // HTTP/2 has no 101 (RFC 9113 §8.6).
    bool response = head->status > 0 && head->status != 101 && !has_request_fields(head);
    return m->role == MUX_SERVER ? request : response;
}

static void reset_illegal(struct mux_stream *s)
{
    mux_stream_reset(s, NGHTTP2_CANCEL);
    s->reset = MUX_RESET_ILLEGAL;
}

// For what is no message of HTTP/2. Of a public peer the handler knows it from a reset that has
// come.
static void reset_breach(struct mux_stream *s, uint32_t code)
{
    mux_stream_reset(s, code);
    if (s->mux->profile->is_public)
        s->reset = MUX_RESET_ILLEGAL;
}

static void recv_trailers(struct mux *m, struct mux_stream *s, struct http_head *head, bool end)
{
    if (!end || m->head_cut || head->status || has_request_fields(head) || head->upgrade.p) {
        reset_breach(s, NGHTTP2_PROTOCOL_ERROR);
        return;
    }
    s->peer_finished = true;
    mux_window_finish(s);
    if (head->field_count > 0 && !m->profile->trailers(head, m->role == MUX_SERVER))
        reset_illegal(s);
    else
        m->handler->end(m->ctx, s, head->field_count ? head : NULL);
}

// Refuses a head. The handler never learns of a stream that it would have begun.
static void refuse_head(struct mux *m, struct mux_stream *s, int32_t id, bool end, uint32_t code)
{
    if (s) {
        reset_breach(s, code);
        return;
    }
    if (!end)
        mux_expect_stray(m, MUX_WINDOW_START);
    (void)nghttp2_submit_rst_stream(m->session, NGHTTP2_FLAG_NONE, id, code);
}

static int recv_request(struct mux *m, int32_t id, struct http_head *head, bool end)
{
    struct body_framing framing;
    if (m->draining || !m->profile->request(head, end, &framing)) {
        bool malformed = !m->draining && m->profile->is_public;
        refuse_head(m, NULL, id, end, malformed ? NGHTTP2_PROTOCOL_ERROR : NGHTTP2_REFUSED_STREAM);
        return 0;
    }
    struct mux_stream *s = mux_stream_new(m, id, NULL);
    if (!s || nghttp2_session_set_stream_user_data(m->session, id, s))
        return NGHTTP2_ERR_CALLBACK_FAILURE;
    m->found = s;
    s->head_received = true;
    s->head_cut = m->head_cut;
    s->peer_finished = end;
    m->handler->head(m->ctx, s, head, &framing, end);
    return 0;
}

static void recv_response(struct mux *m, struct mux_stream *s, struct http_head *head, bool end)
{
    const struct mux_request request = {.is_head = s->to_head,
                                        .offer = slice_str(s->offer ? s->offer : "")};
    struct body_framing framing = {BODY_NONE, 0};
    s->head_received = head->status >= 200;
    s->head_cut = m->head_cut;
    s->peer_finished = end;
    if (m->head_cut || m->profile->response(head, end, &request, &framing))
        m->handler->head(m->ctx, s, head, &framing, end);
    else
        reset_illegal(s);
}

// The code of a head that is refused: a lack of memory of ours is no fault of the peer.
static uint32_t why_broken(const struct mux *m, const struct mux_stream *s)
{
    if (m->head && m->text)
        return NGHTTP2_PROTOCOL_ERROR;
    return s ? NGHTTP2_INTERNAL_ERROR : NGHTTP2_REFUSED_STREAM;
}

static int recv_headers(struct mux *m, const nghttp2_frame *frame)
{
    int32_t id = frame->hd.stream_id;
    bool end = frame->hd.flags & NGHTTP2_FLAG_END_STREAM;
    bool begins = m->role == MUX_SERVER && frame->headers.cat == NGHTTP2_HCAT_REQUEST;
    struct mux_stream *s = begins ? NULL : mux_stream_by_id(m, id);
    m->head_open = false;
    if (!s && !begins)
        return 0; // of a stream that we have reset
    if (!m->head_broken)
        mux_head_finish(m);
    struct http_head *head = m->head;
    bool valid = !m->head_broken;
    if (valid && s && s->head_received) {
        recv_trailers(m, s, head, end);
        return 0;
    }
    bool interim = valid && head->status >= 100 && head->status < 200;
    if (!valid || !is_head_for(m, head) || (end && interim)) {
        refuse_head(m, s, id, end, why_broken(m, s));
        return 0;
    }
    if (!s)
        return recv_request(m, id, head, end);
    recv_response(m, s, head, end);
    return 0;
}

// GOAWAY with NO_ERROR lets the open streams finish; any other code ends the mux. A public server's
// tells which requests it has not processed, whatever the code; the connection's end follows.
static int recv_goaway(struct mux *m, const nghttp2_frame *frame)
{
    const bool goes_on = frame->goaway.error_code == NGHTTP2_NO_ERROR ||
                         (m->profile->is_public && m->role == MUX_CLIENT);
    // A visitor who announces that it leaves is served until it does.
    m->draining = m->draining || !(m->profile->is_public && m->role == MUX_SERVER);
    return goes_on ? 0 : NGHTTP2_ERR_CALLBACK_FAILURE;
}

static void recv_end(struct mux *m, int32_t id)
{
    struct mux_stream *s = mux_stream_by_id(m, id);
    if (!s || s->peer_finished)
        return;
    if (!s->head_received) {
        reset_breach(s, NGHTTP2_PROTOCOL_ERROR);
        return;
    }
    s->peer_finished = true;
    mux_window_finish(s);
    m->handler->end(m->ctx, s, NULL);
}

static void window_changed(struct mux_stream *s)
{
    mux_stream_count_waiting(s);
    s->window_changed = true;
    mux_queue_event(s);
}

// The peer has changed the windows in which we send: of one stream, or by SETTINGS of all.
static void recv_window(struct mux *m, const nghttp2_frame_hd *hd)
{
    struct mux_stream *s = mux_stream_by_id(m, hd->stream_id);
    if (s)
        window_changed(s);
    if (hd->type != NGHTTP2_SETTINGS || (hd->flags & NGHTTP2_FLAG_ACK))
        return;
    for (s = mux_next(m, NULL); s; s = mux_next(m, s))
        window_changed(s);
}

static int on_frame_recv(nghttp2_session *session, const nghttp2_frame *frame, void *user_data)
{
    struct mux *m = user_data;
    (void)session;
    if (frame->hd.type == NGHTTP2_HEADERS)
        return recv_headers(m, frame);
    if (frame->hd.type == NGHTTP2_GOAWAY)
        return recv_goaway(m, frame);
    if (frame->hd.type == NGHTTP2_SETTINGS)
        m->greeted = m->greeted || !(frame->hd.flags & NGHTTP2_FLAG_ACK);
    if (frame->hd.type == NGHTTP2_WINDOW_UPDATE || frame->hd.type == NGHTTP2_SETTINGS)
        recv_window(m, &frame->hd);
    if (frame->hd.type == NGHTTP2_DATA && (frame->hd.flags & NGHTTP2_FLAG_END_STREAM))
        recv_end(m, frame->hd.stream_id);
    return 0;
}

static struct mux_stream *fullest_of(const struct mux *m)
{
    struct mux_stream *fullest = mux_next(m, NULL);
    for (struct mux_stream *s = fullest; s; s = mux_next(m, s))
        if (s->unread > fullest->unread)
            fullest = s;
    return fullest;
}

// Resets the stream that the handler chooses, or the one with the most unread bytes.
static void shed_one(struct mux *m)
{
    struct mux_stream *s = m->handler->overfull ? m->handler->overfull(m->ctx, m) : fullest_of(m);
    mux_stream_reset(s, NGHTTP2_ENHANCE_YOUR_CALM);
}

// NOLINTNEXTLINE(readability-function-size): the library's signature
static int on_data(nghttp2_session *session, uint8_t flags, int32_t id, const uint8_t *data,
                   size_t len, void *user_data)
{
    struct mux *m = user_data;
    struct mux_stream *s = mux_stream_by_id(m, id);
    (void)flags;
    // Credit a tunnel's connection at once: a stalled reader must not hold back other streams.
    if (!m->profile->is_public || !s || !s->head_received)
        (void)nghttp2_session_consume_connection(session, len);
    if (!s)
        return 0;
    if (!s->head_received) {
        reset_breach(s, NGHTTP2_PROTOCOL_ERROR);
        return 0;
    }
    s->stopped = s->stopped && s->unread > 0; // the reader had nothing to drain until now
    s->unread += (uint32_t)len;
    m->unread += len;
    if (m->unread > m->limits.unread)
        shed_one(m);
    if (!s->closed)
        m->handler->data(m->ctx, s, (const char *)data, len);
    return 0;
}

static int on_stream_close(nghttp2_session *session, int32_t id, uint32_t error_code,
                           void *user_data)
{
    struct mux *m = user_data;
    struct mux_stream *s = mux_stream_by_id(m, id);
    (void)session;
    if (!s)
        return 0;
    bool ours = error_code >= MUX_RESET_ILLEGAL && error_code <= MUX_RESET_LOST;
    mux_stream_close(s, ours ? NGHTTP2_INTERNAL_ERROR : error_code);
    return 0;
}

void mux_set_recv_callbacks(nghttp2_session_callbacks *callbacks)
{
    nghttp2_session_callbacks_set_on_begin_frame_callback(callbacks, on_begin_frame);
    nghttp2_session_callbacks_set_on_begin_headers_callback(callbacks, on_begin_headers);
    nghttp2_session_callbacks_set_on_header_callback(callbacks, on_header);
    nghttp2_session_callbacks_set_on_frame_recv_callback(callbacks, on_frame_recv);
    nghttp2_session_callbacks_set_on_data_chunk_recv_callback(callbacks, on_data);
    nghttp2_session_callbacks_set_on_stream_close_callback(callbacks, on_stream_close);
}
