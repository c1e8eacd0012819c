// SPDX-License-Identifier: MIT
// Words that a shell reads as they are meant, whatever bytes they hold.
#pragma once
#include "proto/buf.h"

// Appends one word for any POSIX shell: bare when nothing in it means anything, else its own bytes
// in '…' and \' for each quote. No word has a zero byte in it. False: out of memory.
bool shell_quote(struct buf *out, struct slice word);
