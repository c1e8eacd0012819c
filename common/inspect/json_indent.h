// SPDX-License-Identifier: MIT
// Indents JSON: a member or element a line. Numbers, strings and the order of members stay as they
// are, byte for byte, so that two texts can be compared line by line.
#pragma once
#include "proto/buf.h"

enum {
    JSON_INDENT_DEPTH = 64,         // levels of arrays and objects
    JSON_INDENT_IN_MAX = 8 << 20,   // bytes of a text
    JSON_INDENT_OUT_MAX = 64 << 20, // bytes of the result: deeply nested texts grow
};

// Appends `json` to `out`, indented by two spaces a level, without a line feed at the end. False:
// it is not JSON (RFC 8259), exceeds a bound, or memory is out; `out` is then as before.
bool json_indent(struct slice json, struct buf *out);
// The same for the beginning of a text. It is indented as far as it is JSON, which must be at least
// half of it; the rest, mostly a value that was cut, is appended as it is.
bool json_indent_cut(struct slice json, struct buf *out);
