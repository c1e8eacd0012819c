// SPDX-License-Identifier: MIT
// What a request head goes through on its way through us, the same in the relay and in the proxy
// (RFC 9110 §7.6, docs/protocol.md §6).
#pragma once
#include "exchange.h"
#include "proto/http/fields.h"

// For whom a request is forwarded, and by whom.
struct forward_hop {
    struct slice visitor; // the address that it comes from, without port
    const char *scheme;   // that the visitor used: "http" or "https"
    const char *loop_id;  // names us in Via: "adit-" and an id of ours alone
};

enum {
    FORWARD_ID_DIGITS = 16, // of that id
    FORWARD_LOOP_ID_MAX = 32
};

// Makes such a name out of the id.
void forward_loop_id(char out[static FORWARD_LOOP_ID_MAX],
                     const char id[static FORWARD_ID_DIGITS + 1]);

// Values of fields that we set; must live as long as the head is read.
struct forward_scratch {
    char fields[FIELDS_SCRATCH];
    char max_forwards[24];
};

// Makes the head of an exchange's request fit to be sent on: counts Max-Forwards down, drops what
// belongs to this hop, says for whom it is forwarded and through whom. Its Host becomes the
// authority alone. False: it goes no further, and its exchange has been answered.
bool forward_request(struct exchange *x, struct http_head *head, const struct forward_hop *hop,
                     struct forward_scratch *scratch);
