// SPDX-License-Identifier: MIT
// Decides which characters a terminal may be given, by their general category in Unicode
// (printable_table.h). All others are escaped or replaced, so that foreign text can neither move
// the cursor, nor hide, nor reverse text, nor leave its line. Nothing else makes this decision.
#pragma once
#include "proto/bytes.h"

enum {
    PRINTABLE_MARKS_MAX = 4,  // combining marks on one character; further ones are escaped
    PRINTABLE_TEXT_MAX = 4,   // bytes that each byte of a text becomes at most
    PRINTABLE_ESCAPE_MAX = 16 // bytes of an escaped character of four bytes
};

// State between the characters of a text. Zero-initialised at its beginning.
struct printable {
    bool has_base;  // combining marks have a character to stand on
    unsigned marks; // that stand on it
    char escape[PRINTABLE_ESCAPE_MAX + 1];
};

struct shown {
    struct slice text; // valid until the next call
    size_t columns;    // on a terminal
    bool as_is;        // the character itself, not escaped
};

// Takes the next character off `s`, which is not empty. Returns the character itself, or its
// escape: \n, \t, or \xHH for each byte. A byte that is not UTF-8 is taken alone.
struct shown printable_next(struct printable *p, struct slice *s);
// Whether no character of `s` is escaped.
bool printable_is(struct slice s);
// Returns the number of leading bytes that are visible ASCII or spaces.
size_t printable_ascii_len(struct slice s);

// Replaces each byte that is neither visible ASCII nor a space by '?'.
void printable_sanitize_line(char *text, size_t len);
// Replaces each character that printable_next would escape by one '?', except line feeds and tabs.
// Returns the new length.
size_t printable_sanitize_lines(char *text, size_t len);
