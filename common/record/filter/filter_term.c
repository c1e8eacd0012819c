// SPDX-License-Identifier: MIT
// Terms: one comparison each, whose value is checked by the type of its field.
#include <stdlib.h>
#include "filter_parse_internal.h"

enum {
    COST_PATTERN = 1, // costly terms are evaluated last
    COST_BODY = 2
};

// A comparison under construction, with its place in the text for mistakes.
struct comparison {
    struct filter_term *term;
    enum filter_op op;
    const char *op_text;
    size_t op_at, value_at, value_len;
};

static bool fail_value(struct filter_parser *p, const struct comparison *c, const char *why)
{
    (void)parser_fail(p, c->value_at, c->value_len, "%s", why);
    return false;
}

static bool fail_op(struct filter_parser *p, const struct comparison *c, const char *ops)
{
    (void)parser_fail(p, c->op_at, strlen(c->op_text), "%s%s takes %s", c->term->field->name,
                      c->term->header.len > 0 ? "NAME" : "", ops);
    return false;
}

// Sets the term's range by its operator. Values from `min` to `max` equal what was written: a
// status class is a range.
static bool set_range(struct filter_parser *p, const struct comparison *c, uint64_t min,
                      uint64_t max)
{
    struct filter_term *t = c->term;
    t->min = 0;
    t->max = UINT64_MAX;
    switch (c->op) {
    case OP_UNEQUAL:
    case OP_EQUAL:
        t->min = min;
        t->max = max;
        return true;
    case OP_LESS_OR_EQUAL: t->max = max; return true;
    case OP_MORE_OR_EQUAL: t->min = min; return true;
    case OP_LESS:
        t->min = min == 0; // min > max: nothing is below 0
        t->max = min == 0 ? 0 : min - 1;
        return true;
    case OP_MORE:
        t->min = max == UINT64_MAX ? max : max + 1;
        t->max = max == UINT64_MAX ? 0 : UINT64_MAX;
        return true;
    case OP_NONE:
    case OP_FIND:
    case OP_NOT_FIND:
    case OP_FIND_WITHOUT_CASE:
    case OP_NOT_FIND_WITHOUT_CASE: break;
    }
    return fail_op(p, c, "= != < <= > >=");
}

static bool finish_status(struct filter_parser *p, const struct comparison *c)
{
    uint64_t min = 0;
    uint64_t max = 0; // 0: no response
    bool none = slice_ieq(c->term->value, SLICE("none"));
    bool equality = c->op == OP_EQUAL || c->op == OP_UNEQUAL;
    if (!set_range(p, c, 0, 0)) // tell a wrong operator before a wrong value
        return false;
    if (!none && !filter_status(c->term->value, &min, &max))
        return fail_value(p, c, "a status is 100 to 999, a class like 5xx, or none");
    if (min != max && !equality)
        return fail_value(p, c, "a class goes with = and != only; write a number, like 500");
    if (none && !equality)
        return fail_value(p, c, "none goes with = and != only");
    return set_range(p, c, min, max);
}

static bool finish_number(struct filter_parser *p, const struct comparison *c)
{
    bool is_size = c->term->field->kind == KIND_BYTES;
    uint64_t value = 0;
    if (!set_range(p, c, 0, 0))
        return false;
    enum filter_number result =
        is_size ? filter_bytes(c->term->value, &value) : filter_duration(c->term->value, &value);
    if (result == NUMBER_TOO_LARGE)
        return fail_value(p, c, "this number is too large");
    if (result == NUMBER_MALFORMED)
        return fail_value(p, c,
                          is_size ? "a size is a number, with a unit like 500B, 10KB or 1.5MiB"
                                  : "a duration is a number with a unit: ns us ms s m h or d");
    return set_range(p, c, value, value);
}

static bool finish_moment(struct filter_parser *p, const struct comparison *c)
{
    bool last = c->term->field->id == FILTER_BY_UNTIL;
    if (c->op != OP_EQUAL)
        return fail_op(p, c, "= only");
    switch (filter_moment(c->term->value, p->now_ns, last, &c->term->moment_ns)) {
    case NUMBER_OK: return true;
    case NUMBER_TOO_LARGE: return fail_value(p, c, "this is too long ago, or too far ahead");
    case NUMBER_MALFORMED: break;
    }
    return fail_value(p, c,
                      "a moment is a duration back from now, like 10m, or a date and time, like "
                      "2026-11-25 or 2026-11-25T12:00:00Z (without Z: local time)");
}

// Lowers the id's case: the record keeps ids in lower case.
static bool finish_id(struct filter_parser *p, const struct comparison *c)
{
    char *id = p->f->bytes + (c->term->value.p - p->f->bytes);
    char whole[EXCHANGE_ID_LEN + 1] = "0000000000000000";
    size_t len = c->term->value.len;
    if (c->op != OP_EQUAL && c->op != OP_UNEQUAL)
        return fail_op(p, c, "= !=");
    for (size_t i = 0; i < len; i++)
        id[i] = ascii_lower(id[i]);
    if (len > 0 && len <= EXCHANGE_ID_LEN)
        memcpy(whole, id, len);
    if (len > 0 && len <= EXCHANGE_ID_LEN && exchange_id_is_valid(slice_of(whole, EXCHANGE_ID_LEN)))
        return true;
    return fail_value(
        p, c, "an id, or its beginning or end, is 1 to 16 digits and letters without i l o u");
}

static bool finish_pattern(struct filter_parser *p, const struct comparison *c, bool without_case)
{
    char why[FILTER_WHY_MAX];
    if (c->term->value.len == 0)
        return fail_value(p, c, "the pattern is missing");
    c->term->pattern = filter_pattern_new(c->term->value, without_case, &p->states, why);
    return c->term->pattern || fail_value(p, c, why);
}

static bool finish_text(struct filter_parser *p, const struct comparison *c)
{
    const char *raw = p->text.p + c->value_at;
    switch (c->op) {
    case OP_UNEQUAL:
    case OP_EQUAL:
        if (c->value_len > 0 && (raw[0] == '=' || raw[0] == '~'))
            return fail_value(p, c, "write = or ~, not both; or put the value in quotation marks");
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
    return fail_op(p, c, "= != ~ ~* !~ !~*");
}

static bool finish_comparison(struct filter_parser *p, const struct comparison *c)
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
    (void)parser_fail(p, c->op_at, strlen(c->op_text), "%s stands alone; its opposite is: not %s",
                      c->term->field->name, c->term->field->name);
    return false;
}

// A field without an operator tests presence, or is a mistake.
static bool finish_presence(struct filter_parser *p, const struct filter_field *field,
                            struct slice word)
{
    size_t word_at = p->at - word.len;
    size_t end = p->at;
    parser_skip_space(p);
    if (parser_peek_op(p)) {
        (void)parser_fail(p, p->at, 1, "there may be no space before an operator");
        return false;
    }
    p->at = end;
    if (field->presence)
        return true;
    (void)parser_fail(p, word_at, word.len, "%s needs an operator and a value", field->name);
    return false;
}

static struct filter_node *fail_word(struct filter_parser *p, struct slice word)
{
    char why[FILTER_WHY_MAX];
    filter_field_suggest(word, parser_peek_op(p) != NULL, why);
    return parser_fail(p, p->at - word.len, word.len, "%s", why);
}

static struct filter_node *fail_beginning(struct filter_parser *p)
{
    const struct filter_op_text *op = parser_peek_op(p);
    if (op)
        return parser_fail(p, p->at, strlen(op->text),
                           "the name of a field is missing before this");
    if (parser_peek(p) == '"')
        return parser_fail(p, p->at, 1, "did you mean body~\"...\"?");
    return parser_fail(p, p->at, 1, "write the word: not"); // the only byte left here is "!"
}

static bool read_comparison(struct filter_parser *p, struct filter_term *t)
{
    const struct filter_op_text *op = parser_peek_op(p);
    struct comparison c = {.term = t, .op = op->op, .op_text = op->text, .op_at = p->at};
    p->at += strlen(op->text);
    c.value_at = p->at;
    t->negated =
        op->op == OP_UNEQUAL || op->op == OP_NOT_FIND || op->op == OP_NOT_FIND_WITHOUT_CASE;
    if (!parser_take_value(p, &t->value))
        return false;
    c.value_len = p->at - c.value_at;
    return finish_comparison(p, &c);
}

struct filter_node *parser_node_new(struct filter_parser *p, enum filter_node_kind kind)
{
    struct filter_node *n = calloc(1, sizeof(*n));
    if (!n)
        return parser_fail(p, 0, 0, "out of memory");
    n->kind = kind;
    n->allocated_before = p->f->allocated;
    p->f->allocated = n;
    return n;
}

static unsigned cost_of(const struct filter_term *t)
{
    if (t->field->id == FILTER_BY_BODY && !t->presence)
        return COST_BODY;
    return t->pattern || t->field->id == FILTER_BY_HEADER ? COST_PATTERN : 0;
}

struct filter_node *parser_term(struct filter_parser *p)
{
    struct slice header = {0};
    struct slice word = parser_peek_word(p);
    if (word.len == 0)
        return fail_beginning(p);
    p->at += word.len;
    const struct filter_field *field = filter_field_find(word, &header);
    if (!field)
        return fail_word(p, word);
    if (p->terms++ == FILTER_TERMS_MAX)
        return parser_fail(p, p->at - word.len, word.len, "a filter has at most %d comparisons",
                           FILTER_TERMS_MAX);
    struct filter_node *n = parser_node_new(p, NODE_TERM);
    if (!n)
        return NULL;
    n->term.field = field;
    n->term.presence = !parser_peek_op(p);
    if (header.len > 0)
        n->term.header = parser_keep(p, header);
    if (n->term.presence ? !finish_presence(p, field, word) : !read_comparison(p, &n->term))
        return NULL;
    n->cost = cost_of(&n->term);
    return n;
}
