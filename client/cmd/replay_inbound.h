// SPDX-License-Identifier: MIT
// Asks a service once more what was asked before: the inbound of an exchange with its request in
// memory. What is answered goes to the exchange's observers and nowhere else.
#pragma once
#include "common/io/loop.h"
#include "common/outbound/upstream.h"

struct replay_inbound_request {
    struct http_head head; // as an outbound takes it: no fields of a hop; without an authority it
                           // is the service's
    struct body_framing framing;
    struct slice body;
    struct http_head trailers; // of a chunked body
    const char *replay_of;
    const bool *stopped; // set while the loop runs: the exchange is broken off
};

struct replay_inbound_result {
    char id[EXCHANGE_ID_LEN + 1];
    enum exchange_outcome why;
    uint16_t status; // 0: none
    uint64_t bytes;  // of the response's body
    uint64_t duration_ns;
    bool refused; // the answer is our own
    enum answer answer;
    char detail[EXCHANGE_DETAIL_MAX]; // what was wrong; "": nothing to add
};

// Runs one exchange to its end. The loop runs meanwhile. False: out of memory.
bool replay_inbound_run(struct upstream *u, const struct exchange_observer *observer,
                        struct exchange_ids *ids, const struct replay_inbound_request *request,
                        struct replay_inbound_result *result);
