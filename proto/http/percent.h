// SPDX-License-Identifier: MIT
// Percent-encoding of paths (RFC 3986 §2.1).
#pragma once
#include "proto/bytes.h"

// Decodes once into `out`, with a final zero; `*len` gets the length. False: a % without two
// hexadecimal digits, a zero byte, or more than fits.
bool percent_decode(struct slice text, char *out, size_t cap, size_t *len);

// Encodes all but the unreserved characters and slashes, with a final zero. Returns the length; 0:
// there is nothing, or more than fits.
size_t percent_encode_path(struct slice path, char *out, size_t cap);
