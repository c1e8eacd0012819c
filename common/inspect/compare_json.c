// SPDX-License-Identifier: MIT
#include "compare_json.h"

static void put_side(struct emit *e, const char *name, struct slice s)
{
    if (s.p)
        emit_bytes(e, name, s);
    else
        emit_null(e, name);
}

static void put_difference(void *ctx, const struct difference *d)
{
    static const char *const kinds[] = {
        [DIFFERENCE_VALUE] = "value",   [DIFFERENCE_FIELD] = "field",
        [DIFFERENCE_LINE] = "line",     [DIFFERENCE_BYTES] = "bytes",
        [DIFFERENCE_LAYOUT] = "layout", [DIFFERENCE_UNKEPT] = "unkept",
    };
    struct emit *e = ctx;
    emit_open(e, NULL, '{');
    emit_string(e, "part", slice_str(d->part));
    emit_string(e, "kind", slice_str(kinds[d->kind]));
    if (d->kind == DIFFERENCE_VALUE || d->kind == DIFFERENCE_FIELD) {
        emit_bytes(e, "name", d->name);
        put_side(e, "before", d->before);
        put_side(e, "after", d->after);
    } else if (d->kind == DIFFERENCE_LINE) {
        emit_string(e, "mark", slice_of(&d->mark, 1));
        emit_bytes(e, "line", d->line);
    } else {
        emit_count(e, "before_bytes", d->bytes[0]);
        emit_count(e, "after_bytes", d->bytes[1]);
        if (d->kind == DIFFERENCE_BYTES)
            emit_count(e, "offset", d->offset);
    }
    emit_close(e, '}');
}

bool compare_json(struct emit *e, const struct compared *a, const struct compared *b)
{
    emit_open(e, "differences", '[');
    bool same = compare_exchanges(a, b, put_difference, e);
    emit_close(e, ']');
    emit_bool(e, "same", same);
    return same;
}

bool compare_json_answers(struct emit *e, const struct compared *a, const struct compared *b)
{
    emit_open(e, "differences", '[');
    bool same = compare_answers(a, b, put_difference, e);
    emit_close(e, ']');
    emit_bool(e, "same", same);
    return same;
}
