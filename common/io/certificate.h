// SPDX-License-Identifier: MIT
// Certificates in files of ours: whether one is whole, how long it lives, what it covers.
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    CERTIFICATE_FILE_MAX = 64 * 1024 // bytes of a chain or a key
};

// Times in seconds since 1970.
struct certificate_life {
    int64_t from_s, until_s;
};

// Reads the first certificate of a chain in PEM. False: there is none, it is cut short, or `key`
// is not its private key.
bool certificate_read_life(const char *chain, const char *key, struct certificate_life *life);
// Whether the first certificate of a chain is for a host, or has this wildcard (*.HOST) itself.
bool certificate_covers(const char *chain, const char *host);
// Reads a whole file of ours. Returns its length; 0: it is missing, empty, too long, or not ours
// alone.
size_t certificate_read_file(const char *path, char out[static CERTIFICATE_FILE_MAX]);
