// SPDX-License-Identifier: MIT
#include "authority.h"
#include <stdio.h>

int authority_split(struct slice text, struct authority *a)
{
    bool bracketed = text.len > 0 && text.p[0] == '[';
    const char *end = text.p + text.len;
    const char *after = NULL;
    *a = (struct authority){.host = text, .bracketed = bracketed};
    if (text.len == 0)
        return 0;
    if (bracketed) {
        const char *bracket = memchr(text.p, ']', text.len);
        if (!bracket)
            return AUTHORITY_E_OPEN;
        a->host = slice_of(text.p + 1, (size_t)(bracket - text.p) - 1);
        after = bracket + 1;
        if (after < end && *after != ':')
            return AUTHORITY_E_BEHIND;
    } else {
        after = memchr(text.p, ':', text.len);
        if (after && memchr(after + 1, ':', (size_t)(end - after) - 1))
            return AUTHORITY_E_COLONS;
        after = after ? after : end;
        a->host.len = (size_t)(after - text.p);
    }
    a->has_port = after < end;
    if (a->has_port)
        a->port = slice_of(after + 1, (size_t)(end - after) - 1);
    return 0;
}

bool authority_port(struct slice text, uint16_t *port)
{
    uint64_t n = 0;
    if (!slice_to_u64(text, &n) || n > UINT16_MAX)
        return false;
    *port = (uint16_t)n;
    return true;
}

size_t authority_text(const char *host, uint16_t port, char out[static AUTHORITY_MAX])
{
    bool v6 = strchr(host, ':') != NULL;
    int len = snprintf(out, AUTHORITY_MAX, v6 ? "[%.256s]:%u" : "%.256s:%u", host, (unsigned)port);
    return len > 0 ? (size_t)len : 0;
}
