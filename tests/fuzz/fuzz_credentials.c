// SPDX-License-Identifier: MIT
// A byte for the place, then a text with URLs. The output is the text with marks for some values;
// redacting the output again changes nothing; and a sink that is too small gets its beginning.
#include <stdio.h>
#include <stdlib.h>

#include "proto/http/credential_url.h"
#include "proto/http/credentials.h"

#define CHECK(condition)                                                    \
    do {                                                                    \
        if (!(condition)) {                                                 \
            fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #condition); \
            abort();                                                        \
        }                                                                   \
    } while (0)

static char *written(struct slice text, enum credential_place place, size_t room, size_t *len)
{
    char *out = malloc(room + 1);
    CHECK(out);
    struct credential_sink sink = {.at = out, .left = room};
    credential_write_url(&sink, text, place, &credential_rules_all);
    *len = (size_t)(sink.at - out);
    CHECK(*len + sink.left == room);
    CHECK(!sink.any || credential_may_be_in(text));
    CHECK(sink.any || slice_eq(slice_of(out, *len), slice_of(text.p, *len)));
    return out;
}

// The text between the marks is the original text in its order.
static void check_same(struct slice text, struct slice left)
{
    const struct slice mark = CREDENTIAL_MARK;

    while (left.len > 0) {
        const char *at = memmem(left.p, left.len, mark.p, mark.len);
        struct slice part = slice_of(left.p, at ? (size_t)(at - left.p) : left.len);
        const char *found = part.len == 0   ? text.p
                            : text.len == 0 ? NULL
                                            : memmem(text.p, text.len, part.p, part.len);
        CHECK(found || part.len == 0);
        if (part.len > 0)
            text = slice_of(found + part.len, text.len - (size_t)(found - text.p) - part.len);
        left = at ? slice_of(at + mark.len, left.len - part.len - mark.len) : (struct slice){0};
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    size_t len = 0;
    size_t again = 0;
    size_t cut = 0;

    if (size == 0)
        return 0;
    const enum credential_place place = (enum credential_place)(data[0] % 3);
    const struct slice text = slice_of((const char *)data + 1, size - 1);
    char *out = written(text, place, size * 11 + 10, &len);
    char *twice = written(slice_of(out, len), place, size * 40 + 10, &again);
    char *little = written(text, place, len / 2, &cut);
    check_same(text, slice_of(out, len));
    check_same(slice_of(out, len), slice_of(twice, again));
    CHECK(cut == len / 2 && memcmp(little, out, cut) == 0);
    (void)credential_is_subprotocol(text, slice_of(text.p, text.len / 2));
    (void)credential_is_field(text);
    (void)credential_same_parameter(text, slice_of(text.p, text.len / 2));
    free(out);
    free(twice);
    free(little);
    return 0;
}
