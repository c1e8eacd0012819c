// SPDX-License-Identifier: MIT
// Differences for people.
#include <inttypes.h>
#include "compare.h"
#include "write.h"

enum {
    LINE_MAX_SHOWN = 2000, // bytes of a line; bodies without line feeds are long ones
};

struct printer {
    FILE *out;
    const char *part; // the last one told
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
    write_safe(p->out, s.len > LINE_MAX_SHOWN ? slice_of(s.p, LINE_MAX_SHOWN) : s);
    if (s.len > LINE_MAX_SHOWN)
        (void)fprintf(p->out, " … and %zu bytes", s.len - LINE_MAX_SHOWN);
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
