// SPDX-License-Identifier: MIT
// Builds the position automaton of an expression (Glushkov 1961) by recursive descent. A counted
// repetition parses its operand once per copy.
#include <ctype.h>
#include <stdlib.h>
#include "filter_regex_internal.h"

struct parser {
    const char *at, *end;
    bool without_case, too_many;
    struct regex_program *program;
};

// The automaton of a subexpression.
struct fragment {
    bool nullable;
    struct regex_set first, last;
};

static struct fragment parse_choice(struct parser *p);

static struct fragment empty_fragment(void)
{
    return (struct fragment){.nullable = true};
}

static void link_sets(struct parser *p, const struct regex_set *from, const struct regex_set *to)
{
    for (size_t i = 0; i < p->program->count; i++)
        if (from->words[i / 64] >> i % 64 & 1)
            regex_join(&p->program->positions[i].follow, to);
}

static void append(struct parser *p, struct fragment *a, const struct fragment *b)
{
    link_sets(p, &a->last, &b->first);
    if (a->nullable)
        regex_join(&a->first, &b->first);
    struct regex_set last = b->last;
    if (b->nullable)
        regex_join(&last, &a->last);
    a->last = last;
    a->nullable = a->nullable && b->nullable;
}

static struct fragment position(struct parser *p, enum regex_kind kind, const uint64_t bytes[4])
{
    struct fragment fragment = {0};
    size_t at = p->program->count;
    if (at == REGEX_POSITIONS) {
        p->too_many = true;
        return fragment;
    }
    struct regex_position *new = &p->program->positions[p->program->count++];
    *new = (struct regex_position){.kind = kind};
    for (unsigned c = 0; bytes && c < 256; c++) {
        char seen = p->without_case ? ascii_lower((char)c) : (char)c;
        if (regex_has_byte(bytes, (unsigned char)seen))
            new->bytes[c / 64] |= 1ULL << c % 64;
    }
    regex_put(&fragment.first, at);
    regex_put(&fragment.last, at);
    return fragment;
}

static void add_byte(uint64_t bytes[4], unsigned char c)
{
    bytes[c / 64] |= 1ULL << c % 64;
}

static void invert(uint64_t bytes[4])
{
    for (size_t i = 0; i < 4; i++)
        bytes[i] = ~bytes[i];
}

static void remove_byte(uint64_t bytes[4], unsigned char c)
{
    bytes[c / 64] &= ~(1ULL << c % 64);
}

static char folded(const struct parser *p, char c)
{
    return p->without_case ? ascii_lower(c) : c;
}

static struct fragment one_byte(struct parser *p, char c)
{
    uint64_t bytes[4] = {0};
    add_byte(bytes, (unsigned char)folded(p, c));
    return position(p, REGEX_BYTE, bytes);
}

// A dot matches neither a line feed nor a zero byte, as in glibc.
static struct fragment any_byte(struct parser *p)
{
    uint64_t bytes[4] = {0};
    invert(bytes);
    remove_byte(bytes, '\n');
    remove_byte(bytes, 0);
    return position(p, REGEX_BYTE, bytes);
}

// Character classes of the C locale, the only one that our programs use.
static void add_class(const struct parser *p, uint64_t bytes[4], struct slice name)
{
    static const struct {
        const char *name;
        int (*is)(int c);
    } classes[] = {{"alpha", isalpha}, {"digit", isdigit}, {"alnum", isalnum},
                   {"upper", isupper}, {"lower", islower}, {"space", isspace},
                   {"blank", isblank}, {"punct", ispunct}, {"print", isprint},
                   {"graph", isgraph}, {"cntrl", iscntrl}, {"xdigit", isxdigit}};
    for (size_t i = 0; i < sizeof(classes) / sizeof(classes[0]); i++) {
        if (!slice_eq(name, slice_str(classes[i].name)))
            continue;
        bool cased = classes[i].is == isupper || classes[i].is == islower;
        for (int c = 0; c < 128; c++)
            if (p->without_case && cased ? isalpha(c) : classes[i].is(c))
                add_byte(bytes, (unsigned char)c);
    }
}

// Takes the name behind "[:", "[." or "[=", and its end.
static struct slice bracket_name(struct parser *p, char kind)
{
    const char close[2] = {kind, ']'};
    const char *to = memmem(p->at, (size_t)(p->end - p->at), close, 2);
    struct slice name = slice_of(p->at, to ? (size_t)(to - p->at) : 0);
    p->at = to ? to + 2 : p->end;
    return name;
}

// Takes one character of a bracket expression, also written as [.x.] or [=x=].
static char list_byte(struct parser *p)
{
    char c = *p->at++;
    char kind = c == '[' && p->at < p->end ? *p->at : 0;
    if (kind != '.' && kind != '=')
        return folded(p, c);
    p->at++;
    struct slice name = bracket_name(p, kind);
    return name.len > 0 ? folded(p, name.p[0]) : 0;
}

static bool next_are(const struct parser *p, char first, char second)
{
    return p->end - p->at >= 2 && p->at[0] == first && p->at[1] == second;
}

static void list_element(struct parser *p, uint64_t bytes[4])
{
    if (next_are(p, '[', ':')) {
        p->at += 2;
        add_class(p, bytes, bracket_name(p, ':'));
        return;
    }
    unsigned char from = (unsigned char)list_byte(p);
    unsigned char to = from;
    if (p->end - p->at >= 2 && p->at[0] == '-' && p->at[1] != ']') {
        p->at++;
        to = (unsigned char)list_byte(p);
    }
    for (unsigned c = from; c <= to; c++)
        add_byte(bytes, (unsigned char)c);
}

// Parses a bracket expression behind its "[".
static struct fragment parse_list(struct parser *p)
{
    uint64_t bytes[4] = {0};
    bool inverted = p->at < p->end && *p->at == '^';
    p->at += inverted;
    for (bool first = true; p->at < p->end && (first || *p->at != ']'); first = false)
        list_element(p, bytes);
    p->at += p->at < p->end;
    if (inverted) {
        invert(bytes);
        remove_byte(bytes, '\n');
    }
    return position(p, REGEX_BYTE, bytes);
}

static struct fragment word_byte(struct parser *p, bool space, bool inverted)
{
    uint64_t bytes[4] = {0};
    for (unsigned c = 0; c < 256; c++)
        if (space ? c < 128 && isspace((int)c) : regex_is_word((unsigned char)c))
            add_byte(bytes, (unsigned char)c);
    if (inverted)
        invert(bytes);
    return position(p, REGEX_BYTE, bytes);
}

static struct fragment parse_escape(struct parser *p)
{
    char c = p->at < p->end ? *p->at++ : '\\';
    switch (c) {
    case 'w': return word_byte(p, false, false);
    case 'W': return word_byte(p, false, true);
    case 's': return word_byte(p, true, false);
    case 'S': return word_byte(p, true, true);
    case 'b': return position(p, REGEX_WORD_EDGE, NULL);
    case 'B': return position(p, REGEX_NO_WORD_EDGE, NULL);
    case '<': return position(p, REGEX_WORD_BEGIN, NULL);
    case '>': return position(p, REGEX_WORD_END, NULL);
    case '`': return position(p, REGEX_TEXT_BEGIN, NULL);
    case '\'': return position(p, REGEX_TEXT_END, NULL);
    default: return one_byte(p, c);
    }
}

static struct fragment parse_atom(struct parser *p)
{
    char c = *p->at++;
    switch (c) {
    case '\\': return parse_escape(p);
    case '[': return parse_list(p);
    case '.': return any_byte(p);
    case '^': return position(p, REGEX_LINE_BEGIN, NULL);
    case '$': return position(p, REGEX_LINE_END, NULL);
    case '(': {
        struct fragment inner = parse_choice(p);
        p->at += p->at < p->end; // the ")"
        return inner;
    }
    default: return one_byte(p, c);
    }
}

struct repetition {
    size_t min, max;
    bool unbounded;
};

static size_t read_number(struct parser *p)
{
    size_t n = 0;
    while (p->at < p->end && *p->at >= '0' && *p->at <= '9')
        n = n < REGEX_POSITIONS ? n * 10 + (size_t)(*p->at++ - '0') : (p->at++, n);
    return n;
}

static struct repetition parse_interval(struct parser *p)
{
    struct repetition t = {0};
    t.min = t.max = read_number(p);
    if (p->at < p->end && *p->at == ',') {
        p->at++;
        t.unbounded = p->at < p->end && *p->at == '}';
        t.max = t.unbounded ? t.min : read_number(p);
    }
    p->at += p->at < p->end;
    return t;
}

static struct repetition parse_repetition(struct parser *p)
{
    char c = p->at < p->end ? *p->at : 0;
    p->at += c && strchr("*+?{", c) ? 1 : 0;
    switch (c) {
    case '*': return (struct repetition){0, 0, true};
    case '+': return (struct repetition){1, 1, true};
    case '?': return (struct repetition){0, 1, false};
    case '{': return parse_interval(p);
    default: return (struct repetition){1, 1, false};
    }
}

// Parses an atom and its repetition: `max` copies, of which those beyond `min` are nullable. When
// unbounded, the last copy loops. The first copy has been parsed before the repetition is known.
static struct fragment parse_piece(struct parser *p)
{
    const char *from = p->at;
    struct fragment next = parse_atom(p);
    struct repetition t = parse_repetition(p);
    const char *behind = p->at;
    struct fragment all = empty_fragment();
    size_t count = t.max + (t.unbounded && t.max == 0 ? 1 : 0);
    for (size_t i = 0; i < count && !p->too_many; i++) {
        if (i > 0) {
            p->at = from;
            next = parse_atom(p);
        }
        if (t.unbounded && i + 1 == count)
            link_sets(p, &next.last, &next.first);
        next.nullable = next.nullable || i >= t.min;
        append(p, &all, &next);
    }
    p->at = behind;
    return all;
}

static struct fragment parse_sequence(struct parser *p)
{
    struct fragment sequence = empty_fragment();
    while (p->at < p->end && *p->at != '|' && *p->at != ')' && !p->too_many) {
        struct fragment piece = parse_piece(p);
        append(p, &sequence, &piece);
    }
    return sequence;
}

static struct fragment parse_choice(struct parser *p)
{
    struct fragment choice = parse_sequence(p);
    while (p->at < p->end && *p->at == '|' && !p->too_many) {
        p->at++;
        struct fragment sequence = parse_sequence(p);
        regex_join(&choice.first, &sequence.first);
        regex_join(&choice.last, &sequence.last);
        choice.nullable = choice.nullable || sequence.nullable;
    }
    return choice;
}

bool regex_parse(struct regex_program *program, struct slice source, bool without_case)
{
    struct parser p = {source.p, source.p + source.len, without_case, false, program};
    struct fragment all = parse_choice(&p);
    program->nullable = all.nullable;
    program->first = all.first;
    program->last = all.last;
    return !p.too_many;
}
