// SPDX-License-Identifier: MIT
// The line of an exchange: columns, the target, and a remark. On a terminal it is at most as wide
// as the terminal, from LINE_COLUMNS_MIN on; elsewhere nothing is cut.
#pragma once
#include "common/exchange/exchange.h"
#include "line_buf.h"

enum {
    LINE_COLUMNS_MIN = 40,
    LINE_COLUMNS_MAX = 400, // used of a wider terminal
    LINE_ID_CHARS = 6       // of an id on a terminal: its last ones, which differ
};

struct line_format {
    bool colours;
    size_t columns; // of the terminal; 0: not a terminal
};

// The part of a line that changes while the exchange runs.
struct exchange_line_state {
    const char *time; // the time of day
    unsigned status;  // 0: none yet
    uint64_t ns;      // since the beginning
    bool runs;
    enum exchange_outcome why; // how it ended; ignored while it runs
};

// Makes the line, without a line feed. Text from visitors and services is made safe.
void exchange_line(struct line_buf *l, const struct line_format *format, const struct exchange *x,
                   const struct exchange_line_state *state);
