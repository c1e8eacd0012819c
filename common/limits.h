// SPDX-License-Identifier: MIT
// The limits around the protocol; those of the protocol itself are in proto/ (docs/protocol.md §7
// lists all).
#pragma once

enum {
    LIMIT_HEAD_BYTES = 32 * 1024,          // request line and fields of a visitor
    LIMIT_RESPONSE_HEAD_BYTES = 64 * 1024, // head of an upstream's response
    LIMIT_READ_BYTES = 64 * 1024,          // that one read takes
    LIMIT_SCRATCH_BYTES = 160 * 1024,      // of a loop, for whoever runs in a task
    LIMIT_CREDIT_BYTES = 64 * 1024,        // that an end of an exchange takes without giving credit
    LIMIT_CREDIT_MAX = 512 * 1024,         // to which that grows as it is passed on
    LIMIT_CREDIT_GROW_AFTER =
        256 * 1024,              // bytes that must have been passed on before it first grows
    LIMIT_CREDIT_MIN = 8 * 1024, // below this much credit a sender waits rather than read crumbs
    LIMIT_NOTSENT_BYTES = 128 * 1024, // that the kernel holds unsent for one connection
    LIMIT_UNREAD_ANSWERS_BYTES =
        64 * 1024, // unsent to a visitor, beyond which no further request is read
    LIMIT_LINK_QUEUE_BYTES = 64 * 1024, // taken from a tunnel beyond what its link has sent

    LIMIT_HEAD_MS = 10 * 1000,      // for a request head, from its first byte on
    LIMIT_KEEPALIVE_MS = 75 * 1000, // of a visitor between requests
    LIMIT_BODY_IDLE_MS =
        30 * 1000, // between two pieces of a request body while we wait for the visitor
    LIMIT_CONNECT_MS = 10 * 1000,    // to an upstream, all its addresses together
    LIMIT_FLUSH_MS = 120 * 1000,     // for the last bytes of a connection that we end
    LIMIT_LINGER_MS = 3 * 1000,      // after our FIN, for the peer to read our last answer
    LIMIT_LINK_STALL_MS = 15 * 1000, // of a link that takes nothing although bytes wait
    LIMIT_HELLO_MS = 10 * 1000,      // from the tunnel's handshake to its hello
    LIMIT_POOL_IDLE_MS = 4 * 1000,   // of a pooled upstream connection
    LIMIT_POOL_FRESH_MS = 1000,      // of one that may carry a request that cannot be repeated
    LIMIT_POOL_SIZE = 1024,          // idle upstream connections: as many as exchanges run at once
    LIMIT_GONE_MS = 60 * 1000,       // that a name answers 503 after its agent has left

    LIMIT_HALF_CLOSED_MS =
        60 *
        1000, // of an upgraded stream that its service has ended, without a byte of the visitor

    LIMIT_INTERIM = 64,         // 1xx responses before the final one
    LIMIT_UNAUTHENTICATED = 64, // tunnels that have not said hello yet
    LIMIT_TUNNELS = 8192,
    LIMIT_NAMES_PER_TUNNEL = 16,
    LIMIT_LISTENERS = 16,
};
