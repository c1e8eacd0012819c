// SPDX-License-Identifier: MIT
// What goes through the recorder's queue: an event's fixed part, and texts behind it, one after the
// other in the order of their lengths.
#pragma once
#include "common/exchange.h"
#include "proto/report.h"

enum event_kind {
    EVENT_BEGIN,
    EVENT_ABOUT,
    EVENT_DROP, // as if it had never begun
    EVENT_HEAD,
    EVENT_DATA,
    EVENT_TRAILERS,
    EVENT_END,
    EVENT_REPORT,
};

// `slot` names the exchange among those that run.
struct event {
    uint32_t kind, slot;
};

struct event_begin {
    struct event event;
    int64_t began_ns;
    bool redacted;
    uint8_t minor_version;
    uint32_t method_len, scheme_len, host_len, target_len, visitor_len, lines_len;
};

// What an exchange says of itself once it is settled.
struct event_about {
    struct event event;
    bool heads_only;
    uint64_t link; // number of the tunnel that a report on it may come through; 0: none
    char id[EXCHANGE_ID_LEN + 1];
    uint32_t visitor_len, tunnel_len, scheme_len, upstream_len, replay_len;
};

struct event_head {
    struct event event;
    uint16_t status;
    bool redacted, websocket;
    uint32_t lines_len;
};

struct event_data {
    struct event event;
    uint32_t side, len;
    int64_t at_ns;
};

struct event_trailers {
    struct event event;
    uint32_t side, lines_len;
    bool redacted;
};

struct event_end {
    struct event event;
    uint8_t answer; // enum answer, if `refused`
    bool refused, upgraded, reused, shed;
    uint16_t status;
    struct report report; // as the other end gets it
    bool has_digest[2];
    int64_t heard_ns, first_ns[2], last_ns[2], stalled_ns[2];
};

struct event_report {
    struct event event;
    uint64_t link;
    struct report report;
};
