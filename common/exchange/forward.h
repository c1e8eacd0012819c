// SPDX-License-Identifier: MIT
// Makes a request head fit to be forwarded, in the relay and in the proxy alike (RFC 9110 §7.6,
// docs/protocol.md §6).
#pragma once
#include "exchange.h"
#include "proto/http/fields.h"

enum {
    FORWARD_ID_DIGITS = 16,
    FORWARD_LOOP_ID_MAX = 32
};

// Makes the pseudonym: "adit-" and an id that is ours alone.
void forward_loop_id(char out[static FORWARD_LOOP_ID_MAX],
                     const char id[static FORWARD_ID_DIGITS + 1]);

// Memory for the values of added fields; must outlive the head.
struct forward_scratch {
    char fields[FIELDS_SCRATCH];
    char max_forwards[24];
};

// Decrements Max-Forwards, strips hop-by-hop fields, adds the forwarding fields and Via, and turns
// Host into the authority, by the facts of the exchange: its visitor and scheme. `loop_id` is our
// pseudonym in Via, by which we detect loops. False: the request goes no further, and its exchange
// has been answered.
bool forward_request(struct exchange *x, struct http_head *head, const char *loop_id,
                     struct forward_scratch *scratch);
