// SPDX-License-Identifier: MIT
// The spelling of field names (docs/protocol.md §4.1). Case has no meaning in a name (RFC 9110
// §5.1), yet some recipients depend on it, and HTTP/2 has lower case only. Departures from the
// default spelling travel in a field of their own, adit-case.
#pragma once
#include "proto/http/message.h"

enum {
    SPELLING_MAX = 16 * 1024 // bytes of adit-case; further names arrive in the default spelling
};

// The most bytes that spelling_write writes for a head, at most SPELLING_MAX. 0 when every name,
// Host included, has the default spelling: the head needs no adit-case.
size_t spelling_bound(const struct http_head *head);
// Writes the value of adit-case for a head that needs one. Returns its length, which is not 0.
size_t spelling_write(const struct http_head *head, char *out);

// Spells the names of a head that came through HTTP/2 and passed fields_check, by its adit-case,
// which is removed, or by default. Changes the case of the letters where the names lie: that memory
// must be writable. False when adit-case is malformed or lists a name that the head lacks; the head
// must not be used then.
bool spelling_apply(struct http_head *head);
