// SPDX-License-Identifier: MIT
// The first bytes of a connection as a header of the PROXY protocol. Properties: a prefix never
// decides otherwise than the whole, bytes behind a header change nothing, a client that is read is
// written and read back.
#include <stdlib.h>
#include "common/base/proxy_protocol.h"
#include "tests/support/check.h"

static void check_written(const struct client_address *client, unsigned version)
{
    char out[PROXY_V1_MAX];
    struct proxy_header h;
    size_t len = proxy_header_write(version, client, 80, out);
    CHECK(len <= sizeof(out));
    CHECK(proxy_header_parse(out, len, &h) == (int)len);
    CHECK(h.named && memcmp(&h.client.bytes, &client->bytes, sizeof(client->bytes)) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct proxy_header whole;
    struct proxy_header h;
    const char *bytes = (const char *)data;
    int used = proxy_header_parse(bytes, size, &whole);
    CHECK(used <= (int)size && used <= PROXY_HEADER_MAX);
    CHECK(used != 0 || size < PROXY_HEADER_MAX);
    CHECK(used > 0 || !whole.named);
    for (size_t len = 0; len <= size && len <= PROXY_HEADER_MAX + 1; len++) {
        int n = proxy_header_parse(bytes, len, &h);
        if (used > 0)
            CHECK(n == (len < (size_t)used ? 0 : used));
        else if (used == 0)
            CHECK(n == 0);
        else
            CHECK(n <= 0);
    }
    if (whole.named) {
        check_written(&whole.client, 1);
        check_written(&whole.client, 2);
    }
    return 0;
}
