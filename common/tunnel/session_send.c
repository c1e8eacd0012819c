// SPDX-License-Identifier: MIT
// Frames to the peer. They are built behind the room for their header, masked in place: those that
// may be long in the connection's output, short ones on the stack.
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
static size_t head_size(const struct session *s)
{
    return s->masks ? 4 + SESSION_MASK_BYTES : 4;
}

// Ends a frame whose payload stands at out + head_size. Only a short payload has another header
// than that, and moves. Returns the size of the frame, or 0 when there is no randomness.
static size_t end_frame(struct session *s, enum ws_opcode opcode, uint8_t *out, size_t len)
{
    struct ws_header h = {.fin = true, .opcode = opcode, .masked = s->masks != NULL, .length = len};
    if (s->masks && !take_mask(s->masks, h.mask))
        return 0;
    size_t head = head_size(s);
    size_t size = len < 126 ? head - 2 : head;
    if (size < head)
        memmove(out + size, out + head, len);
    (void)ws_write_header(out, &h);
    if (s->masks)
        (void)ws_mask(out + size, out + size, len, h.mask, 0);
    return size + len;
}

bool session_write_control(struct session *s, enum ws_opcode opcode, const void *bytes, size_t len)
{
    uint8_t out[WS_HEADER_MAX + WS_CONTROL_MAX];
    if (len > 0)
        memcpy(out + head_size(s), bytes, len);
    size_t size = end_frame(s, opcode, out, len);
    return size > 0 && conn_write(s->conn, out, size);
}

// Without a body to send, messages are short, and an idle link has no use for a block of memory.
static int write_short(struct session *s)
{
    uint8_t out[SESSION_FRAME_SHORT];
    size_t head = head_size(s);
    int n = tunnel_send(s->tunnel, out + head, sizeof(out) - head);
    if (s->closed)
        return 0;
    if (n <= 0)
        return n;
    size_t size = end_frame(s, WS_BINARY, out, (size_t)n);
    return size > 0 && conn_write(s->conn, out, size) ? n : TUNNEL_E_MEMORY;
}

static int write_long(struct session *s)
{
    uint8_t *out = (uint8_t *)conn_reserve(s->conn, SESSION_FRAME_MAX);
    if (!out)
        return TUNNEL_E_MEMORY;
    size_t head = head_size(s);
    int n = tunnel_send(s->tunnel, out + head, SESSION_FRAME_MAX - head);
    if (s->closed)
        return 0;
    if (n <= 0)
        return n;
    size_t size = end_frame(s, WS_BINARY, out, (size_t)n);
    conn_written(s->conn, size);
    return size > 0 ? n : TUNNEL_E_MEMORY;
}

int session_write_message(struct session *s)
{
    if (!tunnel_wants_send(s->tunnel)) {
        tunnel_idle(s->tunnel);
        return 0;
    }
    return mux_has_bodies(tunnel_mux(s->tunnel)) ? write_long(s) : write_short(s);
}
