// SPDX-License-Identifier: MIT
// Pairs in a directory, in the layouts of certbot (NAME/fullchain.pem, NAME/privkey.pem), uacme
// (NAME/cert.pem, private/NAME/key.pem) and lego (NAME.crt, NAME.key).
#pragma once
#include <stdbool.h>
#include <stddef.h>

enum {
    TLS_PAIRS_MAX = 1000, // of a directory
};

struct tls_dir {
    struct tls_dir_pair {
        char *chain_file, *key_file;
    } * pairs; // in the order of their chains' paths
    size_t count;
    bool more; // there are more pairs than TLS_PAIRS_MAX, which were passed over
};

// Lists the pairs whose names it finds; the files may be missing. NULL, or a phrase that says why
// not, valid until the next strerror. tls_dir_free after success.
const char *tls_dir_list(const char *path, struct tls_dir *d);
void tls_dir_free(struct tls_dir *d);
