// SPDX-License-Identifier: MIT
// Origins (RFC 6454, RFC 9110 §4.3.1): scheme, host and port at the beginning of a URL, told apart
// as browsers tell them, and put in the place of another one in fields of a head. What is not
// plainly an origin is left as it is: nobody's URL is to lead to another place by being repaired.
#pragma once
#include "message.h"

struct origin {
    struct slice scheme; // "http" or "https" in any case; empty: either
    struct slice host;   // with its brackets; compared without case
    uint16_t port;
    bool has_port; // else it is that of the scheme
};

// The origin of a scheme (empty: either) and an authority: HOST or HOST:PORT. False: it is none.
bool origin_of(struct slice scheme, struct slice authority, struct origin *o);

// The origin that a URL begins with: "http://HOST", or "//HOST" (then `scheme` is empty). Returns
// its length; 0: the URL is relative, of another scheme, has user information, or is none.
size_t origin_read(struct slice url, struct origin *o);

// Whether an origin that was read off a URL is this one. Ports are compared as numbers; what has
// none has that of its scheme, and "//HOST" is taken for http.
bool origin_matches(const struct origin *read, const struct origin *other);

// What is put in the place of what. All that is given is borrowed.
struct origin_rewrite {
    struct origin from;
    struct slice to;           // "http://HOST:PORT"
    const struct slice *names; // of the fields
    size_t name_count;
};

// How many bytes the changed values of a head take; 0: there is nothing to change.
size_t origin_rewrite_size(const struct http_head *head, const struct origin_rewrite *change);
// Changes them. `values` has room for that many bytes and must live as long as the head is read.
void origin_rewrite(struct http_head *head, const struct origin_rewrite *change, char *values);
