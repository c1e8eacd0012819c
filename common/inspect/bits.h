// SPDX-License-Identifier: MIT
// What several of the commands need of buffers and bytes.
#pragma once
#include <stdio.h>
#include "proto/buf.h"

static inline void write_slice(FILE *out, struct slice s)
{
    if (s.len > 0)
        (void)fwrite(s.p, 1, s.len, out);
}

// Writes base64 (RFC 4648 §4) with its padding; with a line feed behind every `columns` characters
// (a multiple of 4) and at the end unless `columns` is 0.
void write_base64(FILE *out, struct slice s, unsigned columns);
// "2026-11-25T18:00:00.123Z" of nanoseconds since 1970.
enum {
    TIMESTAMP_MAX = 40
};
const char *timestamp(int64_t ns, char out[static TIMESTAMP_MAX]);

// Writes what others sent so that no terminal obeys it, on one line: what common/base/printable.h
// shows as it is, all else as \n, \t or \xHH.
void write_safe(FILE *out, struct slice s);
