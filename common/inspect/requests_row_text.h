// SPDX-License-Identifier: MIT
// Prints an exchange as a line for people, by the rules of requests_row_print.h.
#pragma once
#include "requests_row_print.h"

// Prints a line, and before the first one on a terminal the heading.
void row_text_print(struct row_printer *p, const struct record_exchange *x);
