// SPDX-License-Identifier: MIT
// What the files of http1 share.
#pragma once
#include "http1.h"

// Looks for the empty line that ends a head or trailer section, from *scanned on. Returns the bytes
// up to its end, 0 when it isn't there yet (*scanned is then moved on), HTTP1_E_SYNTAX at a line
// that ends without CR, HTTP1_E_HEAD_TOO_LARGE beyond `limit`. `skip_first`: an empty first line is
// not the end.
int http1_find_end(const char *buf, size_t len, size_t *scanned, size_t limit, bool skip_first);

// Parses field lines up to the empty line that ends at `end`, as http1_find_end found it. At most
// `max` of them.
int http1_parse_fields(const char *p, const char *end, size_t max, struct http_head *head);

// An empty head, without writing to all of its fields.
static inline void http1_head_reset(struct http_head *head)
{
    head->method = head->scheme = head->authority = head->target = (struct slice){0};
    head->reason = head->upgrade = head->host_name = (struct slice){0};
    head->status = 0;
    head->minor_version = 1;
    head->field_count = 0;
}
