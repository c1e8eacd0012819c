// SPDX-License-Identifier: MIT
// A simulation: visitors, an edge set, exchanges, an upstream and its origin in one process, over
// fake sockets (fake_system.h). The far ends send every kind of message in any pieces, leave, break
// the protocol or fall silent; memory, descriptors and connections fail. All choices come from
// `chance`, so that a seed reproduces a failure. A breach of HTTP's rules or of the contracts of
// exchange.h, edge_set.h and upstream.h is a failed CHECK.
#pragma once
#include "chance.h"

struct exchange_sim_result {
    size_t requests;          // that visitors sent whole
    size_t answered;          // of these, by the origin and whole
    size_t refused;           // by an answer of ours
    size_t cut;               // the response began and broke off
    size_t unanswered;        // the connection ended before
    size_t upgraded, retried; // exchanges; requests that the origin got twice
    uint64_t bytes;           // of bodies that arrived
};

struct exchange_sim_result exchange_sim_run(struct chance *chance);
