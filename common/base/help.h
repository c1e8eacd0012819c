// SPDX-License-Identifier: MIT
// Help texts, filled to the width of a terminal, 80 columns at most. They are written as they are
// to look: paragraphs begin in the first column; a line that is indented stands alone, and what is
// behind the last gap of two spaces in it goes on below itself; so do lines that are indented by
// HELP_DEEP or more.
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

enum {
    HELP_WIDTH_MAX = 80,
    HELP_WIDTH_MIN = 40,
    HELP_DEEP = 12,
    HELP_ROOM_MIN = 20 // columns for text below itself: with less it begins a line of its own
};

// A help text on its way out.
struct help {
    FILE *out;
    const char *program; // stands for the @ of "@ "; NULL: none does
    size_t width;
    size_t column; // where the line ends so far
    size_t hang;   // where the next one begins
    bool open;     // a line has begun
};

void help_begin(struct help *h, FILE *out, const char *program);
// Writes whole lines.
void help_text(struct help *h, const char *text);
void help_end(struct help *h);
