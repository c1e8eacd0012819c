// SPDX-License-Identifier: MIT
// Writes the messages of a WebSocket, one a line.
#include <inttypes.h>
#include "proto/utf8.h"
#include "show.h"
#include "write.h"
#include "ws_messages.h"

enum {
    MESSAGE_HEX_MAX = 32, // bytes of a message that is no text
    COLUMNS_BEFORE = 33,  // before the text
    COLUMNS_BEHIND = 20,  // for the note on how much more there is
    COLUMNS_MIN = 20,     // of the text, on the narrowest terminal
};

// Writes the first `most` bytes of a message, or a few bytes as hex when it is no text. Returns how
// many bytes it wrote.
static size_t put_text(FILE *out, const struct ws_message *m, size_t most)
{
    struct slice text = slice_of(m->text.p, most);
    if (m->kept.opcode == 8 && text.len >= 2) { // RFC 6455 §5.5.1: a code, and a reason
        (void)fprintf(out, "%u ", (unsigned char)text.p[0] * 256U + (unsigned char)text.p[1]);
        write_safe(out, slice_of(text.p + 2, text.len - 2));
        return text.len;
    }
    if (utf8_is_readable(text) && (!m->kept.compressed || m->inflated)) {
        write_safe(out, text);
        return text.len;
    }
    size_t shown = text.len < MESSAGE_HEX_MAX ? text.len : MESSAGE_HEX_MAX;
    for (size_t i = 0; i < shown; i++)
        (void)fprintf(out, "%02x ", (unsigned char)text.p[i]);
    return shown;
}

// Bytes of a message to write: on a terminal as many as fit on its row, COLUMNS_MIN at least.
static size_t most_of(const struct show *s, struct slice text)
{
    const size_t taken = COLUMNS_BEFORE + COLUMNS_BEHIND;
    size_t fits = utf8_prefix_len(text, SHOW_MESSAGE_MAX);
    if (s->columns == 0)
        return fits;
    size_t most = s->columns > taken + COLUMNS_MIN ? s->columns - taken : COLUMNS_MIN;
    return show_fitting_bytes(slice_of(text.p, fits), most);
}

static void put_message(const struct show *s, const struct ws_message *m)
{
    char at[TEXT_NUMBER_MAX];
    char size[TEXT_NUMBER_MAX];
    bool from_visitor = m->kept.side == RECORD_REQUEST;
    show_coloured(s, from_visitor ? TEXT_CYAN : TEXT_GREEN, from_visitor ? "->" : "<-");
    (void)fprintf(s->out, " %-6s ", ws_opcode_name(m->kept.opcode));
    show_colour(s, TEXT_DIM);
    (void)fprintf(s->out, "%10s %10s  ", text_duration(m->kept.at_ns, at),
                  text_size(m->kept.size, size));
    show_colour(s, TEXT_PLAIN);
    size_t shown = put_text(s->out, m, most_of(s, m->text));
    show_colour(s, TEXT_DIM);
    if (shown < m->text.len)
        (void)fprintf(s->out, " … %s more", text_size(m->text.len - shown, size));
    if (m->kept.compressed && !m->inflated)
        (void)fputs(" (compressed)", s->out);
    if (m->cut)
        (void)fputs(" (cut)", s->out);
    show_colour(s, TEXT_PLAIN);
    (void)fputc('\n', s->out);
}

static void put_rest(const struct show *s, const struct record_exchange *x, uint64_t rest)
{
    char text[96];
    (void)snprintf(text, sizeof(text), "  … %" PRIu64 " more message%s; all of them:\n", rest,
                   text_plural(rest));
    show_coloured(s, TEXT_DIM, text);
    show_command(s, x, "", " | less");
}

bool show_messages(const struct show *s, const struct record_exchange *x)
{
    struct ws_messages messages;
    struct ws_message m;
    int status = 0;
    size_t most = s->columns > 0 ? s->rows : SIZE_MAX;
    ws_messages_init(&messages, s->reader, x->seq);
    for (size_t shown = 0; shown < most && (status = ws_messages_next(&messages, &m)) > 0; shown++)
        put_message(s, &m);
    if (status > 0 && messages.number < messages.end)
        put_rest(s, x, messages.end - messages.number);
    ws_messages_deinit(&messages);
    return status >= 0;
}
