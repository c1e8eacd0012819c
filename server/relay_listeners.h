// SPDX-License-Identifier: MIT
// The relay's listeners: which there are by its configuration, and which of them speak TLS.
#pragma once
#include "common/inbound/listeners.h"
#include "relay_options.h"

enum {
    RELAY_LISTENERS_TEXT_MAX = 512
};

// Embedded; `sockets.edges` and `tls` are set before, the rest is zero.
struct relay_listeners {
    struct listeners sockets;
    const struct tls_server *tls; // NULL: no certificates
    uint16_t port;                // of the first listener of public URLs: with TLS if there is one
    char urls[RELAY_LISTENERS_TEXT_MAX]; // of all, for the log
    char message[RELAY_LISTENERS_TEXT_MAX];
};

// Listens by --listen, else on the defaults, and prints a line for each. Returns NULL, or why it
// cannot; what is open then stays so until relay_listeners_close.
const char *relay_listeners_open(struct relay_listeners *l, const struct relay_config *config);
void relay_listeners_close(struct relay_listeners *l);
// Whether all listeners of a configuration are on loopback.
bool relay_listeners_are_loopback(const struct relay_config *config);
