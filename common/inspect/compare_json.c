// SPDX-License-Identifier: MIT
#include "compare_json.h"

static void put_side(struct json_writer *w, const char *name, struct slice s)
{
    if (s.p)
        json_bytes(w, name, s);
    else
        json_null(w, name);
}

static void put_difference(void *ctx, const struct difference *d)
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
    bool same = compare_exchanges(a, b, put_difference, w);
    json_close(w, ']');
    json_bool(w, "same", same);
    return same;
}

bool compare_json_answers(struct json_writer *w, const struct compare_input *a,
                          const struct compare_input *b)
{
    json_open(w, "differences", '[');
    bool same = compare_answers(a, b, put_difference, w);
    json_close(w, ']');
    json_bool(w, "same", same);
    return same;
}
