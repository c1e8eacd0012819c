// SPDX-License-Identifier: MIT
#include "compare_print.h"
#include <inttypes.h>
#include "write.h"

enum {
    LINE_BYTES_MAX = 2000, // of a line: a body without line feeds is one long line
};

struct printer {
    FILE *out;
    const char *part; // of the last difference, compared by address
};

static void print_part(struct printer *p, const char *part)
{
    if (p->part != part)
        (void)fprintf(p->out, "%s%s\n", p->part ? "\n" : "", part);
    p->part = part;
}

static void print_line(struct printer *p, char mark, struct slice s)
{
    if (mark != '@')
        (void)fputc(mark == '\\' ? '\\' : mark, p->out);
    if (mark == '\\')
        (void)fputc(' ', p->out);
    write_safe(p->out, s.len > LINE_BYTES_MAX ? slice_of(s.p, LINE_BYTES_MAX) : s);
    if (s.len > LINE_BYTES_MAX)
        (void)fprintf(p->out, " … and %zu bytes", s.len - LINE_BYTES_MAX);
    (void)fputc('\n', p->out);
}

static void print_named(struct printer *p, char mark, struct slice name, struct slice value)
{
    (void)fputc(mark, p->out);
    write_safe(p->out, name);
    (void)fputs(": ", p->out);
    write_safe(p->out, value);
    (void)fputc('\n', p->out);
}

static void print_difference(void *ctx, const struct difference *d)
{
    struct printer *p = ctx;
    print_part(p, d->part);
    switch (d->kind) {
    case DIFFERENCE_VALUE:
    case DIFFERENCE_FIELD:
        if (d->before.p)
            print_named(p, '-', d->name, d->before);
        if (d->after.p)
            print_named(p, '+', d->name, d->after);
        return;
    case DIFFERENCE_LINE: print_line(p, d->mark, d->line); return;
    case DIFFERENCE_BYTES:
        (void)fprintf(p->out, "  %" PRIu64 " and %" PRIu64 " bytes, from byte %" PRIu64 " on\n",
                      d->bytes[0], d->bytes[1], d->offset);
        return;
    case DIFFERENCE_LAYOUT:
        (void)fprintf(p->out,
                      "  the same JSON in another layout: %" PRIu64 " and %" PRIu64 " bytes\n",
                      d->bytes[0], d->bytes[1]);
        return;
    case DIFFERENCE_UNKEPT:
        (void)fprintf(p->out, "  %" PRIu64 " and %" PRIu64 " bytes; what differs was not kept\n",
                      d->bytes[0], d->bytes[1]);
        return;
    }
}

bool compare_print(FILE *out, const struct compare_input *a, const struct compare_input *b)
{
    struct printer p = {.out = out};
    return compare_exchanges(a, b, print_difference, &p);
}

bool compare_print_answers(FILE *out, const struct compare_input *a, const struct compare_input *b)
{
    struct printer p = {.out = out};
    return compare_answers(a, b, print_difference, &p);
}

static void put_side(struct json_writer *w, const char *name, struct slice s)
{
    if (s.p)
        json_bytes(w, name, s);
    else
        json_null(w, name);
}

static void json_difference(void *ctx, const struct difference *d)
{
    static const char *const kinds[] = {
        [DIFFERENCE_VALUE] = "value",   [DIFFERENCE_FIELD] = "field",
        [DIFFERENCE_LINE] = "line",     [DIFFERENCE_BYTES] = "bytes",
        [DIFFERENCE_LAYOUT] = "layout", [DIFFERENCE_UNKEPT] = "unkept",
    };
    struct json_writer *w = ctx;
    json_open(w, NULL, '{');
    json_string(w, "part", slice_str(d->part));
    json_string(w, "kind", slice_str(kinds[d->kind]));
    if (d->kind == DIFFERENCE_VALUE || d->kind == DIFFERENCE_FIELD) {
        json_bytes(w, "name", d->name);
        put_side(w, "before", d->before);
        put_side(w, "after", d->after);
    } else if (d->kind == DIFFERENCE_LINE) {
        json_string(w, "mark", slice_of(&d->mark, 1));
        json_bytes(w, "line", d->line);
    } else {
        json_count(w, "before_bytes", d->bytes[0]);
        json_count(w, "after_bytes", d->bytes[1]);
        if (d->kind == DIFFERENCE_BYTES)
            json_count(w, "offset", d->offset);
    }
    json_close(w, '}');
}

bool compare_json(struct json_writer *w, const struct compare_input *a,
                  const struct compare_input *b)
{
    json_open(w, "differences", '[');
    bool same = compare_exchanges(a, b, json_difference, w);
    json_close(w, ']');
    json_bool(w, "same", same);
    return same;
}

bool compare_json_answers(struct json_writer *w, const struct compare_input *a,
                          const struct compare_input *b)
{
    json_open(w, "differences", '[');
    bool same = compare_answers(a, b, json_difference, w);
    json_close(w, ']');
    json_bool(w, "same", same);
    return same;
}
