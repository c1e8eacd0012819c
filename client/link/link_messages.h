// SPDX-License-Identifier: MIT
// What is said when there is no link to the relay: why, and what to do about it.
#pragma once
#include <stddef.h>
#include "link.h"

enum {
    LINK_MESSAGE_MAX = 2048,
    LINK_MESSAGE_REPEAT_MS = 5 * 60 * 1000 // until the same is said again
};

// The last message about an outage. Zero: there was none.
struct last_link_message {
    char text[LINK_MESSAGE_MAX];
    uint64_t sent_ms;
};

// Whether this is to be said now: the first time, when something else is the matter, and every
// LINK_MESSAGE_REPEAT_MS. It counts as said then.
bool link_message_is_due(struct last_link_message *last, const char *text, uint64_t now_ms);
// The outage is over.
void link_message_reset(struct last_link_message *last);

// Of a tunnel that ended with a TUNNEL_E_* of ours; `detail` may be empty.
void link_message_lost(char out[static LINK_MESSAGE_MAX], const char *url, int error,
                       const char *detail);

// `url` is the relay's as it was given.
void link_message_failed(char out[static LINK_MESSAGE_MAX], const struct link_target *relay,
                         const char *url, const struct link_failure *failure);
