// SPDX-License-Identifier: MIT
// Words that a shell reads as they are meant, whatever bytes they hold.
#pragma once
#include "proto/buf.h"

enum {
    SHELL_QUOTE_LINE_MAX = 300 // bytes of a word on a line
};

// Appends one word for any POSIX shell, in a script or typed at its prompt: visible ASCII in lines
// that are short. It is bare when nothing in it means anything, else in '…' with \' for each quote,
// else what printf makes of it: line editors take control characters, and in the C locale all bytes
// above 127, for keys. A long one goes on in the next line: terminals and line editors cut lines,
// and where a quote was cut off all is quoted that was not, and the other way round. No word has a
// zero byte in it, or ends with a line feed. False: out of memory.
bool shell_quote(struct buf *out, struct slice word);
