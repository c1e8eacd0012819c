// SPDX-License-Identifier: MIT
// The facts of an exchange: observers record, report and show them. Whoever knows a fact sets it.
// The exchange itself decides nothing by them; those who forward, limit or answer requests do.
#pragma once
#include "answer.h"
#include "common/base/client_address.h"
#include "proto/exchange_id.h"

enum {
    EXCHANGE_TARGET_MAX = 200,
    EXCHANGE_DETAIL_MAX = ANSWER_DETAIL_MAX
};

struct exchange_facts {
    char id[EXCHANGE_ID_LEN + 1]; // set by the inbound; empty until then
    // The inbound's peer, or the client that a trusted proxy names; all zero when unknown.
    struct client_address client;
    // "" when unknown. Borrowed from the code that set them; observers read them no later than in
    // `routed`. `visitor` is `client` as text, without port; `scheme` is the one that the visitor
    // used.
    const char *visitor, *tunnel, *scheme, *upstream, *replay_of;
    // The tunnel's owner (SHA-256 of the owner's key in hexadecimal) and its agent's address, ""
    // where that may stand for several people. The record's space is shared out by them.
    const char *owner, *tunnel_address;
    uint64_t tunnel_id;  // 0: no tunnel
    uint64_t bind_id;    // relay: the bind message that gave the agent the name that is asked for
    uint64_t inbound_id; // number of the visitor's connection, unique within the tunnel; 0:
                         // unknown, or the connection may carry requests of several people
    char method[24], target[EXCHANGE_TARGET_MAX]; // truncated
    uint16_t status;                              // of the final response
    bool uncovered;                               // the certificate that the visitor was shown is
                                                  // for other hosts
    bool http_10;                                 // the request's version is HTTP/1.0
    bool refused;                                 // the response is our own `answer`
    enum answer answer;
    char detail[EXCHANGE_DETAIL_MAX]; // what exactly was wrong; "": nothing to add to `answer`
    int64_t begun_wall_ns;            // since 1970
    // Monotonic clock; 0: not yet.
    uint64_t begun_ns;    // the request head was received
    uint64_t sent_on_ns;  // the request head left for the outbound
    uint64_t heard_ns;    // first byte of any response, interim ones included
    uint64_t answered_ns; // final response head
    uint64_t ended_ns;
    uint64_t connect_ns; // time that connecting to the origin took; 0: reused a connection
};
