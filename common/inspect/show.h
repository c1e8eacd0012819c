// SPDX-License-Identifier: MIT
// How one exchange is shown to people. `show` takes it apart, other commands may show parts.
//
// What was sent never begins a row: heads stand behind "> " and "< ", bodies behind four spaces,
// and what is longer than a terminal is wide goes on behind four spaces. So what does begin a row
// is ours, and so is what stands behind two spaces.
#pragma once
#include <stdio.h>
#include "common/record/read/reader.h"
#include "text.h"

enum {
    SHOW_PIPE_BYTES = 1 << 20, // of a body that are shown where no terminal is
    SHOW_ROWS_LEAST = 20,      // of a body or the messages on a terminal: as many rows as that has,
    SHOW_ROWS_MOST = 60,       // within these
    SHOW_ROWS_UNTOLD = 40,     // when it does not say how many
    SHOW_LINE_ROWS = 8,        // of one line of a body on a terminal
    SHOW_HEX_MAX = 256,        // bytes of what is not text
    SHOW_PART_HEX_MAX = 64,    // the same of a part of a multipart body
    SHOW_MESSAGE_MAX = 1024,   // bytes of a WebSocket's message
    SHOW_INDENT = 4,           // columns before a row of what was sent
    SHOW_BAR = 40,             // columns of the bar that draws the timing
};

struct show {
    struct record_reader *reader;
    FILE *out;
    const char *program; // for the lines that say how to get all
    const char *data;    // the same: what --data said, or NULL
    bool decodes_all;    // the same: --decode-all was said
    bool decode;
    bool colours;
    size_t columns; // of the terminal; 0: it is none
    size_t rows;    // that a body may take there
};

// Looks at what `out` is.
void show_measure_terminal(struct show *s);
// Writes it all. False: a part of it could not be read.
bool show_exchange(const struct show *s, const struct record_exchange *x);
// Writes a body for people.
bool show_body(const struct show *s, const struct record_exchange *x, enum record_side side);
// Writes the messages of a WebSocket.
bool show_messages(const struct show *s, const struct record_exchange *x);
// Writes how it ended, and what there is to say of it.
void show_outcome(const struct show *s, const struct record_exchange *x);
// Writes where the time went, a line a part, drawn along the whole.
void show_timing(const struct show *s, const struct record_exchange *x);

// A line that has text of others in it.
struct show_line {
    const struct show *s;
    size_t column; // that comes next: set by the caller to what stands before
    size_t rows;   // begun behind the first
};
// Writes text of others on a line, and its tabs. At a terminal each row ends at its width, and the
// next one begins with SHOW_INDENT spaces.
void show_untrusted(struct show_line *l, struct slice text);
// Bytes from the beginning of a text that take no more than so many columns.
size_t show_fitting_bytes(struct slice text, size_t columns);

// Begins a colour on a terminal that has them, and (TEXT_PLAIN) ends it.
static inline void show_colour(const struct show *s, enum text_colour colour)
{
    (void)fputs(text_colour(s->colours, colour), s->out);
}
// Writes text of ours in a colour.
void show_coloured(const struct show *s, enum text_colour colour, const char *text);
// Writes a line with the command that shows all of it: "adit show ID", with these options, and what
// stands behind them all.
void show_command(const struct show *s, const struct record_exchange *x, const char *options,
                  const char *behind);

// Writes it as HTTP messages; what was chunked has one chunk for each piece that was kept. Returns
// NULL, or a phrase on what is missing.
const char *show_raw(const struct show *s, const struct record_exchange *x);
