// SPDX-License-Identifier: MIT
// A head as HPACK delivers it, with any byte anywhere: parts end with 0x1e. First method, scheme,
// authority, target, upgrade and, in decimal digits, the status; then names and values by turns. A
// head that passes fields_check cannot break out of the HTTP/1.1 written from it; stripping is
// complete and idempotent; our own Via is recognised.
#include <stdio.h>
#include <stdlib.h>

#include "proto/http/chars.h"
#include "proto/http/field_names.h"
#include "proto/http/fields.h"
#include "proto/http/http1.h"

#define CHECK(condition)                                                    \
    do {                                                                    \
        if (!(condition)) {                                                 \
            fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #condition); \
            abort();                                                        \
        }                                                                   \
    } while (0)

static const struct http1_limits wide = {1 << 20, MESSAGE_FIELDS_CAP};

static struct slice next_part(struct slice *in)
{
    const char *end = in->len > 0 ? memchr(in->p, 0x1e, in->len) : NULL;
    size_t len = end ? (size_t)(end - in->p) : in->len;
    struct slice part = slice_of(in->p, len);

    *in = end ? slice_of(end + 1, in->len - len - 1) : slice_of(in->p + len, 0);
    return part;
}

static void take_head(struct slice in, struct http_head *head)
{
    uint64_t status = 0;

    *head = (struct http_head){.minor_version = 1};
    head->method = next_part(&in);
    head->scheme = next_part(&in);
    head->authority = next_part(&in);
    head->target = next_part(&in);
    head->upgrade = next_part(&in);
    if (slice_to_u64(next_part(&in), &status))
        head->status = (uint16_t)status;
    while (in.len > 0) {
        struct slice name = next_part(&in);
        if (!head_add(head, name, next_part(&in)))
            return;
    }
}

static void check_same_fields(const struct http_head *a, const struct http_head *b)
{
    CHECK(a->field_count == b->field_count);
    for (size_t i = 0; i < a->field_count; i++) {
        CHECK(slice_eq(a->fields[i].name, b->fields[i].name));
        CHECK(slice_eq(a->fields[i].value, b->fields[i].value));
    }
}

// Writes a head that passed fields_check: the parser must read the same head.
static void check_written_request(struct http_head head)
{
    static struct http_head back;
    size_t scanned = 0;
    size_t len = http1_write_request(NULL, 0, &head);
    char *text = malloc(len);

    CHECK(text);
    (void)http1_write_request(text, len, &head);
    int size = http1_parse_request(text, len, &scanned, &wide, &back);
    head_remove(&head, SLICE("host"));
    if (head.field_count == MESSAGE_FIELDS_CAP) {
        CHECK(size == HTTP1_E_TOO_MANY_FIELDS);
    } else if (head.authority.len == 0) {
        CHECK(size == HTTP1_E_HOST);
    } else {
        CHECK(size == (int)len);
        CHECK(slice_eq(back.method, head.method) && slice_eq(back.authority, head.authority));
        head_remove(&back, SLICE("host"));
        check_same_fields(&back, &head);
    }
    free(text);
}

static void check_written_response(const struct http_head *head)
{
    static struct http_head back;
    size_t scanned = 0;
    size_t len = http1_write_response(NULL, 0, head);
    char *text = malloc(len);

    CHECK(text);
    (void)http1_write_response(text, len, head);
    CHECK(http1_parse_response(text, len, &scanned, &wide, &back) == (int)len);
    CHECK(back.status == head->status);
    check_same_fields(&back, head);
    free(text);
}

static bool may_pass(struct slice name)
{
    static const char *const dropped[] = {"connection",        "keep-alive", "proxy-connection",
                                          "transfer-encoding", "upgrade",    "http2-settings"};

    for (size_t i = 0; i < sizeof(dropped) / sizeof(dropped[0]); i++)
        if (slice_ieq(name, slice_str(dropped[i])))
            return false;
    return name.len < 5 || !slice_ieq(slice_of(name.p, 5), SLICE("adit-"));
}

// No server may read a remaining field of a request as one that was dropped or replaced.
static void check_no_twins(const struct http_head *head)
{
    static const char *const meant[] = {"connection",          "keep-alive",     "proxy-connection",
                                        "transfer-encoding",   "http2-settings", "content-length",
                                        "proxy-authorization", "max-forwards",   "x-forwarded-for",
                                        "x-forwarded-proto",   "x-real-ip",      "adit-bind"};

    for (size_t i = 0; i < head->field_count; i++)
        for (size_t j = 0; j < sizeof(meant) / sizeof(meant[0]); j++)
            CHECK(slice_ieq(head->fields[i].name, slice_str(meant[j])) ||
                  !field_names_fold(head->fields[i].name, slice_str(meant[j])));
}

static bool keeps_although_named(struct slice name)
{
    return slice_ieq(name, SLICE("host")) || field_names_fold(name, SLICE("content-length")) ||
           slice_ieq(name, SLICE("te"));
}

static void check_stripped(const struct http_head *head)
{
    static struct http_head once;
    static struct http_head twice;

    once = *head;
    fields_strip_hop_by_hop(&once);
    CHECK(once.field_count <= head->field_count);
    for (size_t i = 0; i < once.field_count; i++) {
        CHECK(may_pass(once.fields[i].name));
        CHECK(!slice_ieq(once.fields[i].name, SLICE("te")) ||
              slice_eq(once.fields[i].value, SLICE("trailers")));
    }
    if (head->status == 0)
        check_no_twins(&once);
    for (size_t i = 0; i < head->field_count; i++) {
        struct slice list = head->fields[i].value;
        struct slice option;
        while (slice_ieq(head->fields[i].name, SLICE("connection")) &&
               slice_next_element(&list, &option))
            CHECK(keeps_although_named(option) || head_count(&once, option) == 0);
    }
    twice = once;
    fields_strip_hop_by_hop(&twice);
    check_same_fields(&once, &twice);
    CHECK(slice_eq(once.upgrade, twice.upgrade) && !slice_list_has(once.upgrade, SLICE("h2c")));
    fields_strip_trailers(&twice, (struct slice){0});
    for (size_t i = 0; i < twice.field_count; i++)
        CHECK(!slice_ieq(twice.fields[i].name, SLICE("host")) &&
              !slice_ieq(twice.fields[i].name, SLICE("content-length")));
}

static void check_forwarded(const struct http_head *head)
{
    static struct http_head once;
    const struct fields_edge edge = {SLICE("2001:db8::1"), SLICE("http"), head->authority,
                                     SLICE("adit-1")};
    char scratch[2][FIELDS_SCRATCH];

    once = *head;
    int error = fields_add_forwarded(&once, &edge, scratch[0], sizeof(scratch[0]));
    if (error)
        return;
    static const char *const ours[] = {"forwarded", "x-forwarded-for", "x-forwarded-proto"};
    for (size_t i = 0; i < sizeof(ours) / sizeof(ours[0]); i++)
        CHECK(head_count(&once, slice_str(ours[i])) == 1);
    CHECK(head_count(&once, SLICE("x-forwarded-host")) == (edge.host.len > 0));
    for (size_t i = once.field_count - (edge.host.len > 0 ? 5 : 4); i < once.field_count; i++)
        CHECK(http_is_field_value(once.fields[i].value));
    CHECK(fields_add_forwarded(&once, &edge, scratch[1], sizeof(scratch[1])) == FIELDS_E_LOOP);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct http_head head;

    take_head(slice_of((const char *)data, size), &head);
    check_stripped(&head);
    check_forwarded(&head);
    if (fields_check(&head))
        return 0;
    if (head.method.len > 0 && !slice_eq(head.method, SLICE("CONNECT")))
        check_written_request(head);
    else if (head.status != 0 && head.status != 101)
        check_written_response(&head);
    return 0;
}
