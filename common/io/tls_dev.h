// SPDX-License-Identifier: MIT
// A local authority for development: makes a certificate for each name of a domain when a client
// asks for it. Whoever trusts the authority trusts it for this domain and this machine alone (name
// constraints, RFC 5280 §4.2.1.10).
#pragma once
#include "tls_cert.h"

enum {
    TLS_DEV_LEAVES = 256, // certificates that are kept; the oldest makes room
    TLS_DEV_DAYS = 90,    // of a certificate's life, at the most
};

struct tls_dev;

// Reads dev-ca.pem and dev-ca-key.pem in `dir`, or makes them. `domain`: a name, an address or
// NULL. NULL and the reason when they cannot be used for the domain, or the key is not ours alone.
struct tls_dev *tls_dev_new(const char *dir, const char *domain, int64_t now_s,
                            char why[static TLS_WHY_MAX]);
// Whether the authority makes certificates for a name, as tls_name_normal writes it.
bool tls_dev_covers(const struct tls_dev *d, const char *name);
// The certificate for such a name; for others and NULL that of the domain and the addresses of this
// machine. Valid until the next call. NULL: no memory or no randomness.
const struct tls_cert *tls_dev_leaf(struct tls_dev *d, const char *name, int64_t now_s);
void tls_dev_free(struct tls_dev *d);
