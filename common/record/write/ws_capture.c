// SPDX-License-Identifier: MIT
#include "ws_capture.h"
#include <stdlib.h>

enum {
    RSV1 = 0x40, // permessage-deflate (RFC 7692 §7.2)
    RSV = 0x70
};

#define SAVED_SIZE_MAX (UINT64_C(1) << 60) // more than any stream has

// As it was before the frame in progress, and what came of this frame.
struct saved_side {
    uint64_t passed; // bytes of the frame's payload
    uint64_t size;   // of the message
    uint8_t head[WS_HEADER_MAX], head_len;
    uint8_t message; // opcode and RSV1 of its first frame; 0: no message has begun
};

struct saved {
    uint64_t kept, broken;
    struct saved_side side[2];
};

_Static_assert(sizeof(struct saved) == WS_CAPTURE_STATE_BYTES, "the state has no padding");

void ws_capture_init(struct ws_capture *m, struct ws_capture_budget *budget, uint8_t share,
                     uint64_t keep_max)
{
    *m = (struct ws_capture){
        .budget = budget, .share = share, .keep_max = keep_max ? keep_max : UINT64_MAX};
    m->last = &m->first;
}

static void charge(struct ws_capture *m, size_t len)
{
    m->budget->used += len;
    m->budget->used_of[m->share] += len;
}

static void release(struct ws_capture *m, size_t len)
{
    m->budget->used -= len;
    m->budget->used_of[m->share] -= len;
}

static size_t room_of(const struct ws_capture *m)
{
    const struct ws_capture_budget *b = m->budget;
    const size_t part = b->max / RECORDER_SHARE_PART;
    const size_t own = b->used_of[m->share];
    size_t left = b->max - b->used;
    if (m->share == 0)
        return left;
    const size_t shared = b->max / 4 * 3;
    if (b->used < shared)
        return shared - b->used; // a lower bound is enough: the share decides beyond
    size_t may = own < part ? part - own : 0;
    return left < may ? left : may;
}

static void release_buf(struct ws_capture *m, struct buf *b)
{
    release(m, buf_len(b));
    buf_free(b);
}

void ws_capture_clear(struct ws_capture *m)
{
    while (m->first) {
        struct ws_capture_message *d = m->first;
        m->first = d->next;
        release(m, d->message.bytes.len);
        m->budget->messages--;
        free(d);
    }
    m->last = &m->first;
}

void ws_capture_deinit(struct ws_capture *m)
{
    ws_capture_clear(m);
    for (int side = 0; side < 2; side++) {
        release_buf(m, &m->side[side].payload);
        release_buf(m, &m->side[side].control);
    }
}

static bool is_control(const struct ws_capture_side *s)
{
    return s->frame.opcode >= WS_CLOSE;
}

// Captures what the limits allow of a piece of payload, unmasked.
static void capture(struct ws_capture *m, struct ws_capture_side *s, struct slice piece)
{
    struct buf *b = is_control(s) ? &s->control : &s->payload;
    uint64_t *size = is_control(s) ? &s->control_size : &s->size;
    bool gap = buf_len(b) < *size; // a capture has no gaps
    size_t room = room_of(m);
    uint64_t may = m->keep_max - m->kept;
    size_t len = piece.len < room ? piece.len : room;
    len = gap ? 0 : len < may ? len : (size_t)may;
    *size += piece.len;
    char *out = len > 0 ? buf_reserve(b, len) : NULL;
    if (out) {
        if (s->frame.masked)
            (void)ws_mask((uint8_t *)out, (const uint8_t *)piece.p, len, s->frame.mask, s->phase);
        else
            memcpy(out, piece.p, len);
        buf_commit(b, len);
        charge(m, len);
        m->kept += len;
    }
    s->phase = (unsigned)((s->phase + piece.len) & 3);
}

static void finish_message(struct ws_capture *m, enum record_side side, int64_t at_ns)
{
    struct ws_capture_side *s = &m->side[side];
    bool control = is_control(s);
    struct buf *b = control ? &s->control : &s->payload;
    size_t len = buf_len(b);
    struct ws_capture_message *d =
        m->number < WS_CAPTURE_MESSAGES_MAX ? malloc(sizeof(*d) + len) : NULL;
    m->number++;
    m->missed = m->missed || !d;
    if (d) {
        char *bytes = (char *)(d + 1);
        if (len > 0)
            memcpy(bytes, buf_at(b), len);
        *d = (struct ws_capture_message){
            .number = m->number - 1,
            .message = {.side = side,
                        .opcode = control ? s->frame.opcode : s->opcode,
                        .compressed = !control && s->compressed,
                        .at_ns = at_ns,
                        .size = control ? s->control_size : s->size,
                        .bytes = slice_of(bytes, len)},
        };
        charge(m, len); // release_buf below subtracts the same
        m->budget->messages++;
        *m->last = d;
        m->last = &d->next;
    }
    release_buf(m, b);
    if (control)
        s->control_size = 0;
    else
        s->size = 0;
}

// Parses the header bytes so far. RSV bits are masked: their extension may have been negotiated.
// False: not a valid frame.
static bool begin_frame(struct ws_capture_side *s)
{
    uint8_t bare[WS_HEADER_MAX];
    memcpy(bare, s->head, s->head_len);
    bare[0] = (uint8_t)(bare[0] & ~RSV);
    int n = ws_parse_header(bare, s->head_len, &s->frame);
    if (n <= 0)
        return n == 0;
    s->in_frame = true;
    s->left = s->frame.length;
    s->phase = 0;
    if (is_control(s))
        return true;
    bool continues = s->frame.opcode == WS_CONTINUATION;
    if (continues != s->in_message)
        return false;
    if (!continues) {
        s->opcode = s->frame.opcode;
        s->compressed = s->head[0] & RSV1;
    }
    s->in_message = !s->frame.fin;
    return true;
}

static bool take_head_byte(struct ws_capture_side *s, uint8_t byte)
{
    if (s->head_len == sizeof(s->head))
        return false;
    s->head[s->head_len++] = byte;
    return begin_frame(s);
}

// Takes one byte of a header, or a piece of payload. Returns its length; 0: invalid.
static size_t feed_some(struct ws_capture *m, struct ws_capture_side *s, struct slice bytes)
{
    if (!s->in_frame)
        return take_head_byte(s, (uint8_t)bytes.p[0]) ? 1 : 0;
    size_t len = bytes.len < s->left ? bytes.len : (size_t)s->left;
    capture(m, s, slice_of(bytes.p, len));
    s->left -= len;
    return len;
}

void ws_capture_feed(struct ws_capture *m, enum record_side side, int64_t at_ns, struct slice bytes)
{
    struct ws_capture_side *s = &m->side[side];
    while (bytes.len > 0 && !m->broken) {
        size_t n = feed_some(m, s, bytes);
        m->broken = n == 0;
        bytes.p += n;
        bytes.len -= n;
        if (m->broken || !s->in_frame || s->left > 0)
            continue;
        s->in_frame = false;
        s->head_len = 0;
        if (is_control(s) || s->frame.fin)
            finish_message(m, side, at_ns);
    }
}

static void save_side(const struct ws_capture_side *s, struct saved_side *out)
{
    const bool data = s->in_frame && !is_control(s);
    const bool begun = data ? s->frame.opcode == WS_CONTINUATION : s->in_message;
    out->passed = s->in_frame ? s->frame.length - s->left : 0;
    out->size = s->size - (data ? out->passed : 0);
    memcpy(out->head, s->head, s->head_len);
    out->head_len = (uint8_t)s->head_len;
    out->message = begun ? (uint8_t)(s->opcode | (s->compressed ? RSV1 : 0)) : 0;
}

void ws_capture_save(const struct ws_capture *m, uint8_t out[static WS_CAPTURE_STATE_BYTES])
{
    struct saved saved = {.kept = m->kept, .broken = m->broken};
    for (int side = 0; side < 2 && !m->broken; side++)
        save_side(&m->side[side], &saved.side[side]);
    memcpy(out, &saved, sizeof(saved));
}

static bool restore_side(struct ws_capture_side *s, const struct saved_side *from)
{
    const unsigned opcode = from->message & ~(unsigned)RSV1;
    const bool begun = opcode == WS_TEXT || opcode == WS_BINARY;
    if (!begun && (from->message != 0 || from->size > 0))
        return false;
    if (from->size > SAVED_SIZE_MAX || from->passed > SAVED_SIZE_MAX ||
        from->head_len > WS_HEADER_MAX)
        return false;
    s->in_message = begun;
    s->opcode = opcode;
    s->compressed = from->message & RSV1;
    s->size = from->size;
    for (size_t i = 0; i < from->head_len; i++)
        if (s->in_frame || !take_head_byte(s, from->head[i]))
            return false;
    if (from->passed >= (s->in_frame ? s->frame.length : 1))
        return false; // a frame ends with its last byte
    if (!s->in_frame)
        return true;
    *(is_control(s) ? &s->control_size : &s->size) += from->passed;
    s->left -= from->passed; // not the phase: no more of this payload is captured
    return true;
}

bool ws_capture_restore(struct ws_capture *m, struct slice state, uint64_t number)
{
    struct saved saved;
    if (state.len != sizeof(saved))
        return false;
    memcpy(&saved, state.p, sizeof(saved));
    if (saved.broken > 1 || saved.kept > m->keep_max)
        return false;
    m->number = number;
    m->kept = saved.kept;
    m->broken = saved.broken;
    for (int side = 0; side < 2; side++) {
        struct ws_capture_side *s = &m->side[side];
        if (!restore_side(s, &saved.side[side]))
            return false;
        m->missed = m->missed || s->size + s->control_size > 0;
    }
    return true;
}
