// SPDX-License-Identifier: MIT
// What parsing a filter shares: words are read (filter_lex.c), terms are made of them
// (filter_term.c), and terms are put together by descent (filter_parse.c).
#pragma once
#include "filter_internal.h"

struct filter_parser {
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

struct filter_op_text {
    const char *text;
    enum filter_op op;
};

// Notes the mistake. Returns NULL, for whoever returns a node.
__attribute__((format(printf, 4, 5))) struct filter_node *parser_fail(struct filter_parser *p,
                                                                      size_t at, size_t len,
                                                                      const char *format, ...);

void parser_skip_space(struct filter_parser *p);
// The byte that comes next; 0 at the end.
char parser_peek(const struct filter_parser *p);
struct slice parser_peek_word(const struct filter_parser *p);
const struct filter_op_text *parser_peek_op(const struct filter_parser *p);
bool parser_next_is(const struct filter_parser *p, struct slice word);
bool parser_take_word(struct filter_parser *p, struct slice word);
bool parser_take_value(struct filter_parser *p, struct slice *value);
struct slice parser_keep(struct filter_parser *p, struct slice s);

struct filter_node *parser_node_new(struct filter_parser *p, enum filter_node_kind kind);
struct filter_node *parser_term(struct filter_parser *p);
