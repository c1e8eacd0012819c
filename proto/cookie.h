// SPDX-License-Identifier: MIT
// Cookies that a service behind one name of a domain sets for that domain would go to the services
// behind all its names. A Set-Cookie keeps its Domain attribute only if that is the service's own
// name or something below it; else the attribute goes, and the cookie belongs to its host alone
// (RFC 6265 §5.3, step 6).
#pragma once
#include "message.h"

// NAME.DOMAIN is the host that answers.
struct cookie_scope {
    struct slice name, domain;
};

// Whether a response would set a cookie beyond its host. Costs a look at the name of each field.
bool cookie_reaches_out(const struct http_head *response, const struct cookie_scope *scope);

// The most bytes that cookie_confine writes.
size_t cookie_bytes(const struct http_head *response);

// Takes such Domain attributes out, and every Set-Cookie2 (RFC 2965, which no browser knows any
// more and which has other rules). The new values are written to `out`, which must live as long as
// the head is read.
void cookie_confine(struct http_head *response, const struct cookie_scope *scope, char *out);
