// SPDX-License-Identifier: MIT
// From text to tree (the grammar is in docs/filters.md). Words are read first, terms are made of
// them, and terms are put together by descent, whose depth is bounded.
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include "filter_internal.h"

enum {
    COST_PATTERN = 1, // of terms: what is dear is asked last
    COST_BODY = 2
};

struct parser {
    struct slice text;
    size_t at;
    int64_t now_ns;
    struct filter *f;
    struct filter_mistake *mistake;
    unsigned terms, depth, open; // of open parentheses
    size_t states;               // that patterns may still make
};

enum filter_op {
    OP_NONE,
    OP_EQUAL,
    OP_UNEQUAL,
    OP_FIND,
    OP_NOT_FIND,
    OP_FIND_WITHOUT_CASE,
    OP_NOT_FIND_WITHOUT_CASE,
    OP_LESS,
    OP_LESS_OR_EQUAL,
    OP_MORE,
    OP_MORE_OR_EQUAL,
};

// Longer ones first: "!~*" is not "!~".
static const struct op_text {
    const char *text;
    enum filter_op op;
} op_texts[] = {
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

// Notes the mistake. Returns NULL, for whoever returns a node.
__attribute__((format(printf, 4, 5))) static struct filter_node *wrong(struct parser *p, size_t at,
                                                                       size_t len,
                                                                       const char *format, ...)
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

static struct slice rest(const struct parser *p)
{
    return slice_of(p->text.p + p->at, p->text.len - p->at);
}

static void skip_space(struct parser *p)
{
    while (p->at < p->text.len && is_space(p->text.p[p->at]))
        p->at++;
}

// The byte that comes next; 0 at the end.
static char peek(const struct parser *p)
{
    return p->at < p->text.len ? p->text.p[p->at] : 0;
}

static struct slice peek_word(const struct parser *p)
{
    struct slice r = rest(p);
    size_t n = 0;
    while (n < r.len && !is_space(r.p[n]) && !strchr("=!~<>()\"", r.p[n]))
        n++;
    return slice_of(r.p, n);
}

static bool next_is(const struct parser *p, struct slice word)
{
    return slice_ieq(peek_word(p), word);
}

static bool take_word(struct parser *p, struct slice word)
{
    skip_space(p);
    if (!next_is(p, word))
        return false;
    p->at += word.len;
    return true;
}

static const struct op_text *peek_op(const struct parser *p)
{
    struct slice r = rest(p);
    for (size_t i = 0; i < sizeof(op_texts) / sizeof(op_texts[0]); i++) {
        struct slice op = slice_str(op_texts[i].text);
        if (r.len >= op.len && slice_eq(slice_of(r.p, op.len), op))
            return &op_texts[i];
    }
    return NULL;
}

static struct filter_node *node_new(struct parser *p, enum filter_node_kind kind)
{
    struct filter_node *n = calloc(1, sizeof(*n));
    if (!n)
        return wrong(p, 0, 0, "out of memory");
    n->kind = kind;
    n->made_before = p->f->made;
    p->f->made = n;
    return n;
}

// Cheap children are asked first; it makes no difference to the answer.
static void adopt(struct filter_node *parent, struct filter_node *child)
{
    struct filter_node **at = &parent->child;
    while (*at && (*at)->cost <= child->cost)
        at = &(*at)->next;
    child->next = *at;
    *at = child;
    if (child->cost > parent->cost)
        parent->cost = child->cost;
}

// Values.

// Keeps a string, with a zero behind it. It takes no more than it took in the text, since an
// operator or a quotation mark stood there too.
static struct slice keep(struct parser *p, struct slice s)
{
    char *to = p->f->bytes + p->f->used;
    memcpy(to, s.p, s.len);
    to[s.len] = 0;
    p->f->used += s.len + 1;
    return slice_of(to, s.len);
}

// Behind a quotation mark.
static bool take_quoted(struct parser *p, struct slice *value)
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
        (void)wrong(p, p->at - 1, 1, "this quotation mark has no other");
        return false;
    }
    to[len] = 0;
    p->f->used += len + 1;
    p->at += i + 1;
    *value = slice_of(to, len);
    char next = peek(p);
    if (next == 0 || is_space(next) || next == ')')
        return true;
    (void)wrong(p, p->at, 1, "behind a quotation there must be white space");
    return false;
}

// Up to white space, or to a parenthesis that the value has not opened.
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

static bool take_value(struct parser *p, struct slice *value)
{
    if (peek(p) == '"') {
        p->at++;
        return take_quoted(p, value);
    }
    struct slice r = rest(p);
    *value = keep(p, slice_of(r.p, bare_len(r)));
    p->at += value->len;
    return true;
}

// Terms.

// A comparison while it is made: where it stands in the text, for mistakes.
struct comparison {
    struct filter_term *term;
    enum filter_op op;
    const char *op_text;
    size_t op_at, value_at, value_len;
};

static bool wrong_value(struct parser *p, const struct comparison *c, const char *why)
{
    (void)wrong(p, c->value_at, c->value_len, "%s", why);
    return false;
}

static bool wrong_op(struct parser *p, const struct comparison *c, const char *ops)
{
    (void)wrong(p, c->op_at, strlen(c->op_text), "%s%s takes %s", c->term->field->name,
                c->term->header.len > 0 ? "NAME" : "", ops);
    return false;
}

// The values from least to most are equal to what was written; the term is made of them by its
// operator.
static bool set_range(struct parser *p, const struct comparison *c, uint64_t least, uint64_t most)
{
    struct filter_term *t = c->term;
    t->least = 0;
    t->most = UINT64_MAX;
    switch (c->op) {
    case OP_UNEQUAL:
    case OP_EQUAL:
        t->least = least;
        t->most = most;
        return true;
    case OP_LESS_OR_EQUAL: t->most = most; return true;
    case OP_MORE_OR_EQUAL: t->least = least; return true;
    case OP_LESS:
        t->least = least == 0; // below 0 there is nothing
        t->most = least == 0 ? 0 : least - 1;
        return true;
    case OP_MORE:
        t->least = most == UINT64_MAX ? most : most + 1;
        t->most = most == UINT64_MAX ? 0 : UINT64_MAX;
        return true;
    case OP_NONE:
    case OP_FIND:
    case OP_NOT_FIND:
    case OP_FIND_WITHOUT_CASE:
    case OP_NOT_FIND_WITHOUT_CASE: break;
    }
    return wrong_op(p, c, "= != < <= > >=");
}

static bool finish_status(struct parser *p, const struct comparison *c)
{
    uint64_t least = 0;
    uint64_t most = 0; // of an exchange without a response
    bool none = slice_ieq(c->term->value, SLICE("none"));
    bool equality = c->op == OP_EQUAL || c->op == OP_UNEQUAL;
    if (!set_range(p, c, 0, 0)) // the operator is looked at first
        return false;
    if (!none && !filter_status(c->term->value, &least, &most))
        return wrong_value(p, c, "a status is 100 to 999, a class like 5xx, or none");
    if (least != most && !equality)
        return wrong_value(p, c, "a class goes with = and != only; write a number, like 500");
    if (none && !equality)
        return wrong_value(p, c, "none goes with = and != only");
    return set_range(p, c, least, most);
}

static bool finish_number(struct parser *p, const struct comparison *c)
{
    bool is_size = c->term->field->kind == KIND_BYTES;
    uint64_t value = 0;
    if (!set_range(p, c, 0, 0))
        return false;
    enum filter_number result =
        is_size ? filter_bytes(c->term->value, &value) : filter_duration(c->term->value, &value);
    if (result == NUMBER_TOO_LARGE)
        return wrong_value(p, c, "this number is too large");
    if (result == NUMBER_MALFORMED)
        return wrong_value(p, c,
                           is_size ? "a size is a number, with a unit like 500B, 10KB or 1.5MiB"
                                   : "a duration is a number with a unit: ns us ms s m h or d");
    return set_range(p, c, value, value);
}

static bool finish_moment(struct parser *p, const struct comparison *c)
{
    bool last = c->term->field->what == WHAT_UNTIL;
    if (c->op != OP_EQUAL)
        return wrong_op(p, c, "= only");
    switch (filter_moment(c->term->value, p->now_ns, last, &c->term->moment_ns)) {
    case NUMBER_OK: return true;
    case NUMBER_TOO_LARGE: return wrong_value(p, c, "this is too long ago, or too far ahead");
    case NUMBER_MALFORMED: break;
    }
    return wrong_value(p, c,
                       "a moment is a duration back from now, like 10m, or a date and time, like "
                       "2026-11-25 or 2026-11-25T12:00:00Z (without Z: local time)");
}

// The record has ids in lower case.
static bool finish_id(struct parser *p, const struct comparison *c)
{
    char *id = p->f->bytes + (c->term->value.p - p->f->bytes);
    char whole[EXCHANGE_ID_LEN + 1] = "0000000000000000";
    size_t len = c->term->value.len;
    if (c->op != OP_EQUAL && c->op != OP_UNEQUAL)
        return wrong_op(p, c, "= !=");
    for (size_t i = 0; i < len; i++)
        id[i] = ascii_lower(id[i]);
    if (len > 0 && len <= EXCHANGE_ID_LEN)
        memcpy(whole, id, len);
    if (len > 0 && len <= EXCHANGE_ID_LEN && exchange_id_is_valid(slice_of(whole, EXCHANGE_ID_LEN)))
        return true;
    return wrong_value(
        p, c, "an id, or its beginning or end, is 1 to 16 digits and letters without i l o u");
}

static bool finish_pattern(struct parser *p, const struct comparison *c, bool without_case)
{
    char why[FILTER_WHY_MAX];
    if (c->term->value.len == 0)
        return wrong_value(p, c, "what is to be found is missing");
    c->term->pattern = filter_pattern_new(c->term->value, without_case, &p->states, why);
    return c->term->pattern || wrong_value(p, c, why);
}

static bool finish_text(struct parser *p, const struct comparison *c)
{
    const char *raw = p->text.p + c->value_at;
    switch (c->op) {
    case OP_UNEQUAL:
    case OP_EQUAL:
        if (c->value_len > 0 && (raw[0] == '=' || raw[0] == '~'))
            return wrong_value(p, c, "write = or ~, not both; or put the value in quotation marks");
        return true;
    case OP_NOT_FIND:
    case OP_FIND: return finish_pattern(p, c, false);
    case OP_NOT_FIND_WITHOUT_CASE:
    case OP_FIND_WITHOUT_CASE: return finish_pattern(p, c, true);
    case OP_NONE:
    case OP_LESS:
    case OP_LESS_OR_EQUAL:
    case OP_MORE:
    case OP_MORE_OR_EQUAL: break;
    }
    return wrong_op(p, c, "= != ~ ~* !~ !~*");
}

static bool finish_comparison(struct parser *p, const struct comparison *c)
{
    switch (c->term->field->kind) {
    case KIND_STATUS: return finish_status(p, c);
    case KIND_BYTES:
    case KIND_DURATION: return finish_number(p, c);
    case KIND_MOMENT: return finish_moment(p, c);
    case KIND_ID: return finish_id(p, c);
    case KIND_TEXT: return finish_text(p, c);
    case KIND_FLAG: break;
    }
    (void)wrong(p, c->op_at, strlen(c->op_text), "%s stands alone; its opposite is: not %s",
                c->term->field->name, c->term->field->name);
    return false;
}

// What a word without an operator is: "it is there", or a mistake.
static bool finish_alone(struct parser *p, const struct filter_field *field, struct slice word)
{
    size_t word_at = p->at - word.len;
    size_t end = p->at;
    skip_space(p);
    if (peek_op(p)) {
        (void)wrong(p, p->at, 1, "there may be no space before an operator");
        return false;
    }
    p->at = end;
    if (field->alone)
        return true;
    (void)wrong(p, word_at, word.len, "%s alone says nothing; it wants an operator and a value",
                field->name);
    return false;
}

static struct filter_node *wrong_word(struct parser *p, struct slice word)
{
    char why[FILTER_WHY_MAX];
    filter_field_suggest(word, peek_op(p) != NULL, why);
    return wrong(p, p->at - word.len, word.len, "%s", why);
}

static struct filter_node *wrong_beginning(struct parser *p)
{
    const struct op_text *op = peek_op(p);
    if (op)
        return wrong(p, p->at, strlen(op->text), "the name of a field is missing before this");
    if (peek(p) == '"')
        return wrong(p, p->at, 1, "did you mean body~\"...\"?");
    return wrong(p, p->at, 1, "write the word: not"); // peek_word has stopped at a "!"
}

static bool read_comparison(struct parser *p, struct filter_term *t)
{
    const struct op_text *op = peek_op(p);
    struct comparison c = {.term = t, .op = op->op, .op_text = op->text, .op_at = p->at};
    p->at += strlen(op->text);
    c.value_at = p->at;
    t->negated =
        op->op == OP_UNEQUAL || op->op == OP_NOT_FIND || op->op == OP_NOT_FIND_WITHOUT_CASE;
    if (!take_value(p, &t->value))
        return false;
    c.value_len = p->at - c.value_at;
    return finish_comparison(p, &c);
}

static unsigned cost_of(const struct filter_term *t)
{
    if (t->field->what == WHAT_BODY && !t->alone)
        return COST_BODY;
    return t->pattern || t->field->what == WHAT_HEADER ? COST_PATTERN : 0;
}

static struct filter_node *parse_term(struct parser *p)
{
    struct slice header = {0};
    struct slice word = peek_word(p);
    if (word.len == 0)
        return wrong_beginning(p);
    p->at += word.len;
    const struct filter_field *field = filter_field_find(word, &header);
    if (!field)
        return wrong_word(p, word);
    if (p->terms++ == FILTER_TERMS_MAX)
        return wrong(p, p->at - word.len, word.len, "a filter has at most %d comparisons",
                     FILTER_TERMS_MAX);
    struct filter_node *n = node_new(p, NODE_TERM);
    if (!n)
        return NULL;
    n->term.field = field;
    n->term.alone = !peek_op(p);
    if (header.len > 0)
        n->term.header = keep(p, header);
    if (n->term.alone ? !finish_alone(p, field, word) : !read_comparison(p, &n->term))
        return NULL;
    n->cost = cost_of(&n->term);
    return n;
}

// What terms are put together with.

static struct filter_node *parse_or(struct parser *p);
static struct filter_node *parse_operand(struct parser *p);

static bool deeper(struct parser *p, size_t at, size_t len)
{
    if (p->depth++ < FILTER_DEPTH_MAX)
        return true;
    (void)wrong(p, at, len, "parentheses and nots may be %d deep", FILTER_DEPTH_MAX);
    return false;
}

static struct filter_node *parse_parentheses(struct parser *p)
{
    size_t open = p->at++;
    if (!deeper(p, open, 1))
        return NULL;
    p->open++;
    skip_space(p);
    if (peek(p) == ')')
        return wrong(p, open, p->at + 1 - open, "there is nothing between these parentheses");
    struct filter_node *n = parse_or(p);
    if (!n)
        return NULL;
    if (peek(p) != ')')
        return wrong(p, open, 1, "this parenthesis is never closed");
    p->at++;
    p->open--;
    p->depth--;
    return n;
}

static struct filter_node *parse_not(struct parser *p)
{
    size_t at = p->at - SLICE("not").len;
    if (!deeper(p, at, SLICE("not").len))
        return NULL;
    struct filter_node *child = parse_operand(p);
    struct filter_node *n = child ? node_new(p, NODE_NOT) : NULL;
    if (!n)
        return NULL;
    adopt(n, child);
    p->depth--;
    return n;
}

static struct filter_node *parse_operand(struct parser *p)
{
    if (take_word(p, SLICE("not")))
        return parse_not(p);
    if (p->at == p->text.len)
        return wrong(p, p->at, 0, "a comparison is missing here, like status>=500");
    if (peek(p) == '(')
        return parse_parentheses(p);
    if (peek(p) == ')' && p->open == 0)
        return wrong(p, p->at, 1, "no parenthesis is open here");
    if (peek(p) == ')' || next_is(p, SLICE("and")) || next_is(p, SLICE("or")))
        return wrong(p, p->at, peek(p) == ')' ? 1 : peek_word(p).len,
                     "a comparison is missing before this");
    return parse_term(p);
}

// `first` becomes the first of a group as soon as there is a second.
static struct filter_node *join(struct parser *p, struct filter_node *first,
                                struct filter_node *second, enum filter_node_kind kind)
{
    struct filter_node *group = first;
    if (!first || !second)
        return NULL;
    if (first->kind != kind) {
        group = node_new(p, kind);
        if (!group)
            return NULL;
        adopt(group, first);
    }
    adopt(group, second);
    return group;
}

// Whether another operand of an and follows.
static bool and_goes_on(struct parser *p)
{
    if (take_word(p, SLICE("and")))
        return true;
    return p->at < p->text.len && peek(p) != ')' && !next_is(p, SLICE("or"));
}

static struct filter_node *parse_and(struct parser *p)
{
    struct filter_node *n = parse_operand(p);
    while (n && and_goes_on(p))
        n = join(p, n, parse_operand(p), NODE_AND);
    return n;
}

static struct filter_node *parse_or(struct parser *p)
{
    struct filter_node *n = parse_and(p);
    while (n && take_word(p, SLICE("or")))
        n = join(p, n, parse_and(p), NODE_OR);
    return n;
}

static bool parse(struct parser *p)
{
    const char *zero = p->text.len > 0 ? memchr(p->text.p, 0, p->text.len) : NULL;
    if (zero)
        (void)wrong(p, (size_t)(zero - p->text.p), 1, "a filter has no bytes that are zero");
    skip_space(p);
    if (zero || p->at == p->text.len)
        return !zero;
    p->f->root = parse_or(p);
    if (p->f->root && p->at < p->text.len)
        p->f->root = wrong(p, p->at, 1, "no parenthesis is open here");
    return p->f->root != NULL;
}

struct filter *filter_new(struct slice text, int64_t now_ns, struct filter_mistake *mistake)
{
    struct parser p = {
        .text = text, .now_ns = now_ns, .mistake = mistake, .states = FILTER_STATES_MAX};
    if (text.len > FILTER_TEXT_MAX) {
        (void)wrong(&p, FILTER_TEXT_MAX, text.len - FILTER_TEXT_MAX,
                    "a filter has at most %d bytes", FILTER_TEXT_MAX);
        return NULL;
    }
    p.f = calloc(1, sizeof(*p.f) + text.len + 1);
    if (!p.f) {
        (void)wrong(&p, 0, 0, "out of memory");
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
    for (struct filter_node *n = f->made; n;) {
        struct filter_node *before = n->made_before;
        filter_pattern_free(n->term.pattern);
        free(n);
        n = before;
    }
    free(f);
}
