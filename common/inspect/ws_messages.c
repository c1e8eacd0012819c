// SPDX-License-Identifier: MIT
#include "ws_messages.h"
#include "common/record/read/decode.h"
#include "write.h"

void ws_messages_init(struct ws_messages *m, struct record_reader *r, int64_t seq)
{
    *m = (struct ws_messages){.reader = r, .seq = seq, .end = record_reader_messages(r, seq)};
}

void ws_messages_deinit(struct ws_messages *m)
{
    for (int side = 0; side < 2; side++)
        inflater_deinit(&m->inflater[side]);
    buf_free(&m->text);
}

static bool inflate_message(struct ws_messages *m, const struct record_message *kept)
{
    bool over = false;
    struct decode_budget *budget = record_reader_budget(m->reader);
    m->text.start = m->text.end = 0;
    const size_t room = decode_allowance(budget, kept->bytes.len, WS_MESSAGES_INFLATED_MAX);
    const bool ok = inflater_message(&m->inflater[kept->side], kept->bytes, &m->text, room, &over);
    if (over)
        record_reader_note_cut(m->reader);
    decode_charge(budget, kept->bytes.len, buf_len(&m->text));
    return ok;
}

int ws_messages_next(struct ws_messages *m, struct ws_message *out)
{
    *out = (struct ws_message){0};
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

const char *ws_opcode_name(unsigned opcode)
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
