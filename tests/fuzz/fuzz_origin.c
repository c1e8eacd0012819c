// SPDX-License-Identifier: MIT
// Origins in fields: the first line is an authority, every other line the value of a Location. A
// changed value began with that origin literally, begins with the new one and keeps its rest; all
// others stay.
#include <stdlib.h>
#include "proto/http/origin.h"
#include "tests/support/check.h"

enum {
    LINES = 64
};

static const struct slice names[] = {{"Location", 8}};
static const struct slice to = {"https://public.example:8443", 27};

static struct slice take_line(struct slice *rest)
{
    const char *feed = rest->len > 0 ? memchr(rest->p, '\n', rest->len) : NULL;
    struct slice line = slice_of(rest->p, feed ? (size_t)(feed - rest->p) : rest->len);
    size_t taken = line.len + (feed ? 1 : 0);
    *rest = slice_of(rest->p + taken, rest->len - taken);
    return line;
}

static bool ends_so(struct slice s, struct slice end)
{
    return s.len >= end.len && slice_eq(slice_of(s.p + s.len - end.len, end.len), end);
}

// The host of such a value, as a browser reads it, is the host as written.
static void check_read(struct slice value, size_t len)
{
    size_t slashes =
        value.p[0] == '/' ? 0 : (size_t)((char *)memchr(value.p, ':', len) - value.p) + 1;
    CHECK(len <= value.len && len > slashes + 2);
    CHECK(value.p[slashes] == '/' && value.p[slashes + 1] == '/');
    for (size_t i = slashes + 2; i < len; i++)
        CHECK((unsigned char)value.p[i] > ' ' && !strchr("@\\/?#", value.p[i]));
    CHECK(len == value.len || strchr("/?#", value.p[len]));
}

static void check_value(struct slice before, struct slice after, const struct origin *from)
{
    struct origin o;
    struct origin own;
    size_t len = origin_read(before, &o);
    if (len > 0)
        check_read(before, len);
    if (len == 0 || !origin_matches(&o, from)) {
        CHECK(slice_eq(before, after));
        return;
    }
    size_t new_len = origin_read(after, &o);
    (void)origin_read(to, &own);
    CHECK(new_len > 0 && origin_matches(&o, &own));
    CHECK(ends_so(after, slice_of(before.p + len, before.len - len)));
    CHECK(after.len - new_len == before.len - len);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct slice rest = slice_of(size ? (const char *)data : "", size);
    struct slice authority = take_line(&rest);
    struct slice before[LINES];
    struct http_head head;
    struct origin_rewrite change = {.to = to, .names = names, .name_count = 1};
    size_t count = 0;
    head_init(&head);
    for (; count < LINES && rest.len > 0; count++) {
        before[count] = take_line(&rest);
        CHECK(head_add(&head, names[0], before[count]));
    }
    CHECK(head_add(&head, SLICE("X-Location"), slice_of(data ? (const char *)data : "", size)));
    if (!origin_of(SLICE(""), authority, &change.from))
        return 0;
    size_t bytes = origin_rewrite_size(&head, &change);
    char *values = malloc(bytes > 0 ? bytes : 1);
    CHECK(values);
    origin_rewrite(&head, &change, values);
    for (size_t i = 0; i < count; i++)
        check_value(before[i], head.fields[i].value, &change.from);
    CHECK(head.fields[count].value.len == size);
    free(values);
    return 0;
}
