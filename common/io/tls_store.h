// SPDX-License-Identifier: MIT
// The pairs of a server: reads their files, and again when those have changed.
#pragma once
#include "tls_dir.h"
#include "tls_names.h"

enum {
    TLS_EXPIRY_DAYS = 30, // before its end a certificate's end is told, a third of its life at most
    TLS_LOOKS = 2,        // in a row, before what is wrong with a file is told
};

struct tls_source;

struct tls_store {
    SSL_CTX *context; // for which pairs are read
    char *dir;        // NULL: none
    bool may_be_empty;
    struct tls_source *sources; // those of `pairs`, then those of `dir` in the order of their paths
    size_t count, of_pairs;
    struct tls_names names;       // of the certificates in force
    const struct tls_cert *first; // of them; NULL: there is none
    unsigned dir_failures;        // looks in a row that could not list `dir`
    bool told_more;               // that `dir` holds too many
};

// Reads all. False with the reason, and nothing is to be freed: a pair of `pairs` or `dir` cannot
// be used, or there is none, though one must be.
bool tls_store_init(struct tls_store *s, SSL_CTX *context, const struct tls_server_options *options,
                    char why[static TLS_WHY_MAX]);
// As tls_server_reload, at a time.
void tls_store_look(struct tls_store *s, bool all, int64_t now_s, tls_told *told, void *ctx);
void tls_store_deinit(struct tls_store *s);
