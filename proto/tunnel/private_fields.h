// SPDX-License-Identifier: MIT
// The tunnel's own fields, which begin "adit-": which of them either end may say to the other, in
// which kind of message, and with which values (docs/protocol.md §4.1).
#pragma once
#include "proto/http/message.h"

// A section of fields in the tunnel, and with that who says it: requests the relay, responses the
// agent.
enum private_section {
    PRIVATE_REQUEST = 1,
    PRIVATE_REQUEST_TRAILERS = 2,
    PRIVATE_INTERIM = 4, // a 1xx
    PRIVATE_RESPONSE = 8,
    PRIVATE_RESPONSE_TRAILERS = 16,
};

enum {
    PRIVATE_UPGRADE_MAX = 255 // bytes of what a response switches to or asks for
};

// Whether all that is private in a head that came is what its sender may say there, each of it
// once; `upgrade` counts as adit-upgrade. What adit-case says is judged by spelling_apply.
bool private_fields_check(const struct http_head *head, enum private_section section);

// Takes out all that is private.
void private_fields_drop(struct http_head *head);

// A number as adit-bind and adit-visitor have it: from 1 up, in decimal digits, no zero before it.
bool private_number(struct slice text, uint64_t *n);

// Whether it looks like a code of ours: "ADIT-" and capitals, digits and hyphens.
bool private_is_code(struct slice text);
