// SPDX-License-Identifier: MIT
// The texts that users read when there is no link to the relay: why, and what to do about it.
#pragma once
#include <stddef.h>
#include "link.h"

enum {
    LINK_MESSAGE_MAX = 2048,
    LINK_MESSAGE_REPEAT_MS = 5 * 60 * 1000 // until the same text is shown again
};

// Explains why the link did not come up. `url` is the relay's, for messages.
void link_message_failed(char out[static LINK_MESSAGE_MAX], const struct link_target *relay,
                         const char *url, const struct link_failure *failure);
// Explains why a link went down.
void link_message_gone(char out[static LINK_MESSAGE_MAX], const char *url, const char *why);
// Explains why we gave up a link: `error` is a TUNNEL_E_*, `detail` may be empty.
void link_message_lost(char out[static LINK_MESSAGE_MAX], const char *url, int error,
                       const char *detail);

// The message that was shown last. Zeros: none.
struct last_link_message {
    char text[LINK_MESSAGE_MAX];
    uint64_t sent_ms;
};

// Whether to show `text` now: when it differs from the last one, and every LINK_MESSAGE_REPEAT_MS.
// If so, it becomes the last one.
bool link_message_is_due(struct last_link_message *last, const char *text, uint64_t now_ms);
// The link works: the next message is due, even if it is the same.
void link_message_reset(struct last_link_message *last);
