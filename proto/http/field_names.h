// SPDX-License-Identifier: MIT
// The one table of names that have a meaning at a hop: which are dropped, replaced or may be no
// trailers (docs/protocol.md §6). Servers that make a variable of each field (CGI, WSGI, FastCGI
// and the like) read any character that is no letter or digit as "_", so "X_Forwarded_For" and
// "X.Forwarded-For" are X-Forwarded-For to them: twins of the name. They are found as well.
#pragma once
#include "proto/bytes.h"

// What becomes of a field at a hop. Twins of all but the first are dropped.
enum field_kind {
    FIELD_PASSES,     // is no trailer, if it is in the table
    FIELD_STAYS,      // the same, but its twins could be taken for it
    FIELD_DROPPED,    // belongs to one connection
    FIELD_OURS,       // "adit-…": the tunnel's
    FIELD_CONNECTION, // Connection
    FIELD_TE,         // TE
    FIELD_LENGTH,     // Content-Length
    FIELD_CLAIM,      // of requests: what only somebody before the visitor's request could know
};

struct field_use {
    enum field_kind kind;
    bool listed; // its name or that of which it is a twin is in the table
    bool twin;   // it has other characters where the name has hyphens
};

// Looks a name up, without case.
struct field_use field_use_of(struct slice name);

// Whether servers may read two names as the same: letters and digits are alike without case, and
// where one has any other character the other has one, too.
bool field_names_fold(struct slice a, struct slice b);
