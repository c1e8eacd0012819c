// SPDX-License-Identifier: MIT
// A directory of /tmp for pairs of TLS that tests make, change and remove.
#pragma once
#include <stdbool.h>
#include <stddef.h>

enum {
    TLS_PATH_MAX = 160,
    TLS_DAY_S = 24 * 60 * 60
};

struct tls_maker {
    char directory[32];
};

struct tls_made {
    const char *names;  // "DNS:a,IP:b"; NULL: none
    long begins_s;      // from now on
    long ends_s;        // from now on; 0: in 60 days
    bool rsa;           // else P-256
    bool key_of_others; // the key file has the key of another pair
};

void tls_maker_begin(struct tls_maker *m);
// Removes the directory and all in it.
void tls_maker_end(const struct tls_maker *m);
// Writes the path of a file in the directory, and makes the directories on the way.
const char *tls_maker_path(const struct tls_maker *m, const char *name,
                           char out[static TLS_PATH_MAX]);
// Writes a pair to two paths below the directory, each anew (another inode), the key with mode
// 0600. NULL: that file is not written.
void tls_maker_pair(const struct tls_maker *m, const char *chain, const char *key,
                    const struct tls_made *made);
void tls_maker_text(const struct tls_maker *m, const char *name, const char *text);
