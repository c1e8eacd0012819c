// SPDX-License-Identifier: MIT
// Recursive descent from text to tree, of bounded depth (the grammar is in docs/filters.md).
#include <stdlib.h>
#include "filter_parse_internal.h"

// Adds a child, sorted by cost. The order makes no difference to the result.
static void add_child(struct filter_node *parent, struct filter_node *child)
{
    struct filter_node **at = &parent->child;
    while (*at && (*at)->cost <= child->cost)
        at = &(*at)->next;
    child->next = *at;
    *at = child;
    if (child->cost > parent->cost)
        parent->cost = child->cost;
}

static struct filter_node *parse_or(struct filter_parser *p);
static struct filter_node *parse_operand(struct filter_parser *p);

static bool enter_level(struct filter_parser *p, size_t at, size_t len)
{
    if (p->depth++ < FILTER_DEPTH_MAX)
        return true;
    (void)parser_fail(p, at, len, "parentheses and nots may be nested %d deep", FILTER_DEPTH_MAX);
    return false;
}

static struct filter_node *parse_parentheses(struct filter_parser *p)
{
    size_t open = p->at++;
    if (!enter_level(p, open, 1))
        return NULL;
    p->open++;
    parser_skip_space(p);
    if (parser_peek(p) == ')')
        return parser_fail(p, open, p->at + 1 - open, "there is nothing between these parentheses");
    struct filter_node *n = parse_or(p);
    if (!n)
        return NULL;
    if (parser_peek(p) != ')')
        return parser_fail(p, open, 1, "this parenthesis is never closed");
    p->at++;
    p->open--;
    p->depth--;
    return n;
}

static struct filter_node *parse_not(struct filter_parser *p)
{
    size_t at = p->at - SLICE("not").len;
    if (!enter_level(p, at, SLICE("not").len))
        return NULL;
    struct filter_node *child = parse_operand(p);
    struct filter_node *n = child ? parser_node_new(p, NODE_NOT) : NULL;
    if (!n)
        return NULL;
    add_child(n, child);
    p->depth--;
    return n;
}

static struct filter_node *parse_operand(struct filter_parser *p)
{
    if (parser_take_word(p, SLICE("not")))
        return parse_not(p);
    if (p->at == p->text.len)
        return parser_fail(p, p->at, 0, "a comparison is missing here, like status>=500");
    if (parser_peek(p) == '(')
        return parse_parentheses(p);
    if (parser_peek(p) == ')' && p->open == 0)
        return parser_fail(p, p->at, 1, "no parenthesis is open here");
    if (parser_peek(p) == ')' || parser_next_is(p, SLICE("and")) || parser_next_is(p, SLICE("or")))
        return parser_fail(p, p->at, parser_peek(p) == ')' ? 1 : parser_peek_word(p).len,
                           "a comparison is missing before this");
    return parser_term(p);
}

// Joins two operands: `first` is, or becomes part of, a group of `kind`.
static struct filter_node *join_operands(struct filter_parser *p, struct filter_node *first,
                                         struct filter_node *second, enum filter_node_kind kind)
{
    struct filter_node *group = first;
    if (!first || !second)
        return NULL;
    if (first->kind != kind) {
        group = parser_node_new(p, kind);
        if (!group)
            return NULL;
        add_child(group, first);
    }
    add_child(group, second);
    return group;
}

// Whether another operand of AND follows; the word itself may be left out.
static bool has_next_operand(struct filter_parser *p)
{
    if (parser_take_word(p, SLICE("and")))
        return true;
    return p->at < p->text.len && parser_peek(p) != ')' && !parser_next_is(p, SLICE("or"));
}

static struct filter_node *parse_and(struct filter_parser *p)
{
    struct filter_node *n = parse_operand(p);
    while (n && has_next_operand(p))
        n = join_operands(p, n, parse_operand(p), NODE_AND);
    return n;
}

static struct filter_node *parse_or(struct filter_parser *p)
{
    struct filter_node *n = parse_and(p);
    while (n && parser_take_word(p, SLICE("or")))
        n = join_operands(p, n, parse_and(p), NODE_OR);
    return n;
}

static bool parse(struct filter_parser *p)
{
    const char *zero = p->text.len > 0 ? memchr(p->text.p, 0, p->text.len) : NULL;
    if (zero)
        (void)parser_fail(p, (size_t)(zero - p->text.p), 1, "a filter must not contain zero bytes");
    parser_skip_space(p);
    if (zero || p->at == p->text.len)
        return !zero;
    p->f->root = parse_or(p);
    if (p->f->root && p->at < p->text.len)
        p->f->root = parser_fail(p, p->at, 1, "no parenthesis is open here");
    return p->f->root != NULL;
}

struct filter *filter_new(struct slice text, int64_t now_ns, struct filter_mistake *mistake)
{
    struct filter_parser p = {
        .text = text, .now_ns = now_ns, .mistake = mistake, .states = FILTER_STATES_MAX};
    if (text.len > FILTER_TEXT_MAX) {
        (void)parser_fail(&p, FILTER_TEXT_MAX, text.len - FILTER_TEXT_MAX,
                          "a filter has at most %d bytes", FILTER_TEXT_MAX);
        return NULL;
    }
    p.f = calloc(1, sizeof(*p.f) + text.len + 1);
    if (!p.f) {
        (void)parser_fail(&p, 0, 0, "out of memory");
        return NULL;
    }
    if (parse(&p))
        return p.f;
    filter_free(p.f);
    return NULL;
}

void filter_free(struct filter *f)
{
    if (!f)
        return;
    for (struct filter_node *n = f->allocated; n;) {
        struct filter_node *before = n->allocated_before;
        filter_pattern_free(n->term.pattern);
        free(n);
        n = before;
    }
    free(f);
}
