// SPDX-License-Identifier: MIT
// The lines of the file of names (docs/decisions.md "Names over a restart"): parses and writes
// them, without I/O.
#pragma once
#include <stdint.h>
#include "names.h"

enum {
    NAME_LINE_MAX = 192,   // bytes of a line with its LF and a zero
    NAME_OWNER_DIGITS = 64 // hexadecimal, of the SHA-256 of an owner's key
};

enum name_word {
    NAME_HERE, // has an agent
    NAME_GONE, // its agent has left at gone_s
    NAME_FREE  // has no owner any more
};

struct name_line {
    enum name_word word;
    int64_t gone_s; // since 1970; NAME_GONE only
    char name[NAME_MAX_BYTES + 1];
    char owner[NAME_OWNER_DIGITS + 1]; // empty for NAME_FREE
};

// Parses a line without its LF. False when it has any other form; `out` is then undefined.
bool name_line_parse(struct slice line, struct name_line *out);
// Writes a line with its LF and a zero. Returns the length without the zero.
size_t name_line_write(const struct name_line *line, char out[static NAME_LINE_MAX]);

// The first line has the time of the last write in ns since 1970, which grows with each write. Its
// length is constant, so that it can be overwritten in place. *written_ns is -1 in files of earlier
// versions, which have no time.
bool name_first_line_parse(struct slice line, int64_t *written_ns);
size_t name_first_line_write(int64_t written_ns, char out[static NAME_LINE_MAX]);
// The same time as the only line of the lock file: a file of names with an older one is a copy.
bool name_stamp_parse(struct slice line, int64_t *written_ns);
size_t name_stamp_write(int64_t written_ns, char out[static NAME_LINE_MAX]);
