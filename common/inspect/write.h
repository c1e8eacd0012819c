// SPDX-License-Identifier: MIT
// Bytes written to a stream: as they are, as base64, or so that no terminal obeys them. Errors stay
// in the stream (ferror).
#pragma once
#include <stdint.h>
#include <stdio.h>
#include "proto/buf.h"

static inline void write_slice(FILE *out, struct slice s)
{
    if (s.len > 0)
        (void)fwrite(s.p, 1, s.len, out);
}

// Writes base64 (RFC 4648 §4) with padding; with a line feed after every `columns` characters
// (a multiple of 4) and at the end, unless `columns` is 0.
void write_base64(FILE *out, struct slice s, unsigned columns);

// Writes two lower-case hexadecimal digits for each byte.
void write_hex(FILE *out, const uint8_t *bytes, size_t len);

// Writes untrusted text on one line: characters that common/base/printable.h shows stay, all others
// become \n, \t or \xHH.
void write_safe(FILE *out, struct slice s);
