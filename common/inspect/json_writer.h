// SPDX-License-Identifier: MIT
// Writes JSON (RFC 8259) piece by piece, in ASCII and printable UTF-8 alone, so that it may go to a
// terminal whatever is in it.
#pragma once
#include <stdio.h>
#include "proto/bytes.h"

enum {
    JSON_DIGEST_BYTES = 16
};

struct json_writer {
    FILE *out;
    bool comma; // before the next value
};

// Each writes a value, as member `name` of an object or, with NULL, as an element. A name is ASCII
// that needs no escape.
void json_open(struct json_writer *w, const char *name, char bracket); // '{' or '['
void json_close(struct json_writer *w, char bracket);                  // '}' or ']'
// A string. What is not UTF-8 is taken for ISO 8859-1, a character a byte.
void json_string(struct json_writer *w, const char *name, struct slice s);
// A string when it is UTF-8, else {"base64": …}: nothing is lost.
void json_bytes(struct json_writer *w, const char *name, struct slice s);
void json_base64(struct json_writer *w, const char *name, struct slice s);
// A digest in hexadecimal; null when it is NULL or all zeros, which is how a digest that is not
// known is kept.
void json_digest(struct json_writer *w, const char *name, const uint8_t *digest);
void json_int(struct json_writer *w, const char *name, int64_t n);
void json_count(struct json_writer *w, const char *name, uint64_t n);
// Nanoseconds as milliseconds, exactly.
void json_ms(struct json_writer *w, const char *name, int64_t ns);
// Nanoseconds as seconds, down to microseconds.
void json_seconds(struct json_writer *w, const char *name, int64_t ns);
void json_bool(struct json_writer *w, const char *name, bool b);
void json_null(struct json_writer *w, const char *name);
// What the record may have none of is null: empty bytes (json_bytes), an empty text (json_string),
// a time below 0.
void json_optional_bytes(struct json_writer *w, const char *name, struct slice s);
void json_optional_string(struct json_writer *w, const char *name, struct slice s);
void json_optional_ns(struct json_writer *w, const char *name, int64_t ns);
// Ends the line that the values were written on; the next value begins another document.
void json_end_line(struct json_writer *w);
