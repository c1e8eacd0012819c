// SPDX-License-Identifier: MIT
// The inbound of a replayed exchange: its request is in memory, and its response goes to the
// exchange's observers only.
#pragma once
#include "common/exchange/outbound.h"
#include "common/io/loop.h"

struct replay_inbound_request {
    struct http_head head; // as an outbound takes it: without hop-by-hop fields. An empty authority
                           // stands for the service's own
    struct body_framing framing;
    struct slice body;
    struct http_head trailers; // of a chunked body
    const char *replay_of;     // the id of the first exchange
    const bool *stopped;       // becomes true while the loop runs: abort the exchange
};

struct replay_inbound_result {
    char id[EXCHANGE_ID_LEN + 1];
    enum exchange_outcome why;
    uint16_t status; // 0: none
    uint64_t bytes;  // of the response's body
    uint64_t duration_ns;
    bool refused;                     // the response is our own,
    enum answer answer;               // and this one
    char detail[EXCHANGE_DETAIL_MAX]; // the reason in words; may be empty
};

// Where a request goes.
struct replay_inbound_way {
    struct loop *loop;
    struct outbound *outbound;
    const char *authority; // the service's own
    const struct exchange_observer *observer;
};

// Runs the loop until the exchange has ended. False: out of memory.
bool replay_inbound_run(const struct replay_inbound_way *way, struct exchange_ids *ids,
                        const struct replay_inbound_request *request,
                        struct replay_inbound_result *result);
