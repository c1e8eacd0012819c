// SPDX-License-Identifier: MIT
// Opens the agent's link: one WebSocket to the relay's tunnel endpoint (docs/protocol.md §1).
// Another kind of link would have this interface.
#pragma once
#include "common/base/address.h"
#include "common/base/secret.h"
#include "common/io/conn.h"
#include "relay_proxy.h"

struct link;

struct link_target {
    struct destination at;
    struct relay_proxy proxy; // on the way to it
    char token[SECRET_MAX];   // empty: none
    const char *ca_file;      // authorities to trust instead of the system's; NULL: the system's
    bool asks;                // ask for the relay's health page, without the token, and no link:
                              // the link fails with the status of the answer
};

// Why a link did not come up.
struct link_failure {
    bool at_proxy;        // the proxy refused, broke off, or could not be reached
    bool bad_certificate; // the relay's certificate was not accepted; `text` says why
    bool not_tls;         // the peer does not speak TLS
    bool handshake_sent;  // the WebSocket request was sent; `text` says how it failed
    bool no_unix_socket;  // no Unix socket for the handover to libwebsockets (link_handover.c)
    unsigned status;      // of the response that refused the WebSocket or the CONNECT, or 0
    char location[DESTINATION_URL_MAX]; // the https:// URL of the relay to which that response
                                        // redirects, without its path; or empty
    char code[32];                      // that response's adit-error, or empty
    const char *text;                   // the reason in words, never NULL
    int error;                          // libuv's error, or 0
    char address[ADDRESS_TEXT_MAX];     // to which `error` belongs; empty: to none
    uint32_t retry_after_ms;            // that response's Retry-After, or 0
};

// One of them is called, once, and the link is freed. Neither is called after link_close.
struct link_ops {
    // The handshake is done. The connection is the callee's: the relay expects our first frame.
    void (*up)(void *ctx, struct conn *c);
    void (*failed)(void *ctx, const struct link_failure *failure);
};

enum {
    LINK_CA_WHY_MAX = 300
};

// Checks a file of authorities, in PEM. False: `why` says what is wrong with it.
bool link_check_ca(const char *file, char why[static LINK_CA_WHY_MAX]);

// State that links share. NULL on failure: do not run the loop then, libwebsockets may have left
// handles of freed memory in it.
struct link_context *link_context_new(struct loop *l, const struct link_target *target);
// Every link must have been closed. Runs the loop for a few turns.
void link_context_free(struct link_context *c);

// Starts to connect; no event comes before it returns. NULL when out of memory. `target` must
// outlive the link.
struct link *link_open(struct link_context *c, const struct link_target *target,
                       const struct link_ops *ops, void *ctx);
// Frees a link without a further event. NULL does nothing.
void link_close(struct link *link);
