// SPDX-License-Identifier: MIT
// What is said when there is no link to the relay: why, and what to do about it.
#pragma once
#include <stddef.h>
#include "link.h"

enum {
    OUTAGE_TEXT_MAX = 2048
};

// `url` is the relay's as it was given.
void outage_text(char out[static OUTAGE_TEXT_MAX], const struct link_target *relay, const char *url,
                 const struct link_end *end);
