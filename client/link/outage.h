// SPDX-License-Identifier: MIT
// What is said when there is no link to the relay: why, and what to do about it.
#pragma once
#include <stddef.h>
#include "link.h"

enum {
    OUTAGE_TEXT_MAX = 2048,
    OUTAGE_AGAIN_MS = 5 * 60 * 1000 // until the same is said again
};

// The last message about an outage. Zero: there was none.
struct outage {
    char told[OUTAGE_TEXT_MAX];
    uint64_t told_ms;
};

// Whether this is to be said now: the first time, when something else is the matter, and every
// OUTAGE_AGAIN_MS. It counts as said then.
bool outage_is_news(struct outage *o, const char *text, uint64_t now_ms);
// The outage is over.
void outage_end(struct outage *o);

// Of a tunnel that ended with a TUNNEL_E_* of ours; `detail` may be empty.
void outage_lost(char out[static OUTAGE_TEXT_MAX], const char *url, int error, const char *detail);

// `url` is the relay's as it was given.
void outage_text(char out[static OUTAGE_TEXT_MAX], const struct link_target *relay, const char *url,
                 const struct link_end *end);
