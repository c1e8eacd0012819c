// SPDX-License-Identifier: MIT
// Cookies that a service behind one name of a domain sets for that domain, or more, would go to the
// services behind all its names. Such a Domain attribute goes out of Set-Cookie, and the cookie
// belongs to its host alone (RFC 6265 §5.3, step 6). Of all others clients see for themselves
// whether they cover the host.
#pragma once
#include "message.h"

// Whether a response would set a cookie beyond its host. Costs a look at the name of each field.
bool cookie_exceeds_host(const struct http_head *response, struct slice domain);

// The most bytes that cookie_confine writes.
size_t cookie_bound(const struct http_head *response);

// Takes such Domain attributes out, and every Set-Cookie2 (RFC 2965, which no browser knows any
// more and which has other rules). The new values are written to `out`, which must live as long as
// the head is read.
void cookie_confine(struct http_head *response, struct slice domain, char *out);
