// SPDX-License-Identifier: MIT
// Field lines, as heads and trailers are kept.
#include <stdio.h>
#include "record.h"

// "name: value" and CR LF; a line without a colon has an empty value.
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

static const struct slice mark = {"[redacted]", 10};

bool record_is_redacted(const struct record_exchange *x, struct slice text)
{
    return (x->flags & RECORD_REDACTED) && text.len >= mark.len &&
           memmem(text.p, text.len, mark.p, mark.len);
}

static bool ends_so(struct slice s, struct slice end)
{
    return s.len >= end.len && slice_ieq(slice_of(s.p + s.len - end.len, end.len), end);
}

// What of a text is behind the last delimiter that is escaped in it, once or again.
static struct slice behind_escaped(struct slice text)
{
    static const char *const delimiters[] = {"3F", "26", "3B", "23"};
    struct slice name = text;
    for (size_t at = 0; at + 3 <= text.len; at++) {
        size_t from = at + 1;
        if (text.p[at] != '%')
            continue;
        while (from + 4 <= text.len && memcmp(text.p + from, "25", 2) == 0)
            from += 2;
        for (size_t i = 0; i < sizeof(delimiters) / sizeof(delimiters[0]); i++)
            if (from + 2 <= text.len &&
                slice_ieq(slice_of(text.p + from, 2), slice_of(delimiters[i], 2)))
                name = slice_of(text.p + from + 2, text.len - from - 2);
    }
    return name;
}

// The name before the "=" at the end of a text, which may be escaped, once or again.
static struct slice name_before(struct slice text)
{
    size_t len = 0;
    if (ends_so(text, SLICE("=")))
        text.len--;
    else if (ends_so(text, SLICE("3D")))
        text.len -= 2;
    else
        return (struct slice){0};
    while (ends_so(text, SLICE("25")))
        text.len -= 2;
    if (ends_so(text, SLICE("%")))
        text.len--;
    while (len < text.len && !strchr("?&;#/ ", text.p[text.len - 1 - len]))
        len++;
    return behind_escaped(slice_of(text.p + text.len - len, len));
}

bool record_next_redacted(struct slice *rest, struct slice *name)
{
    const char *at = rest->len > 0 ? memmem(rest->p, rest->len, mark.p, mark.len) : NULL;
    if (!at)
        return false;
    const struct slice before = slice_of(rest->p, (size_t)(at - rest->p));
    *name = name_before(before);
    *rest = slice_of(at + mark.len, rest->len - before.len - mark.len);
    return true;
}

void record_redacted_names(struct slice target, char out[static RECORD_NAMES_MAX])
{
    struct slice name;
    size_t len = 0;
    while (len < RECORD_NAMES_MAX - 1 && record_next_redacted(&target, &name)) {
        const struct slice shown = name.len > 0 ? name : SLICE("a part of the path");
        len += (size_t)snprintf(out + len, RECORD_NAMES_MAX - len, "%s%.*s", len > 0 ? ", " : "",
                                (int)(shown.len < RECORD_NAMES_MAX ? shown.len : RECORD_NAMES_MAX),
                                shown.p);
    }
    for (char *c = out; *c; c++) {
        char l = ascii_lower(*c);
        if (!(l >= 'a' && l <= 'z') && !(l >= '0' && l <= '9') && !strchr("-_.[], ", *c))
            *c = '?';
    }
}
