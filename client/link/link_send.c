// SPDX-License-Identifier: MIT
// Sending on the link. Frames are built here: libwebsockets would mask byte by byte and in place,
// and the caller's bytes may have to be sent again on another link.
#include "common/base/secret.h"
#include "link_internal.h"
#include "proto/tunnel/websocket.h"

enum {
    MASK_BYTES = 4
};

bool link_ready(const struct link *link)
{
    return link->is_up && !lws_partial_buffered(link->wsi);
}

// A fresh, unpredictable mask (RFC 6455 §5.3). Many are drawn at once: one system call for each
// frame is noticeable.
static bool take_mask(struct link_context *c, uint8_t mask[static MASK_BYTES])
{
    if (c->random_left == 0) {
        if (!secret_random(c->random, sizeof(c->random)))
            return false;
        c->random_left = sizeof(c->random);
    }
    c->random_left -= MASK_BYTES;
    memcpy(mask, c->random + c->random_left, MASK_BYTES);
    return true;
}

static bool write_frame(struct link *link, enum ws_opcode opcode, const uint8_t *bytes, size_t len)
{
    struct ws_header h = {.fin = true, .opcode = opcode, .masked = true, .length = len};
    uint8_t *out = link->context->frame + LWS_PRE;
    if (!take_mask(link->context, h.mask))
        return false;
    size_t n = ws_write_header(out, &h);
    (void)ws_mask(out + n, bytes, len, h.mask, 0);
    if (lws_write(link->wsi, out, n + len, LWS_WRITE_RAW) < 0)
        return false;
    if (lws_partial_buffered(link->wsi))
        (void)lws_callback_on_writable(link->wsi);
    return true;
}

bool link_send(struct link *link, const uint8_t *bytes, size_t len)
{
    if (write_frame(link, WS_BINARY, bytes, len))
        return true;
    link_kill_later(link);
    return false;
}

void link_close(struct link *link, enum link_close_code code)
{
    if (!link || !link->ops)
        return;
    const uint8_t body[2] = {(uint8_t)((unsigned)code >> 8), (uint8_t)code};
    link->ops = NULL;
    timeout_stop(&link->open_timeout);
    if (link->is_up && link_ready(link))
        (void)write_frame(link, WS_CLOSE, body, sizeof(body));
    if (link->wsi)
        link_kill_later(link);
    else
        link_free(link);
}
