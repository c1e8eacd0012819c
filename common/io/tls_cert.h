// SPDX-License-Identifier: MIT
// A certificate with its key and chain, and the names that it is for.
#pragma once
#include <openssl/ssl.h>
#include <stdbool.h>
#include <stdint.h>
#include "tls_server.h"
#include "tls_why.h"

enum {
    TLS_FILE_MAX = 256 * 1024, // bytes of a file
    TLS_CHAIN_MAX = 10,        // certificates of a file
    TLS_NAME_MAX = 256,        // of a host, with its NUL
    TLS_DIGEST_BYTES = 32
};

struct tls_cert {
    X509 *leaf;
    EVP_PKEY *key;
    STACK_OF(X509) * chain; // without the leaf; NULL: none
    char **names;           // DNS names in lower case, wildcards too, and addresses; in order
    size_t name_count;
    uint8_t names_id[TLS_DIGEST_BYTES]; // of the names: sessions are resumed under the same alone
    uint8_t files_id[TLS_DIGEST_BYTES]; // of the files' bytes; 0: of no files
    int64_t begins_s, ends_s;           // Unix time
    bool key_seen_by_all;               // everyone may read the key's file
};

// Reads a pair. `known` itself when it was read from the same bytes (most of the time of a reading
// goes into parsing the key); NULL and the reason, which names the file, when an SSL of `context`
// could not use the pair, or others may write the key.
struct tls_cert *tls_cert_read(SSL_CTX *context, const struct tls_pair_files *files,
                               const struct tls_cert *known, char why[static TLS_WHY_MAX]);
// Takes over references of a certificate and its key; the former are freed on failure too.
struct tls_cert *tls_cert_of(X509 *leaf, EVP_PKEY *key);
// Makes an SSL of a server show a certificate, beside those of other kinds of key.
bool tls_cert_use(SSL *ssl, const struct tls_cert *c);
void tls_cert_free(struct tls_cert *c);

// Writes a host name in lower case. False: no host name, and no address in dotted form.
bool tls_name_normal(const char *name, size_t len, char out[static TLS_NAME_MAX]);
