// SPDX-License-Identifier: MIT
#include "compare.h"
#include <stdio.h>
#include "json_indent.h"
#include "line_diff.h"
#include "proto/utf8.h"
#include "recorded.h"
#include "write.h"

enum {
    FIELDS_MAX = 1024, // of a head or trailers; further fields are not compared
};

struct comparison {
    const struct compare_input *a, *b;
    compare_sink *sink;
    void *ctx;
    const char *part;
    bool same;
    bool lenient; // ignore fields that differ with every answer
};

// Whether `value` may be the original of `redacted`: it has the same parts around each mark.
static bool matches_redacted(struct slice redacted, struct slice value)
{
    const struct slice mark = SLICE("[redacted]");
    const char *at = redacted.len > 0 ? memmem(redacted.p, redacted.len, mark.p, mark.len) : NULL;
    if (!at)
        return false;
    for (bool first = true; at; first = false) {
        const struct slice part = slice_of(redacted.p, (size_t)(at - redacted.p));
        const char *found = part.len == 0   ? value.p
                            : value.len > 0 ? memmem(value.p, value.len, part.p, part.len)
                                            : NULL;
        if (part.len > 0 && (!found || (first && found != value.p)))
            return false;
        const size_t len = part.len > 0 ? (size_t)(found - value.p) + part.len : 0;
        value = slice_of(value.p + len, value.len - len);
        redacted = slice_of(at + mark.len, redacted.len - part.len - mark.len);
        at = redacted.len > 0 ? memmem(redacted.p, redacted.len, mark.p, mark.len) : NULL;
    }
    return value.len >= redacted.len &&
           slice_eq(slice_of(value.p + value.len - redacted.len, redacted.len), redacted);
}

// Whether a difference says nothing about the answer: the field is of a moment or a connection, or
// redacted in one of the two.
static bool is_transient(const struct difference *d)
{
    static const char *const names[] = {"date",    "connection",       "keep-alive",
                                        "upgrade", "proxy-connection", "transfer-encoding"};
    if (d->kind != DIFFERENCE_FIELD)
        return false;
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        if (slice_ieq(d->name, slice_str(names[i])))
            return true;
    return matches_redacted(d->before, d->after) || matches_redacted(d->after, d->before);
}

static void report(struct comparison *c, const struct difference *d)
{
    if (c->lenient && is_transient(d))
        return;
    c->same = false;
    c->sink(c->ctx, d);
}

static void compare_value(struct comparison *c, struct slice name, struct slice before,
                          struct slice after)
{
    if (slice_eq(before, after))
        return;
    struct difference d = {.kind = DIFFERENCE_VALUE, .part = c->part, .name = name};
    if (before.len > 0)
        d.before = before;
    if (after.len > 0)
        d.after = after;
    report(c, &d);
}

static void compare_status(struct comparison *c)
{
    char text[2][8];
    struct slice s[2];
    const struct record_exchange *x[2] = {&c->a->x, &c->b->x};
    for (int i = 0; i < 2; i++) {
        int len = x[i]->status ? snprintf(text[i], sizeof(text[i]), "%u", x[i]->status) : 0;
        s[i] = slice_of(text[i], len > 0 ? (size_t)len : 0);
    }
    compare_value(c, SLICE("status"), s[0], s[1]);
}

struct fields {
    size_t count;
    struct slice name[FIELDS_MAX], value[FIELDS_MAX];
    bool reported[FIELDS_MAX];
};

static void read_fields(struct fields *f, struct slice lines)
{
    f->count = 0;
    while (f->count < FIELDS_MAX &&
           record_next_field(&lines, &f->name[f->count], &f->value[f->count]))
        f->reported[f->count++] = false;
}

// The index of the next field of this name from `from` on, or f->count.
static size_t find_field(const struct fields *f, size_t from, struct slice name)
{
    while (from < f->count && !slice_ieq(f->name[from], name))
        from++;
    return from;
}

// Compares all fields of one name in pairs: the first with the first, and so on. Only among fields
// of the same name does the order matter (RFC 9110 §5.3).
static void compare_name(struct comparison *c, struct fields *a, struct fields *b,
                         struct slice name)
{
    size_t i = find_field(a, 0, name);
    size_t j = find_field(b, 0, name);
    while (i < a->count || j < b->count) {
        struct difference d = {.kind = DIFFERENCE_FIELD, .part = c->part, .name = name};
        if (i < a->count) {
            d.before = a->value[i];
            a->reported[i] = true;
        }
        if (j < b->count) {
            d.after = b->value[j];
            b->reported[j] = true;
        }
        if (i == a->count || j == b->count || !slice_eq(d.before, d.after))
            report(c, &d);
        i = find_field(a, i + 1, name);
        j = find_field(b, j + 1, name);
    }
}

static void compare_fields(struct comparison *c, struct slice before, struct slice after)
{
    struct fields a;
    struct fields b;
    if (slice_eq(before, after))
        return;
    read_fields(&a, before);
    read_fields(&b, after);
    for (size_t i = 0; i < a.count; i++)
        if (!a.reported[i])
            compare_name(c, &a, &b, a.name[i]);
    for (size_t i = 0; i < b.count; i++)
        if (!b.reported[i])
            compare_name(c, &a, &b, b.name[i]);
}

static void report_line(void *ctx, char mark, struct slice line)
{
    struct comparison *c = ctx;
    report(c, &(struct difference){
                  .kind = DIFFERENCE_LINE, .part = c->part, .mark = mark, .line = line});
}

// Reports a field line without its CR.
static void report_field_line(void *ctx, char mark, struct slice line)
{
    if (line.len > 0 && line.p[line.len - 1] == '\r')
        line.len--;
    report_line(ctx, mark, line);
}

static uint64_t first_difference(struct slice a, struct slice b)
{
    size_t i = 0;
    while (i < a.len && i < b.len && a.p[i] == b.p[i])
        i++;
    return i;
}

static void report_bytes(struct comparison *c, enum difference_kind kind, struct slice a,
                         struct slice b)
{
    report(c, &(struct difference){.kind = kind,
                                   .part = c->part,
                                   .bytes = {a.len, b.len},
                                   .offset = first_difference(a, b)});
}

// Replaces two JSON texts by their indented forms. False: one is not JSON, or memory is out.
static bool indent_both(struct slice *a, struct slice *b, struct buf *first, struct buf *second)
{
    if (!json_indent(*a, first) || !json_indent(*b, second) || !buf_append(first, "\n", 1) ||
        !buf_append(second, "\n", 1))
        return false;
    *a = buf_slice(first);
    *b = buf_slice(second);
    return true;
}

static void compare_texts(struct comparison *c, struct slice a, struct slice b)
{
    struct buf first = {0};
    struct buf second = {0};
    struct slice x = a;
    struct slice y = b;
    bool laid_out = indent_both(&x, &y, &first, &second);
    enum line_diff_result result = line_diff(x, y, report_line, c);
    if (result == LINE_DIFF_SAME && laid_out)
        report_bytes(c, DIFFERENCE_LAYOUT, a, b);
    else if (result != LINE_DIFF_FOUND)
        report_bytes(c, DIFFERENCE_BYTES, a, b);
    buf_free(&first);
    buf_free(&second);
}

static bool same_digest(const struct record_body *a, const struct record_body *b)
{
    return a->has_digest && b->has_digest && a->bytes == b->bytes &&
           memcmp(a->digest, b->digest, RECORD_DIGEST_BYTES) == 0;
}

static void compare_bodies(struct comparison *c, enum record_side side)
{
    struct slice a = c->a->body[side];
    struct slice b = c->b->body[side];
    const struct record_body *first = &c->a->x.body[side];
    const struct record_body *second = &c->b->x.body[side];
    bool whole = c->a->whole[side] && c->b->whole[side];
    if (same_digest(first, second) || (whole && slice_eq(a, b)))
        return;
    size_t common = a.len < b.len ? a.len : b.len;
    if (whole && utf8_is_readable(a) && utf8_is_readable(b))
        compare_texts(c, a, b);
    else if (whole || (common > 0 && memcmp(a.p, b.p, common) != 0))
        report_bytes(c, DIFFERENCE_BYTES, a, b);
    else
        report(c, &(struct difference){.kind = DIFFERENCE_UNKEPT,
                                       .part = c->part,
                                       .bytes = {first->bytes, second->bytes}});
}

// Whether interim responses are the same but for their reason phrases.
static bool same_interim(struct slice a, struct slice b)
{
    struct recorded_interim x;
    struct recorded_interim y;
    bool more = recorded_next_interim(&a, &x);
    bool same = recorded_next_interim(&b, &y) == more;
    for (; same && more; same = same && recorded_next_interim(&b, &y) == more) {
        same = x.status == y.status && slice_eq(x.fields, y.fields);
        more = recorded_next_interim(&a, &x);
    }
    return same;
}

static void compare_interim(struct comparison *c)
{
    struct slice a = c->a->x.interim;
    struct slice b = c->b->x.interim;
    if (slice_eq(a, b) || (c->lenient && same_interim(a, b)))
        return;
    enum line_diff_result result = line_diff(a, b, report_field_line, c);
    if (result != LINE_DIFF_FOUND)
        report_bytes(c, DIFFERENCE_BYTES, a, b);
}

static void compare_messages(struct comparison *c)
{
    struct slice a = buf_slice(&c->a->messages);
    struct slice b = buf_slice(&c->b->messages);
    if (slice_eq(a, b))
        return;
    enum line_diff_result result = line_diff(a, b, report_line, c);
    if (result != LINE_DIFF_FOUND)
        report_bytes(c, DIFFERENCE_BYTES, a, b);
}

// After an upgrade the messages are compared instead: the same messages differ as bytes, in frames,
// masks and compression.
static void compare_body_unless_upgraded(struct comparison *c, enum record_side side)
{
    if (!(c->a->x.flags & c->b->x.flags & RECORD_UPGRADED))
        compare_bodies(c, side);
}

static void compare_requests(struct comparison *c)
{
    const struct record_exchange *a = &c->a->x;
    const struct record_exchange *b = &c->b->x;
    c->part = "request line";
    compare_value(c, SLICE("method"), a->method, b->method);
    compare_value(c, SLICE("scheme"), a->scheme, b->scheme);
    compare_value(c, SLICE("host"), a->host, b->host);
    compare_value(c, SLICE("target"), a->target, b->target);
    compare_value(c, SLICE("protocol"), a->protocol, b->protocol);
    c->part = "request head";
    compare_fields(c, a->request_head, b->request_head);
    c->part = "request body";
    compare_body_unless_upgraded(c, RECORD_REQUEST);
    c->part = "request trailers";
    compare_fields(c, a->body[RECORD_REQUEST].trailers, b->body[RECORD_REQUEST].trailers);
}

static void compare_responses(struct comparison *c)
{
    const struct record_exchange *a = &c->a->x;
    const struct record_exchange *b = &c->b->x;
    c->part = "interim responses";
    compare_interim(c);
    c->part = "answer";
    compare_status(c);
    if (!c->lenient) { // a tunnel does not carry these, and older records lack them
        if (a->status && b->status)
            compare_value(c, SLICE("protocol"), a->response_protocol, b->response_protocol);
        if (a->status == b->status)
            compare_value(c, SLICE("reason"), a->reason, b->reason);
        compare_value(c, SLICE("detail"), a->detail, b->detail);
    }
    compare_value(c, SLICE("error"), a->error, b->error);
    c->part = "response head";
    compare_fields(c, a->response_head, b->response_head);
    c->part = "response body";
    compare_body_unless_upgraded(c, RECORD_RESPONSE);
    c->part = "response trailers";
    compare_fields(c, a->body[RECORD_RESPONSE].trailers, b->body[RECORD_RESPONSE].trailers);
    c->part = "messages";
    compare_messages(c);
    c->part = "end";
    compare_value(c, SLICE("outcome"), a->outcome, b->outcome);
}

bool compare_exchanges(const struct compare_input *a, const struct compare_input *b,
                       compare_sink *sink, void *ctx)
{
    struct comparison c = {.a = a, .b = b, .sink = sink, .ctx = ctx, .same = true};
    compare_requests(&c);
    compare_responses(&c);
    return c.same;
}

bool compare_answers(const struct compare_input *a, const struct compare_input *b,
                     compare_sink *sink, void *ctx)
{
    struct comparison c = {.a = a, .b = b, .sink = sink, .ctx = ctx, .same = true, .lenient = true};
    compare_responses(&c);
    return c.same;
}
