// SPDX-License-Identifier: MIT
// The layout of a line about an exchange on a terminal: which columns have room, and how path, host
// and remark share the rest. All numbers are terminal columns.
#pragma once
#include <stdbool.h>
#include <stddef.h>

enum {
    ROW_GAP = 2,          // between columns
    ROW_ID = 6,           // the last characters of an id
    ROW_STATUS = 3,       // or "-"
    ROW_SIZE = 10,        // "1023.9 KiB"
    ROW_DURATION = 9,     // "999.9 ms"
    ROW_METHOD = 6,       // "DELETE", then one space; longer methods move the path to the right
    ROW_PATH = 18,        // paths are padded to this width, so that hosts and remarks line up
    ROW_REST_MIN = 16,    // for path, host and remark, or a column is left out
    ROW_COLUMNS_MIN = 12, // a narrower terminal is treated as one of this width
};

// The columns of a line besides status and method, which always stay.
struct row_columns {
    bool id, time, duration, size;
    size_t method; // columns of a method, at most
};

// The columns that fit into `columns` when a time takes `time`. The size is left out first, then
// the duration, the time, and on the narrowest terminals the id.
struct row_columns row_columns_for(size_t columns, size_t time);

// The columns that the parts at the end of a line need; 0: the line lacks the part.
struct row_parts {
    size_t path, host, remark;
    size_t remark_short; // of a shorter form of the remark
};

// The columns that they get, without the gaps before them; 0: the part is left out.
struct row_shares {
    size_t path; // with the padding behind it
    size_t host, remark;
    bool is_short; // the remark is in its short form
};

struct row_shares row_share(size_t room, const struct row_parts *parts);
