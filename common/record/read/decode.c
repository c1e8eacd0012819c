// SPDX-License-Identifier: MIT
#include "decode.h"
#include <brotli/decode.h>
#include <zlib.h>
#include <zstd.h>

enum {
    STEP_BYTES = 32 * 1024, // least room for a decoder's output
    FEED_BYTES = 1 << 30,   // zlib counts in unsigned int
};

enum decode_status {
    DECODE_COMPLETE,
    DECODE_TRUNCATED, // the input ends early
    DECODE_OVERFLOW,  // the output reached its bound, or bytes follow the coded data
    DECODE_INVALID,   // the input does not have this coding
    DECODE_NO_MEMORY
};

// The output of a decoder.
struct sink {
    struct buf *out;
    size_t max;
    bool partial; // the input is truncated
};

typedef enum decode_status decoder(struct slice in, struct sink *sink);

// Returns room for output, `*len` bytes; none when the bound is reached. NULL: out of memory.
static void *sink_room(struct sink *sink, size_t *len)
{
    size_t used = buf_len(sink->out);
    size_t left = sink->max - used;
    *len = 0;
    char *at = buf_reserve(sink->out, left < STEP_BYTES ? left + 1 : STEP_BYTES);
    if (!at)
        return NULL;
    size_t room = sink->out->cap - sink->out->end;
    *len = left < room ? left : room;
    return at;
}

// Codings without magic bytes often accept other data for a while, and then seem truncated. When
// the input is complete, that means the data is not so coded.
static enum decode_status without_magic(enum decode_status status, const struct sink *sink)
{
    return status == DECODE_TRUNCATED && !sink->partial ? DECODE_INVALID : status;
}

static size_t min_size(size_t a, size_t b)
{
    return a < b ? a : b;
}

static size_t free_bytes(size_t len)
{
    return DECODE_FREE_BYTES + DECODE_FREE_RATIO * len;
}

size_t decode_allowance(const struct decode_budget *b, size_t len, size_t max)
{
    if (b->unbounded)
        return max;
    len = min_size(len, max);
    size_t left = DECODE_BUDGET_BYTES - (size_t)b->used;
    size_t room = min_size(DECODE_MAX_BYTES + DECODE_MAX_RATIO * len, free_bytes(len) + left);
    return min_size(room, max);
}

void decode_charge(struct decode_budget *b, size_t len, size_t decoded)
{
    uint64_t left = DECODE_BUDGET_BYTES - b->used;
    uint64_t more = decoded > free_bytes(len) ? decoded - free_bytes(len) : 0;
    b->used += more < left ? more : left;
}

// Inflates one stream, or as much as there is, and moves `*in` on.
static enum decode_status inflate_stream(z_stream *z, struct slice *in, struct sink *sink)
{
    for (;;) {
        size_t room = 0;
        void *at = sink_room(sink, &room);
        if (!at)
            return DECODE_NO_MEMORY;
        size_t fed = min_size(in->len, FEED_BYTES);
        size_t asked = min_size(room, FEED_BYTES);
        z->next_in = (z_const Bytef *)(uintptr_t)in->p;
        z->avail_in = (uInt)fed;
        z->next_out = at;
        z->avail_out = (uInt)asked;
        int status = inflate(z, Z_NO_FLUSH);
        size_t wrote = asked - z->avail_out;
        size_t took = fed - z->avail_in;
        buf_commit(sink->out, wrote);
        in->p += took;
        in->len -= took;
        if (status == Z_STREAM_END)
            return DECODE_COMPLETE;
        if (status == Z_MEM_ERROR)
            return DECODE_NO_MEMORY;
        if (status != Z_OK && status != Z_BUF_ERROR) // Z_BUF_ERROR: no progress possible
            return DECODE_INVALID;
        if (asked == 0)
            return DECODE_OVERFLOW;
        if ((wrote == 0 && took == 0) || (in->len == 0 && wrote < asked))
            return DECODE_TRUNCATED;
    }
}

static bool is_gzip(struct slice in)
{
    return in.len >= 2 && in.p[0] == '\x1f' && in.p[1] == '\x8b';
}

// A gzip file is a series of members (RFC 1952 §2.2).
static enum decode_status decode_gzip(struct slice in, struct sink *sink)
{
    z_stream z = {0};
    if (inflateInit2(&z, MAX_WBITS + 16) != Z_OK)
        return DECODE_NO_MEMORY;
    enum decode_status status = inflate_stream(&z, &in, sink);
    while (status == DECODE_COMPLETE && is_gzip(in) && inflateReset(&z) == Z_OK)
        status = inflate_stream(&z, &in, sink);
    (void)inflateEnd(&z);
    return status == DECODE_COMPLETE && in.len > 0 ? DECODE_OVERFLOW : status;
}

static enum decode_status inflate_once(struct slice in, struct sink *sink, int window)
{
    z_stream z = {0};
    if (inflateInit2(&z, window) != Z_OK)
        return DECODE_NO_MEMORY;
    enum decode_status status = inflate_stream(&z, &in, sink);
    (void)inflateEnd(&z);
    return status == DECODE_COMPLETE && in.len > 0 ? DECODE_OVERFLOW : status;
}

// "deflate" is the zlib format, but some senders omit its wrapper (RFC 9110 §8.4.1.2). Raw data may
// look like a zlib header by chance, so invalid data is tried again as raw.
static enum decode_status decode_deflate(struct slice in, struct sink *sink)
{
    enum decode_status status = inflate_once(in, sink, MAX_WBITS);
    if (status != DECODE_INVALID)
        return status;
    sink->out->start = sink->out->end = 0;
    return without_magic(inflate_once(in, sink, -MAX_WBITS), sink);
}

static enum decode_status decode_brotli(struct slice in, struct sink *sink)
{
    BrotliDecoderState *b = BrotliDecoderCreateInstance(NULL, NULL, NULL);
    BrotliDecoderResult status = BROTLI_DECODER_RESULT_NEEDS_MORE_OUTPUT;
    const uint8_t *from = (const uint8_t *)in.p;
    size_t left = in.len;
    size_t room = 1;
    if (!b)
        return DECODE_NO_MEMORY;
    while (status == BROTLI_DECODER_RESULT_NEEDS_MORE_OUTPUT && room > 0) {
        uint8_t *at = sink_room(sink, &room);
        size_t unused = room;
        if (!at)
            break;
        status = BrotliDecoderDecompressStream(b, &left, &from, &unused, &at, NULL);
        buf_commit(sink->out, room - unused);
    }
    BrotliDecoderDestroyInstance(b);
    if (status == BROTLI_DECODER_RESULT_SUCCESS && left == 0)
        return DECODE_COMPLETE;
    if (room == 0 && buf_len(sink->out) < sink->max)
        return DECODE_NO_MEMORY;
    if (status == BROTLI_DECODER_RESULT_ERROR)
        return DECODE_INVALID;
    bool early = status == BROTLI_DECODER_RESULT_NEEDS_MORE_INPUT;
    return early ? without_magic(DECODE_TRUNCATED, sink) : DECODE_OVERFLOW;
}

static enum decode_status decode_zstd(struct slice in, struct sink *sink)
{
    ZSTD_DStream *z = ZSTD_createDStream();
    ZSTD_inBuffer from = {in.p, in.len, 0};
    enum decode_status status = DECODE_TRUNCATED;
    size_t more = 1; // 0: a frame has ended and is written completely
    if (!z)
        return DECODE_NO_MEMORY;
    (void)ZSTD_DCtx_setParameter(z, ZSTD_d_windowLogMax, DECODE_ZSTD_WINDOW);
    for (;;) {
        ZSTD_outBuffer to = {0};
        size_t before = from.pos;
        to.dst = sink_room(sink, &to.size);
        if (!to.dst) {
            status = DECODE_NO_MEMORY;
            break;
        }
        bool between = more == 0; // between two frames
        more = ZSTD_decompressStream(z, &to, &from);
        buf_commit(sink->out, to.pos);
        if (ZSTD_isError(more)) {
            status = between ? DECODE_OVERFLOW : DECODE_INVALID;
            break;
        }
        if (to.pos == 0 && from.pos == before) {
            status = to.size == 0 ? DECODE_OVERFLOW : DECODE_TRUNCATED;
            break;
        }
        if (more == 0 && from.pos == from.size) {
            status = DECODE_COMPLETE;
            break;
        }
    }
    (void)ZSTD_freeDStream(z);
    return status;
}

static decoder *find_decoder(struct slice name)
{
    static const struct {
        struct slice name;
        decoder *decode;
    } known[] = {
        {{"gzip", 4}, decode_gzip},       {{"br", 2}, decode_brotli},   {{"zstd", 4}, decode_zstd},
        {{"deflate", 7}, decode_deflate}, {{"x-gzip", 6}, decode_gzip},
    };
    for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
        if (slice_ieq(name, known[i].name))
            return known[i].decode;
    return NULL;
}

void decode_add(struct decode_codings *c, struct slice content_encoding)
{
    struct slice name;
    while (slice_next_element(&content_encoding, &name)) {
        if (slice_ieq(name, SLICE("identity")))
            continue;
        if (c->count == DECODE_CODINGS_MAX) {
            c->too_many = true;
            return;
        }
        c->names[c->count++] = name;
    }
}

bool decode_body(const struct decode_codings *c, struct slice in, size_t max, struct buf work[2],
                 struct decoded *out)
{
    decoder *steps[DECODE_CODINGS_MAX];
    *out = (struct decoded){.body = in, .whole = true};
    for (size_t i = 0; i < c->count; i++)
        if (!(steps[i] = find_decoder(c->names[i])))
            return true;
    // A response to HEAD has codings but no body.
    if (c->count == 0 || c->too_many || in.len == 0)
        return true;
    for (size_t i = c->count; i > 0; i--) {
        struct buf *to = &work[i % 2];
        struct sink sink = {to, max - out->work, c->partial || !out->whole};
        to->start = to->end = 0;
        enum decode_status status = steps[i - 1](out->body, &sink);
        if (status == DECODE_NO_MEMORY)
            return false;
        if (status == DECODE_INVALID ||
            (status != DECODE_COMPLETE && buf_len(to) == 0 && !sink.partial)) {
            *out = (struct decoded){.body = in, .whole = true, .wrong = c->names[i - 1]};
            return true;
        }
        out->work += buf_len(to);
        out->over = out->over || (status == DECODE_OVERFLOW && out->work == max);
        out->whole = out->whole && status == DECODE_COMPLETE;
        out->body = slice_of(buf_at(to), buf_len(to));
    }
    out->decoded = true;
    return true;
}
