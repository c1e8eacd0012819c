// SPDX-License-Identifier: MIT
// Shows one exchange to people: show_exchange calls the parts in their order.
//
// Untrusted text never begins a row of the terminal: heads follow "> " and "< ", bodies follow four
// spaces, and a line that is longer than the terminal continues after four spaces. So a row that
// begins with anything else, or with two spaces, is ours.
#pragma once
#include <stdio.h>
#include "common/record/read/reader.h"
#include "text.h"

enum {
    SHOW_PIPE_BYTES = 1 << 20, // of a body, where there is no terminal
    SHOW_ROWS_MIN = 20,        // of a body or of messages on a terminal: as many rows as it has,
    SHOW_ROWS_MAX = 60,        // within these bounds
    SHOW_ROWS_DEFAULT = 40,    // on a terminal of unknown height
    SHOW_LINE_ROWS = 8,        // of one line of a body on a terminal
    SHOW_HEX_MAX = 256,        // bytes of a body that is no text
    SHOW_PART_HEX_MAX = 64,    // bytes of a part of a multipart body that is no text
    SHOW_MESSAGE_MAX = 1024,   // bytes of a WebSocket message
    SHOW_INDENT = 4,           // columns before the rows of a body
    SHOW_BAR = 40,             // columns of the bar that draws the timing
};

struct show {
    struct record_reader *reader;
    FILE *out;
    const char *program; // for show_command: its name,
    const char *data;    // the value of --data or NULL,
    bool decodes_all;    // whether --decode-all was given
    bool decode;
    bool colours;
    size_t columns; // of the terminal; 0: there is none
    size_t rows;    // that a body may take there
};

// Sets `colours`, `columns` and `rows` from `out`.
void show_measure_terminal(struct show *s);

// Writes the whole exchange. False: a part of it could not be read.
bool show_exchange(const struct show *s, const struct record_exchange *x);
// Writes a body, cut to what a person looks at. False: it could not be read.
bool show_body(const struct show *s, const struct record_exchange *x, enum record_side side);
// Writes the messages of a WebSocket. False: not all could be read.
bool show_messages(const struct show *s, const struct record_exchange *x);
// Writes how the exchange ended: outcome, byte counts, the report of the peer, notes.
void show_outcome(const struct show *s, const struct record_exchange *x);
// Writes how the time was spent: a line for each part, with a bar.
void show_timing(const struct show *s, const struct record_exchange *x);
// Writes the exchange as HTTP messages; a chunked body has one chunk for each piece that was kept.
// NULL, or a phrase that says what is missing.
const char *show_raw(const struct show *s, const struct record_exchange *x);

// A line with untrusted text in it.
struct show_line {
    const struct show *s;
    size_t column; // the next one; the caller begins with the columns before
    size_t rows;   // begun after the first
};
// Writes untrusted text on a line. At a terminal it is wrapped at the width, with SHOW_INDENT
// spaces before each further row.
void show_untrusted(struct show_line *l, struct slice text);
// How many bytes of a text fit into so many columns.
size_t show_fitting_bytes(struct slice text, size_t columns);

// Begins a colour if colours are on, or (TEXT_PLAIN) ends it.
static inline void show_colour(const struct show *s, enum text_colour colour)
{
    (void)fputs(text_colour(s->colours, colour), s->out);
}
// Writes text of ours in a colour.
void show_coloured(const struct show *s, enum text_colour colour, const char *text);
// Writes `before`, untrusted text on the same line, and `after`.
void show_safe(const struct show *s, const char *before, struct slice text, const char *after);
// Writes a line with the command that shows everything, "adit show ID", with `options` and the
// shell text `after`.
void show_command(const struct show *s, const struct record_exchange *x, const char *options,
                  const char *after);
