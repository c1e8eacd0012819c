// SPDX-License-Identifier: MIT
// Quotes words for a shell, whatever bytes they have.
#pragma once
#include "proto/buf.h"

enum {
    SHELL_QUOTE_LINE_MAX = 300 // bytes of a word on one line
};

// Appends one word for any POSIX shell, for scripts and for pasting at a prompt: visible ASCII in
// short lines. A word without special characters stays bare; others are in '…', with '\'' for each
// quote; other bytes than visible ASCII are written as octal escapes of printf, because line
// editors take control characters for keys, and in the C locale all bytes above 127. A long word
// continues on the next line: terminals and line editors cut long lines, and a lost quote would
// turn quoted text into commands. The word must have no zero byte and not end with a line feed.
// False: out of memory.
bool shell_quote(struct buf *out, struct slice word);
