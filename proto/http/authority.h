// SPDX-License-Identifier: MIT
// HOST[:PORT] taken apart and put together (RFC 3986 §3.2), the one place for that: an IPv6 address
// stands in brackets, or its colons would be taken for the one before the port.
#pragma once
#include "proto/bytes.h"

struct authority {
    struct slice host; // without brackets; may be empty, and is not judged
    bool bracketed;    // it stands in brackets
    struct slice port; // as written
    bool has_port;     // there is a colon, whatever stands behind it
};

enum authority_error {
    AUTHORITY_E_OPEN = -1,   // a bracket is not closed
    AUTHORITY_E_BEHIND = -2, // behind the bracket stands something else than :PORT
    AUTHORITY_E_COLONS = -3, // several colons and no brackets; `host` is all of it then
};

// Returns 0 or an authority_error.
int authority_split(struct slice text, struct authority *a);

// Whether `text` is uri-host [":" port] of RFC 3986 §3.2.2, with a host that is not empty: the form
// that Host and :authority must have (RFC 9110 §7.2).
bool authority_is_valid(struct slice text);

// A number from 0 to 65535.
bool authority_port(struct slice text, uint16_t *port);

enum {
    AUTHORITY_MAX = 280 // of a host of at most 256 bytes, with brackets and a port
};

// "HOST:PORT", with brackets where the host has a colon. Returns the length.
size_t authority_text(const char *host, uint16_t port, char out[static AUTHORITY_MAX]);
