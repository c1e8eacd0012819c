// SPDX-License-Identifier: MIT
// Feeds nghttp2 frame by frame, each frame head in one piece. This lets us charge frames that carry
// no exchange against the flood budget, makes nghttp2's limit on CONTINUATIONs independent of how
// the bytes were cut, and reveals a session that silently ignores its input.
#include "mux_internal.h"

enum {
    BYTES_PER_CHARGE = 64, // payload that costs as much as the frame itself
    TINY_BYTES = 64,       // of DATA in a public mux: shorter ones cost,
    TINY_PER_CHARGE = 4,   // so many as one frame
};

struct frame {
    size_t len;
    uint8_t type, flags;
    int32_t id;
    struct mux_stream *stream; // NULL: unknown, or reset
};

static struct frame parse_head(struct mux *m, const uint8_t *p)
{
    int32_t id = (int32_t)(read_be(p + 5, 4) & INT32_MAX);
    return (struct frame){.len = (size_t)read_be(p, 3),
                          .type = p[3],
                          .flags = p[4],
                          .id = id,
                          .stream = mux_stream_by_id(m, id)};
}

// Whether the frame belongs to an exchange, judged by its head alone.
static bool is_part_of_exchange(const struct mux *m, const struct frame *f)
{
    bool known = f->stream != NULL;
    switch (f->type) {
    case NGHTTP2_DATA: return known && (f->len > 0 || (f->flags & NGHTTP2_FLAG_END_STREAM));
    case NGHTTP2_HEADERS: return known || (m->role == MUX_SERVER && f->id > m->last_id);
    case NGHTTP2_RST_STREAM: return known;
    case NGHTTP2_CONTINUATION: return known || f->id == m->last_id;
    default: return false;
    }
}

// Resets a stream whose body exceeds its window (RFC 9113 §6.9). nghttp2 would ignore such a stream
// but keep it, which is_always_announced could not tell from a dead session.
static void enforce_window(struct mux *m, struct frame *f)
{
    if (f->type != NGHTTP2_DATA || !f->stream)
        return;
    if ((int64_t)f->len <= nghttp2_session_get_stream_local_window_size(m->session, f->id))
        return;
    mux_stream_reset(f->stream, NGHTTP2_FLOW_CONTROL_ERROR);
    if (m->profile->is_public)
        f->stream->reset = MUX_RESET_ILLEGAL;
    f->stream = NULL;
}

// Whether this is one of many DATA frames by which a visitor carries next to nothing.
static bool is_tiny(struct mux *m, const struct frame *f)
{
    if (!m->profile->is_public || m->role == MUX_CLIENT || f->type != NGHTTP2_DATA ||
        f->len >= TINY_BYTES)
        return false;
    return ++m->tiny % TINY_PER_CHARGE == 0;
}

// Notes a request that begins. nghttp2 ignores streams begun after our GOAWAY and sends no reset,
// and resets those of a public mux that are too many: the rest of them is no breach.
static void note_request(struct mux *m, const struct frame *f)
{
    m->last_id = f->id;
    if (!m->draining && !(m->profile->is_public && m->stream_count >= m->limits.streams))
        return;
    m->stray += MUX_WINDOW_START;
    m->stray_heads++;
}

// A frame of a stream that the peer knows to be closed.
static int breach_closed(struct mux *m)
{
    m->breach = NGHTTP2_STREAM_CLOSED;
    return MUX_E_PROTOCOL;
}

// Charges a frame that belongs to an exchange, of a public mux.
static int charge_work(struct mux *m, struct frame *f)
{
    if (f->type == NGHTTP2_RST_STREAM) {
        f->stream->peer_left = true;
        return mux_spend_reset(m) ? 0 : MUX_E_FLOOD;
    }
    return is_tiny(m, f) && !flood_budget_spend(&m->flood_budget, 1) ? MUX_E_FLOOD : 0;
}

// Charges a frame that belongs to none. Body bytes to closed streams are limited by the windows
// that those streams had; a visitor's trailers by their number.
static int charge_rest(struct mux *m, const struct frame *f)
{
    if (f->type == NGHTTP2_HEADERS && m->profile->is_public && m->role == MUX_SERVER) {
        if (m->stray_heads == 0)
            return breach_closed(m);
        m->stray_heads--;
    }
    if (f->type != NGHTTP2_DATA || f->len == 0)
        return flood_budget_spend(&m->flood_budget, 1 + (uint32_t)(f->len / BYTES_PER_CHARGE))
                   ? 0
                   : MUX_E_FLOOD;
    if (f->len > m->stray)
        return breach_closed(m);
    m->stray -= f->len;
    return 0;
}

static int charge_frame(struct mux *m, struct frame *f)
{
    bool work = is_part_of_exchange(m, f);
    // MUX_FRAME_MAX once the peer has acknowledged our SETTINGS, HTTP/2's default until then.
    if (f->len > nghttp2_session_get_local_settings(m->session, NGHTTP2_SETTINGS_MAX_FRAME_SIZE) ||
        f->type == NGHTTP2_PUSH_PROMISE) // push is disabled
        return MUX_E_PROTOCOL;
    if (f->type == NGHTTP2_HEADERS && m->role == MUX_SERVER && f->id > m->last_id)
        note_request(m, f);
    if (!work)
        return charge_rest(m, f);
    return m->profile->is_public ? charge_work(m, f) : 0;
}

// Whether nghttp2, while its session is alive, calls on_begin_frame for this frame.
static bool is_always_announced(const struct frame *f)
{
    switch (f->type) {
    case NGHTTP2_DATA:
    case NGHTTP2_HEADERS: return f->stream != NULL;
    case NGHTTP2_RST_STREAM:
    case NGHTTP2_SETTINGS:
    case NGHTTP2_PING:
    case NGHTTP2_GOAWAY:
    case NGHTTP2_WINDOW_UPDATE: return true;
    default: return false;
    }
}

static int feed(struct mux *m, const uint8_t *bytes, size_t len)
{
    ssize_t n = nghttp2_session_mem_recv(m->session, bytes, len);
    if (n == (ssize_t)len)
        return 0;
    if (n == NGHTTP2_ERR_NOMEM)
        return MUX_E_MEMORY;
    return n == NGHTTP2_ERR_FLOODED || m->flood_budget.left < 0 ? MUX_E_FLOOD : MUX_E_PROTOCOL;
}

// nghttp2 does not tell of the end of a head whose stream was reset meanwhile.
static void note_frame_taken(struct mux *m)
{
    if (m->frame_left == 0 && m->frame_ends_head)
        m->head_open = false;
}

// Takes a whole frame head and as much of its payload as the `len` bytes hold. Returns the number
// of bytes taken, or a mux_error.
static int recv_frame(struct mux *m, const uint8_t *bytes, size_t len)
{
    struct frame f = parse_head(m, bytes);
    enforce_window(m, &f);
    int error = charge_frame(m, &f);
    if (error)
        return error;
    bool announced = is_always_announced(&f);
    size_t n = len - MUX_FRAME_HEAD < f.len ? len : MUX_FRAME_HEAD + f.len;
    m->frame_left = f.len - (n - MUX_FRAME_HEAD);
    m->frame_accepted = false;
    m->frame_ends_head = (f.type == NGHTTP2_HEADERS || f.type == NGHTTP2_CONTINUATION) &&
                         (f.flags & NGHTTP2_FLAG_END_HEADERS);
    error = feed(m, bytes, n);
    note_frame_taken(m);
    // An ignored frame means that the session is dead and its GOAWAY under way. After a GOAWAY of
    // its own and the last stream, want_read is false and ignoring is legal.
    if (!error && announced && !m->frame_accepted && nghttp2_session_want_read(m->session))
        error = MUX_E_PROTOCOL;
    return error ? error : (int)n;
}

static int recv_payload(struct mux *m, const uint8_t *bytes, size_t len)
{
    size_t n = len < m->frame_left ? len : m->frame_left;
    m->frame_left -= n;
    int error = feed(m, bytes, n);
    note_frame_taken(m);
    return error ? error : (int)n;
}

// Takes a part of a frame head that came in pieces.
static int recv_partial_head(struct mux *m, const uint8_t *bytes, size_t len)
{
    size_t room = sizeof(m->frame_head) - m->frame_head_len;
    size_t n = len < room ? len : room;
    memcpy(m->frame_head + m->frame_head_len, bytes, n);
    m->frame_head_len += n;
    if (n < room)
        return (int)n;
    m->frame_head_len = 0;
    int error = recv_frame(m, m->frame_head, sizeof(m->frame_head));
    return error < 0 ? error : (int)n;
}

static int recv_some(struct mux *m, const uint8_t *bytes, size_t len)
{
    if (m->frame_left > 0)
        return recv_payload(m, bytes, len);
    if (m->frame_head_len > 0 || len < MUX_FRAME_HEAD)
        return recv_partial_head(m, bytes, len);
    return recv_frame(m, bytes, len);
}

int mux_recv(struct mux *m, const char *bytes, size_t len)
{
    int n = 0;
    if (m->dead)
        n = m->flooded ? MUX_E_FLOOD : MUX_E_PROTOCOL;
    if (len > INT32_MAX)
        n = MUX_E_PROTOCOL;
    while (len > 0 && n >= 0) {
        n = recv_some(m, (const uint8_t *)bytes, len);
        bytes += n > 0 ? n : 0;
        len -= n > 0 ? (size_t)n : 0;
    }
    mux_dispatch_events(m);
    mux_head_release(m);
    if (n >= 0 && m->flooded)
        n = MUX_E_FLOOD;
    if (n >= 0)
        return 0;
    m->dead = true;
    return n;
}
