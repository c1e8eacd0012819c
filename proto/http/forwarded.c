// SPDX-License-Identifier: MIT
#include "forwarded.h"
#include "chars.h"

static char first(struct slice s)
{
    return s.len > 0 ? s.p[0] : 0;
}

static struct slice behind(struct slice s, size_t len)
{
    return slice_of(s.p + len, s.len - len);
}

static struct slice without_space(struct slice s)
{
    while (first(s) == ' ' || first(s) == '\t')
        s = behind(s, 1);
    return s;
}

// Takes a quoted string without its quotes. Escapes stay: no address and no scheme needs any.
static bool take_quoted(struct slice *rest, struct slice *value)
{
    size_t at = 1;
    while (at < rest->len && rest->p[at] != '"')
        at += rest->p[at] == '\\' ? 2 : 1;
    if (at >= rest->len)
        return false;
    *value = slice_of(rest->p + 1, at - 1);
    *rest = behind(*rest, at + 1);
    return true;
}

// Takes an unquoted value. Many senders write addresses unquoted, although colons and brackets are
// not allowed in a token.
static bool take_bare(struct slice *rest, struct slice *value)
{
    size_t len = 0;
    while (len < rest->len && (char_is(rest->p[len], CHAR_TOKEN) || rest->p[len] == ':' ||
                               rest->p[len] == '[' || rest->p[len] == ']'))
        len++;
    *value = slice_of(rest->p, len);
    *rest = behind(*rest, len);
    return len > 0;
}

// Takes one "name=value". A name may occur only once in an element (RFC 7239 §4).
static bool take_pair(struct slice *rest, struct forwarded_element *element)
{
    struct slice value = {0};
    size_t len = 0;
    while (len < rest->len && char_is(rest->p[len], CHAR_TOKEN))
        len++;
    struct slice name = slice_of(rest->p, len);
    *rest = behind(*rest, len);
    if (len == 0 || first(*rest) != '=')
        return false;
    *rest = behind(*rest, 1);
    if (!(first(*rest) == '"' ? take_quoted(rest, &value) : take_bare(rest, &value)))
        return false;
    struct slice *to = slice_ieq(name, SLICE("for"))     ? &element->node
                       : slice_ieq(name, SLICE("proto")) ? &element->proto
                                                         : NULL;
    if (!to)
        return true;
    bool twice = to->p;
    *to = value;
    return !twice;
}

// Takes pairs up to the next comma or the end.
static bool take_element(struct slice *rest, struct forwarded_element *element)
{
    while (rest->len > 0 && first(*rest) != ',') {
        if (first(*rest) != ';' && !take_pair(rest, element))
            return false;
        *rest = without_space(*rest);
        if (rest->len > 0 && first(*rest) != ',' && first(*rest) != ';')
            return false;
        if (first(*rest) == ';')
            *rest = without_space(behind(*rest, 1));
    }
    return true;
}

bool forwarded_next(struct slice *rest, struct forwarded_element *element)
{
    *element = (struct forwarded_element){0};
    *rest = without_space(*rest);
    while (first(*rest) == ',')
        *rest = without_space(behind(*rest, 1));
    if (rest->len == 0)
        return false;
    element->valid = take_element(rest, element);
    if (!element->valid)
        *rest = (struct slice){0};
    return true;
}
