// SPDX-License-Identifier: MIT
// How many connections there are, in total and of each visitor's address. Of IPv6 the /64 counts: a
// visitor owns at least that many addresses.
#pragma once
#include <netinet/in.h>
#include "limits.h"

struct visitor_address;

enum {
    VISITOR_BUCKETS = 1024
};

// Embedded; zero is empty.
struct visitors {
    struct visitor_address *buckets[VISITOR_BUCKETS];
    uint32_t count;
};

// What becomes of a new connection. Above each cap there are some to spare that still hear why they
// are not served; what is above those is closed without a word.
enum visitor_welcome {
    VISITOR_SERVED,
    VISITOR_TOO_MANY, // of this address: 429
    VISITOR_FULL,     // in all: 503
    VISITOR_UNHEARD,  // does not count
};

// Counts a connection. `*address` is to be given back by visitors_leave; NULL when VISITOR_UNHEARD,
// and when out of memory, which is VISITOR_UNHEARD too.
enum visitor_welcome visitors_enter(struct visitors *v, const struct limits *limits,
                                    const struct sockaddr_storage *peer,
                                    struct visitor_address **address);
void visitors_leave(struct visitor_address *address);

// Visitors may not use up the open files that everything else needs: lowers their limit to what the
// process may open. Each takes `files` of them.
void visitors_bound(struct limits *l, unsigned files);

// The address as text without port; an IPv4 address that came mapped into IPv6 as IPv4.
void visitor_text(const struct sockaddr_storage *peer, char out[static INET6_ADDRSTRLEN]);
