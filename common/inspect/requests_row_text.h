// SPDX-License-Identifier: MIT
// The lines of requests_row_print.h that people read.
#pragma once
#include "requests_row_print.h"

// Prints a line, and before the first one on a terminal the heading.
void row_text_print(struct row_printer *p, const struct record_exchange *x);
