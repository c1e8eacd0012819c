// SPDX-License-Identifier: MIT
// Writes JSON (RFC 8259) piece by piece, in ASCII and printable UTF-8 alone, so that it may go to a
// terminal whatever is in it.
#pragma once
#include <stdio.h>
#include "proto/bytes.h"

enum {
    EMIT_DIGEST_BYTES = 16
};

struct emit {
    FILE *out;
    bool comma; // before the next value
};

// Each writes a value, as member `name` of an object or, with NULL, as an element. A name is ASCII
// that needs no escape.
void emit_open(struct emit *e, const char *name, char bracket); // '{' or '['
void emit_close(struct emit *e, char bracket);                  // '}' or ']'
// A string. What is not UTF-8 is taken for ISO 8859-1, a character a byte.
void emit_string(struct emit *e, const char *name, struct slice s);
// A string when it is UTF-8, else {"base64": …}: nothing is lost.
void emit_bytes(struct emit *e, const char *name, struct slice s);
void emit_base64(struct emit *e, const char *name, struct slice s);
// A digest in hexadecimal; null when it is NULL or all zeros, which is how a digest that is not
// known is kept.
void emit_digest(struct emit *e, const char *name, const uint8_t *digest);
void emit_int(struct emit *e, const char *name, int64_t n);
void emit_count(struct emit *e, const char *name, uint64_t n);
// Nanoseconds as milliseconds, exactly.
void emit_ms(struct emit *e, const char *name, int64_t ns);
// Nanoseconds as seconds, down to microseconds.
void emit_seconds(struct emit *e, const char *name, int64_t ns);
void emit_bool(struct emit *e, const char *name, bool b);
void emit_null(struct emit *e, const char *name);
// What the record may have none of is null: empty bytes (emit_bytes), an empty text (emit_string),
// a time below 0.
void emit_optional_bytes(struct emit *e, const char *name, struct slice s);
void emit_text(struct emit *e, const char *name, struct slice s);
void emit_time(struct emit *e, const char *name, int64_t ns);
// Ends the line that the values were written on; the next value begins another document.
void emit_end(struct emit *e);
