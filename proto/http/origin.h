// SPDX-License-Identifier: MIT
// Origins (RFC 6454, RFC 9110 §4.3.1): scheme, host and port at the beginning of a URL. Reads them,
// compares them as browsers do, and replaces one by another in fields of a head. A text that is not
// plainly an origin stays as it is: a repair might lead a URL to another place.
#pragma once
#include "message.h"

struct origin {
    struct slice scheme; // "http" or "https" in any case; empty: either
    struct slice host;   // with its brackets; compared without case
    uint16_t port;
    bool has_port; // false: the port is that of the scheme
};

// The origin of a scheme (empty: either) and an authority, HOST or HOST:PORT. False: malformed.
bool origin_of(struct slice scheme, struct slice authority, struct origin *o);

// Reads the origin at the beginning of a URL: "http://HOST", or "//HOST", whose `scheme` is empty.
// Returns its length; 0 when the URL is relative or malformed, or has another scheme or user
// information.
size_t origin_read(struct slice url, struct origin *o);

// Whether two origins are the same. An origin without a port has that of its scheme; one without a
// scheme matches both, and both without one are taken for http.
bool origin_matches(const struct origin *read, const struct origin *other);

// Replaces `from` by `to` in these fields. Everything is borrowed.
struct origin_rewrite {
    struct origin from;
    struct slice to;           // "http://HOST:PORT"
    const struct slice *names; // of the fields to change
    size_t name_count;
};

// The bytes that the changed values of a head take; 0: there is nothing to change.
size_t origin_rewrite_size(const struct http_head *head, const struct origin_rewrite *change);
// Changes the head and writes the new values to `values`, which has room for origin_rewrite_size
// bytes and must live as long as the head is read.
void origin_rewrite(struct http_head *head, const struct origin_rewrite *change, char *values);
