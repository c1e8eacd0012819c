// SPDX-License-Identifier: MIT
// The note on a running exchange, which exchange_dump.c fills and exchange_dump_print.c lays out at
// its end.
#pragma once
#include <string.h>
#include "exchange_dump.h"

enum {
    DUMP_MARK = 4, // bytes before each line: "  > ", or spaces before a body's line
    DUMP_WORD_MAX = 96
};

// One direction of an exchange.
struct dump_side {
    struct buf head, trailers; // safe lines, each with its mark and line feed
    struct buf body;           // the body's first bytes as they passed, undecoded
    size_t lines_left_out;     // of head and trailers
    uint64_t bytes;            // of the body, kept or not; bytes behind an upgrade do not count
    char type[DUMP_WORD_MAX], coding[DUMP_WORD_MAX];
};

struct dump_note {
    struct dump_side side[2];
};

// NULL when there was no memory for it.
static inline struct dump_note *dump_note_of(const struct exchange *x)
{
    return x->note[EXCHANGE_NOTE_DISPLAY];
}

static inline const char *dump_mark(enum exchange_side side)
{
    return side == INBOUND ? "  > " : "  < ";
}

static inline void dump_put(struct buf *b, const char *text)
{
    (void)buf_append(b, text, strlen(text));
}

// Appends untrusted text as one line: tabs and printable characters pass, all else becomes '?'.
void dump_put_safe(struct buf *b, struct slice s);

// Appends heads, bodies, trailers and times of an exchange that has ended and has a dump_note.
void exchange_dump_print(struct buf *out, const struct exchange *x, const struct console *console);
