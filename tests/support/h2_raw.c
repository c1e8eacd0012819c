// SPDX-License-Identifier: MIT
#include "h2_raw.h"
#include "check.h"

enum {
    FRAME_MAX = 16384
};

static void put(struct buf *out, const void *bytes, size_t len)
{
    CHECK(buf_append(out, bytes, len));
}

void h2_preface(struct buf *out, bool client)
{
    if (client)
        put(out, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 24);
    h2_frame(out, H2_SETTINGS, 0, 0, (struct slice){0});
}

void h2_frame(struct buf *out, uint8_t type, uint8_t flags, uint32_t id, struct slice payload)
{
    const uint8_t head[9] = {(uint8_t)(payload.len >> 16),
                             (uint8_t)(payload.len >> 8),
                             (uint8_t)payload.len,
                             type,
                             flags,
                             (uint8_t)(id >> 24),
                             (uint8_t)(id >> 16),
                             (uint8_t)(id >> 8),
                             (uint8_t)id};
    put(out, head, sizeof(head));
    put(out, payload.p, payload.len);
}

// An integer with a prefix of seven bits, the eighth being 0 (RFC 7541 §5.1).
static void put_length(struct buf *block, size_t n)
{
    uint8_t byte = n < 127 ? (uint8_t)n : 127;
    put(block, &byte, 1);
    if (n < 127)
        return;
    for (n -= 127; n >= 128; n >>= 7) {
        byte = (uint8_t)(n & 127) | 128;
        put(block, &byte, 1);
    }
    byte = (uint8_t)n;
    put(block, &byte, 1);
}

void h2_field(struct buf *block, struct slice name, struct slice value)
{
    put(block, "\x10", 1);
    put_length(block, name.len);
    put(block, name.p, name.len);
    put_length(block, value.len);
    put(block, value.p, value.len);
}

void h2_headers_block(struct buf *out, uint32_t id, bool end, struct slice block)
{
    uint8_t type = H2_HEADERS;
    uint8_t flags = end ? H2_END_STREAM : 0;
    do {
        size_t len = block.len < FRAME_MAX ? block.len : FRAME_MAX;
        flags |= len == block.len ? H2_END_HEADERS : 0;
        h2_frame(out, type, flags, id, slice_of(block.p, len));
        block = slice_of(block.p + len, block.len - len);
        type = H2_CONTINUATION;
        flags = 0;
    } while (block.len > 0);
}

void h2_headers(struct buf *out, uint32_t id, bool end, const char *fields)
{
    struct buf block = {0};
    for (const char *line = fields; *line;) {
        size_t len = strcspn(line, "\n");
        const char *colon = memchr(line + 1, ':', len - 1);
        CHECK(colon && colon[1] == ' ');
        h2_field(&block, slice_of(line, (size_t)(colon - line)),
                 slice_of(colon + 2, len - (size_t)(colon - line) - 2));
        line += len + (line[len] == '\n');
    }
    h2_headers_block(out, id, end, slice_of(block.bytes, buf_len(&block)));
    buf_free(&block);
}
