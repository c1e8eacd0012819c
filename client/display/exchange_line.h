// SPDX-License-Identifier: MIT
// The line of an exchange: its columns, the target behind them, and a remark. On a terminal it is
// never longer than the terminal is wide, from LINE_COLUMNS_LEAST on; elsewhere it is whole.
#pragma once
#include "common/exchange/exchange.h"
#include "line.h"

enum {
    LINE_COLUMNS_LEAST = 40,
    LINE_COLUMNS_MOST = 400, // what a line takes of a terminal
    LINE_ID_END = 6          // characters of an id on a terminal: its end, which differs
};

// Where it is printed.
struct line_place {
    bool colours;
    size_t columns; // of the terminal; 0: it is none
};

// The part of an exchange that changes from its beginning to its end.
struct line_state {
    const char *time; // of now
    unsigned status;  // 0: none yet
    uint64_t ns;      // that it has taken
    bool runs;
    enum exchange_outcome why; // unless it runs
};

// Makes the line, without its line feed. Nothing that a visitor or a service has sent can be more
// than text in it.
void exchange_line(struct line *l, const struct line_place *place, const struct exchange *x,
                   const struct line_state *state);
