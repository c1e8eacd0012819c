// SPDX-License-Identifier: MIT
// Confines cookies to their host. A service behind one name of the relay's domain could set a
// cookie for the domain, which browsers would send to the services behind all other names. We
// remove such a Domain attribute, so that the cookie belongs to its host alone (RFC 6265 §5.3, step
// 6). Clients reject a Domain that does not cover the host by themselves.
#pragma once
#include "message.h"

// Whether a response would set a cookie for `domain` or one of its parents, or has a Set-Cookie2.
bool cookie_exceeds_host(const struct http_head *response, struct slice domain);

// The most bytes that cookie_confine writes.
size_t cookie_bound(const struct http_head *response);

// Removes such Domain attributes, and every Set-Cookie2 (RFC 2965: obsolete, with other rules).
// Writes the new values to `out`, which must live as long as the head is read.
void cookie_confine(struct http_head *response, struct slice domain, char *out);
