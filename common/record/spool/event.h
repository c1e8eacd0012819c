// SPDX-License-Identifier: MIT
// Events of the recorder: a struct, then the bodies that its flags announce, then the texts
// whose lengths it has, in their order. Events are kept small: their memory moves from the cache of
// the loop's processor to that of the record writer's. Events go to files: `unused` bytes are 0, so
// that no file has what was in that memory before.
#pragma once
#include "common/exchange/exchange.h"
#include "proto/tunnel/report.h"

enum event_kind {
    EVENT_BEGUN,
    EVENT_ROUTED,
    EVENT_DISCARDED, // the exchange is not recorded after all
    EVENT_HEAD,
    EVENT_DATA,
    EVENT_TRAILERS,
    EVENT_BAD_HEAD,
    EVENT_PROGRESS, // the facts so far, of a long exchange
    EVENT_CLOSED,   // the final facts
    EVENT_REPORTED, // the peer's report arrived
};

// BEGUN stands for EVENT_BEGUN, and so on: the events that have the flag.
enum event_flag {
    EVENT_REDACTED = 1,   // BEGUN, HEAD, BAD_HEAD, TRAILERS: a value was left out
    EVENT_HTTP_10 = 2,    // BEGUN, HEAD
    EVENT_HEADS_ONLY = 4, // ROUTED
    EVENT_HTTP_2 = 32768, // BEGUN, HEAD
    EVENT_WEBSOCKET = 8,  // HEAD
    EVENT_REASON = 16384, // HEAD: the reason phrase is not the registered one
    // PROGRESS and CLOSED:
    EVENT_REFUSED = 16, // the response is our own
    EVENT_UPGRADED = 32,
    EVENT_REUSED = 64, // an idle connection to the origin was reused
    EVENT_SHED = 128,
    EVENT_NO_DIGEST = 4096, // the request's body goes on, or memory was out
    EVENT_NO_RESPONSE_DIGEST = 8192,
    // PROGRESS, CLOSED and REPORTED:
    EVENT_REQUEST_WHOLE = 256,
    EVENT_RESPONSE_WHOLE = 512,
    EVENT_REQUEST_BODY = 1024,  // a struct event_body (REPORTED: event_peer_body) for this side
    EVENT_RESPONSE_BODY = 2048, // follows the fixed part, the request's first
};

struct event {
    uint32_t slot; // of the exchange, among those that run
    uint8_t kind;
    uint8_t side; // DATA, TRAILERS: the sender
    uint16_t flags;
};

struct event_begun {
    struct event event;
    int64_t began_ns;
    uint32_t method_len, scheme_len, host_len, target_len, lines_len, visitor_len;
};

struct event_routed {
    struct event event;
    uint64_t tunnel_id; // of the tunnel through which a report may come; 0: none
    char id[EXCHANGE_ID_LEN];
    uint16_t visitor_len, tunnel_len, scheme_len, upstream_len, replay_len;
    uint16_t owner_len, address_len;
    uint8_t share; // queue_shares.h
    uint8_t unused;
};

struct event_head {
    struct event event;
    uint32_t lines_len; // field lines
    uint32_t reason_len;
    uint16_t status, unused;
};

struct event_data {
    struct event event;
    int64_t at_ns;
    uint32_t len, unused;
};

struct event_trailers {
    struct event event;
    uint32_t lines_len;
};

struct event_bad_head {
    struct event event;
    uint32_t len;
};

// A body so far. Times as in event_facts.
struct event_body {
    uint64_t bytes;
    int64_t first_ns, last_ns, stalled_ns;
    uint8_t digest[DIGEST_BYTES];
};

// PROGRESS and CLOSED. Times are ns since the exchange began; -1: did not happen.
struct event_facts {
    struct event event;
    uint16_t status;
    uint8_t outcome;     // CLOSED: enum exchange_outcome; PROGRESS: 0
    uint8_t answer;      // with EVENT_REFUSED: enum answer
    uint16_t detail_len; // of the text behind the bodies
    uint16_t unused;
    int64_t sent_on_ns, connect_ns, heard_ns, answered_ns, duration_ns;
};

// A body as the peer saw it.
struct event_peer_body {
    uint64_t bytes;
    uint8_t digest[DIGEST_BYTES];
};

struct event_report {
    struct event event;
    uint64_t tunnel_id;
    char id[EXCHANGE_ID_LEN];
    uint64_t sent_on_ns, connect_ns, answered_ns, duration_ns; // as in struct report
    uint8_t outcome, unused[7];
};

struct event_flush {
    struct event event;
    int fd; // the reader's connection; the receiver owns it
};
