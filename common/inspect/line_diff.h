// SPDX-License-Identifier: MIT
// The shortest difference of two texts by lines (Myers 1986), in the form of diff -u with three
// lines of context.
#pragma once
#include "proto/bytes.h"

enum {
    LINE_DIFF_LINES_MAX = 1000000,  // of each text
    LINE_DIFF_EDITS_MAX = 2000,     // lines removed and added, without common beginning and end
    LINE_DIFF_STEPS_MAX = 50000000, // comparisons of two lines; long lines count several times
    LINE_DIFF_CONTEXT = 3,
};

enum line_diff_result {
    LINE_DIFF_SAME,
    LINE_DIFF_FOUND,    // the sink got the difference
    LINE_DIFF_TOO_FAR,  // a bound was exceeded: the sink got nothing
    LINE_DIFF_NO_MEMORY // the sink got nothing
};

// Gets lines in order, without their line feeds. `kind`: '@' begins a hunk, "@@ -1,3 +1,4 @@";
// ' ' is a line of both texts, '-' of the first alone, '+' of the second alone; '\\' follows a last
// line that lacks its line feed.
typedef void line_diff_sink(void *ctx, char kind, struct slice line);

enum line_diff_result line_diff(struct slice a, struct slice b, line_diff_sink *sink, void *ctx);
