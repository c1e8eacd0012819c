// SPDX-License-Identifier: MIT
// Lines for a terminal, a pipe or a file whose reader may stop reading (a pager, Ctrl-S, a disk):
// they wait in memory and a thread of its own writes them, so that who says them never waits.
#pragma once
#include <stddef.h>
#include <stdint.h>

enum {
    LINE_WRITER_BYTES = 256 * 1024, // of lines that wait; what is more is dropped and counted
    LINE_WRITER_FLUSH_MS = 1000     // that what is left at the end may take
};

struct line_writer;

// Writes to `fd`, which stays the caller's. `program` begins the one line that is its own,
// "PROGRAM: N lines were dropped", and must outlive it. For `pause_ms` after a write it gathers
// lines, so that many leave in one system call; the first one always leaves at once. NULL when out
// of memory or threads.
struct line_writer *line_writer_new(int fd, const char *program, unsigned pause_ms);
// From here on the sequences of output_colours pass too: for a terminal. The lines' foreign text
// has to be without them by then.
void line_writer_allow_colours(struct line_writer *w);
// Takes one line, which ends with a line feed, or several that stay together: they are dropped
// whole, and count as one. What a terminal may not be given (common/base/printable.h) becomes '?'.
// Returns at once. From one thread only.
void line_writer_put(struct line_writer *w, const char *line, size_t len);
// What begins the line that is the writer's own, instead of "PROGRAM: ": `write` puts it at `out`
// and returns its length. The writer's thread calls it. To be said before the first line.
void line_writer_set_prefix(struct line_writer *w, size_t (*write)(char *out, size_t cap));
// Lets what is left be written, for at most LINE_WRITER_FLUSH_MS.
void line_writer_free(struct line_writer *w);
