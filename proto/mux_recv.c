// SPDX-License-Identifier: MIT
// What the peer sends: heads gathered out of HPACK, bodies, ends, resets.
#include <stdlib.h>
#include "mux_internal.h"

static bool text_reserve(struct mux *m, size_t more)
{
    if (m->text_len + more <= m->text_cap)
        return true;
    if (m->text_len + more > MUX_HEAD_MAX)
        return false;
    size_t cap = m->text_cap ? m->text_cap * 2 : 1024;
    while (cap < m->text_len + more)
        cap *= 2;
    char *text = realloc(m->text, cap);
    if (!text)
        return false;
    m->text = text;
    m->text_cap = cap;
    return true;
}

static uint32_t text_add(struct mux *m, const uint8_t *bytes, size_t len)
{
    uint32_t at = (uint32_t)m->text_len;
    if (len > 0)
        memcpy(m->text + m->text_len, bytes, len);
    m->text_len += len;
    return at;
}

static int on_begin_headers(nghttp2_session *session, const nghttp2_frame *frame, void *user_data)
{
    struct mux *m = user_data;
    (void)session;
    (void)frame;
    m->text_len = 0;
    m->ref_count = 0;
    m->head_broken = false;
    return 0;
}

static int on_header(nghttp2_session *session, const nghttp2_frame *frame, const uint8_t *name,
                     size_t name_len, const uint8_t *value, size_t value_len, uint8_t flags,
                     void *user_data)
{
    struct mux *m = user_data;
    (void)session;
    (void)frame;
    (void)flags;
    if (m->head_broken)
        return 0;
    if (m->ref_count == sizeof(m->refs) / sizeof(m->refs[0]) ||
        !text_reserve(m, name_len + value_len)) {
        m->head_broken = true;
        return 0;
    }
    struct mux_field_ref *ref = &m->refs[m->ref_count++];
    ref->name = text_add(m, name, name_len);
    ref->name_len = (uint32_t)name_len;
    ref->value = text_add(m, value, value_len);
    ref->value_len = (uint32_t)value_len;
    return 0;
}

static bool take_status(struct slice value, struct http_head *head)
{
    uint64_t status = 0;
    if (value.len != 3 || !slice_to_u64(value, &status) || status < 100)
        return false;
    head->status = (uint16_t)status;
    return true;
}

static bool take_pseudo(struct slice name, struct slice value, struct http_head *head)
{
    struct slice *to = NULL;
    if (slice_eq(name, SLICE(":status")))
        return head->status == 0 && take_status(value, head);
    if (slice_eq(name, SLICE(":method")))
        to = &head->method;
    else if (slice_eq(name, SLICE(":scheme")))
        to = &head->scheme;
    else if (slice_eq(name, SLICE(":authority")))
        to = &head->authority;
    else if (slice_eq(name, SLICE(":path")))
        to = &head->target;
    if (!to || to->p)
        return false;
    *to = value;
    return true;
}

// The gathered fields as a head. False when it is no sound head.
static bool take_head(const struct mux *m, struct http_head *head)
{
    *head = (struct http_head){.minor_version = 1};
    if (m->head_broken)
        return false;
    for (size_t i = 0; i < m->ref_count; i++) {
        const struct mux_field_ref *ref = &m->refs[i];
        struct slice name = slice_of(m->text + ref->name, ref->name_len);
        struct slice value = slice_of(m->text + ref->value, ref->value_len);
        if (name.len > 0 && name.p[0] == ':') {
            if (!take_pseudo(name, value, head))
                return false;
        } else if (slice_eq(name, SLICE("adit-upgrade"))) {
            head->upgrade = value;
        } else if (!head_add(head, name, value)) {
            return false;
        }
    }
    return true;
}

static bool is_head_for(const struct mux *m, const struct http_head *head)
{
    bool request = head->method.len > 0 && head->target.len > 0 && head->status == 0;
    bool response = head->status > 0 && !head->method.p && !head->target.p;
    return m->role == MUX_AGENT ? request : response;
}

// Ends a stream on which the peer made no sense; the handler hears of it as of any reset.
static void refuse_stream(struct mux *m, int32_t id)
{
    (void)nghttp2_submit_rst_stream(m->session, NGHTTP2_FLAG_NONE, id, NGHTTP2_PROTOCOL_ERROR);
}

static void recv_trailers(struct mux *m, struct mux_stream *s, const struct http_head *head,
                          bool end)
{
    if (!end || head->status || head->method.p || head->target.p) {
        refuse_stream(m, s->id);
        return;
    }
    s->recv_ended = true;
    m->handler->end(m->ctx, s, head->field_count ? head : NULL);
}

static int recv_headers(struct mux *m, const nghttp2_frame *frame)
{
    int32_t id = frame->hd.stream_id;
    bool end = frame->hd.flags & NGHTTP2_FLAG_END_STREAM;
    struct mux_stream *s = mux_stream_by_id(m, id);
    struct http_head head;
    if (!s && (m->role == MUX_RELAY || frame->headers.cat != NGHTTP2_HCAT_REQUEST))
        return 0; // forgotten
    bool sound = take_head(m, &head);
    if (sound && s && s->head_seen) {
        recv_trailers(m, s, &head, end);
        return 0;
    }
    if (!sound || !is_head_for(m, &head) || (end && head.status >= 100 && head.status < 200)) {
        refuse_stream(m, id);
        return 0;
    }
    if (!s) {
        s = mux_stream_new(m, id, NULL);
        if (!s || nghttp2_session_set_stream_user_data(m->session, id, s))
            return NGHTTP2_ERR_CALLBACK_FAILURE;
    }
    s->head_seen = m->role == MUX_AGENT || head.status >= 200;
    s->recv_ended = end;
    m->handler->head(m->ctx, s, &head, end);
    return 0;
}

static int on_frame_recv(nghttp2_session *session, const nghttp2_frame *frame, void *user_data)
{
    struct mux *m = user_data;
    (void)session;
    if (frame->hd.type == NGHTTP2_HEADERS)
        return recv_headers(m, frame);
    if (frame->hd.type == NGHTTP2_GOAWAY)
        m->draining = true;
    if (frame->hd.type == NGHTTP2_DATA && (frame->hd.flags & NGHTTP2_FLAG_END_STREAM)) {
        struct mux_stream *s = mux_stream_by_id(m, frame->hd.stream_id);
        if (s && !s->recv_ended) {
            s->recv_ended = true;
            m->handler->end(m->ctx, s, NULL);
        }
    }
    return 0;
}

// The stream that holds most of what is unread pays when the tunnel is at its cap.
static void shed_fullest(struct mux *m)
{
    struct mux_stream *fullest = m->streams;
    for (struct mux_stream *s = m->streams; s; s = s->next)
        if (s->unread > fullest->unread)
            fullest = s;
    if (fullest && !fullest->closed)
        (void)nghttp2_submit_rst_stream(m->session, NGHTTP2_FLAG_NONE, fullest->id,
                                        NGHTTP2_ENHANCE_YOUR_CALM);
}

static int on_data(nghttp2_session *session, uint8_t flags, int32_t id, const uint8_t *data,
                   size_t len, void *user_data)
{
    struct mux *m = user_data;
    struct mux_stream *s = mux_stream_by_id(m, id);
    (void)flags;
    // On receipt, so that one stalled reader holds back nobody else.
    (void)nghttp2_session_consume_connection(session, len);
    if (!s)
        return 0;
    if (!s->head_seen) {
        refuse_stream(m, id);
        return 0;
    }
    s->unread += (uint32_t)len;
    m->unread += len;
    if (m->unread > MUX_UNREAD_MAX)
        shed_fullest(m);
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
    s->closed = true;
    s->reset = error_code;
    mux_queue_event(s);
    return 0;
}

void mux_set_recv_callbacks(nghttp2_session_callbacks *callbacks)
{
    nghttp2_session_callbacks_set_on_begin_headers_callback(callbacks, on_begin_headers);
    nghttp2_session_callbacks_set_on_header_callback(callbacks, on_header);
    nghttp2_session_callbacks_set_on_frame_recv_callback(callbacks, on_frame_recv);
    nghttp2_session_callbacks_set_on_data_chunk_recv_callback(callbacks, on_data);
    nghttp2_session_callbacks_set_on_stream_close_callback(callbacks, on_stream_close);
}

int mux_recv(struct mux *m, const char *bytes, size_t len)
{
    if (m->dead)
        return MUX_E_PROTOCOL;
    ssize_t n = nghttp2_session_mem_recv(m->session, (const uint8_t *)bytes, len);
    mux_tell_events(m);
    if (n == (ssize_t)len && nghttp2_session_want_read(m->session))
        return 0;
    m->dead = true;
    return n == NGHTTP2_ERR_NOMEM ? MUX_E_MEMORY : MUX_E_PROTOCOL;
}
