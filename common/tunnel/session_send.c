// SPDX-License-Identifier: MIT
// Frames to the peer. They are built behind the room for their header, masked in place: those that
// may be long in the connection's output, short ones on the stack. A lent body at their end stays
// where it is.
#include "common/base/secret.h"
#include "session_internal.h"

static bool take_mask(struct session_masks *m, uint8_t mask[static SESSION_MASK_BYTES])
{
    if (m->left == 0) {
        if (!secret_random(m->random, sizeof(m->random)))
            return false;
        m->left = sizeof(m->random);
    }
    m->left -= SESSION_MASK_BYTES;
    memcpy(mask, m->random + m->left, SESSION_MASK_BYTES);
    return true;
}

// The header of a frame with 126 to 65,535 bytes.
static size_t head_size(const struct session_link *l)
{
    return l->masks ? 4 + SESSION_MASK_BYTES : 4;
}

struct frame {
    enum ws_opcode opcode;
    uint8_t *out;      // the payload, without its tail, stands at out + head_size
    size_t len;        // of that
    struct slice tail; // borrowed, and ours to change
};

// Ends a frame. Only a payload that is short, or long by its tail, has a header of another size
// than head_size, and moves. Returns the bytes at `out`, or 0 when there is no randomness.
static size_t end_frame(struct session_link *l, const struct frame *f)
{
    uint8_t head[WS_HEADER_MAX];
    struct ws_header h = {.fin = true,
                          .opcode = f->opcode,
                          .masked = l->masks != NULL,
                          .length = f->len + f->tail.len};
    if (l->masks && !take_mask(l->masks, h.mask))
        return 0;
    size_t size = ws_write_header(head, &h);
    uint8_t *payload = f->out + size;
    if (size != head_size(l))
        memmove(payload, f->out + head_size(l), f->len);
    memcpy(f->out, head, size);
    if (l->masks) {
        uint8_t *tail = (uint8_t *)(uintptr_t)f->tail.p;
        unsigned phase = ws_mask(payload, payload, f->len, h.mask, 0);
        (void)ws_mask(tail, tail, f->tail.len, h.mask, phase);
    }
    return size + f->len;
}

bool session_write_control(struct session_link *l, enum ws_opcode opcode, const void *bytes,
                           size_t len)
{
    uint8_t out[WS_HEADER_MAX + WS_CONTROL_MAX];
    if (len > 0)
        memcpy(out + head_size(l), bytes, len);
    size_t size = end_frame(l, &(struct frame){.opcode = opcode, .out = out, .len = len});
    return size > 0 && conn_write(l->conn, out, size);
}

// Whether the handler has closed the session at once while the tunnel made a message. Otherwise the
// last reports follow that message, and it must not be missing.
static bool is_dropped(const struct session *s)
{
    return s->closed && s->close.at_once;
}

// Without a body to send, messages are short, and an idle link has no use for a block of memory.
static int write_short(struct session *s)
{
    uint8_t out[SESSION_FRAME_SHORT];
    size_t head = head_size(s->link);
    int n = tunnel_send(s->tunnel, out + head, sizeof(out) - head);
    if (n <= 0 || is_dropped(s))
        return n;
    size_t size =
        end_frame(s->link, &(struct frame){.opcode = WS_BINARY, .out = out, .len = (size_t)n});
    return size > 0 && conn_write(s->link->conn, out, size) ? n : TUNNEL_E_MEMORY;
}

static int write_long(struct session *s)
{
    uint8_t *out = (uint8_t *)conn_reserve(s->link->conn, SESSION_FRAME_MAX);
    if (!out)
        return TUNNEL_E_MEMORY;
    struct frame f = {.opcode = WS_BINARY, .out = out};
    int n = tunnel_send_lent(s->tunnel, out + head_size(s->link), SESSION_FRAME_MAX - WS_HEADER_MAX,
                             &f.tail);
    if (n <= 0 || is_dropped(s))
        return n;
    f.len = (size_t)n;
    size_t size = end_frame(s->link, &f);
    conn_written(s->link->conn, size);
    bool ok =
        size > 0 && (f.tail.len == 0 || conn_write_borrowed(s->link->conn, f.tail.p, f.tail.len));
    return ok ? n : TUNNEL_E_MEMORY;
}

int session_write_message(struct session *s)
{
    if (!mux_has_bodies(tunnel_mux(s->tunnel)))
        return write_short(s);
    if (tunnel_wants_send(s->tunnel)) // else no block of memory is needed
        return write_long(s);
    tunnel_idle(s->tunnel);
    return 0;
}
