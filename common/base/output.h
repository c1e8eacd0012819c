// SPDX-License-Identifier: MIT
// Standard output and standard error. Both pass everything through common/base/printable.h, whoever
// prints it and wherever it goes: foreign text that somebody prints without a thought cannot
// reach a terminal as it is. Only where bytes are asked for do they leave as they are.
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include "printable.h"

// Replaces `stdout` and `stderr`; the first thing that a program does once it has descriptors.
// False when out of memory.
bool output_begin(void);
// From here on `stdout` passes bytes as they are, unless it is a terminal and not `force`. For
// commands that were asked for bytes.
void output_exact(bool force);
// Why the first write to standard output failed that did: an errno, 0 when all went well.
int output_failed(void);
// Replaces the last line of the terminal that is standard error, without leaving it.
void output_status_line(const char *line);
// Prints a message, which stays one line whatever is in its parts.
void output_line(FILE *stream, const char *format, ...) __attribute__((format(printf, 2, 3)));
// The descriptor behind a stream, -1 when it has none.
int output_fd(FILE *stream);

// The sequences that do reach a terminal: colours, bold and dim, all of them ours.
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

// Bytes of the sequence of ours that `s` begins with. 0: with none; then `*cut` is set when `s` is
// the beginning of one.
size_t output_colour_len(struct slice s, bool *cut);

enum {
    OUTPUT_LINE_MAX = 8192, // bytes of a message; what is more is cut
    OUTPUT_HELD_MAX = 8     // bytes of a character or a sequence whose rest has not come yet
};

// A stream of text on its way. Zeros are its beginning.
struct output_text {
    struct printable shown;
    bool colours; // these pass
    char held[OUTPUT_HELD_MAX];
    size_t held_len;
};

typedef void output_sink(void *ctx, struct slice s);

// Gives `s` to the sink as it is to be shown: line feeds and tabs as they are, CR LF as a line
// feed, all else as printable_next has it. What is cut short waits for the next call.
void output_text(struct output_text *t, struct slice s, output_sink *sink, void *ctx);
// Gives what still waits.
void output_text_end(struct output_text *t, output_sink *sink, void *ctx);
