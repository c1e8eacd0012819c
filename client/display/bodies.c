// SPDX-License-Identifier: MIT
// Everything is indented, bodies by more than what is ours: a body cannot look like the line of
// another exchange, nor like a remark. Memory that is not
// there leaves a gap in what is shown, and nothing worse.
#include "bodies.h"
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>
#include "common/base/printable.h"
#include "common/base/utf8.h"
#include "common/inspect/body_text.h"
#include "common/record/read/decode.h"
#include "proto/http/credentials.h"

enum {
    MARK = 4, // bytes before each line: "  > ", or spaces before a body's
    WORD_MAX = 96,
    BODIES_GROWTH = 512, // by which marks for values make a text longer, at most
    NOTICES_BYTES = 2048 // the lines that are ours
};

// A '?' is no longer than what it stands for.
_Static_assert(2 * (BODIES_HEAD_BYTES + BODIES_TRAILER_BYTES + BODIES_SHOWN_BYTES + NOTICES_BYTES) +
                       LINE_BYTES <=
                   WRITER_BYTES / 2,
               "a block is printed in one piece");

// One direction of an exchange.
struct side {
    struct buf head, body, trailers; // of what is to be shown; heads as lines that are safe
    size_t lines_left_out;           // of its head and trailers
    uint64_t bytes; // of its body; behind a switch of protocols the bytes are another's
    char type[WORD_MAX], coding[WORD_MAX];
};

struct note {
    struct side side[2];
};

static const char *mark_of(enum exchange_side side)
{
    return side == INBOUND ? "  > " : "  < ";
}

static void put(struct buf *b, const char *text)
{
    (void)buf_append(b, text, strlen(text));
}

// On one line; tabs pass too.
static void put_safe(struct buf *b, struct slice s)
{
    struct printable p = {0};
    while (s.len > 0) {
        bool tab = s.p[0] == '\t';
        struct shown shown = printable_next(&p, &s);
        if (shown.as_is)
            (void)buf_append(b, shown.text.p, shown.text.len);
        else
            put(b, tab ? "\t" : "?");
    }
}

static struct note *note_of(const struct exchange *x)
{
    return x->note[EXCHANGE_NOTE_DISPLAY];
}

static size_t size_of(const struct side *s)
{
    return buf_len(&s->head) + buf_len(&s->body) + buf_len(&s->trailers);
}

static size_t room(const struct bodies *b, const struct buf *of, size_t most)
{
    size_t in_all = BODIES_HELD_BYTES - b->held;
    size_t here = most - buf_len(of);
    return here < in_all ? here : in_all;
}

// Puts a line into text that has room for `most` bytes. False: it has not.
static bool put_line(struct bodies *b, struct buf *to, size_t most, const struct slice parts[3])
{
    size_t len = parts[0].len + parts[1].len + parts[2].len + MARK + 1;
    size_t before = buf_len(to);
    if (len > room(b, to, most))
        return false;
    (void)buf_append(to, parts[0].p, parts[0].len);
    put_safe(to, parts[1]);
    put_safe(to, parts[2]);
    put(to, "\n");
    b->held += buf_len(to) - before;
    return true;
}

// Text without the values of credentials in its URLs: itself, or a copy in `*memory` (free).
static struct slice without_secrets(struct slice text, enum credential_place place, char **memory)
{
    const size_t most = text.len + BODIES_GROWTH;
    *memory = credential_may_be_in(text) ? malloc(most) : NULL;
    if (!*memory)
        return text;
    struct credential_sink sink = {.at = *memory, .left = most};
    credential_write_url(&sink, text, place, &credential_rules_all);
    return sink.any ? slice_of(*memory, most - sink.left) : text;
}

static void put_fields(struct bodies *b, struct side *s, struct buf *to, enum exchange_side side,
                       const struct http_head *head)
{
    size_t most = to == &s->trailers ? BODIES_TRAILER_BYTES : BODIES_HEAD_BYTES;
    char name[WORD_MAX * 2];
    for (size_t i = 0; i < head->field_count; i++) {
        const struct field *f = &head->fields[i];
        char *memory = NULL;
        struct slice value = credential_is_field(f->name)
                                 ? CREDENTIAL_MARK
                                 : without_secrets(f->value, CREDENTIAL_SOMEWHERE, &memory);
        int len = snprintf(name, sizeof(name), "%.*s: ", (int)f->name.len, f->name.p);
        const struct slice parts[3] = {slice_str(mark_of(side)), slice_str(name), value};
        if (len >= (int)sizeof(name) || !put_line(b, to, most, parts))
            s->lines_left_out++;
        free(memory);
    }
}

static void keep_word(char out[static WORD_MAX], const struct http_head *head, struct slice name)
{
    const struct field *f = head_find(head, name);
    size_t len = f && f->value.len < WORD_MAX ? f->value.len : 0;
    out[0] = 0;
    if (len > 0)
        memcpy(out, f->value.p, len);
    out[len] = 0;
}

static void keep_kind(struct side *s, const struct http_head *head)
{
    keep_word(s->type, head, SLICE("content-type"));
    keep_word(s->coding, head, SLICE("content-encoding"));
}

static void on_begun(void *ctx, struct exchange *x, const struct http_head *request)
{
    struct bodies *b = ctx;
    struct note *n = calloc(1, sizeof(*n));
    x->note[EXCHANGE_NOTE_DISPLAY] = n;
    if (!n)
        return;
    struct buf *to = &n->side[INBOUND].head;
    bool lacks_path = request->target.len > 0 && request->target.p[0] == '?';
    char method[WORD_MAX];
    (void)snprintf(method, sizeof(method), "%s%.*s %s", mark_of(INBOUND),
                   (int)(request->method.len < WORD_MAX / 2 ? request->method.len : WORD_MAX / 2),
                   request->method.p, lacks_path ? "/" : "");
    char *memory;
    const struct slice line[3] = {slice_str(method),
                                  without_secrets(request->target, CREDENTIAL_TARGET, &memory),
                                  request->minor_version ? SLICE(" HTTP/1.1") : SLICE(" HTTP/1.0")};
    n->side[INBOUND].lines_left_out += !put_line(b, to, BODIES_HEAD_BYTES, line);
    free(memory);
    // Out of a tunnel it comes without.
    const struct slice host[3] = {SLICE("  > Host: "), request->authority, SLICE("")};
    if (request->authority.len > 0 && !head_find(request, SLICE("host")))
        (void)put_line(b, to, BODIES_HEAD_BYTES, host);
    put_fields(b, &n->side[INBOUND], to, INBOUND, request);
    keep_kind(&n->side[INBOUND], request);
}

static void on_head(void *ctx, struct exchange *x, const struct http_head *response)
{
    struct bodies *b = ctx;
    struct note *n = note_of(x);
    char status[32];
    if (!n)
        return;
    struct buf *to = &n->side[OUTBOUND].head;
    (void)snprintf(status, sizeof(status), "%sHTTP/1.%u %u ", mark_of(OUTBOUND),
                   response->minor_version, response->status);
    struct slice reason = response->reason;
    if (reason.len > WORD_MAX)
        reason.len = WORD_MAX;
    const struct slice line[3] = {slice_str(status), reason, SLICE("")};
    n->side[OUTBOUND].lines_left_out += !put_line(b, to, BODIES_HEAD_BYTES, line);
    put_fields(b, &n->side[OUTBOUND], to, OUTBOUND, response);
    if (response->upgrade.len > 0 && !head_find(response, SLICE("upgrade"))) { // out of a tunnel
        const struct slice upgrade[3] = {SLICE("  < upgrade: "), response->upgrade, SLICE("")};
        (void)put_line(b, to, BODIES_HEAD_BYTES, upgrade);
    }
    keep_kind(&n->side[OUTBOUND], response);
}

static void on_data(void *ctx, struct exchange *x, enum exchange_side from, struct slice bytes)
{
    struct bodies *b = ctx;
    struct note *n = note_of(x);
    if (!n || x->upgraded)
        return;
    struct side *s = &n->side[from];
    size_t most = room(b, &s->body, BODIES_BODY_BYTES);
    bool gap = s->bytes > buf_len(&s->body); // something before was left out
    size_t len = gap ? 0 : bytes.len < most ? bytes.len : most;
    s->bytes += bytes.len;
    if (len > 0 && buf_append(&s->body, bytes.p, len))
        b->held += len;
}

static void on_finished(void *ctx, struct exchange *x, enum exchange_side from,
                        const struct http_head *trailers)
{
    struct bodies *b = ctx;
    struct note *n = note_of(x);
    if (n && trailers)
        put_fields(b, &n->side[from], &n->side[from].trailers, from, trailers);
}

// How much of its end is a character that was cut.
static size_t torn(struct slice s)
{
    for (size_t back = 1; back < 4 && back <= s.len; back++)
        if (utf8_is_cut(slice_of(s.p + s.len - back, back)))
            return back;
    return 0;
}

__attribute__((format(printf, 2, 3))) static void put_notice(struct buf *out, const char *format,
                                                             ...)
{
    char line[WORD_MAX];
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

// Of what is to be shown of a body, how much still may be, and what is left out.
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
    const size_t around = MARK + line->name.len + (pair ? 3 : 0) + 1;
    if (p->lines_left == 0 || p->bytes_left < around || p->line_was_cut) {
        p->lines_left_out++;
        return;
    }
    size_t len = utf8_fits(line->text, p->bytes_left - around);
    put(p->out, ours ? "  " : "    ");
    put_safe(p->out, line->name);
    put(p->out, pair ? " = " : "");
    put_safe(p->out, slice_of(line->text.p, len));
    put(p->out, "\n");
    p->lines_left--;
    p->bytes_left -= around + len;
    p->line_was_cut = len < line->text.len;
}

static void put_unshown(struct buf *out, const struct side *s)
{
    put_notice(out, "  (%llu byte%s", (unsigned long long)s->bytes, plural(s->bytes));
    put(out, s->type[0] ? " of " : "");
    put_safe(out, slice_str(s->type));
    put(out, s->coding[0] ? ", " : "");
    put_safe(out, slice_str(s->coding));
    put(out, ")\n");
}

// The body as its codings say; `work` is memory for that.
static struct decoded decode(const struct side *s, struct slice kept, bool cut, struct buf work[2])
{
    struct decode_codings codings = {.partial = cut};
    struct decoded d = {0};
    decode_add(&codings, slice_str(s->coding));
    if (!decode_body(&codings, kept, BODIES_DECODED_BYTES, work, &d))
        d = (struct decoded){.body = kept, .whole = true}; // there is no memory
    return d;
}

// Says how much of a body is not shown, and why.
static void put_missing(const struct page *p, const struct side *s, const struct decoded *d,
                        uint64_t more)
{
    if (p->lines_left_out > 0)
        put_notice(p->out, "  (%llu more line%s)\n", (unsigned long long)p->lines_left_out,
                   plural(p->lines_left_out));
    else if (p->line_was_cut)
        put(p->out, "  (the last line goes on)\n");
    if (d->wrong.len > 0)
        put_notice(p->out, "  (it is not %.*s, although Content-Encoding says so)\n",
                   (int)d->wrong.len, d->wrong.p);
    if (d->over)
        put_notice(p->out, "  (more than %d KiB when it is decoded)\n",
                   BODIES_DECODED_BYTES / 1024);
    else if (!d->whole && more == 0)
        put(p->out, "  (not all of it can be decoded)\n");
    if (more == 0)
        return;
    put_notice(p->out, "  (%llu more byte%s", (unsigned long long)more, plural(more));
    put(p->out, d->decoded ? " of " : "");
    put_safe(p->out, slice_str(d->decoded ? s->coding : ""));
    put(p->out, ")\n");
}

static void put_body(struct buf *out, const struct side *s, bool broken_off)
{
    struct slice kept = slice_of(s->body.bytes ? buf_at(&s->body) : "", buf_len(&s->body));
    struct page p = {.out = out, .lines_left = BODIES_BODY_LINES, .bytes_left = BODIES_SHOWN_BYTES};
    struct buf work[2] = {{0}};
    if (s->bytes == 0)
        return;
    bool cut = s->bytes > kept.len || broken_off;
    struct decoded d = decode(s, kept, cut, work);
    bool coded = s->coding[0] && strcasecmp(s->coding, "identity") != 0;
    if (!d.decoded && s->bytes > kept.len)
        d.body.len -= torn(kept);
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
    const struct side *s = &note_of(x)->side[side];
    const struct exchange_direction *d = &x->direction[side];
    if (buf_len(&s->head) == 0 && s->lines_left_out == 0)
        return;
    if (buf_len(&s->head) > 0)
        (void)buf_append(out, buf_at(&s->head), buf_len(&s->head));
    if (s->lines_left_out > 0)
        put_notice(out, "%s(%zu more line%s)\n", mark_of(side), s->lines_left_out,
                   plural(s->lines_left_out));
    put(out, side == INBOUND ? "  >\n" : "  <\n");
    bool broken_off = d->begun && !d->ended && d->framing.kind != BODY_NONE;
    put_body(out, s, broken_off);
    if (x->upgraded)
        put_notice(out, "  (%llu byte%s behind the switch)\n",
                   (unsigned long long)(d->bytes - s->bytes), plural(d->bytes - s->bytes));
    else if (broken_off)
        put(out, "  (broken off)\n");
    if (buf_len(&s->trailers) > 0)
        (void)buf_append(out, buf_at(&s->trailers), buf_len(&s->trailers));
}

static void put_time(struct line *l, const char *what, uint64_t from_ns, uint64_t to_ns)
{
    if (to_ns < from_ns || to_ns == 0)
        return;
    line_put(l, what);
    line_duration(l, to_ns - from_ns);
}

static void put_times(struct buf *out, const struct exchange *x, const struct console *console)
{
    const struct exchange_direction *response = &x->direction[OUTBOUND];
    struct line l;
    line_clear(&l);
    line_put(&l, "  = ");
    line_put(&l, x->info.id + (console->place.columns > 0 ? EXCHANGE_ID_LEN - LINE_ID_END : 0));
    line_put(&l, ":");
    put_time(&l, " sent on after ", x->info.begun_ns, x->info.sent_on_ns);
    if (x->info.connect_ns > 0)
        put_time(&l, ", of which connecting ", 0, x->info.connect_ns);
    put_time(&l, x->info.sent_on_ns ? ", answered after " : " answered after ", x->info.begun_ns,
             x->info.answered_ns);
    put_time(&l, ", last byte after ", x->info.begun_ns, response->last_ns);
    line_put(&l, "\n");
    (void)buf_append(out, l.text, l.len);
}

static void let_go(struct bodies *b, struct exchange *x)
{
    struct note *n = note_of(x);
    if (!n)
        return;
    x->note[EXCHANGE_NOTE_DISPLAY] = NULL;
    for (int side = 0; side < 2; side++) {
        struct side *s = &n->side[side];
        b->held -= size_of(s);
        buf_free(&s->head);
        buf_free(&s->body);
        buf_free(&s->trailers);
    }
    free(n);
}

static void on_closed(void *ctx, struct exchange *x, enum exchange_outcome why)
{
    struct bodies *b = ctx;
    struct line first;
    console_exchange(b->console, x, why, &first);
    first.text[first.len++] = '\n';
    (void)buf_append(&b->block, first.text, first.len);
    if (note_of(x)) {
        put_side(&b->block, x, INBOUND);
        put_side(&b->block, x, OUTBOUND);
        put_times(&b->block, x, b->console);
    }
    console_block(b->console, slice_of(buf_at(&b->block), buf_len(&b->block)));
    buf_take(&b->block, buf_len(&b->block));
    let_go(b, x);
}

static void on_discarded(void *ctx, struct exchange *x)
{
    let_go(ctx, x);
}

void bodies_init(struct bodies *b, struct console *console)
{
    *b = (struct bodies){.console = console};
    b->observer = (struct exchange_observer){.begun = on_begun,
                                             .head = on_head,
                                             .data = on_data,
                                             .finished = on_finished,
                                             .closed = on_closed,
                                             .discarded = on_discarded,
                                             .ctx = b};
}

void bodies_deinit(struct bodies *b)
{
    buf_free(&b->block);
}
