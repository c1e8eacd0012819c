// SPDX-License-Identifier: MIT
// The agent's link: one WebSocket to the relay's tunnel endpoint (docs/protocol.md §1). Another
// kind of link needs only this header.
#pragma once
#include "common/base/address.h"
#include "common/base/secret.h"
#include "common/io/loop.h"
#include "relay_proxy.h"

struct link;

struct link_target {
    struct destination at;
    struct relay_proxy proxy; // before it
    char token[SECRET_MAX];   // empty: none
};

// Why a link did not come up or went down.
struct link_failure {
    bool was_up;
    bool at_proxy;        // the proxy before the relay is to blame, or could not be reached
    unsigned status;      // of the HTTP response that refused the WebSocket or the CONNECT, or 0
    bool bad_certificate; // the relay's was not accepted
    bool not_tls;         // what is there does not speak TLS
    bool handshake_sent;  // the handshake was sent, and what came of it is `text`
    bool no_unix_socket;  // a Unix socket of our own failed, by which connections are handed over
    char code[32];        // of that response's adit-error, or empty
    const char *text;     // why else
    int error;            // libuv's that it is told of, or 0
    char address[ADDRESS_TEXT_MAX]; // that the error is of; empty: of none
    uint32_t retry_after_ms;        // that response's Retry-After; 0: it had none
    uint32_t
        retry_within_ms; // within which the relay, closing it, wants us back; 0: it said nothing
};

struct link_ops {
    void (*up)(void *ctx);
    // Bytes of a binary message; `last` ends it. False: close the link.
    bool (*received)(void *ctx, const uint8_t *bytes, size_t len, bool last);
    // link_ready has become true again.
    void (*writable)(void *ctx);
    // The last event; the link is gone. Not called after link_close.
    void (*down)(void *ctx, const struct link_failure *failure);
};

// State that links share. NULL on failure: the loop must not be run any more then, since
// what the library has left in it is not sound.
struct link_context *link_context_new(struct loop *l, const struct link_target *target);
// Every link must have been closed.
void link_context_free(struct link_context *c);

// Starts to connect. NULL when out of memory. `target` must outlive it.
struct link *link_open(struct link_context *c, const struct link_target *target,
                       const struct link_ops *ops, void *ctx);
// May a message be given?
bool link_ready(const struct link *link);
// Sends one binary message of at most TUNNEL_MESSAGE_MAX bytes, which are not changed. Only when
// link_ready. False: the link broke, `down` follows.
bool link_send(struct link *link, const uint8_t *bytes, size_t len);
// What the relay is told at the end (docs/protocol.md §1).
enum link_close_code {
    LINK_CLOSE_LEAVES = 1000,    // for good
    LINK_CLOSE_GOES_AWAY = 1001, // and comes back
    LINK_CLOSE_BREACH = 1002,    // because the relay broke the protocol
};

// Ends it without a further event.
void link_close(struct link *link, enum link_close_code code);
