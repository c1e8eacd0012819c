// SPDX-License-Identifier: MIT
// How field names are spelled (docs/protocol.md §4.1). Case means nothing in a name (RFC 9110
// §5.1), yet some recipients look at it, and HTTP/2 has lower case only: departures from the
// default spelling travel in a field of their own.
#pragma once
#include "proto/http/message.h"

enum {
    SPELLING_MAX = 16 * 1024 // bytes of that field: further names arrive in the default spelling
};

// Writes the default spelling over a name in lower case: the registered one, else Title-Case.
void spelling_default(char *name, size_t len);

// What room spelling_write needs for the names of a head, Host included: at most SPELLING_MAX, and
// 0 when every name is spelled by default, so that nothing is to be told.
size_t spelling_bound(const struct http_head *head);
// Writes the value of `adit-case` for a head that needs one. Returns its length, which is not 0.
size_t spelling_write(const struct http_head *head, char *out);

// Spells the names of a head that came through HTTP/2 and was checked (fields_check): as its
// `adit-case` says, which is taken out, else by default. The names are in lower case and lie in
// memory that may be written: only the case of letters changes there. False when the `adit-case`
// is malformed, or names what the head does not have: the head is then not to be used.
bool spelling_apply(struct http_head *head);
