// SPDX-License-Identifier: MIT
// Tokens and random ids. Secrets come from files or the environment, never from the command line.
#pragma once
#include "proto/bytes.h"

enum {
    SECRET_MAX = 256, // a token of 255 characters and a zero
    SECRET_HEX_BYTES = 32
};

// Reads a token: the first line of a file, without its end. Returns NULL, or what is wrong, to be
// said behind "the token file PATH". A file that others may write is refused; of one that they may
// read, as those are that container systems hand over, that is told.
const char *secret_read_file(const char *path, char out[static SECRET_MAX]);
// Whether a token may be used: 16 to 255 visible ASCII characters.
bool secret_is_valid(const char *token);
// Compares in a time that tells nothing of where they differ.
bool secret_equal(const char *a, size_t a_len, const char *b, size_t b_len);
// The SHA-256 of a secret as hexadecimal digits and a zero. False: the library failed.
bool secret_sha256_hex(const char *secret, size_t len, char out[static 65]);
// The HMAC-SHA-256 of a message under a key, likewise.
bool secret_hmac_hex(struct slice key, struct slice message, char out[static 65]);
// `bytes` random bytes as hexadecimal digits and a zero: out takes 2 * bytes + 1. False when the
// system has no randomness.
bool secret_random_hex(char *out, size_t bytes);
// The same as they are.
bool secret_random(void *out, size_t bytes);
void secret_wipe(char *secret, size_t len);
