// SPDX-License-Identifier: MIT
#include "public_urls.h"
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

void public_urls_write(const struct public_urls *u, const char *name, char *out, size_t cap)
{
    bool standard = u->port == (strcmp(u->scheme, "https") == 0 ? 443 : 80);
    char suffix[8] = "";
    if (!standard)
        (void)snprintf(suffix, sizeof(suffix), ":%u", (unsigned)u->port);
    (void)snprintf(out, cap, "%s://%s.%s%s", u->scheme, name, u->domain, suffix);
}
