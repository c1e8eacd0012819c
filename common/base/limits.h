// SPDX-License-Identifier: MIT
// The limits of the programs; those of the protocol itself are in proto/ (docs/protocol.md §7 lists
// all).
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

// Limits that --limit NAME=VALUE sets, except tunnel_files, which has no name. Each loop has its
// own copy. A visitor is a client of the relay or the proxy; an address is an IPv4 address or an
// IPv6 /64.
struct limits {
    uint32_t head_bytes;           // request line and fields of a request
    uint32_t head_fields;          // fields of a request
    uint32_t response_head_fields; // fields of a service's response
    uint32_t response_head_bytes;  // size of a response's status line and fields
    uint64_t body_bytes;           // of a request; 0: no limit
    uint32_t head_ms;              // to receive a request head, from its first byte on
    uint32_t keepalive_ms;         // a visitor's connection may idle between requests
    uint32_t body_ms;              // to receive the next portion of a request body
    uint32_t send_ms;              // to send the next portion of a response
    uint32_t rate;                 // bytes per second; a portion is rate × body_ms or send_ms
    uint32_t visitors;             // open connections of visitors
    uint32_t visitors_per_address; // the same per address; 0: LIMIT_VISITORS_PER_ADDRESS, and
                                   // no limit for loopback
    uint32_t handshakes;           // tunnels without a name so far
    uint32_t handshakes_per_address;
    uint32_t hello_ms;     // from a tunnel's WebSocket handshake to its hello
    uint32_t tunnels;      // tunnels with names, and names in all
    uint32_t tunnel_files; // connections of tunnels that have descriptors (admission_fit_files)
    uint32_t names_per_tunnel;
    uint32_t names_per_owner;     // including names kept for absent agents
    uint32_t names_per_address;   // likewise
    uint32_t streams;             // concurrent exchanges of a tunnel
    uint32_t streams_per_address; // the same per address of visitors
    uint32_t unread_bytes;        // of a tunnel: received and not yet passed on
    uint32_t gone_ms;             // a name is kept, answering 503, after its agent was lost
    uint32_t connect_ms;          // to connect to a service, trying all its addresses
    uint32_t tls_handshake_ms;    // for a TLS handshake, and for the rest of a message behind it
    uint32_t answer_ms;           // until the response head of a service; 0: no limit
    uint64_t record_body_bytes;   // recorded of each body; 0: all
    uint64_t record_bytes;        // of the whole record; 0: no limit
    uint64_t record_age_ms;       // until a recorded exchange is deleted; 0: never
};

extern const struct limits limits_default;

// Programs that a limit applies to, as bits.
enum limits_of {
    LIMITS_OF_RELAY = 1,
    LIMITS_OF_AGENT = 2,
    LIMITS_OF_PROXY = 4
};

enum {
    LIMITS_MESSAGE_MAX = 240
};

// Sets one limit from "NAME=VALUE". A number of bytes may have the unit k, m or g; a time needs ms,
// s, m, h or d. "none" or "unlimited" turns a limit off where that is allowed. Returns NULL, or the
// mistake in `message`: "--limit TEXT: why".
const char *limits_set(struct limits *l, enum limits_of program, const char *text,
                       char message[static LIMITS_MESSAGE_MAX]);
// Parses a time like 500ms, 30s or 5m, from `min` ms to a day. False: it is no such time.
bool limits_parse_time(const char *text, uint32_t min, uint32_t *ms);
// Prints name, default and meaning of each limit of a program, one a line.
void limits_print(FILE *out, enum limits_of program);

// Fixed limits.
enum {
    LIMIT_READ_BYTES = 64 * 1024,           // per read
    LIMIT_READ_BULK_BYTES = 512 * 1024,     // per read of a body, or of a link
    LIMIT_SCRATCH_BYTES = 160 * 1024,       // a loop's scratch memory, valid within one task
    LIMIT_CREDIT_BYTES = 64 * 1024,         // initial credit between the ends of an exchange
    LIMIT_CREDIT_MAX = 512 * 1024,          // the same with a tunnel that takes them
    LIMIT_CREDIT_MIN = 8 * 1024,            // a sender with less credit waits, to avoid tiny reads
    LIMIT_NOTSENT_BYTES = 128 * 1024,       // unsent in the kernel per connection
    LIMIT_NOTSENT_QUICK_BYTES = 512 * 1024, // the same while the peer takes half of the above in
    LIMIT_QUICK_MS = 2,                     // this time
    LIMIT_UNREAD_ANSWERS_BYTES = 64 * 1024, // unsent to a visitor: stop reading requests
    LIMIT_LINK_QUEUE_BYTES = 64 * 1024,     // taken from a tunnel but not sent by its link
    LIMIT_LINK_LENT_BYTES = 512 * 1024,     // the same, of one read: written together
    LIMIT_DRAIN_BYTES = 64 * 1024,          // of an unwanted request body, to reuse the connection

    // Of a visitor's HTTP/2 connection.
    LIMIT_H2_STREAMS = 100,              // at once
    LIMIT_H2_UNREAD_BYTES = 1024 * 1024, // received and not passed on, all streams together
    LIMIT_H2_WINDOW_BYTES = 256 * 1024,  // the same of one stream: a stalled one holds no more
    LIMIT_H2_HEADS_BYTES = 128 * 1024,   // of interim responses that wait to be sent
    LIMIT_H2_ROOM_BYTES = 64 * 1024,     // of a response on their way, above LIMIT_CREDIT_BYTES
    LIMIT_H2_CHECK_MS = 1000,            // between checks of its streams' time limits

    LIMIT_SHED_RATE = 1000,     // bytes per second: a full tunnel sheds slower exchanges
    LIMIT_SHED_AGE_MS = 1000,   // that are at least this old
    LIMIT_SHED_HANG_MS = 5000,  // without a byte: an exchange counts as long-lived
    LIMIT_LEAVE_MS = 2000,      // of an agent that ends, until its peers have closed what it closes
    LIMIT_LEAVE_RELAY_MS = 500, // the same of a relay: its agents try again soon
    LIMIT_LINGER_MS = 5 * 1000, // after our FIN, between two bytes of the peer
    LIMIT_LINGER_MAX_MS = 30 * 1000, // after our FIN, altogether
    LIMIT_LINGER_BYTES = 64 << 20,   // read and discarded meanwhile
    LIMIT_STALLED_CHECK_MS = 1000,   // between checks whether an unread visitor has left
    LIMIT_ACCEPT_PAUSE_MS = 100,     // of a listener when the system lacks descriptors or memory
    LIMIT_POOL_IDLE_MS = 4 * 1000,   // of a pooled upstream connection
    LIMIT_POOL_FRESH_MS = 1000,      // of one that may carry a non-idempotent request
    LIMIT_POOL_PROOF_MS = 2000,      // idle time that a service must have tolerated before that
    LIMIT_POOL_CLOSING_MS = 50,      // for a service to close after "Connection: close"
    LIMIT_POOL_PATIENCE = 1000,      // untrusted idle connections passed over before one is tried
    LIMIT_POOL_SIZE = 1024,          // idle upstream connections: as many as concurrent exchanges
    LIMIT_LINK_STALL_MS = 15 * 1000, // without progress of a link although bytes wait

    LIMIT_TICKET_KEY_MS =
        60 * 60 * 1000, // a key seals TLS session tickets, then opens them as long

    LIMIT_TLS_LOOK_MS = 10 * 1000, // from one look at the files of certificates to the next

    LIMIT_HALF_CLOSED_MS = 60 * 1000, // of an upgraded stream: the service has ended, the visitor
                                      // sends nothing

    LIMIT_INTERIM = 64,              // 1xx responses before the final one
    LIMIT_INTERIM_BYTES = 64 * 1024, // of their fields altogether
    LIMIT_VISITORS_PER_ADDRESS = 1024,
    LIMIT_VISITORS_SPARE = 256, // refused connections that still get a 429 or 503
    LIMIT_ADDRESS_SPARE = 16,   // the same of one address
    LIMIT_TAKEN_SPARE = 320,    // lingering connections of agents, above those of tunnels
    LIMIT_FILES_SPARE = 448,    // descriptors kept free of visitors and agents
    LIMIT_LISTENERS = 16,
    LIMIT_PROXY_HEADERS = 256, // connections of proxies that have not named their client yet

    // Token buckets: so many at once, and one more each so many ms.
    LIMIT_BINDS_SPARE = 16, // binds of a tunnel beyond names_per_tunnel
    LIMIT_BINDS_EACH_MS = 1000,
    LIMIT_LINKS_LINGER = 256, // closing links whose agents may still read the reason
    LIMIT_LINKS_LINGER_EACH_MS = 1000,
    LIMIT_TUNNEL_LINES_EACH = 4,    // log lines about tunnels: per tunnel of `tunnels`,
    LIMIT_TUNNEL_LINES_SPARE = 100, // and in addition
    LIMIT_TUNNEL_LINES_EACH_MS = 100,
    LIMIT_EXCHANGE_LINES = 1000, // log lines about exchanges (--verbose)
    LIMIT_EXCHANGE_LINES_EACH_MS = 10,

    LIMIT_REFUSAL_LINES = 8,             // log lines about refusals of one tunnel
    LIMIT_MET_LINES_EACH_MS = 60 * 1000, // between log lines about the same limit
};
