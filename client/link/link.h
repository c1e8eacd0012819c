// SPDX-License-Identifier: MIT
// The agent's link: one WebSocket to the relay's tunnel endpoint (docs/protocol.md §1). Another
// kind of link would have this interface.
#pragma once
#include "common/base/address.h"
#include "common/base/secret.h"
#include "common/io/loop.h"
#include "relay_proxy.h"

struct link;

struct link_target {
    struct destination at;
    struct relay_proxy proxy; // on the way to it
    char token[SECRET_MAX];   // empty: none
};

// Why a link did not come up, or went down.
struct link_failure {
    bool was_up;
    bool at_proxy;        // the proxy refused, broke off, or could not be reached
    bool bad_certificate; // the relay's certificate was not accepted; `text` says why
    bool not_tls;         // the peer does not speak TLS
    bool handshake_sent;  // the WebSocket request was sent; `text` says how it failed
    bool no_unix_socket;  // no Unix socket for the handover to libwebsockets (link_handover.c)
    unsigned status;      // of the response that refused the WebSocket or the CONNECT, or 0
    char code[32];        // that response's adit-error, or empty
    const char *text;     // the reason in words, never NULL
    int error;            // libuv's error, or 0
    char address[ADDRESS_TEXT_MAX]; // to which `error` belongs; empty: to none
    uint32_t retry_after_ms;        // that response's Retry-After, or 0
    uint32_t retry_within_ms;       // bound for the first retry, from the relay's close frame, or 0
};

struct link_ops {
    void (*up)(void *ctx);
    // Bytes of a binary message; `last` ends the message. False: close the link.
    bool (*received)(void *ctx, const uint8_t *bytes, size_t len, bool last);
    // link_ready has become true again.
    void (*writable)(void *ctx);
    // The last call; the link is freed. Not called after link_close.
    void (*down)(void *ctx, const struct link_failure *failure);
};

// State that links share. NULL on failure: do not run the loop then, libwebsockets may have left
// handles of freed memory in it.
struct link_context *link_context_new(struct loop *l, const struct link_target *target);
// Every link must have been closed. Runs the loop for a few turns.
void link_context_free(struct link_context *c);

// Starts to connect; no event comes before it returns. NULL when out of memory. `target` must
// outlive the link.
struct link *link_open(struct link_context *c, const struct link_target *target,
                       const struct link_ops *ops, void *ctx);
// Whether link_send may be called.
bool link_ready(const struct link *link);
// Sends one binary message of at most TUNNEL_MESSAGE_MAX bytes; `bytes` stays as it is. Only when
// link_ready. False: the link broke, `down` follows.
bool link_send(struct link *link, const uint8_t *bytes, size_t len);

// Codes of our close frame (docs/protocol.md §1, RFC 6455 §7.4.1).
enum link_close_code {
    LINK_CLOSE_LEAVES = 1000,    // the agent ends
    LINK_CLOSE_GOES_AWAY = 1001, // the agent will connect again
    LINK_CLOSE_BREACH = 1002,    // the relay broke the protocol
};

// Ends and frees the link without a further event. NULL does nothing.
void link_close(struct link *link, enum link_close_code code);
