// SPDX-License-Identifier: MIT
// Standard output and standard error. Everything printed on them passes through printable.h, to a
// terminal or not, so that foreign text never reaches a terminal unescaped. Only commands that were
// asked for bytes write them unchanged.
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include "printable.h"

// Replaces `stdout` and `stderr`. To be called before anything is printed. False: out of memory.
bool output_begin(void);
// Lets `stdout` pass bytes unchanged from here on; not to a terminal, unless `force`.
void output_exact(bool force);
// Returns the errno of the first failed write to standard output, 0 when none failed.
int output_failed(void);
// Replaces the last line on the terminal of standard error; the cursor stays on that line.
void output_status_line(const char *line);
// Prints a message as one line, whatever its parts contain.
void output_line(FILE *stream, const char *format, ...) __attribute__((format(printf, 2, 3)));
// Returns the descriptor behind a stream, -1 when it has none.
int output_fd(FILE *stream);

// The only escape sequences that reach a terminal.
enum text_colour {
    TEXT_PLAIN,
    TEXT_BOLD,
    TEXT_DIM,
    TEXT_RED,
    TEXT_GREEN,
    TEXT_YELLOW,
    TEXT_CYAN,
    TEXT_COLOURS
};
extern const char *const output_colours[TEXT_COLOURS];

// Returns the length of the sequence of output_colours that `s` begins with, 0 when it begins with
// none. Then `*cut` is set when `s` is the beginning of one.
size_t output_colour_len(struct slice s, bool *cut);

enum {
    OUTPUT_LINE_MAX = 8192, // bytes of a message; longer ones are cut
    OUTPUT_HELD_MAX = 8     // bytes of an incomplete character or sequence
};

// Escapes a stream of text that arrives in pieces. Zero-initialised.
struct output_text {
    struct printable shown;
    bool colours; // lets output_colours pass
    char held[OUTPUT_HELD_MAX];
    size_t held_len;
};

typedef void output_sink(void *ctx, struct slice s);

// Passes `s` to the sink, escaped: line feeds and tabs stay, CR LF becomes a line feed, everything
// else is as printable_next writes it. An incomplete character at the end waits for the next call.
void output_text(struct output_text *t, struct slice s, output_sink *sink, void *ctx);
// Passes an incomplete character that still waits.
void output_text_end(struct output_text *t, output_sink *sink, void *ctx);
