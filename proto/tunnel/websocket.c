// SPDX-License-Identifier: MIT
#include "websocket.h"
#include "proto/http/chars.h"

const char *ws_strerror(int error)
{
    switch ((enum ws_error)error) {
    case WS_E_PROTOCOL: return "WebSocket protocol error";
    case WS_E_TOO_BIG: return "WebSocket frame too big";
    }
    return error == 0 ? "no error" : "unknown error";
}

static bool is_known_opcode(unsigned opcode)
{
    return opcode <= WS_BINARY || (opcode >= WS_CLOSE && opcode <= WS_PONG);
}

// Parses as many of the first two bytes as there are. Reserved bits belong to extensions, so they
// are errors (RFC 6455 §5.2). Control frames are short and not fragmented (§5.5).
static bool take_first_bytes(const uint8_t *buf, size_t len, struct ws_header *h)
{
    if ((buf[0] & 0x70) != 0 || !is_known_opcode(buf[0] & 0x0f))
        return false;
    h->fin = (buf[0] & 0x80) != 0;
    h->opcode = (enum ws_opcode)(buf[0] & 0x0f);
    bool control = h->opcode >= WS_CLOSE;
    if (control && !h->fin)
        return false;
    if (len < 2)
        return true;
    h->masked = (buf[1] & 0x80) != 0;
    h->length = buf[1] & 0x7f;
    return !control || h->length <= WS_CONTROL_MAX;
}

int ws_parse_header(const uint8_t *buf, size_t len, struct ws_header *h)
{
    if (len < 1)
        return 0;
    if (!take_first_bytes(buf, len, h))
        return WS_E_PROTOCOL;
    if (len < 2)
        return 0;
    size_t extra = h->length == 126 ? 2 : h->length == 127 ? 8 : 0;
    if (len < 2 + extra)
        return 0;
    if (extra > 0) {
        h->length = read_be(buf + 2, extra);
        uint64_t least = extra == 2 ? 126 : UINT64_C(65536);
        if (h->length < least || h->length > INT64_MAX)
            return WS_E_PROTOCOL;
    }
    size_t size = 2 + extra + (h->masked ? 4 : 0);
    if (len < size)
        return 0;
    memset(h->mask, 0, sizeof(h->mask));
    if (h->masked)
        memcpy(h->mask, buf + size - 4, sizeof(h->mask));
    return (int)size;
}

size_t ws_write_header(uint8_t out[static WS_HEADER_MAX], const struct ws_header *h)
{
    size_t size = 2;

    out[0] = (uint8_t)((h->fin ? 0x80U : 0U) | (unsigned)h->opcode);
    if (h->length < 126) {
        out[1] = (uint8_t)h->length;
    } else if (h->length < 65536) {
        out[1] = 126;
        write_be(out + 2, 2, h->length);
        size = 4;
    } else {
        out[1] = 127;
        write_be(out + 2, 8, h->length);
        size = 10;
    }
    if (h->masked) {
        out[1] |= 0x80;
        memcpy(out + size, h->mask, sizeof(h->mask));
        size += sizeof(h->mask);
    }
    return size;
}

// A vector of the compiler's: one AVX register, or two of SSE or NEON.
typedef uint64_t mask_block __attribute__((vector_size(32)));

__attribute__((always_inline)) static inline void mask_block_at(uint8_t *dst, const uint8_t *src,
                                                                uint64_t mask)
{
    mask_block block;
    memcpy(&block, src, sizeof(block));
    block ^= mask;
    memcpy(dst, &block, sizeof(block));
}

// Masks as many pairs of blocks as there are. Returns their bytes. Any alignment will do.
__attribute__((always_inline)) static inline size_t mask_blocks(uint8_t *dst, const uint8_t *src,
                                                                size_t len, uint64_t mask)
{
    const size_t size = sizeof(mask_block);
    size_t i = 0;
    for (; len - i >= 2 * size; i += 2 * size) {
        mask_block_at(dst + i, src + i, mask);
        mask_block_at(dst + i + size, src + i + size, mask);
    }
    return i;
}

#if defined(__x86_64__)
__attribute__((target("avx2"))) static size_t mask_blocks_avx2(uint8_t *dst, const uint8_t *src,
                                                               size_t len, uint64_t mask)
{
    return mask_blocks(dst, src, len, mask);
}
#endif

static size_t mask_most(uint8_t *dst, const uint8_t *src, size_t len, uint64_t mask)
{
#if defined(__x86_64__)
    if (__builtin_cpu_supports("avx2"))
        return mask_blocks_avx2(dst, src, len, mask);
#endif
    return mask_blocks(dst, src, len, mask);
}

unsigned ws_mask(uint8_t *dst, const uint8_t *src, size_t len, const uint8_t mask[4],
                 unsigned phase)
{
    uint8_t turned[8];
    uint64_t eight = 0;
    for (unsigned k = 0; k < sizeof(turned); k++)
        turned[k] = mask[(phase + k) & 3];
    memcpy(&eight, turned, sizeof(eight));
    size_t i = mask_most(dst, src, len, eight);
    for (; len - i >= sizeof(eight); i += sizeof(eight)) {
        uint64_t word = 0;
        memcpy(&word, src + i, sizeof(word));
        word ^= eight;
        memcpy(dst + i, &word, sizeof(word));
    }
    for (size_t k = 0; i < len; i++, k++)
        dst[i] = src[i] ^ turned[k];
    return (unsigned)((phase + len) & 3);
}

void ws_reader_init(struct ws_reader *r, bool expect_masked, uint64_t max_frame)
{
    *r = (struct ws_reader){.expect_masked = expect_masked, .max_frame = max_frame};
}

// Checks a frame against the message that it continues or begins (RFC 6455 §5.4).
static int begin_frame(struct ws_reader *r)
{
    bool control = r->h.opcode >= WS_CLOSE;

    if (r->h.masked != r->expect_masked)
        return WS_E_PROTOCOL;
    if (!control && (r->h.opcode == WS_CONTINUATION) != r->in_message)
        return WS_E_PROTOCOL;
    if (!control && r->h.length > r->max_frame)
        return WS_E_TOO_BIG;
    if (!control && !r->in_message) {
        r->in_message = true;
        r->begun = false;
        r->message = r->h.opcode;
    }
    r->in_frame = true;
    r->remaining = r->h.length;
    r->phase = 0;
    r->control_len = 0;
    return 0;
}

// Reads a header, through `partial` only when it comes in pieces. Returns the bytes taken off buf.
static int read_header(struct ws_reader *r, const uint8_t *buf, size_t len)
{
    const uint8_t *from = buf;
    size_t have = len;
    size_t old = r->partial_len;

    if (old > 0 || len < WS_HEADER_MAX) {
        size_t room = WS_HEADER_MAX - old;
        size_t n = len < room ? len : room;
        memcpy(r->partial + old, buf, n);
        from = r->partial;
        have = old + n;
    }
    int size = ws_parse_header(from, have, &r->h);
    if (size < 0)
        return size;
    if (size == 0) {
        r->partial_len = have;
        return (int)(have - old);
    }
    r->partial_len = 0;
    int error = begin_frame(r);
    return error ? error : size - (int)old;
}

// Whether a close is empty or has a code that may be sent (RFC 6455 §7.4).
static bool is_valid_close(const uint8_t *payload, size_t len)
{
    if (len == 0)
        return true;
    if (len == 1)
        return false;
    uint64_t code = read_be(payload, 2);
    return (code >= 1000 && code <= 1003) || (code >= 1007 && code <= 1014) ||
           (code >= 3000 && code <= 4999);
}

static int read_control(struct ws_reader *r, const uint8_t *buf, size_t len, struct ws_event *e)
{
    size_t n = len < r->remaining ? len : (size_t)r->remaining;

    r->phase = ws_mask(r->control + r->control_len, buf, n, r->h.mask, r->phase);
    r->control_len += n;
    r->remaining -= n;
    if (r->remaining > 0)
        return (int)n;
    r->in_frame = false;
    if (r->h.opcode == WS_CLOSE && !is_valid_close(r->control, r->control_len))
        return WS_E_PROTOCOL;
    *e = (struct ws_event){.kind = WS_EVENT_CONTROL,
                           .opcode = r->h.opcode,
                           .bytes = r->control,
                           .len = r->control_len};
    return (int)n;
}

static int read_data(struct ws_reader *r, uint8_t *buf, size_t len, struct ws_event *e)
{
    size_t n = len < r->remaining ? len : (size_t)r->remaining;

    if (r->h.masked)
        r->phase = ws_mask(buf, buf, n, r->h.mask, r->phase);
    r->remaining -= n;
    r->in_frame = r->remaining > 0;
    bool last = r->h.fin && !r->in_frame;
    if (n > 0 || !r->in_frame) // report empty frames too: the caller counts them as a flood
        *e = (struct ws_event){.kind = WS_EVENT_DATA,
                               .opcode = r->message,
                               .first = !r->begun,
                               .last = last,
                               .bytes = buf,
                               .len = n};
    if (e->kind == WS_EVENT_DATA)
        r->begun = true;
    if (last)
        r->in_message = false;
    return (int)n;
}

int ws_read(struct ws_reader *r, uint8_t *buf, size_t len, struct ws_event *e)
{
    size_t used = 0;

    *e = (struct ws_event){.kind = WS_EVENT_NONE};
    if (len > INT32_MAX)
        len = INT32_MAX;
    while (used < len && e->kind == WS_EVENT_NONE) {
        int n = 0;
        if (!r->in_frame)
            n = read_header(r, buf + used, len - used);
        if (n < 0)
            return n;
        used += (size_t)n;
        if (!r->in_frame || (used == len && r->remaining > 0))
            continue;
        n = r->h.opcode >= WS_CLOSE ? read_control(r, buf + used, len - used, e)
                                    : read_data(r, buf + used, len - used, e);
        if (n < 0)
            return n;
        used += (size_t)n;
    }
    return (int)used;
}

// Whether a key is base64 of 16 bytes: 22 digits and the padding.
static bool is_key(struct slice key)
{
    return key.len == 24 && chars_are(slice_of(key.p, 22), CHAR_BASE64) && key.p[22] == '=' &&
           key.p[23] == '=';
}

bool ws_is_handshake(const struct http_head *request)
{
    const struct field *version = head_find(request, SLICE("sec-websocket-version"));
    const struct field *key = head_find(request, SLICE("sec-websocket-key"));

    return slice_eq(request->method, SLICE("GET")) && request->minor_version >= 1 &&
           slice_list_has(request->upgrade, SLICE("websocket")) && version && key &&
           slice_eq(version->value, SLICE("13")) && is_key(key->value) &&
           head_count(request, SLICE("sec-websocket-version")) == 1 &&
           head_count(request, SLICE("sec-websocket-key")) == 1;
}

void ws_accept_input(char out[static 60], struct slice key)
{
    static const char guid[] = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";

    memcpy(out, key.p, 24);
    for (size_t i = 0; i < 36; i++)
        out[24 + i] = guid[i];
}

void ws_accept_value(char out[static 28], const uint8_t sha1[static 20])
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

    for (size_t i = 0; i < 27; i++) {
        size_t bit = i * 6;
        unsigned two = (unsigned)sha1[bit / 8] << 8 | (bit / 8 + 1 < 20 ? sha1[bit / 8 + 1] : 0U);
        out[i] = digits[two >> (10 - bit % 8) & 63];
    }
    out[27] = '=';
}
