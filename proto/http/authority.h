// SPDX-License-Identifier: MIT
// HOST[:PORT] (RFC 3986 §3.2): splitting, checking, writing. An IPv6 address must stand in
// brackets.
#pragma once
#include "proto/bytes.h"

struct authority {
    struct slice host; // without brackets; may be empty or malformed
    bool bracketed;    // the host stands in brackets
    struct slice port; // the text after the colon
    bool has_port;     // there is a colon, even if no port follows
};

enum authority_error {
    AUTHORITY_E_OPEN = -1,   // the bracket is not closed
    AUTHORITY_E_BEHIND = -2, // something other than :PORT follows the bracket
    AUTHORITY_E_COLONS = -3, // several colons without brackets; `host` is the whole text
};

// Splits a text without checking host or port. Returns 0 or an authority_error.
int authority_split(struct slice text, struct authority *a);

// Whether `text` is uri-host [":" port] of RFC 3986 §3.2.2, with a host that is not empty: the form
// that Host and :authority must have (RFC 9110 §7.2).
bool authority_is_valid(struct slice text);

// Parses a port, 0 to 65535.
bool authority_port(struct slice text, uint16_t *port);

enum {
    AUTHORITY_MAX = 280 // a host of 256 bytes, brackets, a port and the final zero
};

// Writes "HOST:PORT", with brackets when the host has a colon. Returns the length. A host over 256
// bytes is cut.
size_t authority_text(const char *host, uint16_t port, char out[static AUTHORITY_MAX]);
