// SPDX-License-Identifier: MIT
// What goes through the recorder's queue: an event's fixed part, and behind it texts, one after the
// other in the order of their lengths, or what its flags say. It is kept small: the queue's memory
// goes from the cache of one processor to that of another.
#pragma once
#include "common/exchange/exchange.h"
#include "proto/tunnel/report.h"

enum event_kind {
    EVENT_BEGIN,
    EVENT_ROUTED,
    EVENT_DROP, // as if it had never begun
    EVENT_HEAD,
    EVENT_DATA,
    EVENT_TRAILERS,
    EVENT_BAD_HEAD,
    EVENT_PROGRESS, // what an END would say by now, of an exchange that lasts
    EVENT_END,
    EVENT_REPORT,
    EVENT_FLUSH, // somebody wants to know when all that is before it is written
};

enum event_flag {
    EVENT_REDACTED = 1,   // of BEGIN, HEAD, BAD_HEAD and TRAILERS: a value was left out
    EVENT_HTTP_10 = 2,    // of BEGIN and HEAD
    EVENT_HEADS_ONLY = 4, // of ABOUT
    EVENT_WEBSOCKET = 8,  // of HEAD
    EVENT_REFUSED = 16,   // of END and PROGRESS, as all that follow
    EVENT_UPGRADED = 32,
    EVENT_REUSED = 64, // the connection to the service
    EVENT_SHED = 128,
    EVENT_REQUEST_WHOLE = 256,    // of REPORT too
    EVENT_RESPONSE_WHOLE = 512,   // the same
    EVENT_REQUEST_PASSED = 1024,  // some of its body has: what there is to say of them is behind
    EVENT_RESPONSE_PASSED = 2048, // the event, of the request's first. Of REPORT too
    EVENT_NO_DIGEST = 4096,       // of the request's body: no memory for it, or it goes on
    EVENT_NO_RESPONSE_DIGEST = 8192,
    EVENT_REASON = 16384, // of HEAD: its reason phrase is not the registered one
};

// `slot` names the exchange among those that run, `side` who has sent it (DATA and TRAILERS).
struct event {
    uint32_t slot;
    uint8_t kind, side;
    uint16_t flags;
};

struct event_begin {
    struct event event;
    int64_t began_ns;
    uint32_t method_len, scheme_len, host_len, target_len, lines_len, visitor_len;
};

// What an exchange says of itself once it is routed.
struct event_routed {
    struct event event;
    uint64_t tunnel_id; // number of the tunnel that a report on it may come through; 0: none
    char id[EXCHANGE_ID_LEN];
    uint16_t visitor_len, tunnel_len, scheme_len, upstream_len, replay_len;
    uint16_t owner_len, address_len;
    uint8_t share; // of whose share it is (recorder.h)
};

// Field lines, and a reason phrase that says something.
struct event_head {
    struct event event;
    uint32_t lines_len, reason_len;
    uint16_t status;
};

struct event_data {
    struct event event;
    int64_t at_ns;
    uint32_t len;
};

struct event_trailers {
    struct event event;
    uint32_t lines_len;
};

// What came instead of a head.
struct event_bad_head {
    struct event event;
    uint32_t len;
};

// Of a body, at the end of its exchange or so far.
struct event_passed {
    uint64_t bytes;
    int64_t first_ns, last_ns, stalled_ns;
    uint8_t digest[DIGEST_BYTES];
};

// Of PROGRESS and END. Times are ns since it has begun; -1: did not happen.
struct event_end {
    struct event event;
    uint16_t status;
    uint8_t outcome;     // enum exchange_outcome; of END alone
    uint8_t answer;      // enum answer, of what was refused
    uint16_t detail_len; // of the text behind what has passed
    int64_t sent_on_ns, connect_ns, heard_ns, answered_ns, duration_ns;
};

// Of a body, as the other end has seen it.
struct event_peer {
    uint64_t bytes;
    uint8_t digest[DIGEST_BYTES];
};

struct event_report {
    struct event event;
    uint64_t tunnel_id;
    char id[EXCHANGE_ID_LEN];
    uint64_t sent_on_ns, connect_ns, answered_ns, duration_ns; // as in a report
    uint8_t outcome;
};

struct event_flush {
    struct event event;
    int fd; // the reader's connection, handed over
};
