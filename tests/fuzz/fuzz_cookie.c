// SPDX-License-Identifier: MIT
// The value of a Set-Cookie. A confined value, read as browsers read it (RFC 6265 §5.2), sets no
// cookie beyond the host; its other attributes are unchanged; and confining it again changes
// nothing.
#include <stdio.h>
#include <stdlib.h>

#include "proto/http/cookie.h"

#define CHECK(condition)                                                    \
    do {                                                                    \
        if (!(condition)) {                                                 \
            fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #condition); \
            abort();                                                        \
        }                                                                   \
    } while (0)

static const struct slice shared = {"example.com", 11};

// Checks each attribute, and counts the bytes of those other than Domain.
static size_t check(struct slice value, bool confined)
{
    size_t others = 0;
    bool first = true;

    while (value.len > 0 || first) {
        const char *end = value.len > 0 ? memchr(value.p, ';', value.len) : NULL;
        struct slice part = slice_of(value.p, end ? (size_t)(end - value.p) : value.len);
        value = end ? slice_of(end + 1, value.len - part.len - 1) : slice_of(value.p, 0);
        const char *equals = part.len > 0 ? memchr(part.p, '=', part.len) : NULL;
        struct slice name =
            slice_trim(slice_of(part.p, equals ? (size_t)(equals - part.p) : part.len));
        bool domain = !first && slice_ieq(name, SLICE("domain"));
        first = false;
        others += domain ? 0 : 1;
        if (!domain || !confined)
            continue;
        CHECK(equals);
        struct slice host =
            slice_trim(slice_of(equals + 1, (size_t)(part.p + part.len - equals) - 1));
        if (host.len > 0 && host.p[0] == '.')
            host = slice_of(host.p + 1, host.len - 1);
        CHECK(host.len > 0 && host.p[0] != '.' && host.p[host.len - 1] != '.');
        CHECK(!slice_ieq(host, shared) && !slice_ieq(host, SLICE("com")));
    }
    return others;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct http_head head;
    char *values = malloc(size + 1);
    char *again = malloc(size + 1);

    CHECK(values && again);
    head_init(&head);
    struct slice sent = slice_of((const char *)data, size);
    CHECK(head_add(&head, SLICE("set-cookie"), sent));
    bool reaches = cookie_exceeds_host(&head, shared);
    cookie_confine(&head, shared, values);
    struct slice left = head.fields[0].value;
    CHECK(left.len <= size && check(left, true) <= check(sent, false));
    CHECK(!cookie_exceeds_host(&head, shared));
    CHECK(reaches || slice_eq(left, sent));
    cookie_confine(&head, shared, again);
    CHECK(slice_eq(head.fields[0].value, left));
    free(values);
    free(again);
    return 0;
}
