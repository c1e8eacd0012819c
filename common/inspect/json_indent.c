// SPDX-License-Identifier: MIT
#include "json_indent.h"

// The token that must come next.
enum expect {
    EXPECT_VALUE,      // a value
    EXPECT_FIRST,      // a value or the end of an empty array
    EXPECT_FIRST_NAME, // a name or the end of an empty object
    EXPECT_NAME,       // a name, after a comma
    EXPECT_COLON,      // the colon between a name and its value
    EXPECT_SEPARATOR,  // a comma or the end of the array or object; at depth 0 the end
};

struct indenter {
    struct slice in; // the rest of the text
    struct buf *out;
    size_t before; // bytes that were in `out` at the beginning
    unsigned depth;
    char closer[JSON_INDENT_DEPTH]; // '}' or ']' of each level
    enum expect expect;
};

static bool append(struct indenter *i, const char *bytes, size_t len)
{
    return buf_len(i->out) - i->before + len <= JSON_INDENT_OUT_MAX &&
           buf_append(i->out, bytes, len);
}

static bool append_line_break(struct indenter *i)
{
    char spaces[1 + 2 * JSON_INDENT_DEPTH];
    memset(spaces, ' ', sizeof(spaces));
    spaces[0] = '\n';
    return append(i, spaces, 1 + 2 * (size_t)i->depth);
}

// Moves `len` bytes of the text to `out`.
static bool pass(struct indenter *i, size_t len)
{
    bool ok = append(i, i->in.p, len);
    i->in = slice_of(i->in.p + len, i->in.len - len);
    return ok;
}

static void skip_space(struct indenter *i)
{
    while (i->in.len > 0 && strchr(" \t\r\n", i->in.p[0]) && i->in.p[0])
        i->in = slice_of(i->in.p + 1, i->in.len - 1);
}

static bool is_hex(char c)
{
    return (c >= '0' && c <= '9') || (ascii_lower(c) >= 'a' && ascii_lower(c) <= 'f');
}

// The length of the escape that `s` begins with; 0: invalid.
static size_t escape_len(struct slice s)
{
    if (s.len < 2 || !s.p[1] || !strchr("\"\\/bfnrtu", s.p[1]))
        return 0;
    if (s.p[1] != 'u')
        return 2;
    for (size_t i = 2; i < 6; i++)
        if (i >= s.len || !is_hex(s.p[i]))
            return 0;
    return 6;
}

// The length of the string that `s` begins with, quotes included; 0: there is none. Bytes from 0x80
// on are not checked for UTF-8.
static size_t string_len(struct slice s)
{
    size_t at = 1;
    if (s.len < 2 || s.p[0] != '"')
        return 0;
    while (at < s.len && s.p[at] != '"') {
        size_t len = s.p[at] == '\\' ? escape_len(slice_of(s.p + at, s.len - at)) : 1;
        if (len == 0 || (unsigned char)s.p[at] < 0x20)
            return 0;
        at += len;
    }
    return at < s.len ? at + 1 : 0;
}

static size_t digits_len(struct slice s, size_t at)
{
    size_t n = 0;
    while (at + n < s.len && s.p[at + n] >= '0' && s.p[at + n] <= '9')
        n++;
    return n;
}

// The length of the number that `s` begins with; 0: there is none.
static size_t number_len(struct slice s)
{
    size_t at = s.len > 0 && s.p[0] == '-' ? 1 : 0;
    size_t n = digits_len(s, at);
    if (n == 0 || (n > 1 && s.p[at] == '0'))
        return 0;
    at += n;
    if (at < s.len && s.p[at] == '.') {
        n = digits_len(s, at + 1);
        if (n == 0)
            return 0;
        at += 1 + n;
    }
    if (at < s.len && ascii_lower(s.p[at]) == 'e') {
        at += at + 1 < s.len && (s.p[at + 1] == '+' || s.p[at + 1] == '-') ? 2 : 1;
        n = digits_len(s, at);
        at = n > 0 ? at + n : 0;
    }
    return at;
}

static size_t word_len(struct slice s)
{
    static const char *const words[] = {"true", "false", "null"};
    for (size_t w = 0; w < 3; w++) {
        size_t len = strlen(words[w]);
        if (s.len >= len && memcmp(s.p, words[w], len) == 0)
            return len;
    }
    return 0;
}

static bool open_level(struct indenter *i, char closer)
{
    if (i->depth == JSON_INDENT_DEPTH)
        return false;
    i->closer[i->depth++] = closer;
    i->expect = closer == '}' ? EXPECT_FIRST_NAME : EXPECT_FIRST;
    return pass(i, 1);
}

static bool close_level(struct indenter *i)
{
    bool is_empty = i->expect == EXPECT_FIRST || i->expect == EXPECT_FIRST_NAME;
    if (i->depth == 0 || i->in.p[0] != i->closer[i->depth - 1])
        return false;
    i->depth--;
    i->expect = EXPECT_SEPARATOR;
    return (is_empty || append_line_break(i)) && pass(i, 1);
}

static bool take_value(struct indenter *i)
{
    size_t len = 0;
    bool first = i->expect == EXPECT_FIRST;
    char c = i->in.p[0];
    if (first && c == ']')
        return close_level(i);
    if (first && !append_line_break(i))
        return false;
    if (c == '{' || c == '[')
        return open_level(i, c == '{' ? '}' : ']');
    i->expect = EXPECT_SEPARATOR;
    len = c == '"' ? string_len(i->in) : word_len(i->in);
    if (len == 0)
        len = number_len(i->in);
    return len > 0 && pass(i, len);
}

static bool take_name(struct indenter *i)
{
    bool first = i->expect == EXPECT_FIRST_NAME;
    if (first && i->in.p[0] == '}')
        return close_level(i);
    size_t len = string_len(i->in);
    i->expect = EXPECT_COLON;
    return len > 0 && (!first || append_line_break(i)) && pass(i, len);
}

static bool take_separator(struct indenter *i)
{
    if (i->in.p[0] != ',')
        return close_level(i);
    if (i->depth == 0)
        return false;
    i->expect = i->closer[i->depth - 1] == '}' ? EXPECT_NAME : EXPECT_VALUE;
    return pass(i, 1) && append_line_break(i);
}

static bool take_colon(struct indenter *i)
{
    i->expect = EXPECT_VALUE;
    return i->in.p[0] == ':' && pass(i, 1) && append(i, " ", 1);
}

static bool take(struct indenter *i)
{
    switch (i->expect) {
    case EXPECT_VALUE:
    case EXPECT_FIRST: return take_value(i);
    case EXPECT_NAME:
    case EXPECT_FIRST_NAME: return take_name(i);
    case EXPECT_COLON: return take_colon(i);
    case EXPECT_SEPARATOR: return take_separator(i);
    }
    return false;
}

static bool indent(struct indenter *i)
{
    bool ok = i->in.len <= JSON_INDENT_IN_MAX;
    for (skip_space(i); ok && i->in.len > 0; skip_space(i))
        ok = take(i);
    return ok;
}

bool json_indent(struct slice json, struct buf *out)
{
    struct indenter i = {.in = json, .out = out, .before = buf_len(out), .expect = EXPECT_VALUE};
    if (indent(&i) && i.depth == 0 && i.expect == EXPECT_SEPARATOR)
        return true;
    out->end = out->start + i.before;
    return false;
}

bool json_indent_cut(struct slice json, struct buf *out)
{
    struct indenter i = {.in = json, .out = out, .before = buf_len(out), .expect = EXPECT_VALUE};
    bool whole = indent(&i);
    // A text that stops being JSON early is no JSON, but begins with a bracket.
    if ((i.depth > 0 || (whole && i.expect == EXPECT_SEPARATOR)) && i.in.len <= json.len / 2 &&
        pass(&i, i.in.len))
        return true;
    out->end = out->start + i.before;
    return false;
}
