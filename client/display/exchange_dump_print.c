// SPDX-License-Identifier: MIT
// Lays out an exchange that has ended. Every line is indented, and a body's lines deeper than our
// own: no body can pass for the line of another exchange or for a remark of ours.
#include <stdarg.h>
#include <stdio.h>
#include <strings.h>
#include "common/base/printable.h"
#include "common/inspect/body_text.h"
#include "common/record/read/decode.h"
#include "exchange_dump_internal.h"
#include "proto/utf8.h"

void dump_put_safe(struct buf *b, struct slice s)
{
    struct printable p = {0};
    while (s.len > 0) {
        bool tab = s.p[0] == '\t';
        struct shown shown = printable_next(&p, &s);
        if (shown.as_is)
            (void)buf_append(b, shown.text.p, shown.text.len);
        else
            dump_put(b, tab ? "\t" : "?");
    }
}

// Bytes at the end of `s` that are the beginning of a cut character.
static size_t cut_tail_len(struct slice s)
{
    for (size_t back = 1; back < 4 && back <= s.len; back++)
        if (utf8_is_truncated(slice_of(s.p + s.len - back, back)))
            return back;
    return 0;
}

__attribute__((format(printf, 2, 3))) static void put_notice(struct buf *out, const char *format,
                                                             ...)
{
    char line[DUMP_WORD_MAX];
    va_list args;
    va_start(args, format);
    int len = vsnprintf(line, sizeof(line), format, args);
    va_end(args);
    (void)buf_append(out, line, len < (int)sizeof(line) ? (size_t)len : sizeof(line) - 1);
}

static const char *plural(uint64_t n)
{
    return n == 1 ? "" : "s";
}

// Room left for a body's lines, and a count of those left out.
struct page {
    struct buf *out;
    size_t lines_left, bytes_left;
    uint64_t lines_left_out;
    bool line_was_cut;
};

static void on_line(void *ctx, const struct body_line *line)
{
    struct page *p = ctx;
    const bool ours = line->kind == BODY_LINE_REMARK || line->kind == BODY_LINE_MORE;
    const bool pair = line->kind == BODY_LINE_PAIR;
    const size_t around = DUMP_MARK + line->name.len + (pair ? 3 : 0) + 1;
    if (p->lines_left == 0 || p->bytes_left < around || p->line_was_cut) {
        p->lines_left_out++;
        return;
    }
    size_t len = utf8_prefix_len(line->text, p->bytes_left - around);
    dump_put(p->out, ours ? "  " : "    ");
    dump_put_safe(p->out, line->name);
    dump_put(p->out, pair ? " = " : "");
    dump_put_safe(p->out, slice_of(line->text.p, len));
    dump_put(p->out, "\n");
    p->lines_left--;
    p->bytes_left -= around + len;
    p->line_was_cut = len < line->text.len;
}

// One line in place of a body that cannot be shown.
static void put_unshown(struct buf *out, const struct dump_side *s)
{
    put_notice(out, "  (%llu byte%s", (unsigned long long)s->bytes, plural(s->bytes));
    dump_put(out, s->type[0] ? " of " : "");
    dump_put_safe(out, slice_str(s->type));
    dump_put(out, s->coding[0] ? ", " : "");
    dump_put_safe(out, slice_str(s->coding));
    dump_put(out, ")\n");
}

// Undoes the body's content codings. The result lies in `kept` or in `work`.
static struct decoded decode(const struct dump_side *s, struct slice kept, bool cut,
                             struct buf work[2])
{
    struct decode_codings codings = {.partial = cut};
    struct decoded d = {0};
    decode_add(&codings, slice_str(s->coding));
    if (!decode_body(&codings, kept, DUMP_DECODED_BYTES, work, &d))
        d = (struct decoded){.body = kept, .whole = true}; // out of memory: as it passed
    return d;
}

// Notes how much of a body is not shown, and why. `more`: bytes, as they passed, beyond those
// shown.
static void put_missing(const struct page *p, const struct dump_side *s, const struct decoded *d,
                        uint64_t more)
{
    if (p->lines_left_out > 0)
        put_notice(p->out, "  (%llu more line%s)\n", (unsigned long long)p->lines_left_out,
                   plural(p->lines_left_out));
    else if (p->line_was_cut)
        dump_put(p->out, "  (the last line goes on)\n");
    if (d->wrong.len > 0)
        put_notice(p->out, "  (it is not %.*s, although Content-Encoding says so)\n",
                   (int)d->wrong.len, d->wrong.p);
    if (d->over)
        put_notice(p->out, "  (more than %d KiB when it is decoded)\n", DUMP_DECODED_BYTES / 1024);
    else if (!d->whole && more == 0)
        dump_put(p->out, "  (not all of it can be decoded)\n");
    if (more == 0)
        return;
    put_notice(p->out, "  (%llu more byte%s", (unsigned long long)more, plural(more));
    dump_put(p->out, d->decoded ? " of " : "");
    dump_put_safe(p->out, slice_str(d->decoded ? s->coding : ""));
    dump_put(p->out, ")\n");
}

static void put_body(struct buf *out, const struct dump_side *s, bool broken_off)
{
    struct slice kept = slice_of(s->body.bytes ? buf_at(&s->body) : "", buf_len(&s->body));
    struct page p = {.out = out, .lines_left = DUMP_BODY_LINES, .bytes_left = DUMP_SHOWN_BYTES};
    struct buf work[2] = {{0}};
    if (s->bytes == 0)
        return;
    bool cut = s->bytes > kept.len || broken_off;
    struct decoded d = decode(s, kept, cut, work);
    bool coded = s->coding[0] && strcasecmp(s->coding, "identity") != 0;
    if (!d.decoded && s->bytes > kept.len)
        d.body.len -= cut_tail_len(kept);
    const struct body_text text = {
        .type = slice_str(s->type), .cut = cut || !d.whole, .put = on_line, .ctx = &p};
    bool known = !coded || d.decoded || d.wrong.len > 0;
    if (kept.len > 0 && known && body_text(&text, d.body))
        put_missing(&p, s, &d, s->bytes - (d.decoded ? kept.len : d.body.len));
    else
        put_unshown(out, s);
    buf_free(&work[0]);
    buf_free(&work[1]);
}

static void put_side(struct buf *out, const struct exchange *x, enum exchange_side side)
{
    const struct dump_side *s = &dump_note_of(x)->side[side];
    const struct exchange_direction *d = &x->direction[side];
    if (buf_len(&s->head) == 0 && s->lines_left_out == 0)
        return;
    if (buf_len(&s->head) > 0)
        (void)buf_append(out, buf_at(&s->head), buf_len(&s->head));
    if (s->lines_left_out > 0)
        put_notice(out, "%s(%zu more line%s)\n", dump_mark(side), s->lines_left_out,
                   plural(s->lines_left_out));
    dump_put(out, side == INBOUND ? "  >\n" : "  <\n");
    bool broken_off =
        (side == INBOUND ? d->begun : x->responded) && !d->ended && d->framing.kind != BODY_NONE;
    put_body(out, s, broken_off);
    if (x->upgraded)
        put_notice(out, "  (%llu byte%s behind the switch)\n",
                   (unsigned long long)(d->bytes - s->bytes), plural(d->bytes - s->bytes));
    else if (broken_off)
        dump_put(out, "  (broken off)\n");
    if (buf_len(&s->trailers) > 0)
        (void)buf_append(out, buf_at(&s->trailers), buf_len(&s->trailers));
}

static void put_time(struct line_buf *l, const char *label, uint64_t from_ns, uint64_t to_ns)
{
    if (to_ns < from_ns || to_ns == 0)
        return;
    line_buf_put(l, label);
    line_buf_duration(l, to_ns - from_ns);
}

static void put_times(struct buf *out, const struct exchange *x, const struct console *console)
{
    const struct exchange_direction *response = &x->direction[OUTBOUND];
    struct line_buf l;
    line_buf_clear(&l);
    line_buf_put(&l, "  = ");
    line_buf_put(&l,
                 x->facts.id + (console->format.columns > 0 ? EXCHANGE_ID_LEN - LINE_ID_CHARS : 0));
    line_buf_put(&l, ":");
    put_time(&l, " sent on after ", x->facts.begun_ns, x->facts.sent_on_ns);
    if (x->facts.connect_ns > 0)
        put_time(&l, ", of which connecting ", 0, x->facts.connect_ns);
    put_time(&l, x->facts.sent_on_ns ? ", answered after " : " answered after ", x->facts.begun_ns,
             x->facts.answered_ns);
    put_time(&l, ", last byte after ", x->facts.begun_ns, response->last_ns);
    line_buf_put(&l, "\n");
    (void)buf_append(out, l.text, l.len);
}

void exchange_dump_print(struct buf *out, const struct exchange *x, const struct console *console)
{
    put_side(out, x, INBOUND);
    put_side(out, x, OUTBOUND);
    put_times(out, x, console);
}
