// SPDX-License-Identifier: MIT
// SHA-1 and base64, by OpenSSL, of bytes that are not secret. For secrets see secret.h.
#pragma once
#include "proto/bytes.h"

enum {
    CRYPTO_SHA1_BYTES = 20
};

// SHA-1, for the WebSocket handshake (RFC 6455 §4.2.2). False: the library failed.
bool crypto_sha1(struct slice text, uint8_t out[static CRYPTO_SHA1_BYTES]);

// Size of the base64 of `n` bytes, including the terminating zero.
#define CRYPTO_BASE64_MAX(n) (((n) + 2) / 3 * 4 + 1)

// Writes base64 with padding (RFC 4648 §4) and a zero. Returns the length without the zero.
size_t crypto_base64(struct slice bytes, char *out);
