// SPDX-License-Identifier: MIT
// Writes a body for people, cut to what a person looks at.
#include <inttypes.h>
#include "body_text.h"
#include "proto/utf8.h"
#include "recorded.h"
#include "show.h"
#include "write.h"

enum {
    MORE_ROWS = 2,           // of the note where a body is cut
    MORE_COLUMNS = 32,       // of the note behind a line that is cut
    WHOLE_LINE_BYTES = 4096, // without a terminal, shorter lines are written whole or not at all
};

// The room for a body, and what was left out.
struct page {
    const struct show *s;
    size_t rows_left;      // on a terminal
    size_t bytes_left;     // without a terminal
    uint64_t lines, bytes; // on a terminal: of the whole body, less those that were written
    uint64_t lines_hidden, bytes_hidden;
    bool line_was_cut, part_was_cut;
};

// Bytes of a text that fit into `most` columns, or without a terminal into `most` bytes. A text
// that is cut leaves room for the note on that.
static size_t fits(const struct show *s, struct slice text, size_t most)
{
    if (s->columns == 0)
        return utf8_prefix_len(text, most);
    size_t len = show_fitting_bytes(text, most);
    if (len == text.len)
        return len;
    return show_fitting_bytes(text,
                              most > 2 * (size_t)MORE_COLUMNS ? most - MORE_COLUMNS : most / 2);
}

// Writes a line, at most `most` columns of a text, or without a terminal `most` bytes. Returns the
// rows that it took.
static size_t put_line(struct page *p, const struct body_line *line, size_t most)
{
    const struct show *s = p->s;
    const bool ours = line->kind == BODY_LINE_REMARK || line->kind == BODY_LINE_MORE;
    struct show_line l = {s, ours ? 2 : SHOW_INDENT, 0};
    size_t shown = fits(s, line->text, most);
    (void)fprintf(s->out, "%*s", (int)l.column, "");
    if (ours)
        show_colour(s, TEXT_DIM);
    if (line->kind == BODY_LINE_PAIR) {
        show_colour(s, TEXT_CYAN);
        show_untrusted(&l, slice_of(line->name.p, fits(s, line->name, most)));
        show_colour(s, TEXT_PLAIN);
        show_untrusted(&l, SLICE(" = "));
    }
    show_untrusted(&l, slice_of(line->text.p, shown));
    if (ours)
        show_colour(s, TEXT_PLAIN);
    if (shown < line->text.len) {
        char size[TEXT_NUMBER_MAX];
        char more[TEXT_NUMBER_MAX + 64];
        (void)snprintf(more, sizeof(more), " … %s more on this line",
                       text_size(line->text.len - shown, size));
        if (s->columns > 0 && l.column + MORE_COLUMNS > s->columns) {
            (void)fputs("\n ", s->out);
            l.rows++;
        }
        show_coloured(s, TEXT_DIM, more);
        p->line_was_cut = true;
    }
    (void)fputc('\n', s->out);
    return l.rows + 1;
}

// Writes a line while there is room, and counts the lines that are left out. On a terminal
// rows are the room; elsewhere bytes, and short lines are not cut.
static void on_line(void *ctx, const struct body_line *line)
{
    struct page *p = ctx;
    size_t columns = p->s->columns;
    size_t len = line->name.len + line->text.len + 1;
    bool is_full = columns > 0
                       ? p->rows_left == 0
                       : p->bytes_left == 0 || (len > p->bytes_left && len <= WHOLE_LINE_BYTES);
    bool is_more = line->kind == BODY_LINE_MORE;
    p->part_was_cut = p->part_was_cut || (is_more && columns > 0);
    if (p->lines_hidden > 0 || (is_full && !is_more)) {
        p->lines_hidden++;
        p->bytes_hidden += len;
        return;
    }
    if (p->lines > 0 && !is_more) {
        p->lines--;
        p->bytes -= len;
    }
    if (columns == 0) {
        (void)put_line(p, line, p->bytes_left);
        p->bytes_left -= len < p->bytes_left ? len : p->bytes_left;
        return;
    }
    size_t most = p->rows_left < SHOW_LINE_ROWS ? p->rows_left : SHOW_LINE_ROWS;
    most += most == 0 ? 1 : 0;
    size_t room = columns > SHOW_INDENT ? columns - SHOW_INDENT : columns;
    size_t rows = put_line(p, line, most * room);
    p->rows_left -= rows < p->rows_left ? rows : p->rows_left;
}

// Says how much of a body was left out, and which command writes all of it.
static void put_rest(const struct page *p, const struct record_exchange *x, enum record_side side)
{
    const struct show *s = p->s;
    char size[TEXT_NUMBER_MAX];
    bool request = side == RECORD_REQUEST;
    if (p->lines_hidden == 0 && p->bytes_hidden == 0 && !p->line_was_cut && !p->part_was_cut)
        return;
    show_colour(s, TEXT_DIM);
    if (p->lines_hidden > 0)
        (void)fprintf(s->out, "  … %" PRIu64 " more line%s (%s)", p->lines_hidden,
                      text_plural(p->lines_hidden), text_size(p->bytes_hidden, size));
    else if (p->bytes_hidden > 0)
        (void)fprintf(s->out, "  … %s more", text_size(p->bytes_hidden, size));
    else if (p->line_was_cut)
        (void)fputs("  … lines were cut", s->out);
    else
        (void)fputs("  … parts were cut", s->out);
    (void)fputs("; all of it:\n", s->out);
    show_colour(s, TEXT_PLAIN);
    if (s->decode)
        show_command(s, x, request ? " --body request" : " --body response", "");
    else
        show_command(s, x, request ? " --body request --raw" : " --body response --raw", "");
}

// Bytes in a line of hex that fit: each takes four columns.
static size_t hex_row(const struct show *s)
{
    if (s->columns == 0 || s->columns >= 80)
        return BODY_TEXT_HEX_ROW;
    return s->columns >= 48 ? BODY_TEXT_HEX_ROW / 2 : BODY_TEXT_HEX_ROW / 4;
}

static void count_line(void *ctx, const struct body_line *line)
{
    struct page *p = ctx;
    if (line->kind == BODY_LINE_MORE)
        return;
    p->lines++;
    p->bytes += line->name.len + line->text.len + 1;
}

// Fits the page to a body on a terminal. A body that exceeds it by no more than the rows of the
// note is written whole. Otherwise each text part of a multipart gets a third, so that several are
// seen.
static void fit_page(struct page *p, struct body_text *text, struct slice body)
{
    struct body_text all = *text;
    if (p->s->columns == 0)
        return;
    all.put = count_line;
    (void)body_text(&all, body);
    if (p->lines > p->rows_left && p->lines <= p->rows_left + MORE_ROWS)
        p->rows_left = (size_t)p->lines;
    else if (p->lines > p->rows_left)
        text->part_lines = p->rows_left / 3;
}

static void put_body(struct page *p, const struct record_exchange *x, enum record_side side,
                     const struct record_decoded *d)
{
    const struct record_body *b = &x->body[side];
    struct slice head = side == RECORD_REQUEST ? x->request_head : x->response_head;
    struct body_text text = {
        .type = record_field(head, SLICE("content-type")),
        .cut = b->kept < b->bytes || !d->whole,
        .as_it_is = !p->s->decode,
        .part_hex_bytes = SHOW_PART_HEX_MAX,
        .hex_row = hex_row(p->s),
        .put = on_line,
        .ctx = p,
    };
    fit_page(p, &text, d->body);
    if (!body_text(&text, d->body)) {
        body_hex(&text, d->body, SHOW_HEX_MAX);
        p->bytes_hidden += d->body.len > SHOW_HEX_MAX ? d->body.len - SHOW_HEX_MAX : 0;
    }
    if (p->lines > 0) {
        p->lines_hidden = p->lines;
        p->bytes_hidden = p->bytes;
    }
    put_rest(p, x, side);
}

// Says what is missing of a body, or wrong with it.
static void put_remarks(const struct show *s, const struct record_exchange *x,
                        enum record_side side, const struct record_decoded *d)
{
    char size[2][TEXT_NUMBER_MAX];
    const struct record_body *b = &x->body[side];
    if (b->kept == b->bytes && (!s->decode || d->whole) && d->wrong.len == 0)
        return;
    show_colour(s, TEXT_DIM);
    if (b->kept < b->bytes)
        (void)fprintf(s->out, "  (%s of %s were kept)\n", text_size(b->kept, size[0]),
                      text_size(b->bytes, size[1]));
    else if (s->decode && !d->whole)
        (void)fprintf(s->out, "  (%s: this is as far as it could be decoded)\n",
                      recorded_why_undecoded(x, side, d->over));
    if (d->wrong.len > 0) {
        (void)fputs("  (it is not ", s->out);
        write_safe(s->out, d->wrong);
        (void)fputs(", although Content-Encoding says so: this is as it came)\n", s->out);
    }
    show_colour(s, TEXT_PLAIN);
}

bool show_body(const struct show *s, const struct record_exchange *x, enum record_side side)
{
    struct page p = {.s = s, .rows_left = s->rows, .bytes_left = SHOW_PIPE_BYTES};
    struct record_decoded d = {.whole = true};
    bool ok = s->decode ? record_reader_decoded(s->reader, x, side, &d)
                        : record_reader_body(s->reader, x->seq, side, &d.body);
    if (!ok) {
        (void)fputs("  (the record is damaged, or memory ran out: the body cannot be read)\n",
                    s->out);
        return false;
    }
    if (x->body[side].bytes == 0 || recorded_has_messages(x))
        return true;
    put_body(&p, x, side, &d);
    put_remarks(s, x, side, &d);
    return true;
}
