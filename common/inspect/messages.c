// SPDX-License-Identifier: MIT
#include "messages.h"
#include "bits.h"
#include "common/record/read/decode.h"

enum {
    STEP_BYTES = 16 * 1024,
    RAW_WINDOW = -15, // deflate without zlib's own frame, the largest window there is
};

void messages_init(struct messages *m, struct record_reader *r, int64_t seq)
{
    *m = (struct messages){.reader = r, .seq = seq, .end = record_reader_messages(r, seq)};
}

void messages_deinit(struct messages *m)
{
    for (int side = 0; side < 2; side++)
        if (m->ready[side])
            (void)inflateEnd(&m->inflater[side]);
    buf_free(&m->text);
}

// Inflates all of `in`. False: it is broken, or there is too much of it.
static bool inflate_bytes(struct messages *m, z_stream *z, struct slice in)
{
    z->next_in = (const Bytef *)in.p;
    z->avail_in = (uInt)in.len;
    do {
        char *out = buf_reserve(&m->text, STEP_BYTES);
        if (buf_len(&m->text) > m->room)
            record_reader_was_cut(m->reader);
        if (!out || buf_len(&m->text) > m->room)
            return false;
        z->next_out = (Bytef *)out;
        z->avail_out = STEP_BYTES;
        int status = inflate(z, Z_SYNC_FLUSH);
        buf_commit(&m->text, STEP_BYTES - z->avail_out);
        if (status == Z_STREAM_END)
            (void)inflateReset(z);
        else if (status != Z_OK && status != Z_BUF_ERROR)
            return false;
        else if (status == Z_BUF_ERROR && z->avail_out > 0)
            return true;
    } while (z->avail_in > 0 || z->avail_out == 0);
    return true;
}

// RFC 7692 §7.2.2: the four bytes that the sender took off its end are put back.
static bool inflate_message(struct messages *m, const struct record_message *kept)
{
    z_stream *z = &m->inflater[kept->side];
    if (!m->ready[kept->side])
        m->ready[kept->side] = inflateInit2(z, RAW_WINDOW) == Z_OK;
    struct decode_budget *budget = record_reader_budget(m->reader);
    m->text.start = m->text.end = 0;
    m->room = decode_room(budget, kept->bytes.len, MESSAGE_INFLATED_MAX);
    bool ok = m->ready[kept->side] && inflate_bytes(m, z, kept->bytes) &&
              inflate_bytes(m, z, slice_of("\x00\x00\xff\xff", 4));
    decode_took(budget, kept->bytes.len, buf_len(&m->text));
    return ok;
}

int messages_next(struct messages *m, struct message *out)
{
    *out = (struct message){0};
    if (m->number >= m->end)
        return 0;
    int status = record_reader_message(m->reader, m->seq, m->number, &out->kept);
    if (status <= 0)
        return status;
    const struct record_message *kept = &out->kept;
    m->number++;
    out->text = kept->bytes;
    out->cut = kept->bytes.len < kept->size;
    if (!kept->compressed)
        return 1;
    if (out->cut)
        m->broken[kept->side] = true;
    if (m->broken[kept->side])
        return 1;
    out->inflated = inflate_message(m, kept);
    m->broken[kept->side] = !out->inflated;
    if (out->inflated)
        out->text = buf_slice(&m->text);
    return 1;
}

const char *message_kind(unsigned opcode)
{
    switch (opcode) {
    case 0: return "continuation";
    case 1: return "text";
    case 2: return "binary";
    case 8: return "close";
    case 9: return "ping";
    case 10: return "pong";
    default: return "unknown";
    }
}
