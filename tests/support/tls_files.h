// SPDX-License-Identifier: MIT
// Certificates and keys for tests of TLS, made anew in a directory of /tmp for each run.
#pragma once
#include <stdbool.h>

enum tls_file {
    TLS_CA,            // the authority
    TLS_OTHER_CA,      // another one
    TLS_CHAIN,         // for localhost, *.example.com and 127.0.0.1, by way of an intermediate
    TLS_KEY,           // of TLS_CHAIN
    TLS_EXPIRED_CHAIN, // the same names and key, expired yesterday
    TLS_OTHER_KEY,     // belongs to none
    TLS_LOCKED_KEY,    // TLS_KEY with a passphrase
    TLS_WEAK_CHAIN,    // RSA of 1024 bits
    TLS_WEAK_KEY,
    TLS_TEXT, // no PEM
    TLS_FILES
};

struct tls_files {
    char directory[32];
    char path[TLS_FILES][64];
};

void tls_files_make(struct tls_files *f);
void tls_files_remove(const struct tls_files *f);
