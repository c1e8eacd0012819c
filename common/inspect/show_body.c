// SPDX-License-Identifier: MIT
// Bodies and messages for people: text as text, JSON laid out, the rest as a few lines of hex.
#include <inttypes.h>
#include "bits.h"
#include "common/utf8.h"
#include "heads.h"
#include "json_indent.h"
#include "messages.h"
#include "shell_quote.h"
#include "show.h"
#include "text.h"

enum {
    MESSAGE_HEX_MAX = 32, // bytes of a message that is not text
};

static void put_line(FILE *out, struct slice line)
{
    size_t shown = line.len < SHOW_LINE_MAX ? line.len : SHOW_LINE_MAX;
    if (line.len > 0 && shown == line.len && line.p[line.len - 1] == '\r')
        shown--;
    struct slice rest = slice_of(line.p, shown);
    while (rest.len > 0) { // a tab moves the cursor on, and that is all
        const char *tab = memchr(rest.p, '\t', rest.len);
        size_t len = tab ? (size_t)(tab - rest.p) : rest.len;
        write_safe(out, slice_of(rest.p, len));
        if (tab)
            (void)fputc('\t', out);
        len += tab ? 1 : 0;
        rest = slice_of(rest.p + len, rest.len - len);
    }
    if (line.len > SHOW_LINE_MAX)
        (void)fprintf(out, " … %zu bytes more on this line", line.len - shown);
    (void)fputc('\n', out);
}

static void put_text(FILE *out, struct slice s)
{
    while (s.len > 0) {
        const char *feed = memchr(s.p, '\n', s.len);
        size_t len = feed ? (size_t)(feed - s.p) : s.len;
        put_line(out, slice_of(s.p, len));
        len += feed ? 1 : 0;
        s = slice_of(s.p + len, s.len - len);
    }
}

static void put_hex(FILE *out, struct slice s)
{
    for (size_t at = 0; at < s.len && at < SHOW_HEX_MAX; at += 16) {
        (void)fprintf(out, "  %08zx ", at);
        for (size_t i = at; i < at + 16; i++) {
            if (i < s.len)
                (void)fprintf(out, " %02x", (unsigned char)s.p[i]);
            else
                (void)fputs("   ", out);
        }
        (void)fputs("  ", out);
        for (size_t i = at; i < at + 16 && i < s.len; i++)
            (void)fputc(s.p[i] >= ' ' && s.p[i] <= '~' ? s.p[i] : '.', out);
        (void)fputc('\n', out);
    }
}

// Where `s` is cut: at most `max` bytes, not within a character of UTF-8.
static size_t cut_at(struct slice s, size_t max)
{
    if (s.len <= max)
        return s.len;
    while (max > 0 && ((unsigned char)s.p[max] & 0xc0) == 0x80)
        max--;
    return max;
}

static void put_rest(const struct show *s, const struct record_exchange *x, enum record_side side,
                     uint64_t rest)
{
    char size[TEXT_NUMBER_MAX];
    struct buf id = {0};
    if (rest == 0 || !shell_quote(&id, slice_str(x->id)))
        return;
    (void)fprintf(s->out, "… %s more; all of it: %s show ", text_size(rest, size), s->program);
    write_safe(s->out, buf_slice(&id)); // it will be pasted
    (void)fprintf(s->out, " --body %s%s\n", side == RECORD_REQUEST ? "request" : "response",
                  s->decode ? "" : " --raw");
    buf_free(&id);
}

static void put_body(const struct show *s, const struct record_exchange *x, enum record_side side,
                     struct slice body)
{
    struct buf json = {0};
    struct slice text = body;
    if (!utf8_is_readable(body)) {
        put_hex(s->out, body);
        put_rest(s, x, side, body.len > SHOW_HEX_MAX ? body.len - SHOW_HEX_MAX : 0);
        return;
    }
    bool may_be_json = body.len > 0 && strchr("{[ \t\r\n", body.p[0]);
    if (s->decode && may_be_json && json_indent(body, &json))
        text = buf_slice(&json);
    size_t shown = cut_at(text, SHOW_BODY_MAX);
    put_text(s->out, slice_of(text.p, shown));
    put_rest(s, x, side, text.len - shown);
    buf_free(&json);
}

bool show_body(const struct show *s, const struct record_exchange *x, enum record_side side)
{
    char size[2][TEXT_NUMBER_MAX];
    const struct record_body *b = &x->body[side];
    struct record_decoded d = {0};
    bool ok = s->decode ? record_reader_decoded(s->reader, x, side, &d)
                        : record_reader_body(s->reader, x->seq, side, &d.body);
    if (!ok) {
        (void)fputs("(the body cannot be read: the record is damaged, or memory is out)\n", s->out);
        return false;
    }
    if (b->bytes == 0 || has_messages(x))
        return true;
    put_body(s, x, side, d.body);
    if (b->kept < b->bytes)
        (void)fprintf(s->out, "(%s of %s were kept)\n", text_size(b->kept, size[0]),
                      text_size(b->bytes, size[1]));
    else if (s->decode && !d.whole)
        (void)fprintf(s->out, "(%s: this is as far as it goes)\n", undecoded(x, side, d.over));
    if (d.wrong.len > 0) {
        (void)fputs("(it is not ", s->out);
        write_safe(s->out, d.wrong);
        (void)fputs(", although Content-Encoding says so: this is as it came)\n", s->out);
    }
    return true;
}

// What it says; of what is no text a few bytes. Returns how many of its bytes that were.
static size_t put_message_text(FILE *out, const struct message *m)
{
    struct slice text = slice_of(m->text.p, cut_at(m->text, SHOW_MESSAGE_MAX));
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

static void put_message(const struct show *s, const struct message *m)
{
    char at[TEXT_NUMBER_MAX];
    char size[TEXT_NUMBER_MAX];
    (void)fprintf(s->out, "%s %-6s %10s %10s  ", m->kept.side == RECORD_REQUEST ? "->" : "<-",
                  message_kind(m->kept.opcode), text_duration(m->kept.at_ns, at),
                  text_size(m->kept.size, size));
    size_t shown = put_message_text(s->out, m);
    if (shown < m->text.len)
        (void)fprintf(s->out, " … %s more", text_size(m->text.len - shown, size));
    if (m->kept.compressed && !m->inflated)
        (void)fputs(" (compressed)", s->out);
    if (m->cut)
        (void)fputs(" (cut)", s->out);
    (void)fputc('\n', s->out);
}

bool show_messages(const struct show *s, const struct record_exchange *x)
{
    struct messages messages;
    struct message m;
    int status = 0;
    messages_init(&messages, s->reader, x->seq);
    while ((status = messages_next(&messages, &m)) > 0)
        put_message(s, &m);
    messages_deinit(&messages);
    return status == 0;
}
