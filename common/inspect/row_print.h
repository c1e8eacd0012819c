// SPDX-License-Identifier: MIT
// One exchange as a line: for people, or as JSON.
#pragma once
#include <stdio.h>
#include "common/record/record.h"

struct row_printer {
    FILE *out;
    bool json;
    bool colours;
    size_t columns; // of the terminal, 0: lines are not cut
};

void row_printer_init(struct row_printer *p, FILE *out, bool json);
void row_print(const struct row_printer *p, const struct record_exchange *x);
