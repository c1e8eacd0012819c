// SPDX-License-Identifier: MIT
// Field lines, as heads and trailers are recorded.
#include "record.h"

bool record_next_field(struct slice *lines, struct slice *name, struct slice *value)
{
    if (lines->len == 0)
        return false;
    const char *feed = memchr(lines->p, '\n', lines->len);
    size_t len = feed ? (size_t)(feed - lines->p) : lines->len;
    struct slice line = slice_of(lines->p, len);
    len += feed ? 1 : 0;
    lines->p += len;
    lines->len -= len;
    if (line.len > 0 && line.p[line.len - 1] == '\r')
        line.len--;
    const char *colon = line.len > 0 ? memchr(line.p, ':', line.len) : NULL;
    size_t name_len = colon ? (size_t)(colon - line.p) : line.len;
    size_t after = colon ? name_len + 1 : name_len;
    *name = slice_of(line.p, name_len);
    *value = slice_trim(slice_of(line.p + after, line.len - after));
    return true;
}

struct slice record_field(struct slice lines, struct slice name)
{
    struct slice at;
    struct slice value;
    while (record_next_field(&lines, &at, &value))
        if (slice_ieq(at, name))
            return value;
    return (struct slice){0};
}

bool record_add_fields(struct http_head *head, struct slice lines)
{
    struct slice name;
    struct slice value;
    bool ok = true;
    while (ok && record_next_field(&lines, &name, &value))
        ok = head_add(head, name, value);
    return ok;
}
