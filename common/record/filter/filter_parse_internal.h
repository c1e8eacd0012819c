// SPDX-License-Identifier: MIT
// The parser of filters: filter_lex.c takes words off the text, filter_term.c makes terms of them,
// filter_parse.c builds the tree by descent.
#pragma once
#include "filter_internal.h"

struct filter_parser {
    struct slice text;
    size_t at; // the next byte
    int64_t now_ns;
    struct filter *f;
    struct filter_mistake *mistake;
    unsigned terms, depth, open; // terms so far, nesting, open parentheses
    size_t states;               // positions that patterns may still use
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

// Notes a mistake in bytes [at, at + len). Returns NULL, for callers that return a node.
__attribute__((format(printf, 4, 5))) struct filter_node *parser_fail(struct filter_parser *p,
                                                                      size_t at, size_t len,
                                                                      const char *format, ...);

void parser_skip_space(struct filter_parser *p);
// Return the next byte (0 at the end), word or operator (NULL: none is next) without taking it.
char parser_peek(const struct filter_parser *p);
struct slice parser_peek_word(const struct filter_parser *p);
const struct filter_op_text *parser_peek_op(const struct filter_parser *p);
// Whether the next word is `word`, ignoring case. parser_take_word skips space first, and takes it.
bool parser_next_is(const struct filter_parser *p, struct slice word);
bool parser_take_word(struct filter_parser *p, struct slice word);
// Takes a value, quoted or not, and copies it. False: the mistake is noted.
bool parser_take_value(struct filter_parser *p, struct slice *value);
// Returns a copy of `s` with a zero behind it, which lasts as long as the filter.
struct slice parser_keep(struct filter_parser *p, struct slice s);

// Allocates a node, which the filter owns. NULL: out of memory, and the mistake is noted.
struct filter_node *parser_node_new(struct filter_parser *p, enum filter_node_kind kind);
// Parses a term. NULL: the mistake is noted.
struct filter_node *parser_term(struct filter_parser *p);
