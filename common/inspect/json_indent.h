// SPDX-License-Identifier: MIT
// JSON as people read it: a member or element a line. Numbers, strings and the order of members
// stay as they were, byte for byte, so two texts compare line by line.
#pragma once
#include "proto/buf.h"

enum {
    JSON_INDENT_DEPTH = 64,         // arrays and objects inside each other
    JSON_INDENT_IN_MAX = 8 << 20,   // bytes of a text that is worth it
    JSON_INDENT_OUT_MAX = 64 << 20, // and of what becomes of it: deep texts grow
};

// Appends `json` to `out`, indented by two spaces a level, without a line feed behind it. False
// when it is not JSON (RFC 8259), over one of the bounds, or memory is out: `out` is as before.
bool json_indent(struct slice json, struct buf *out);
// The same of the beginning of a text: as far as it is JSON, which is at least half of it, it is
// indented; the rest, mostly a value that was cut, follows as it is.
bool json_indent_cut(struct slice json, struct buf *out);
