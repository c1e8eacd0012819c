// SPDX-License-Identifier: MIT
// The TLS of listeners: certificate, protocols (ALPN), and keys of session tickets. No program
// listens with TLS yet.
#pragma once
#include <stdint.h>
#include "tls_why.h"

struct tls_server;

struct tls_server_options {
    const char *chain_file; // PEM: the certificate first, then those that lead to the root
    const char *key_file;   // PEM: its private key, without a passphrase
    const char *alpn;       // protocols like "h2,http/1.1", the preferred one first; NULL: none
};

// Returns NULL and the reason in `why`, which names the file. A client that offers protocols and
// none of ours is refused (RFC 7301 §3.2); one that offers none gets none.
struct tls_server *tls_server_new(const struct tls_server_options *options, uint64_t now_ms,
                                  char why[static TLS_WHY_MAX]);
// Lets time pass: replaces the keys of tickets. Call every few minutes or more often.
void tls_server_tick(struct tls_server *s, uint64_t now_ms);
void tls_server_free(struct tls_server *s);
