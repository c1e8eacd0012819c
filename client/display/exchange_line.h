// SPDX-License-Identifier: MIT
// The line of an exchange: its columns, the target behind them, and a remark. On a terminal it is
// never longer than the terminal is wide, from LINE_COLUMNS_MIN on; elsewhere it is whole.
#pragma once
#include "common/exchange/exchange.h"
#include "line_buf.h"

enum {
    LINE_COLUMNS_MIN = 40,
    LINE_COLUMNS_MAX = 400, // what a line takes of a terminal
    LINE_ID_CHARS = 6       // characters of an id on a terminal: its end, which differs
};

// Where it is printed.
struct line_format {
    bool colours;
    size_t columns; // of the terminal; 0: it is none
};

// The part of an exchange that changes from its beginning to its end.
struct exchange_line_state {
    const char *time; // of now
    unsigned status;  // 0: none yet
    uint64_t ns;      // that it has taken
    bool runs;
    enum exchange_why why; // unless it runs
};

// Makes the line, without its line feed. Nothing that a visitor or a service has sent can be more
// than text in it.
void exchange_line(struct line_buf *l, const struct line_format *format, const struct exchange *x,
                   const struct exchange_line_state *state);
