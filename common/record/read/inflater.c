// SPDX-License-Identifier: MIT
#define ZLIB_CONST // makes zlib's input const
#include "inflater.h"
#include <stdlib.h>
#include <zlib.h>

enum {
    STEP_BYTES = 16 * 1024,
    RAW_WINDOW = -15, // raw deflate, the largest window
};

void inflater_deinit(struct inflater *f)
{
    if (f->stream)
        (void)inflateEnd(f->stream);
    free(f->stream);
    *f = (struct inflater){0};
}

static bool begin(struct inflater *f)
{
    z_stream *z = f->stream ? NULL : calloc(1, sizeof(*z));
    if (f->stream)
        return true;
    if (z && inflateInit2(z, RAW_WINDOW) == Z_OK) {
        f->stream = z;
        return true;
    }
    free(z);
    return false;
}

static bool inflate_bytes(z_stream *z, struct slice in, struct buf *out, size_t max, bool *over)
{
    z->next_in = (const Bytef *)in.p;
    z->avail_in = (uInt)in.len;
    do {
        char *room = buf_reserve(out, STEP_BYTES);
        *over = *over || buf_len(out) > max;
        if (!room || *over)
            return false;
        z->next_out = (Bytef *)room;
        z->avail_out = STEP_BYTES;
        int status = inflate(z, Z_SYNC_FLUSH);
        buf_commit(out, STEP_BYTES - z->avail_out);
        if (status == Z_STREAM_END)
            (void)inflateReset(z);
        else if (status != Z_OK && status != Z_BUF_ERROR)
            return false;
        else if (status == Z_BUF_ERROR && z->avail_out > 0)
            return true;
    } while (z->avail_in > 0 || z->avail_out == 0);
    return true;
}

// RFC 7692 §7.2.2: appends the four bytes that the sender removed from the end.
bool inflater_message(struct inflater *f, struct slice message, struct buf *out, size_t max,
                      bool *over)
{
    return begin(f) && inflate_bytes(f->stream, message, out, max, over) &&
           inflate_bytes(f->stream, slice_of("\x00\x00\xff\xff", 4), out, max, over);
}
