// SPDX-License-Identifier: MIT
#include <stdlib.h>
#include "filter_regex_internal.h"

enum {
    CHUNKS = REGEX_POSITIONS / 8,
    BUCKETS = 2 * REGEX_STATES,
    UNKNOWN = 0xffff, // a transition that is not cached
    MATCH = 0xfffe
};

// The byte before the current place, as far as anchors depend on it.
enum context {
    CONTEXT_TEXT,
    CONTEXT_LINE,
    CONTEXT_WORD,
    CONTEXT_OTHER
};

// A state of the automaton: the positions that may come next.
struct state {
    struct regex_set next;
    enum context context;
};

struct filter_regex {
    struct regex_program program;
    struct regex_set anchors;
    bool has_anchors;
    unsigned char class_of[256]; // bytes of one class are treated alike by all positions
    unsigned char byte_in[256];  // a representative of each class
    size_t class_count;
    struct regex_set takes[256]; // positions that consume a byte of the class
    // The cache, allocated by the first search.
    struct state *states;
    uint16_t *steps; // [state][class]: the next state
    uint16_t buckets[BUCKETS];
    size_t count;
    struct regex_set (*follow)[256]; // [chunk][bits]: union of what follows these positions
};

// Classes of bytes.

static bool same_class(const struct filter_regex *r, unsigned char a, unsigned char b)
{
    if ((a == '\n') != (b == '\n') || regex_is_word(a) != regex_is_word(b))
        return false;
    for (size_t i = 0; i < r->program.count; i++) {
        const uint64_t *bytes = r->program.positions[i].bytes;
        if (regex_has_byte(bytes, a) != regex_has_byte(bytes, b))
            return false;
    }
    return true;
}

static void find_classes(struct filter_regex *r)
{
    for (unsigned c = 0; c < 256; c++) {
        size_t number = 0;
        while (number < r->class_count && !same_class(r, r->byte_in[number], (unsigned char)c))
            number++;
        r->class_of[c] = (unsigned char)number;
        if (number == r->class_count)
            r->byte_in[r->class_count++] = (unsigned char)c;
    }
    for (size_t i = 0; i < r->program.count; i++) {
        const struct regex_position *p = &r->program.positions[i];
        if (p->kind != REGEX_BYTE) {
            regex_put(&r->anchors, i);
            r->has_anchors = true;
            continue;
        }
        for (size_t number = 0; number < r->class_count; number++)
            if (regex_has_byte(p->bytes, r->byte_in[number]))
                regex_put(&r->takes[number], i);
    }
}

struct filter_regex *filter_regex_new(struct slice source, bool without_case)
{
    struct filter_regex *r = calloc(1, sizeof(*r));
    if (!r)
        return NULL;
    if (!regex_parse(&r->program, source, without_case)) {
        free(r);
        return NULL;
    }
    find_classes(r);
    return r;
}

void filter_regex_free(struct filter_regex *r)
{
    if (!r)
        return;
    free(r->states);
    free(r->steps);
    free(r->follow);
    free(r);
}

// Allocates the cache, and tabulates `follow` for each subset of eight positions, so that a step
// takes one look-up per eight positions.
static bool make_tables(struct filter_regex *r)
{
    if (r->states && r->steps && r->follow)
        return true;
    free(r->states);
    free(r->steps);
    free(r->follow);
    r->states = malloc(REGEX_STATES * sizeof(*r->states));
    r->steps = malloc(REGEX_STATES * r->class_count * sizeof(*r->steps));
    r->follow = calloc(CHUNKS, sizeof(*r->follow));
    if (!r->states || !r->steps || !r->follow)
        return false;
    for (size_t chunk = 0; chunk < CHUNKS; chunk++)
        for (unsigned bits = 1; bits < 256; bits++) {
            size_t lowest = 8 * chunk + (size_t)__builtin_ctz(bits);
            r->follow[chunk][bits] = r->follow[chunk][bits & (bits - 1)];
            regex_join(&r->follow[chunk][bits], &r->program.positions[lowest].follow);
        }
    return true;
}

// Steps.

static struct regex_set intersection(const struct regex_set *a, const struct regex_set *b)
{
    struct regex_set s;
    for (size_t i = 0; i < REGEX_WORDS; i++)
        s.words[i] = a->words[i] & b->words[i];
    return s;
}

static bool is_nonempty(const struct regex_set *s)
{
    uint64_t all = 0;
    for (size_t i = 0; i < REGEX_WORDS; i++)
        all |= s->words[i];
    return all != 0;
}

static struct regex_set follow_of(const struct filter_regex *r, const struct regex_set *s)
{
    struct regex_set next = {0};
    for (size_t word = 0; word < REGEX_WORDS; word++)
        for (size_t i = 0; s->words[word] >> 8 * i; i++) {
            unsigned bits = s->words[word] >> 8 * i & 0xff;
            if (bits)
                regex_join(&next, &r->follow[8 * word + i][bits]);
            if (i == 7)
                break;
        }
    return next;
}

// Whether an anchor matches before the byte `next`; below 0: at the end of the text.
static bool anchor_matches(enum regex_kind kind, enum context context, int next)
{
    bool word_before = context == CONTEXT_WORD;
    bool word_next = next >= 0 && regex_is_word((unsigned char)next);
    switch (kind) {
    case REGEX_LINE_BEGIN: return context == CONTEXT_TEXT || context == CONTEXT_LINE;
    case REGEX_LINE_END: return next < 0 || next == '\n';
    case REGEX_TEXT_BEGIN: return context == CONTEXT_TEXT;
    case REGEX_TEXT_END: return next < 0;
    case REGEX_WORD_BEGIN: return !word_before && word_next;
    case REGEX_WORD_END: return word_before && !word_next;
    case REGEX_WORD_EDGE: return word_before != word_next;
    case REGEX_NO_WORD_EDGE: return word_before == word_next;
    case REGEX_BYTE: break;
    }
    return false;
}

// Adds what follows the anchors that match here, each once. True: a match ends here.
static bool pass_anchors(const struct filter_regex *r, struct state *s, int next)
{
    struct regex_set left = r->anchors;
    if (!r->has_anchors)
        return false;
    for (size_t word = 0; word < REGEX_WORDS;) {
        const uint64_t now = s->next.words[word] & left.words[word];
        if (now == 0) {
            word++;
            continue;
        }
        const size_t at = 64 * word + (size_t)__builtin_ctzll(now);
        left.words[word] &= ~(1ULL << at % 64);
        if (!anchor_matches(r->program.positions[at].kind, s->context, next))
            continue;
        if (r->program.last.words[word] >> at % 64 & 1)
            return true;
        regex_join(&s->next, &r->program.positions[at].follow);
        word = 0; // the new positions may be in any word
    }
    return false;
}

static enum context context_behind(const struct filter_regex *r, unsigned char c)
{
    if (!r->has_anchors)
        return CONTEXT_OTHER;
    return c == '\n' ? CONTEXT_LINE : regex_is_word(c) ? CONTEXT_WORD : CONTEXT_OTHER;
}

// Consumes a byte. True: a match ends here.
static bool step(const struct filter_regex *r, struct state *s, unsigned class)
{
    unsigned char c = r->byte_in[class];
    if (pass_anchors(r, s, c))
        return true;
    struct regex_set taken = intersection(&s->next, &r->takes[class]);
    struct regex_set ends = intersection(&taken, &r->program.last);
    s->next = follow_of(r, &taken);
    regex_join(&s->next, &r->program.first); // a match may begin at any byte
    s->context = context_behind(r, c);
    return is_nonempty(&ends);
}

// States.

static void clear_cache(struct filter_regex *r)
{
    r->count = 0;
    memset(r->buckets, 0xff, sizeof(r->buckets));
}

static bool same_state(const struct state *a, const struct state *b)
{
    return a->context == b->context && memcmp(&a->next, &b->next, sizeof(a->next)) == 0;
}

// Returns the number of a state, adding it to the cache, which is not full.
static size_t state_number(struct filter_regex *r, const struct state *s)
{
    uint64_t hash = s->context;
    for (size_t i = 0; i < REGEX_WORDS; i++)
        hash = (hash ^ s->next.words[i]) * 0x9e3779b97f4a7c15ULL;
    size_t at = (hash >> 40) % BUCKETS;
    while (r->buckets[at] != UNKNOWN && !same_state(&r->states[r->buckets[at]], s))
        at = (at + 1) % BUCKETS;
    if (r->buckets[at] != UNKNOWN)
        return r->buckets[at];
    size_t number = r->count++;
    r->buckets[at] = (uint16_t)number;
    r->states[number] = *s;
    memset(r->steps + number * r->class_count, 0xff, r->class_count * sizeof(*r->steps));
    return number;
}

// Computes a transition and caches it. The cache is not full.
static size_t find_step(struct filter_regex *r, size_t number, unsigned class)
{
    struct state s = r->states[number];
    size_t next = step(r, &s, class) ? MATCH : state_number(r, &s);
    r->steps[number * r->class_count + class] = (uint16_t)next;
    return next;
}

// Searches from `*at` on with the cache, until it fills too fast to pay off. True: a match.
static bool run_cached(struct filter_regex *r, struct state *s, struct slice text, size_t *at)
{
    size_t since = *at;
    clear_cache(r);
    size_t number = state_number(r, s);
    for (; *at < text.len; ++*at) {
        unsigned class = r->class_of[(unsigned char)text.p[*at]];
        size_t next = r->steps[number * r->class_count + class];
        if (next == UNKNOWN && r->count == REGEX_STATES) {
            *s = r->states[number];
            if (*at - since < REGEX_CACHE_MIN_BYTES)
                return false;
            since = *at;
            clear_cache(r);
            number = state_number(r, s);
        }
        if (next == UNKNOWN)
            next = find_step(r, number, class);
        if (next == MATCH)
            return true;
        number = next;
    }
    *s = r->states[number];
    return false;
}

bool filter_regex_found(struct filter_regex *r, struct slice text)
{
    struct state s = {r->program.first, r->has_anchors ? CONTEXT_TEXT : CONTEXT_OTHER};
    size_t at = 0;
    if (r->program.nullable)
        return true;
    if (!make_tables(r))
        return false;
    if (run_cached(r, &s, text, &at))
        return true;
    for (; at < text.len; at++)
        if (step(r, &s, r->class_of[(unsigned char)text.p[at]]))
            return true;
    return pass_anchors(r, &s, -1);
}
