// SPDX-License-Identifier: MIT
// Certificates in files of ours, as a server would read them.
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "tls_why.h"

enum {
    CERTIFICATE_FILE_MAX = 64 * 1024 // bytes of a chain or a key that is copied
};

// Times in seconds since 1970.
struct certificate_life {
    int64_t from_s, until_s;
};

// Reads a chain and its key, of a certificate that has this name among its own; a wildcard has only
// itself. False: a server could not use them; the reason is in `why`.
bool certificate_read(const char *chain, const char *key, const char *name,
                      struct certificate_life *life, char why[static TLS_WHY_MAX]);
// Whether two files have the same bytes; not if one is missing.
bool certificate_same(const char *one, const char *other);
// Reads a short file of ours. Returns its length; 0 also when it is missing or longer than `cap`.
size_t certificate_read_note(const char *path, char *out, size_t cap);
// Removes a file of ours.
void certificate_remove(const char *path);
// Copies a file of ours; the new one is whole and on disk, or there is none. Returns 0 or an errno.
int certificate_copy(const char *from, const char *to);
