// SPDX-License-Identifier: MIT
// What comes is given to nghttp2 frame by frame, each head in one piece: what brings nothing can be
// counted then, nghttp2's count of CONTINUATIONs does not depend on how the bytes were cut, and a
// session that has silently stopped listening is noticed.
#include "mux_internal.h"

enum {
    FRAME_MAX = 16 * 1024, // SETTINGS_MAX_FRAME_SIZE's default
    BYTES_PER_CHARGE = 64, // of a frame that brings nothing count as much as the frame itself
};

struct frame {
    size_t len;
    uint8_t type, flags;
    int32_t id;
};

static struct frame parse_head(const uint8_t *p)
{
    uint32_t id = (uint32_t)p[5] << 24 | (uint32_t)p[6] << 16 | (uint32_t)p[7] << 8 | p[8];
    return (struct frame){(size_t)p[0] << 16 | (size_t)p[1] << 8 | p[2], p[3], p[4],
                          (int32_t)(id & INT32_MAX)};
}

// Whether the frame is part of an exchange, as far as its head tells.
static bool is_part_of_exchange(struct mux *m, const struct frame *f)
{
    bool known = mux_stream_by_id(m, f->id) != NULL;
    switch (f->type) {
    case NGHTTP2_DATA: return known && (f->len > 0 || (f->flags & NGHTTP2_FLAG_END_STREAM));
    case NGHTTP2_HEADERS: return known || (m->role == MUX_AGENT && f->id > m->last_id);
    case NGHTTP2_RST_STREAM: return known;
    case NGHTTP2_CONTINUATION: return known || f->id == m->last_id;
    default: return false;
    }
}

// A body beyond its window costs its stream. nghttp2 would see to that too, but then still knows a
// stream to which it does not listen any more.
static void enforce_window(struct mux *m, const struct frame *f)
{
    struct mux_stream *s = f->type == NGHTTP2_DATA ? mux_stream_by_id(m, f->id) : NULL;
    if (!s)
        return;
    int32_t window = nghttp2_session_get_stream_effective_local_window_size(m->session, f->id);
    int32_t used = nghttp2_session_get_stream_effective_recv_data_length(m->session, f->id);
    if ((int64_t)f->len > (int64_t)window - used)
        mux_stream_reset(s, NGHTTP2_FLOW_CONTROL_ERROR);
}

// Counts what brings nothing. Body bytes of streams that are over are limited by the windows those
// streams had.
static int charge_frame(struct mux *m, const struct frame *f)
{
    bool work = is_part_of_exchange(m, f);
    if (f->len > FRAME_MAX || f->type == NGHTTP2_PUSH_PROMISE) // nobody may push
        return MUX_E_PROTOCOL;
    if (f->type == NGHTTP2_HEADERS && m->role == MUX_AGENT && f->id > m->last_id) {
        m->last_id = f->id;
        if (m->draining) // what began behind our GOAWAY is ignored without a reset
            m->stray += MUX_WINDOW_START;
    }
    if (work)
        return 0;
    if (f->type != NGHTTP2_DATA || f->len == 0)
        return flood_budget_spend(&m->flood_budget, 1 + (uint32_t)(f->len / BYTES_PER_CHARGE))
                   ? 0
                   : MUX_E_FLOOD;
    if (f->len > m->stray)
        return MUX_E_PROTOCOL;
    m->stray -= f->len;
    return 0;
}

// Whether nghttp2 tells of such a frame as long as it listens at all.
static bool is_always_announced(struct mux *m, const struct frame *f)
{
    switch (f->type) {
    case NGHTTP2_DATA:
    case NGHTTP2_HEADERS: return mux_stream_by_id(m, f->id) != NULL;
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

// A whole head and what is there of its payload: `len` bytes of which all or the head and a part
// are of this frame. Returns how many were, or a mux_error.
static int recv_frame(struct mux *m, const uint8_t *bytes, size_t len)
{
    struct frame f = parse_head(bytes);
    enforce_window(m, &f);
    int error = charge_frame(m, &f);
    if (error)
        return error;
    bool announced = is_always_announced(m, &f);
    size_t n = len - MUX_FRAME_HEAD < f.len ? len : MUX_FRAME_HEAD + f.len;
    m->frame_left = f.len - (n - MUX_FRAME_HEAD);
    m->frame_accepted = false;
    error = feed(m, bytes, n);
    // Else its complaint is under way. Behind a GOAWAY and the last stream it need not listen.
    if (!error && announced && !m->frame_accepted && nghttp2_session_want_read(m->session))
        error = MUX_E_PROTOCOL;
    return error ? error : (int)n;
}

static int recv_payload(struct mux *m, const uint8_t *bytes, size_t len)
{
    size_t n = len < m->frame_left ? len : m->frame_left;
    m->frame_left -= n;
    int error = feed(m, bytes, n);
    return error ? error : (int)n;
}

// A head that comes in pieces.
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
    int n = m->dead ? MUX_E_PROTOCOL : 0;
    if (len > INT32_MAX)
        n = MUX_E_PROTOCOL;
    while (len > 0 && n >= 0) {
        n = recv_some(m, (const uint8_t *)bytes, len);
        bytes += n > 0 ? n : 0;
        len -= n > 0 ? (size_t)n : 0;
    }
    mux_dispatch_events(m);
    if (n >= 0)
        return 0;
    m->dead = true;
    return n;
}
