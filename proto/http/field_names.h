// SPDX-License-Identifier: MIT
// The table of field names with a meaning at a hop: those that are dropped, replaced, or not
// allowed as trailers (docs/protocol.md §6). A lookup also finds the twins of these names: servers
// that turn each field into a variable (CGI, WSGI, FastCGI) read any character other than letters
// and digits as "_", so that "X_Forwarded_For" and "X.Forwarded-For" are X-Forwarded-For to them.
#pragma once
#include "proto/bytes.h"

// The treatment of a field at a hop. Twins of all but FIELD_PASSES are dropped from requests.
enum field_kind {
    FIELD_PASSES,     // passed on; not allowed as a trailer if it is in the table
    FIELD_STAYS,      // the same, and a twin of it could do harm
    FIELD_DROPPED,    // hop-by-hop
    FIELD_OURS,       // "adit-…": private to the tunnel
    FIELD_CONNECTION, // Connection
    FIELD_TE,         // TE
    FIELD_LENGTH,     // Content-Length
    FIELD_CLAIM,      // of requests: set by proxies, and forged if a visitor sends it
};

struct field_use {
    enum field_kind kind;
    bool listed; // the name, or the name of which it is a twin, is in the table
    bool twin;   // other characters stand in the place of the name's hyphens
};

// Looks a name up; case does not count.
struct field_use field_use_of(struct slice name);
// Whether it is a FIELD_CLAIM, or a twin of one: most names are told by their first letter.
bool field_is_claim(struct slice name);

// Whether servers may read two names as the same: equal letters and digits, without case, and any
// other characters in the same places.
bool field_names_fold(struct slice a, struct slice b);
