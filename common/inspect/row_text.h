// SPDX-License-Identifier: MIT
// The lines of row_print.h that people read.
#pragma once
#include "row_print.h"

// Prints a line, behind the heading when it is the first one on a terminal.
void row_text_print(struct row_printer *p, const struct record_exchange *x);
