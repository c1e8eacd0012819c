// SPDX-License-Identifier: MIT
// Words that a shell reads as they are meant, whatever bytes they hold.
#pragma once
#include "proto/buf.h"

// Appends one word for bash (also zsh and ksh): bare when nothing in it means anything, else in
// '…', or in $'…' when there are quotes, control bytes or bytes from 0x80 on in it. A zero, which
// no shell can pass on, is left out. False: out of memory.
bool shell_quote(struct buf *out, struct slice word);
