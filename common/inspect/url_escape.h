// SPDX-License-Identifier: MIT
// Percent-encoding of URLs and forms (RFC 3986 §2.1).
#pragma once
#include "proto/buf.h"

// Appends `s` with %XX for each byte that may not stand in a path or a query; escapes that are
// there stay. False: out of memory.
bool url_escape(struct buf *out, struct slice s);
// Appends the name or value of a form or a query, decoded: %XX to its byte, + to a space. With
// `keep_percent` an escaped percent sign stays %25. False: out of memory.
bool url_unescape(struct buf *out, struct slice s, bool keep_percent);
