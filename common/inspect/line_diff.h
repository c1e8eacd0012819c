// SPDX-License-Identifier: MIT
// The lines in which two texts differ, as few as there are (Myers 1986), with three lines around
// them, in the form of diff -u.
#pragma once
#include "proto/bytes.h"

enum {
    LINE_DIFF_LINES_MAX = 1000000,  // of each text
    LINE_DIFF_EDITS_MAX = 2000,     // lines taken out and put in, beyond common ends
    LINE_DIFF_STEPS_MAX = 50000000, // comparisons of two lines, long ones count more often
    LINE_DIFF_CONTEXT = 3,
};

enum line_diff_result {
    LINE_DIFF_SAME,
    LINE_DIFF_TOLD,     // the sink has got it
    LINE_DIFF_TOO_FAR,  // over a bound: the sink has got nothing
    LINE_DIFF_NO_MEMORY // the sink has got nothing
};

// Gets the lines in order, without their line feeds. `kind`: '@' begins a run of lines and holds
// "@@ -1,3 +1,4 @@", ' ' is in both, '-' only in the first, '+' only in the second; '\\' follows a
// line that ends its text without a line feed.
typedef void line_diff_sink(void *ctx, char kind, struct slice line);

enum line_diff_result line_diff(struct slice a, struct slice b, line_diff_sink *sink, void *ctx);
