// SPDX-License-Identifier: MIT
// A certificate authority in two files of a state directory.
#pragma once
#include <openssl/x509.h>
#include <stdbool.h>
#include <stdint.h>
#include "tls_why.h"

#define TLS_AUTHORITY_FILE     "dev-ca.pem"
#define TLS_AUTHORITY_KEY_FILE "dev-ca-key.pem"

enum {
    TLS_AUTHORITY_YEARS = 10
};

struct tls_authority {
    X509 *certificate;
    EVP_PKEY *key;
};

// Whom it may certify besides this machine.
struct tls_authority_scope {
    const char *domain; // in normal form, an address if `is_address`; empty: nobody
    bool is_address;
};

// Reads the files, or makes them: the key is for its owner alone. False with the reason: a file is
// not ours alone, does not fit, or has ended. tls_authority_close either way.
bool tls_authority_open(struct tls_authority *a, const char *dir,
                        const struct tls_authority_scope *scope, int64_t now_s,
                        char why[static TLS_WHY_MAX]);
// A certificate of a server for alternative names ("DNS:a,IP:b"); NULL: no memory or no randomness.
X509 *tls_authority_certify(const struct tls_authority *a, EVP_PKEY *key, const char *names,
                            int64_t begins_s, int64_t ends_s);
// Whether the authority's name constraints allow a certificate.
bool tls_authority_permits(const struct tls_authority *a, X509 *leaf);
void tls_authority_close(struct tls_authority *a);
