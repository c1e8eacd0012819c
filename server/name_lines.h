// SPDX-License-Identifier: MIT
// The lines of the file of names (docs/decisions.md "Names over a restart"). Pure.
#pragma once
#include <stdint.h>
#include "names.h"

enum {
    NAME_LINE_MAX = 192,   // bytes of a line at most, its end and a zero among them
    NAME_OWNER_DIGITS = 64 // of the SHA-256 of an owner's key, hexadecimal
};

enum name_word {
    NAME_HERE, // it has an agent
    NAME_GONE, // its agent has left
    NAME_FREE  // it is nobody's; no owner
};

struct name_line {
    enum name_word word;
    int64_t gone_s; // since 1970, of NAME_GONE
    char name[NAME_MAX_BYTES + 1];
    char owner[NAME_OWNER_DIGITS + 1];
};

// Reads a line, which is given without its end. False: it is none, `out` holds anything.
bool name_line_parse(struct slice line, struct name_line *out);
// Writes a line with its end and a zero. Returns its length without the zero.
size_t name_line_write(const struct name_line *line, char out[static NAME_LINE_MAX]);

// The first line says when the file was written last, in ns since 1970, and later each time. It has
// the same length at all times, so that it may be written over. Files of earlier versions do not
// say it: -1.
bool name_first_line_parse(struct slice line, int64_t *written_ns);
size_t name_first_line_write(int64_t written_ns, char out[static NAME_LINE_MAX]);
// The same as the only line of another file, which says how old that one may not be.
bool name_stamp_parse(struct slice line, int64_t *written_ns);
size_t name_stamp_write(int64_t written_ns, char out[static NAME_LINE_MAX]);
