// SPDX-License-Identifier: MIT
// The forwarding fields of a request, one a line. Oracle: a walk from the right end, one address
// after the other, finds the same client.
#include <stdlib.h>
#include "common/inbound/trusted_proxies.h"
#include "proto/http/forwarded.h"
#include "tests/support/check.h"

enum {
    ELEMENTS = 4096
};

static const struct trusted_proxies *trusted(void)
{
    static struct trusted_proxies t;
    if (t.count == 0) {
        CHECK(!trusted_proxies_add(&t, "10.0.0.0/8"));
        CHECK(!trusted_proxies_add(&t, "loopback"));
    }
    return &t;
}

// The client of a list, by a walk from right to left (docs/protocol.md §6).
static struct client_address expected(const struct slice *elements, size_t count)
{
    struct client_address client = {0};
    while (count-- > 0) {
        struct client_address a;
        if (!client_address_parse(elements[count], &a))
            break;
        client = a;
        if (!trusted_proxies_contain(trusted(), &a))
            break;
    }
    return client;
}

static void check_list(struct slice line)
{
    static struct slice elements[ELEMENTS];
    size_t count = 0;
    struct http_head head;
    struct proxied_request r = {0};
    struct slice rest = line;
    while (count < ELEMENTS && slice_next_element(&rest, &elements[count]))
        count++;
    head_init(&head);
    CHECK(head_add(&head, SLICE("x-forwarded-for"), line));
    trusted_proxies_read(trusted(), &head, &r);
    struct client_address want = expected(elements, count);
    CHECK(count == ELEMENTS || memcmp(&r.client.bytes, &want.bytes, sizeof(want.bytes)) == 0);
}

static void check_forwarded(struct slice line)
{
    static struct slice nodes[ELEMENTS];
    size_t count = 0;
    struct http_head head;
    struct proxied_request r = {0};
    struct slice rest = line;
    struct forwarded_element e;
    while (count < ELEMENTS && forwarded_next(&rest, &e)) {
        CHECK(e.node.len == 0 ||
              (e.node.p >= line.p && e.node.p + e.node.len <= line.p + line.len));
        nodes[count++] = e.valid ? e.node : (struct slice){0};
        CHECK(e.valid || rest.len == 0);
    }
    head_init(&head);
    CHECK(head_add(&head, SLICE("Forwarded"), line));
    trusted_proxies_read(trusted(), &head, &r);
    struct client_address want = expected(nodes, count);
    CHECK(count == ELEMENTS || memcmp(&r.client.bytes, &want.bytes, sizeof(want.bytes)) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct slice line = slice_of((const char *)data, size);
    check_list(line);
    check_forwarded(line);
    return 0;
}
