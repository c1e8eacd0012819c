// SPDX-License-Identifier: MIT
// Writes JSON (RFC 8259) piece by piece, in visible ASCII and printable UTF-8 only: untrusted text
// in it is safe on a terminal.
#pragma once
#include <stdio.h>
#include "proto/bytes.h"

enum {
    JSON_DIGEST_BYTES = 16
};

// Zeros but for `out` before the first value. Errors stay in `out` (ferror).
struct json_writer {
    FILE *out;
    bool comma; // before the next value
};

// Each function writes one value: member `name` of an object, or with NULL an element of an array.
// A name is ASCII that needs no escape.
void json_open(struct json_writer *w, const char *name, char bracket); // '{' or '['
void json_close(struct json_writer *w, char bracket);                  // '}' or ']'
// A string. Bytes that are not UTF-8 are read as ISO 8859-1.
void json_string(struct json_writer *w, const char *name, struct slice s);
// A string when `s` is UTF-8, else {"base64": …}: lossless.
void json_bytes(struct json_writer *w, const char *name, struct slice s);
void json_base64(struct json_writer *w, const char *name, struct slice s);
// A digest in hexadecimal; null for NULL or all zeros, which is how the record keeps an unknown
// digest.
void json_digest(struct json_writer *w, const char *name, const uint8_t *digest);
void json_int(struct json_writer *w, const char *name, int64_t n);
void json_count(struct json_writer *w, const char *name, uint64_t n);
// Nanoseconds as milliseconds with six decimal places; 0 for a negative time.
void json_ms(struct json_writer *w, const char *name, int64_t ns);
// Nanoseconds as seconds, rounded down to microseconds.
void json_seconds(struct json_writer *w, const char *name, int64_t ns);
void json_bool(struct json_writer *w, const char *name, bool b);
void json_null(struct json_writer *w, const char *name);
// null for what the record has not: empty bytes, an empty string, a negative time. Any other value
// as json_bytes, json_string and json_int write it.
void json_optional_bytes(struct json_writer *w, const char *name, struct slice s);
void json_optional_string(struct json_writer *w, const char *name, struct slice s);
void json_optional_ns(struct json_writer *w, const char *name, int64_t ns);
// Ends the line after a document; the next value begins another one.
void json_end_line(struct json_writer *w);
