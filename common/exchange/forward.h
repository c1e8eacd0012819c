// SPDX-License-Identifier: MIT
// A filter that makes a request head fit to be forwarded, in the relay and in the proxy alike (RFC
// 9110 §7.6, docs/protocol.md §6).
#pragma once
#include "filter.h"
#include "proto/http/fields.h"

enum {
    FORWARD_ID_DIGITS = 16,
    FORWARD_LOOP_ID_MAX = 32
};

// Makes the pseudonym: "adit-" and an id that is ours alone.
void forward_loop_id(char out[static FORWARD_LOOP_ID_MAX],
                     const char id[static FORWARD_ID_DIGITS + 1]);

// The filter.
struct forward {
    struct filter filter;
    const char *loop_id; // our pseudonym in Via, by which we detect loops
};

// Decrements Max-Forwards, strips hop-by-hop fields, adds the forwarding fields and Via by the
// facts of the exchange, its visitor and scheme, and turns Host into the authority. Answers a
// request that goes no further.
void forward_init(struct forward *f, const char *loop_id);
