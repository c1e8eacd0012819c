// SPDX-License-Identifier: MIT
// The marks that redact.h left in recorded text, and the names of the parameters they stand for.
#include <stdio.h>
#include "record.h"

static const struct slice mark = {"[redacted]", 10};

bool record_is_redacted(const struct record_exchange *x, struct slice text)
{
    return (x->flags & RECORD_REDACTED) && text.len >= mark.len &&
           memmem(text.p, text.len, mark.p, mark.len);
}

static bool ends_with(struct slice s, struct slice end)
{
    return s.len >= end.len && slice_ieq(slice_of(s.p + s.len - end.len, end.len), end);
}

// The text behind its last percent-encoded delimiter; "%25" before it means encoded repeatedly.
static struct slice after_encoded_delimiter(struct slice text)
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

// The name before the "=" at the end of a text, which may be percent-encoded repeatedly.
static struct slice name_before(struct slice text)
{
    size_t len = 0;
    if (ends_with(text, SLICE("=")))
        text.len--;
    else if (ends_with(text, SLICE("3D")))
        text.len -= 2;
    else
        return (struct slice){0};
    while (ends_with(text, SLICE("25")))
        text.len -= 2;
    if (ends_with(text, SLICE("%")))
        text.len--;
    while (len < text.len && !strchr("?&;#/ ", text.p[text.len - 1 - len]))
        len++;
    return after_encoded_delimiter(slice_of(text.p + text.len - len, len));
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
