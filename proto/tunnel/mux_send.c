// SPDX-License-Identifier: MIT
// Sends heads, queued bodies and trailers; nghttp2's callbacks for sending.
#include <stdlib.h>
#include "mux_internal.h"
#include "spelling.h"

enum {
    FIELD_OVERHEAD = 32, // RFC 7541 §4.1
    FRAME_MIN = 2048,    // of DATA at the end of a message; what needs more waits for the next one
    INDEXED_MAX = 512,   // longest adit-case worth an entry in HPACK's table
};

static nghttp2_nv nv_of(struct slice name, struct slice value)
{
    return (nghttp2_nv){(uint8_t *)(uintptr_t)name.p, (uint8_t *)(uintptr_t)value.p, name.len,
                        value.len, NGHTTP2_NV_FLAG_NONE};
}

// Adds adit-case if the peer knows it and a name departs from the default spelling. Without memory
// for it the names arrive in the default spelling.
static size_t nv_spelling(struct mux *m, nghttp2_nv *nv, const struct http_head *head)
{
    size_t room = m->peer.spelling ? spelling_bound(head) : 0;
    char *out = room > 0 ? buf_reserve(&m->spelling, room) : NULL; // scratch, never committed
    if (!out)
        return 0;
    size_t len = spelling_write(head, out);
    *nv = nv_of(SLICE("adit-case"), slice_of(out, len));
    if (len > INDEXED_MAX)
        nv->flags = NGHTTP2_NV_FLAG_NO_INDEX;
    return 1;
}

// Makes room in m->nva for a head, its pseudo-fields and our private fields.
static bool nv_reserve(struct mux *m, const struct http_head *head)
{
    size_t need = head->field_count + MUX_FIELDS_BESIDE;
    if (need <= m->nv_cap)
        return true;
    nghttp2_nv *nva = realloc(m->nva, 2 * need * sizeof(*nva));
    if (!nva)
        return false;
    m->nva = nva;
    m->nv_cap = 2 * need;
    return true;
}

// Appends the fields of a head to the `n` that are there. Returns the new count.
static size_t nv_fields(struct mux *m, size_t n, const struct http_head *head, struct slice upgrade)
{
    nghttp2_nv *nva = m->nva;
    n += nv_spelling(m, nva + n, head);
    if (upgrade.len > 0)
        nva[n++] = nv_of(SLICE("adit-upgrade"), upgrade);
    for (size_t i = 0; i < head->field_count; i++, n++) {
        nva[n] = nv_of(head->fields[i].name, head->fields[i].value);
        // These never repeat: as entries of HPACK's table they would only evict others.
        if (slice_eq(head->fields[i].name, SLICE("adit-id")) ||
            slice_eq(head->fields[i].name, SLICE("adit-visitor")))
            nva[n].flags = NGHTTP2_NV_FLAG_NO_INDEX;
    }
    return n;
}

static size_t max_fields(const struct mux *m)
{
    return m->peer.fields ? MESSAGE_FIELDS_CAP : MESSAGE_FIELDS_DEFAULT;
}

// Whether the peer accepts a head of this size. nghttp2 drops a larger one silently.
static bool peer_takes(const struct mux *m, const struct http_head *head, size_t count)
{
    const nghttp2_nv *nva = m->nva;
    size_t size = 0;
    if (head->field_count > max_fields(m))
        return false;
    for (size_t i = 0; i < count; i++) {
        if (nva[i].namelen > MUX_FIELD_MAX || nva[i].valuelen > MUX_FIELD_MAX)
            return false;
        size += nva[i].namelen + nva[i].valuelen;
    }
    return size <= MUX_HEAD_MAX;
}

size_t mux_head_size(const nghttp2_nv *nva, size_t count)
{
    size_t size = 0;
    for (size_t i = 0; i < count; i++)
        size += nva[i].namelen + nva[i].valuelen + FIELD_OVERHEAD;
    return size;
}

static size_t nv_request(struct mux *m, const struct http_head *head)
{
    nghttp2_nv *nva = m->nva;
    size_t n = 0;
    nva[n++] = nv_of(SLICE(":method"), head->method);
    nva[n++] = nv_of(SLICE(":scheme"), head->scheme.len ? head->scheme : SLICE("http"));
    nva[n++] = nv_of(SLICE(":authority"), head->authority);
    nva[n++] = nv_of(SLICE(":path"), head->target);
    return nv_fields(m, n, head, head->upgrade);
}

static bool submit_trailers(struct mux_stream *s)
{
    struct mux *m = s->mux;
    struct http_head head;
    head_init(&head);
    head.field_count = s->trailers->count;
    memcpy(head.fields, s->trailers->fields, s->trailers->count * sizeof(struct field));
    if (!nv_reserve(m, &head))
        return false;
    size_t count = nv_fields(m, 0, &head, head.upgrade);
    if (nghttp2_submit_trailer(m->session, s->id, m->nva, count))
        return false;
    m->heads += mux_head_size(m->nva, count);
    return true;
}

// NOLINTNEXTLINE(readability-function-size): the library's signature
static ssize_t read_data(nghttp2_session *session, int32_t id, uint8_t *buf, size_t len,
                         uint32_t *flags, nghttp2_data_source *source, void *user_data)
{
    const struct mux *m = user_data;
    struct mux_stream *s = nghttp2_session_get_stream_user_data(session, id);
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
    size_t room = m->out_cap - m->out_len;
    if (room <= MUX_FRAME_HEAD ||
        (m->out_len > 0 && room < MUX_FRAME_HEAD + FRAME_MIN && queued > room - MUX_FRAME_HEAD))
        return NGHTTP2_ERR_PAUSE;
    *flags = NGHTTP2_DATA_FLAG_NO_COPY;
    size_t n = queued < len ? queued : len;
    if (n == queued && s->finished) {
        *flags |= NGHTTP2_DATA_FLAG_EOF;
        if (s->trailers) {
            *flags |= NGHTTP2_DATA_FLAG_NO_END_STREAM;
            if (!submit_trailers(s))
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
    size_t room = m->out_cap - m->out_len;
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

// Moves the first `len` bytes of a body to `out`: those of the queue, then borrowed ones.
static void take_body(struct mux_stream *s, char *out, size_t len)
{
    struct mux *m = s->mux;
    size_t queued = min_size(len, s->out.len);
    size_t borrowed = len - queued;
    chain_take(&s->out, out, queued);
    if (borrowed > 0) {
        memcpy(out + queued, m->borrowed.p, borrowed);
        m->borrowed = slice_of(m->borrowed.p + borrowed, m->borrowed.len - borrowed);
        if (m->borrowed.len == 0)
            m->borrower = NULL;
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
    if (m->out_cap - m->out_len < MUX_FRAME_HEAD + len)
        return NGHTTP2_ERR_WOULDBLOCK;
    memcpy(m->out + m->out_len, framehd, MUX_FRAME_HEAD);
    m->out_len += MUX_FRAME_HEAD;
    if (len == 0)
        return 0;
    take_body(s, m->out + m->out_len, len);
    m->out_len += len;
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

// Earns flood budget for what was sent, and ends the session once nghttp2 has sent its GOAWAY for a
// breach by the peer.
static int on_frame_send(nghttp2_session *session, const nghttp2_frame *frame, void *user_data)
{
    struct mux *m = user_data;
    (void)session;
    if (frame->hd.type == NGHTTP2_HEADERS) {
        head_dequeued(m, frame);
        flood_budget_earn(&m->flood_budget, FLOOD_BUDGET_PER_HEAD);
    } else if (frame->hd.type == NGHTTP2_DATA) {
        flood_budget_earn(&m->flood_budget, FLOOD_BUDGET_PER_FRAME);
    }
    bool carries = frame->hd.type == NGHTTP2_HEADERS || frame->hd.type == NGHTTP2_DATA;
    if (carries)
        note_sent(m, &frame->hd);
    bool failed = frame->hd.type == NGHTTP2_GOAWAY && frame->goaway.error_code != NGHTTP2_NO_ERROR;
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
    if (m->dead)
        return MUX_E_PROTOCOL;
    m->out = out;
    m->out_len = 0;
    m->out_cap = cap;
    int error = nghttp2_session_send(m->session);
    size_t len = m->out_len;
    m->out = NULL;
    m->out_len = m->out_cap = 0;
    mux_dispatch_events(m);
    if (error) {
        m->dead = true;
        return error == NGHTTP2_ERR_NOMEM ? MUX_E_MEMORY : MUX_E_PROTOCOL;
    }
    return (int)len;
}

struct mux_stream *mux_open(struct mux *m, const struct http_head *head, bool end, void *user)
{
    const struct mux_limits *limits = &m->limits;
    if (m->dead || m->draining || mux_ids_exhausted(m) || mux_is_full(m) ||
        m->unread >= limits->unread || m->heads >= limits->heads)
        return NULL;
    if (!nv_reserve(m, head))
        return NULL;
    size_t count = nv_request(m, head);
    const nghttp2_nv *nva = m->nva;
    nghttp2_data_provider provider = {.source.ptr = NULL, .read_callback = read_data};
    struct mux_stream *s = peer_takes(m, head, count) ? mux_stream_new(m, 0, user) : NULL;
    if (!s)
        return NULL;
    s->head_sent = true;
    s->finished = end;
    s->id = nghttp2_submit_request(m->session, NULL, nva, count, end ? NULL : &provider, s);
    if (s->id < 0) {
        mux_stream_free(s);
        return NULL;
    }
    m->heads += mux_head_size(nva, count);
    return s;
}

static int respond_final(struct mux_stream *s, const nghttp2_nv *nva, size_t count, bool end)
{
    nghttp2_data_provider provider = {.source.ptr = NULL, .read_callback = read_data};
    s->head_sent = true;
    s->finished = end;
    if (nghttp2_submit_response(s->mux->session, s->id, nva, count, end ? NULL : &provider))
        return MUX_E_MEMORY;
    s->mux->heads += mux_head_size(nva, count);
    return 0;
}

int mux_respond(struct mux_stream *s, const struct http_head *head, bool end)
{
    const struct mux_response response = {head, head->status, head->upgrade, {0}, end};
    return mux_respond_as(s, &response);
}

int mux_respond_as(struct mux_stream *s, const struct mux_response *r)
{
    struct mux *m = s->mux;
    const char status[3] = {(char)('0' + r->status / 100), (char)('0' + r->status / 10 % 10),
                            (char)('0' + r->status % 10)};
    if (s->closed || s->head_sent)
        return MUX_E_PROTOCOL;
    if (!nv_reserve(m, r->head))
        return MUX_E_MEMORY;
    m->nva[0] = nv_of(SLICE(":status"), slice_of(status, sizeof(status)));
    size_t count = nv_fields(m, 1, r->head, r->upgrade);
    if (r->date.len > 0 && r->head->field_count < max_fields(m))
        m->nva[count++] = nv_of(SLICE("date"), r->date);
    if (!peer_takes(m, r->head, count))
        return MUX_E_HEAD;
    if (r->status >= 200)
        return respond_final(s, m->nva, count, r->end);
    if (m->heads >= m->limits.heads)
        return MUX_E_FULL;
    if (nghttp2_submit_headers(m->session, NGHTTP2_FLAG_NONE, s->id, NULL, m->nva, count, NULL))
        return MUX_E_MEMORY;
    m->heads += mux_head_size(m->nva, count);
    return 0;
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

static struct mux_trailers *copy_trailers(const struct http_head *trailers)
{
    size_t count = trailers->field_count;
    size_t text = 0;
    for (size_t i = 0; i < count; i++)
        text += trailers->fields[i].name.len + trailers->fields[i].value.len;
    struct mux_trailers *copy = malloc(sizeof(*copy) + count * sizeof(struct field) + text);
    if (!copy)
        return NULL;
    char *at = (char *)(copy->fields + count);
    copy->count = count;
    for (size_t i = 0; i < count; i++) {
        const struct field *from = &trailers->fields[i];
        struct field *to = &copy->fields[i];
        to->name = slice_of(at, from->name.len);
        memcpy(at, from->name.p, from->name.len);
        at += from->name.len;
        to->value = slice_of(at, from->value.len);
        memcpy(at, from->value.p, from->value.len);
        at += from->value.len;
    }
    return copy;
}

int mux_finish(struct mux_stream *s, const struct http_head *trailers)
{
    if (s->closed || s->finished)
        return 0;
    if (trailers && trailers->field_count > 0) {
        if (!nv_reserve(s->mux, trailers))
            return MUX_E_MEMORY;
        if (!peer_takes(s->mux, trailers, nv_fields(s->mux, 0, trailers, trailers->upgrade)))
            return MUX_E_HEAD;
        s->trailers = copy_trailers(trailers);
        if (!s->trailers)
            return MUX_E_MEMORY;
    }
    s->finished = true;
    resume(s);
    return 0;
}
