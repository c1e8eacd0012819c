// SPDX-License-Identifier: MIT
// The limits around the protocol; those of the protocol itself are in proto/ (docs/protocol.md §7
// lists all).
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

// Those that --limit NAME=VALUE sets. Each loop has its own copy, read by all that runs on it.
struct limits {
    uint32_t head_bytes;           // request line and fields of a visitor
    uint32_t head_fields;          // of a visitor's request
    uint32_t response_head_fields; // of a service's response
    uint32_t response_head_bytes;  // head of a service's response
    uint64_t body_bytes;           // of a request; 0: no limit
    uint32_t head_ms;              // for a request head, from its first byte on
    uint32_t keepalive_ms;         // of a visitor between requests
    uint32_t body_ms;              // within which the visitor's next portion of a body must come
    uint32_t send_ms;              // within which a visitor must take the next portion of ours
    uint32_t rate;                 // bytes a second: a portion is what this makes in that time
    uint32_t visitors;             // connections at once
    uint32_t visitors_per_address; // the same of one address; 0: LIMIT_VISITORS_PER_ADDRESS,
                                   // loopback excepted
    uint32_t handshakes;           // tunnels that have no name yet
    uint32_t handshakes_per_address;
    uint32_t hello_ms;     // from the tunnel's handshake to its hello
    uint32_t tunnels;      // that have names, and as many names
    uint32_t tunnel_files; // connections of tunnels for which there are files (admission_fit_files)
    uint32_t names_per_tunnel;
    uint32_t names_per_owner;     // those too whose agents are gone
    uint32_t names_per_address;   // the same
    uint32_t streams;             // exchanges at once in a tunnel
    uint32_t streams_per_address; // the same of one address
    uint32_t unread_bytes;        // of a tunnel: received and not passed on
    uint32_t gone_ms;             // that a name answers 503 after its agent has left
    uint32_t connect_ms;          // to a service, all its addresses together
    uint32_t answer_ms;           // for the response head of a service; 0: no limit
    uint64_t record_body_bytes;   // of a body that are recorded; 0: all
    uint64_t record_bytes;        // of the whole record; 0: no limit
    uint64_t record_age_ms;       // of an exchange in it; 0: no limit
};

extern const struct limits limits_default;

// The programs that know a limit.
enum limits_of {
    LIMITS_OF_RELAY = 1,
    LIMITS_OF_AGENT = 2,
    LIMITS_OF_PROXY = 4
};

enum {
    LIMITS_MESSAGE_MAX = 240
};

// Sets one limit out of "NAME=VALUE": a number, of bytes with k, m or g behind it, of time with ms,
// s, m, h or d; "none" or "unlimited" where the limit can be off. Returns NULL, or what is wrong
// with it, in `message`:
// "--limit TEXT: why".
const char *limits_set(struct limits *l, enum limits_of program, const char *text,
                       char message[static LIMITS_MESSAGE_MAX]);
// A time like 500ms, 30s or 5m, from `least` to a day, in ms. False: it is none.
bool limits_parse_time(const char *text, uint32_t least, uint32_t *ms);
// Writes the names, defaults and meanings, one a line.
void limits_print(FILE *out, enum limits_of program);

// Those that are fixed.
enum {
    LIMIT_READ_BYTES = 64 * 1024,     // that one read takes
    LIMIT_SCRATCH_BYTES = 160 * 1024, // of a loop, for whoever runs in a task
    LIMIT_CREDIT_BYTES = 64 * 1024,   // that an end of an exchange takes without giving credit
    LIMIT_CREDIT_MAX = 512 * 1024,    // to which that grows as it is passed on
    LIMIT_CREDIT_GROW_AFTER =
        256 * 1024,              // bytes that must have been passed on before it first grows
    LIMIT_CREDIT_MIN = 8 * 1024, // below this much credit a sender waits rather than read crumbs
    LIMIT_NOTSENT_BYTES = 128 * 1024, // that the kernel holds unsent for one connection
    LIMIT_UNREAD_ANSWERS_BYTES =
        64 * 1024, // unsent to a visitor, beyond which no further request is read
    LIMIT_LINK_QUEUE_BYTES = 64 * 1024, // taken from a tunnel beyond what its link has sent
    LIMIT_DRAIN_BYTES =
        64 * 1024, // of a request body that nobody wants, to keep the connection in use

    LIMIT_SHED_RATE = 1000,          // bytes a second, and
    LIMIT_SHED_AGE_MS = 1000,        // below and after which a visitor makes room in a full tunnel
    LIMIT_SHED_HANG_MS = 5000,       // without a byte, after which an exchange is one that lasts
    LIMIT_LINGER_MS = 5 * 1000,      // after our FIN, for the peer to say its next byte
    LIMIT_LINGER_MAX_MS = 30 * 1000, // the same, whatever it says
    LIMIT_LINGER_BYTES = 64 << 20,   // that are read meanwhile, for nothing
    LIMIT_STALLED_CHECK_MS = 1000,   // until a visitor that we don't read is known to have left
    LIMIT_ACCEPT_PAUSE_MS = 100,     // of a listener when the system is short of something
    LIMIT_POOL_IDLE_MS = 4 * 1000,   // of a pooled upstream connection
    LIMIT_POOL_FRESH_MS = 1000,      // of one that may carry a request that cannot be repeated
    LIMIT_POOL_PROOF_MS = 2000,      // for which a service must keep idle connections for that
    LIMIT_POOL_CLOSING_MS = 50,      // for which a service may close what it was told to
    LIMIT_POOL_PATIENCE = 1000,      // of them in a row that stand and are not trusted
    LIMIT_POOL_SIZE = 1024,          // idle upstream connections: as many as exchanges run at once
    LIMIT_LINK_STALL_MS = 15 * 1000, // of a link that takes nothing although bytes wait

    LIMIT_HALF_CLOSED_MS =
        60 *
        1000, // of an upgraded stream that its service has ended, without a byte of the visitor

    LIMIT_INTERIM = 64,              // 1xx responses before the final one
    LIMIT_INTERIM_BYTES = 64 * 1024, // of their fields together
    LIMIT_VISITORS_PER_ADDRESS = 1024,
    LIMIT_VISITORS_SPARE = 256, // above `visitors`, that still hear why they are not served
    LIMIT_ADDRESS_SPARE = 16,   // the same of one address
    LIMIT_TAKEN_SPARE = 320,    // connections of agents that linger, above those of tunnels
    LIMIT_FILES_SPARE = 448,    // open files that visitors and agents leave to everything else
    LIMIT_LISTENERS = 16,
    LIMIT_BINDS_SPARE = 16,              // binds of a tunnel beyond names_per_tunnel, and
    LIMIT_BINDS_EACH_MS = 1000,          // until there is one more
    LIMIT_LINKS_LINGER = 256,            // links that end while their agents may read why, and
    LIMIT_LINKS_LINGER_EACH_MS = 1000,   // until there is one more
    LIMIT_TUNNEL_LINES_EACH = 4,         // lines about tunnels in the log for each of `tunnels`,
    LIMIT_TUNNEL_LINES_SPARE = 100,      // and beyond these, and
    LIMIT_TUNNEL_LINES_EACH_MS = 100,    // until there is one more
    LIMIT_REFUSAL_LINES = 8,             // refusals of a tunnel that have lines of their own
    LIMIT_EXCHANGE_LINES = 1000,         // lines about exchanges (--verbose), and
    LIMIT_EXCHANGE_LINES_EACH_MS = 10,   // until there is one more
    LIMIT_MET_LINES_EACH_MS = 60 * 1000, // between two lines about the same limit
};
