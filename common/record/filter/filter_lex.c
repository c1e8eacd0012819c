// SPDX-License-Identifier: MIT
// Words, operators and values, taken off the text of a filter.
#include <stdarg.h>
#include <stdio.h>
#include "filter_parse_internal.h"

// Longer ones come first: "!~*" begins with "!~".
static const struct filter_op_text op_texts[] = {
    {"!~*", OP_NOT_FIND_WITHOUT_CASE},
    {"!~", OP_NOT_FIND},
    {"~*", OP_FIND_WITHOUT_CASE},
    {"~", OP_FIND},
    {"!=", OP_UNEQUAL},
    {"=", OP_EQUAL},
    {"<=", OP_LESS_OR_EQUAL},
    {"<", OP_LESS},
    {">=", OP_MORE_OR_EQUAL},
    {">", OP_MORE},
};

struct filter_node *parser_fail(struct filter_parser *p, size_t at, size_t len, const char *format,
                                ...)
{
    va_list args;
    *p->mistake = (struct filter_mistake){.at = at, .len = len};
    va_start(args, format);
    (void)vsnprintf(p->mistake->message, FILTER_WHY_MAX, format, args);
    va_end(args);
    return NULL;
}

static bool is_space(char c)
{
    return c == ' ' || (c >= '\t' && c <= '\r');
}

static struct slice rest(const struct filter_parser *p)
{
    return slice_of(p->text.p + p->at, p->text.len - p->at);
}

void parser_skip_space(struct filter_parser *p)
{
    while (p->at < p->text.len && is_space(p->text.p[p->at]))
        p->at++;
}

char parser_peek(const struct filter_parser *p)
{
    return p->at < p->text.len ? p->text.p[p->at] : 0;
}

struct slice parser_peek_word(const struct filter_parser *p)
{
    struct slice r = rest(p);
    size_t n = 0;
    while (n < r.len && !is_space(r.p[n]) && !strchr("=!~<>()\"", r.p[n]))
        n++;
    return slice_of(r.p, n);
}

bool parser_next_is(const struct filter_parser *p, struct slice word)
{
    return slice_ieq(parser_peek_word(p), word);
}

bool parser_take_word(struct filter_parser *p, struct slice word)
{
    parser_skip_space(p);
    if (!parser_next_is(p, word))
        return false;
    p->at += word.len;
    return true;
}

const struct filter_op_text *parser_peek_op(const struct filter_parser *p)
{
    struct slice r = rest(p);
    for (size_t i = 0; i < sizeof(op_texts) / sizeof(op_texts[0]); i++) {
        struct slice op = slice_str(op_texts[i].text);
        if (r.len >= op.len && slice_eq(slice_of(r.p, op.len), op))
            return &op_texts[i];
    }
    return NULL;
}

// `bytes` is as large as the text. The zero always fits: each value follows an operator in the
// text, each header name a prefix.
struct slice parser_keep(struct filter_parser *p, struct slice s)
{
    char *to = p->f->bytes + p->f->used;
    memcpy(to, s.p, s.len);
    to[s.len] = 0;
    p->f->used += s.len + 1;
    return slice_of(to, s.len);
}

// Takes a value behind its opening quotation mark.
static bool take_quoted(struct filter_parser *p, struct slice *value)
{
    struct slice r = rest(p);
    char *to = p->f->bytes + p->f->used;
    size_t len = 0;
    size_t i = 0;
    for (; i < r.len && r.p[i] != '"'; i++) {
        if (r.p[i] == '\\' && i + 1 < r.len && (r.p[i + 1] == '"' || r.p[i + 1] == '\\'))
            i++;
        to[len++] = r.p[i];
    }
    if (i >= r.len) {
        (void)parser_fail(p, p->at - 1, 1, "this quotation mark is never closed");
        return false;
    }
    to[len] = 0;
    p->f->used += len + 1;
    p->at += i + 1;
    *value = slice_of(to, len);
    char next = parser_peek(p);
    if (next == 0 || is_space(next) || next == ')')
        return true;
    (void)parser_fail(p, p->at, 1, "white space must follow a quoted value");
    return false;
}

// Returns the length of an unquoted value: up to white space, or to a closing parenthesis that the
// value itself has not opened.
static size_t bare_len(struct slice s)
{
    size_t open = 0;
    size_t i = 0;
    for (; i < s.len && !is_space(s.p[i]); i++) {
        if (s.p[i] == '\\' && i + 1 < s.len && !is_space(s.p[i + 1]))
            i++;
        else if (s.p[i] == '(')
            open++;
        else if (s.p[i] == ')' && open-- == 0)
            break;
    }
    return i;
}

bool parser_take_value(struct filter_parser *p, struct slice *value)
{
    if (parser_peek(p) == '"') {
        p->at++;
        return take_quoted(p, value);
    }
    struct slice r = rest(p);
    *value = parser_keep(p, slice_of(r.p, bare_len(r)));
    p->at += value->len;
    return true;
}
