// SPDX-License-Identifier: MIT
// The TLS of connections that we open: which certificates we accept, which protocols (ALPN) we
// offer, and a bounded cache of sessions to resume, by name.
#pragma once
#include <stdbool.h>
#include "tls_why.h"

struct tls_client;

struct tls_client_options {
    const char *ca_file; // PEM: the authorities to trust. NULL: the system's, or those of the
                         // environment's SSL_CERT_FILE and SSL_CERT_DIR
    bool verify_nothing; // accept any certificate
    const char *alpn;    // protocols like "h2,http/1.1"; NULL: none
};

// Returns NULL and the reason in `why`, which names the file.
struct tls_client *tls_client_new(const struct tls_client_options *options,
                                  char why[static TLS_WHY_MAX]);
void tls_client_free(struct tls_client *c);
