// SPDX-License-Identifier: MIT
// One pair of files: its certificate in force, the one that was read since, and what people have
// been told of it.
#pragma once
#include <stdint.h>
#include <sys/stat.h>
#include "tls_cert.h"

// A file as it was when it was last read.
struct tls_stamp {
    dev_t device;
    ino_t inode;
    off_t size;
    struct timespec modified, changed;
};

struct tls_source {
    struct tls_pair_files files; // owned
    uint32_t rank;               // TLS_RANK_DIR: of the directory
    struct tls_cert *cert;       // in force; NULL: none
    struct tls_cert *fresh;      // was read, and is to take its place; NULL: none
    struct tls_stamp stamps[2];
    bool settled;          // the stamps will tell of a change
    bool told_failure;     // the one that lasts
    bool told_flaws;       // of the certificate in force, other than its time
    unsigned failures;     // looks in a row
    unsigned missed;       // looks in a row at a directory without it
    int64_t told_expiry_s; // 0: never
};

enum {
    TLS_RANK_DIR = INT32_MAX,
    TLS_LINE_MAX = TLS_WHY_MAX + 64
};

struct tls_teller {
    tls_told *told; // NULL: nobody listens
    void *ctx;
    int64_t now_s;
};

// Copies the paths. False: no memory.
bool tls_source_init(struct tls_source *s, const struct tls_pair_files *files, uint32_t rank);
void tls_source_deinit(struct tls_source *s);
// Reads the files if they seem to have changed, or what is wrong with them was not told yet, or
// `all`. `fresh` is set if there is another certificate in them. False with the reason.
bool tls_source_look(struct tls_source *s, SSL_CTX *context, bool all, int64_t now_s,
                     char why[static TLS_WHY_MAX]);
// Puts `fresh` in force, and frees the one before.
void tls_source_settle(struct tls_source *s, const struct tls_teller *to);
// Tells what is wrong: at the second look in a row, or at once.
void tls_source_fail(struct tls_source *s, const char *why, bool at_once,
                     const struct tls_teller *to);
// Tells of the end of the certificate in force and its other flaws, when it is time.
void tls_source_remind(struct tls_source *s, const struct tls_teller *to);
__attribute__((format(printf, 3, 4))) void tls_tell(const struct tls_teller *to, bool trouble,
                                                    const char *format, ...);
