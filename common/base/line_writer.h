// SPDX-License-Identifier: MIT
// Writes lines from a thread of its own to a terminal, pipe or file whose reader may stop (a pager,
// Ctrl-S, a full disk). Callers never wait; lines wait in memory, and are dropped when it is full.
#pragma once
#include <stddef.h>
#include <stdint.h>

enum {
    LINE_WRITER_BYTES = 256 * 1024, // of waiting lines; further ones are dropped and counted
    LINE_WRITER_FLUSH_MS = 1000     // for writing what waits when the writer is freed
};

struct line_writer;

// Starts a writer on `fd`, which stays the caller's. Its own line, "PROGRAM: N lines were dropped",
// begins with `program`, which must outlive it. After each write it gathers lines for `pause_ms`,
// so that many leave in one system call; the first line leaves at once. NULL: out of memory or
// threads.
struct line_writer *line_writer_new(int fd, const char *program, unsigned pause_ms);
// Lets the sequences of output_colours pass, for a terminal. Foreign text in lines must be free of
// them.
void line_writer_allow_colours(struct line_writer *w);
// Queues one line, or several that stay together: they are dropped as a whole and count as one.
// They end with a line feed. Characters that a terminal may not be given (printable.h) become '?'.
// Returns at once. To be called from one thread only.
void line_writer_put(struct line_writer *w, const char *line, size_t len);
// Replaces the "PROGRAM: " of the writer's own line: `write` puts a prefix at `out` and returns its
// length. The writer's thread calls it. To be set before the first line.
void line_writer_set_prefix(struct line_writer *w, size_t (*write)(char *out, size_t cap));
// Writes the waiting lines, for at most LINE_WRITER_FLUSH_MS, and frees the writer. NULL is fine.
void line_writer_free(struct line_writer *w);
