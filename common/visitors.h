// SPDX-License-Identifier: MIT
// How many connections there may be, in total and of each visitor's address.
#pragma once
#include "client_address.h"
#include "limits.h"
#include "shares.h"

// What becomes of a new connection. Above each cap there are some to spare that still hear why they
// are not served; what is above those is closed without a word.
enum visitor_welcome {
    VISITOR_SERVED,
    VISITOR_TOO_MANY, // of this address: 429
    VISITOR_FULL,     // in all: 503
    VISITOR_UNHEARD,  // does not count
};

// Counts a connection. `*share` is to be given back by shares_leave; NULL when VISITOR_UNHEARD,
// and when out of memory, which is VISITOR_UNHEARD too.
enum visitor_welcome visitors_enter(struct shares *visitors, const struct limits *limits,
                                    const struct client_address *address, struct share **share);

// Visitors may not use up the open files that everything else needs: lowers their limit to what the
// process may open. Each takes `files` of them.
void visitors_bound(struct limits *l, unsigned files);
