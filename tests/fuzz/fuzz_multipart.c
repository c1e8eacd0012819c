// SPDX-License-Identifier: MIT
// Multipart bodies; the first line of the input is the type. Parts lie in the body, in order,
// without overlaps; unless a bound cuts it, no byte is lost. As lines for people (which parse
// forms, JSON and nested parts as well) the body has no more remarks than its parts allow.
#include <stdlib.h>
#include "common/inspect/body_text.h"
#include "common/inspect/multipart.h"
#include "tests/support/check.h"

enum {
    REMARKS_BESIDE = 3 // of a multipart, and of each part, at most
};

struct counted {
    size_t remarks, pairs, bytes;
};

static void on_line(void *ctx, const struct body_line *line)
{
    struct counted *c = ctx;
    switch (line->kind) {
    case BODY_LINE_TEXT:
        CHECK(!memchr(line->text.len ? line->text.p : "", '\n', line->text.len));
        break;
    case BODY_LINE_PAIR: c->pairs++; break;
    case BODY_LINE_MORE:
    case BODY_LINE_REMARK:
        c->remarks++;
        CHECK(line->text.len < BODY_TEXT_REMARK_MAX);
        break;
    }
    c->bytes += line->name.len + line->text.len;
}

static void check_parts(struct slice type, struct slice body)
{
    struct multipart m;
    struct multipart_part part;
    const char *at = body.p;
    const char *end = body.p + body.len;
    bool cut = false;
    if (!multipart_begin(&m, type, body))
        return;
    CHECK(m.preamble.len <= body.len);
    while (multipart_next(&m, &part)) {
        CHECK(!cut);
        cut = !part.whole;
        struct slice first = part.head.len > 0 ? part.head : part.body;
        CHECK(first.len == 0 || (first.p >= at && first.p + first.len <= end));
        CHECK(part.body.len == 0 || (part.body.p >= at && part.body.p + part.body.len <= end));
        CHECK(part.has_head || part.head.len == 0);
        at = part.body.len > 0 ? part.body.p + part.body.len : at;
        CHECK(m.rest.len == 0 || m.rest.p >= at);
    }
    CHECK(m.closed || m.rest.len == 0);
    CHECK(!(m.closed && cut));
}

static void check_lines(struct slice type, struct slice body, bool cut, bool as_it_is)
{
    struct counted c = {0};
    const struct body_text b = {
        .type = type, .cut = cut, .as_it_is = as_it_is, .put = on_line, .ctx = &c};
    bool is_text = body_text(&b, body);
    CHECK(is_text || (c.remarks == 0 && c.bytes == 0));
    CHECK(!as_it_is || (c.remarks == 0 && c.pairs == 0));
    CHECK(c.remarks <= (BODY_TEXT_PARTS + 1) * REMARKS_BESIDE);
    CHECK(c.pairs <= (BODY_TEXT_PARTS + 1) * BODY_TEXT_PAIRS);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct slice body = slice_of((const char *)data, size);
    const char *feed = size > 0 ? memchr(body.p, '\n', size) : NULL;
    struct slice type = slice_of(body.p, feed ? (size_t)(feed - body.p) : 0);
    if (feed)
        body = slice_of(feed + 1, size - type.len - 1);
    check_parts(type, body);
    check_lines(type, body, false, false);
    check_lines(type, body, true, false);
    check_lines(type, body, false, true);
    return 0;
}
