// SPDX-License-Identifier: MIT
// Prints help texts, wrapped at the width of the terminal, 80 columns at most. A line that begins
// in the first column belongs to a paragraph. An indented line is an item: its description, behind
// the last gap of two spaces, wraps below itself. A line indented by HELP_DEEP or more continues
// the description of the item before it.
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

enum {
    HELP_WIDTH_MAX = 80,
    HELP_WIDTH_MIN = 40,
    HELP_DEEP = 12,
    HELP_ROOM_MIN = 20 // columns for a description; with fewer it begins on the next line
};

struct help {
    FILE *out;
    const char *program; // replaces the @ of "@ "; NULL: nothing is replaced
    size_t width;
    size_t column; // end of the current line
    size_t hang;   // indentation of its continuation
    bool open;     // the current line has begun
};

void help_begin(struct help *h, FILE *out, const char *program);
// Adds text, which consists of whole lines.
void help_text(struct help *h, const char *text);
void help_end(struct help *h);
