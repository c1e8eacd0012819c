// SPDX-License-Identifier: MIT
#include "multipart.h"

static struct slice from(struct slice s, size_t at)
{
    return slice_of(s.p + at, s.len - at);
}

// The length of a quoted string up to its closing quote, or to the end (RFC 9110 §5.6.4).
static size_t quoted_len(struct slice s)
{
    size_t len = 0;
    while (len < s.len && s.p[len] != '"')
        len += s.p[len] == '\\' && len + 1 < s.len ? 2 : 1;
    return len;
}

// Takes a parameter value off `rest`, up to its closing quote. Without quotes it ends at the next
// semicolon: some clients send file names with spaces unquoted.
static struct slice take_value(struct slice *rest)
{
    bool quoted = rest->len > 0 && rest->p[0] == '"';
    if (quoted)
        *rest = from(*rest, 1);
    size_t len = 0;
    if (quoted)
        len = quoted_len(*rest);
    else
        while (len < rest->len && rest->p[len] != ';' && rest->p[len] != '"')
            len++;
    struct slice value = slice_of(rest->p, len);
    *rest = from(*rest, len);
    return quoted ? value : slice_trim(value);
}

// Moves `rest` behind the next semicolon outside of quotes. False: there is none.
static bool next_parameter(struct slice *rest)
{
    size_t at = 0;
    while (at < rest->len && rest->p[at] != ';') {
        if (rest->p[at] == '"')
            at += 1 + quoted_len(from(*rest, at + 1));
        at++;
    }
    if (at >= rest->len)
        return false;
    *rest = from(*rest, at + 1);
    return true;
}

bool multipart_parameter(struct slice value, struct slice name, struct slice *found)
{
    while (next_parameter(&value)) {
        size_t len = 0;
        while (len < value.len && value.p[len] != '=' && value.p[len] != ';')
            len++;
        if (len == value.len || value.p[len] == ';')
            continue;
        struct slice here = slice_trim(slice_of(value.p, len));
        value = from(value, len + 1);
        while (value.len > 0 && (value.p[0] == ' ' || value.p[0] == '\t'))
            value = from(value, 1);
        *found = take_value(&value);
        if (slice_ieq(here, name))
            return true;
        if (value.len > 0 && value.p[0] == '"') // the closing quote
            value = from(value, 1);
    }
    return false;
}

// RFC 2046 §5.1.1: bchars, the last one not a space.
static bool is_boundary(struct slice s)
{
    static const char marks[] = "'()+_,-./:=? ";
    if (s.len == 0 || s.len > MULTIPART_BOUNDARY_MAX || s.p[s.len - 1] == ' ')
        return false;
    for (size_t i = 0; i < s.len; i++) {
        char c = s.p[i];
        bool letter = ascii_lower(c) >= 'a' && ascii_lower(c) <= 'z';
        if (!letter && !(c >= '0' && c <= '9') && !(c && strchr(marks, c)))
            return false;
    }
    return true;
}

// Whether `s` begins with a delimiter line. `*len` gets the length of the line, `*last` whether it
// is the closing delimiter.
static bool is_delimiter(const struct multipart *m, struct slice s, size_t *len, bool *last)
{
    size_t at = m->delimiter_len;
    if (s.len < at || memcmp(s.p, m->delimiter, at) != 0)
        return false;
    *last = s.len - at >= 2 && s.p[at] == '-' && s.p[at + 1] == '-';
    at += *last ? 2 : 0;
    while (at < s.len && (s.p[at] == ' ' || s.p[at] == '\t'))
        at++;
    if (at < s.len && s.p[at] == '\r')
        at++;
    *len = at < s.len ? at + 1 : at;
    // At the end of the body the line feed may be missing; only a closing delimiter is then
    // complete.
    return at < s.len ? s.p[at] == '\n' : *last;
}

// Takes the bytes before the next delimiter off the body, and the delimiter, with the line end that
// belongs to it. False: there is no delimiter, and nothing is taken.
static bool take_to_delimiter(struct multipart *m, struct slice *before)
{
    size_t line = 0;
    size_t len = 0;
    while (!is_delimiter(m, from(m->rest, line), &len, &m->closed)) {
        const char *feed =
            line < m->rest.len ? memchr(m->rest.p + line, '\n', m->rest.len - line) : NULL;
        if (!feed) {
            m->closed = false;
            return false;
        }
        line = (size_t)(feed - m->rest.p) + 1;
    }
    size_t end = line > 0 ? line - 1 : 0;
    if (end > 0 && m->rest.p[end - 1] == '\r')
        end--;
    *before = slice_of(m->rest.p, end);
    m->rest = from(m->rest, line + len);
    return true;
}

bool multipart_begin(struct multipart *m, struct slice content_type, struct slice body)
{
    struct slice boundary;
    *m = (struct multipart){.rest = body};
    if (!multipart_parameter(content_type, SLICE("boundary"), &boundary) || !is_boundary(boundary))
        return false;
    memcpy(m->delimiter, "--", 2);
    memcpy(m->delimiter + 2, boundary.p, boundary.len);
    m->delimiter_len = 2 + boundary.len;
    return take_to_delimiter(m, &m->preamble);
}

// Splits a part at its empty line into head and body.
static void part_head(struct multipart_part *part, struct slice all)
{
    size_t line = 0;
    part->body = all;
    while (line < all.len && line <= MULTIPART_HEAD_BYTES) {
        const char *feed = memchr(all.p + line, '\n', all.len - line);
        size_t next = feed ? (size_t)(feed - all.p) + 1 : all.len;
        size_t len = next - line;
        if (feed && (len == 1 || (len == 2 && all.p[line] == '\r'))) {
            part->head = slice_of(all.p, line);
            part->body = from(all, next);
            part->has_head = true;
            return;
        }
        line = next;
    }
}

bool multipart_next(struct multipart *m, struct multipart_part *part)
{
    struct slice all = m->rest;
    if (m->closed || m->rest.len == 0)
        return false;
    *part = (struct multipart_part){.whole = take_to_delimiter(m, &all)};
    if (!part->whole)
        m->rest = from(m->rest, m->rest.len);
    part_head(part, all);
    return true;
}
