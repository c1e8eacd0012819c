// SPDX-License-Identifier: MIT
// What a terminal may be given. Nobody else decides that: a character is shown by its general
// category in Unicode (printable_table.h), and all that is not is written out, so that foreign text
// can neither move the cursor, nor hide, nor turn text around, nor leave its line.
#pragma once
#include "proto/bytes.h"

enum {
    PRINTABLE_MARKS_MAX = 4,  // combining marks on one character; what is more is written out
    PRINTABLE_TEXT_MAX = 4,   // each byte of a text becomes at most so many
    PRINTABLE_ESCAPE_MAX = 16 // a character of four bytes, written out
};

// How it goes on behind what was taken before; zeros at the beginning of a text.
struct printable {
    bool has_base;  // a character that marks can stand on
    unsigned marks; // that stand on it
    char escape[PRINTABLE_ESCAPE_MAX + 1];
};

struct shown {
    struct slice text; // valid until the next call
    size_t columns;    // that it takes on a terminal
    bool as_is;        // it is the character itself
};

// Takes the next character off `s`, which is not empty: it is shown as it is, or written out as \n,
// \t or \xHH for each of its bytes. A byte that is not UTF-8 is taken alone.
struct shown printable_next(struct printable *p, struct slice *s);
// All of it is shown as it is.
bool printable_is(struct slice s);
// Bytes from the start that are visible ASCII or spaces.
size_t printable_ascii_len(struct slice s);

// Puts '?' for every byte that is no visible ASCII and no space.
void printable_sanitize_line(char *text, size_t len);
// The same for lines: line feeds and tabs stay, and so does what is shown as it is; every other
// character becomes one '?'. Returns the new length.
size_t printable_sanitize_lines(char *text, size_t len);
