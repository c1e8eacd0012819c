// SPDX-License-Identifier: MIT
// The tunnel's private fields, whose names begin "adit-": the sections in which each is legal and
// its legal values (docs/protocol.md §4.1).
#pragma once
#include "proto/http/message.h"

// A section of fields in the tunnel. The relay sends those of requests, the agent those of
// responses.
enum private_section {
    PRIVATE_REQUEST = 1,
    PRIVATE_REQUEST_TRAILERS = 2,
    PRIVATE_INTERIM = 4, // a 1xx
    PRIVATE_RESPONSE = 8,
    PRIVATE_RESPONSE_TRAILERS = 16,
};

enum {
    PRIVATE_UPGRADE_MAX = 255 // bytes of a response's adit-upgrade
};

// Whether every private field of a received head is legal in this section, with a legal value, and
// at most once; `upgrade` counts as adit-upgrade. spelling_apply checks the value of adit-case.
bool private_fields_check(const struct http_head *head, enum private_section section);

// The private fields of a request; 0 or empty: not sent.
struct private_request {
    uint64_t bind;    // the id of the binding
    struct slice id;  // of the exchange
    uint64_t visitor; // the number of the visitor's connection
};

// Removes all private fields of a checked head, and tells those of a request.
void private_fields_take(struct http_head *head, struct private_request *values);

// Parses the value of adit-bind or adit-visitor: decimal digits, at least 1, no leading zero.
bool private_number(struct slice text, uint64_t *n);

// Whether a text has the form of our error codes: "ADIT-", then capitals, digits and hyphens.
bool private_is_code(struct slice text);
