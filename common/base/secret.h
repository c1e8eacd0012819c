// SPDX-License-Identifier: MIT
// Tokens, digests and randomness. Secrets come from files or the environment, never from the
// command line, which other users can see.
#pragma once
#include "proto/bytes.h"

enum {
    SECRET_MAX = 256,    // a token of 255 characters and a zero
    SECRET_HEX_MAX = 65, // the hexadecimal digits of 32 bytes and a zero
};

// Reads a token: the first line of a file. Returns NULL, or what is wrong, to follow "the token
// file PATH". A file that others may write is refused. One that others may read only causes a
// warning, since container systems hand secrets over that way.
const char *secret_read_file(const char *path, char out[static SECRET_MAX]);
// Whether a token has 16 to 255 characters, all visible ASCII.
bool secret_is_valid(const char *token);
// Compares in time that does not depend on where the secrets differ.
bool secret_equal(const char *a, size_t a_len, const char *b, size_t b_len);
// Writes the SHA-256 of a secret in hexadecimal digits and a zero. False: the library failed.
bool secret_sha256_hex(const char *secret, size_t len, char out[static SECRET_HEX_MAX]);
// Writes the HMAC-SHA-256 of a message, likewise. False also when the key is over SECRET_MAX bytes.
bool secret_hmac_hex(struct slice key, struct slice message, char out[static SECRET_HEX_MAX]);
// Writes `bytes` random bytes, at most 64, in hexadecimal digits and a zero: 2 * bytes + 1 in all.
// False: the system has no randomness.
bool secret_random_hex(char *out, size_t bytes);
// Writes random bytes. False: the system has none.
bool secret_random(void *out, size_t bytes);
// Clears memory that held a secret, even where the compiler sees that nothing reads it again.
void secret_wipe(char *secret, size_t len);
