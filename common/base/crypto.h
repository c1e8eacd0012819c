// SPDX-License-Identifier: MIT
// What is asked of OpenSSL that is no secret (secrets are in secret.h).
#pragma once
#include "proto/bytes.h"

enum {
    CRYPTO_SHA1_BYTES = 20
};

// The SHA-1 of a text, which the handshake of WebSockets wants (RFC 6455 §4.2.2). False: the
// library failed.
bool crypto_sha1(struct slice text, uint8_t out[static CRYPTO_SHA1_BYTES]);

// How long the base64 of `n` bytes is, with its zero.
#define CRYPTO_BASE64_MAX(n) (((n) + 2) / 3 * 4 + 1)

// Writes that (RFC 4648 §4) and returns its length without the zero.
size_t crypto_base64(struct slice bytes, char *out);
