// SPDX-License-Identifier: MIT
// The sockets that one edge set listens on.
#pragma once
#include "edge_set.h"

// Embedded; zero but for `edges` and `tls` listens nowhere.
struct listeners {
    struct edge_set *edges;       // serves what the listeners accept
    const struct tls_server *tls; // of those that are added next; NULL: TCP alone
    struct listener at[LIMIT_LISTENERS];
    size_t count; // that were opened; closed ones keep their place, for their handles
};

// Listens on one more address; LIMIT_LISTENERS at most. Returns 0 and the bound address in
// `actual`, or a libuv error.
int listeners_add(struct listeners *l, const struct sockaddr_storage *addr,
                  struct sockaddr_storage *actual);
// Closes the one that was added last.
void listeners_close_last(struct listeners *l);
void listeners_close(struct listeners *l);
