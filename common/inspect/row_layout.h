// SPDX-License-Identifier: MIT
// How a line about an exchange is laid out on a terminal: which columns there is room for, and how
// path, host and remarks share the rest. All numbers are columns.
#pragma once
#include <stdbool.h>
#include <stddef.h>

enum {
    ROW_GAP = 2,      // between columns
    ROW_ID = 6,       // the last characters of an id
    ROW_STATUS = 3,   // or "-"
    ROW_SIZE = 10,    // "1023.9 KiB"
    ROW_DURATION = 9, // "999.9 ms"
    ROW_METHOD = 6,   // "DELETE", and one blank; longer ones push
    ROW_PATH = 18,    // what stands behind a path begins there or later, so that it is in a column
    ROW_REST = 16,    // for path, host and remarks, before a column goes
    ROW_LEAST = 12    // a terminal that is narrower is taken for one that has so many
};

// The columns of a line besides status and method, which always stay.
struct row_columns {
    bool id, time, duration, size;
    size_t method; // at most, of a method
};

// Those that fit into `columns`, when a time takes `time`: first the size goes, then the duration,
// then the time, and the id where a line is hardly one.
struct row_columns row_columns_for(size_t columns, size_t time);

// What the parts at the end of a line would take; 0: there is none.
struct row_parts {
    size_t path, host, remark;
    size_t remark_short; // a shorter form of the remark
};

// What they get, the gaps before them not counted; 0: the part is left out.
struct row_shares {
    size_t path; // what it takes, with the blanks that bring the next part into its column
    size_t host, remark;
    bool is_short; // of the remark
};

struct row_shares row_share(size_t room, const struct row_parts *parts);
