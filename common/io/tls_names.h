// SPDX-License-Identifier: MIT
// Finds the certificate for a host name.
#pragma once
#include "tls_cert.h"

struct tls_names {
    struct tls_name_entry {
        const char *name; // the certificate's
        const struct tls_cert *cert;
        uint32_t rank;
    } * entries; // in the order of names, and of one name the preferred one first
    size_t count;
};

// The certificates for one name that differ in the kind of their key, and in nothing else that
// matters: a client may support one of them only.
struct tls_found {
    const struct tls_cert *first, *other; // NULL: none
};

// Adds the names of a certificate, which must outlive the table. Of those with one name the lower
// rank is preferred, then the later end. False: no memory.
bool tls_names_add(struct tls_names *t, const struct tls_cert *c, uint32_t rank);
// Once all are added.
void tls_names_sort(struct tls_names *t);
// `name` as tls_name_normal writes it. The very name comes before a wildcard, and a certificate
// that has not ended at `now_s` before one that has.
struct tls_found tls_names_find(const struct tls_names *t, const char *name, int64_t now_s);
void tls_names_free(struct tls_names *t);
