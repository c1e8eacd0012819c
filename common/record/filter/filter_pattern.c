// SPDX-License-Identifier: MIT
// Patterns of `~`: POSIX extended regular expressions, or plain text, which is found many times
// faster. regcomp only validates expressions: glibc's matcher takes quadratic time and worse on
// hostile text.
#include <regex.h>
#include <stdio.h>
#include <stdlib.h>
#include "filter_internal.h"
#include "filter_regex.h"

enum {
    SKIP_MAX = UINT8_MAX,
    REPEAT_MAX = 32767, // RE_DUP_MAX of regcomp
    REGERROR_MAX = 80   // bytes of its message
};

struct filter_pattern {
    bool without_case;
    bool is_regex;
    struct filter_regex *regex;
    struct slice needle; // in `bytes`: plain text that every match contains; without regex all
    uint8_t skip[256];   // ignoring case: Horspool's shift at a byte
    char bytes[];        // runs of plain text in the source
};

// A scan of the source. `states` counts positions, with repetitions expanded.
struct scan {
    const char *start, *at, *end;
    char *for_regcomp; // a copy with anchors replaced
    struct filter_pattern *p;
    size_t used, run; // of p->bytes; start of the current run of plain text
    bool plain;       // nothing but plain text so far
    bool choice;      // a | outside of parentheses: no needle is in every match
    bool repeated;    // the last token was a repetition
    size_t depth;
    struct {
        size_t states, last; // of a group so far; of its last atom
    } level[FILTER_DEPTH_MAX + 1];
};

static size_t saturating_mul(size_t a, size_t b)
{
    size_t product;
    return __builtin_mul_overflow(a, b, &product) ? SIZE_MAX / 2 : product;
}

static size_t saturating_add(size_t a, size_t b)
{
    size_t sum;
    return __builtin_add_overflow(a, b, &sum) ? SIZE_MAX / 2 : sum;
}

static void count_states(struct scan *s, size_t states)
{
    s->level[s->depth].last = states;
    s->level[s->depth].states = saturating_add(s->level[s->depth].states, states);
}

static void end_run(struct scan *s)
{
    struct filter_pattern *p = s->p;
    if (s->used - s->run > p->needle.len)
        p->needle = slice_of(p->bytes + s->run, s->used - s->run);
    s->run = s->used;
}

static void plain_byte(struct scan *s, char c)
{
    count_states(s, 1);
    if (s->depth == 0)
        s->p->bytes[s->used++] = c;
}

static void end_plain_run(struct scan *s)
{
    s->plain = false;
    end_run(s);
}

// regcomp duplicates what follows an anchor, which doubles its time and memory with each anchor in
// a row. So it gets a letter instead, equivalent in its grammar; a repeated anchor stays, for
// regcomp to refuse.
static void anchor(struct scan *s, const char *from)
{
    end_plain_run(s);
    count_states(s, 1);
    if (s->at == s->end || !strchr("*+?{", *s->at))
        memset(s->for_regcomp + (from - s->start), 'x', (size_t)(s->at - from));
}

static const char *repeat(struct scan *s, size_t count, bool maybe_none)
{
    if (s->repeated)
        return "a repetition is repeated again; *? and the like are not supported";
    s->repeated = true;
    size_t *last = &s->level[s->depth].last;
    size_t copies = saturating_mul(*last, count);
    s->plain = false;
    if (maybe_none && s->depth == 0 && s->used > s->run)
        s->used--; // the repeated byte may be missing in a match
    end_run(s);
    s->level[s->depth].states = saturating_add(s->level[s->depth].states - *last, copies);
    *last = copies;
    return NULL;
}

// Scans an interval behind its "{". regcomp refuses malformed ones.
static const char *interval(struct scan *s)
{
    size_t max = 1;
    size_t n = 0;
    bool open = false;
    for (; s->at < s->end && *s->at != '}'; s->at++) {
        bool digit = *s->at >= '0' && *s->at <= '9';
        n = digit ? n * 10 + (size_t)(*s->at - '0') : 0;
        n = n > REPEAT_MAX ? REPEAT_MAX : n;
        max = n > max ? n : max;
        open = !digit;
    }
    if (s->at < s->end)
        s->at++;
    return repeat(s, max + open, true);
}

// Scans a bracket expression behind its "[".
static void bracket(struct scan *s)
{
    end_plain_run(s);
    count_states(s, 1);
    if (s->at < s->end && *s->at == '^')
        s->at++;
    if (s->at < s->end && *s->at == ']')
        s->at++;
    while (s->at < s->end && *s->at != ']') {
        char class = s->at[0] == '[' && s->end - s->at > 1 ? s->at[1] : 0;
        char close[2] = {class, ']'};
        s->at++;
        if (class != ':' && class != '.' && class != '=')
            continue;
        const char *to = memmem(s->at + 1, (size_t)(s->end - s->at - 1), close, 2);
        s->at = to ? to + 2 : s->end;
    }
    if (s->at < s->end)
        s->at++;
}

static const char *escape(struct scan *s)
{
    if (s->at == s->end) {
        end_plain_run(s); // regcomp refuses it
        return NULL;
    }
    char c = *s->at++;
    if (strchr("bB<>`'", c)) {
        anchor(s, s->at - 2);
        return NULL;
    }
    if (strchr("wWsS", c)) {
        end_plain_run(s);
        count_states(s, 1);
        return NULL;
    }
    if (c == 'd')
        return "\\d is not supported: write [0-9]";
    if (c >= '0' && c <= '9')
        return "back-references like \\1 are not supported";
    if ((ascii_lower(c) >= 'a' && ascii_lower(c) <= 'z'))
        return "a backslash means nothing before this letter; \\w \\W \\s \\S \\b \\B are "
               "known";
    plain_byte(s, c);
    return NULL;
}

static const char *open_group(struct scan *s)
{
    end_plain_run(s);
    if (s->at < s->end && *s->at == '?')
        return "(? is not supported; to ignore case write ~*";
    if (s->depth == FILTER_DEPTH_MAX)
        return "the parentheses of a pattern may be nested 64 deep";
    s->depth++;
    s->level[s->depth].states = s->level[s->depth].last = 1;
    return NULL;
}

static const char *close_group(struct scan *s)
{
    if (s->depth == 0)
        return "a parenthesis is closed that is not open; as plain text it is \\)";
    size_t states = s->level[s->depth].states;
    s->depth--;
    count_states(s, saturating_add(states, 1));
    return NULL;
}

static const char *scan_repeat(struct scan *s, char c)
{
    return c == '{' ? interval(s) : repeat(s, c == '+' ? 2 : 1, c != '+');
}

static const char *scan_one(struct scan *s)
{
    char c = *s->at++;
    if (strchr("*+?{", c))
        return scan_repeat(s, c);
    s->repeated = false;
    switch (c) {
    case '\\': return escape(s);
    case '(': return open_group(s);
    case ')': return close_group(s);
    case '[': bracket(s); return NULL;
    case '|':
        s->choice |= s->depth == 0;
        end_plain_run(s);
        return NULL;
    case '^':
    case '$': anchor(s, s->at - 1); return NULL;
    case '.':
        end_plain_run(s);
        count_states(s, 1);
        return NULL;
    default: plain_byte(s, c); return NULL;
    }
}

// Scans a pattern for its needle, for too many positions, and for syntax of other dialects.
// Replaces anchors in `for_regcomp`. Returns NULL, or what is wrong.
static const char *scan(struct filter_pattern *p, struct slice text, char *for_regcomp,
                        size_t *states)
{
    struct scan s = {.start = text.p,
                     .at = text.p,
                     .end = text.p + text.len,
                     .for_regcomp = for_regcomp,
                     .p = p,
                     .plain = true};
    const char *why = NULL;
    while (!why && s.at < s.end)
        why = scan_one(&s);
    if (why)
        return why;
    end_run(&s);
    if (s.choice)
        p->needle.len = 0;
    if (s.plain)
        return NULL;
    p->is_regex = true;
    size_t sum = 0; // groups still open are malformed, and count too
    for (size_t i = 0; i <= s.depth; i++)
        sum = saturating_add(sum, s.level[i].states);
    if (sum > *states)
        return "the patterns of this filter are too large, or repeat too much: with that they may "
               "have 256 characters";
    *states -= sum;
    return NULL;
}

// Compiles the expression. Returns 0 or an error of regcomp, with its message.
static int compile(struct filter_pattern *p, struct slice text, const char *for_regcomp,
                   char message[static REGERROR_MAX])
{
    regex_t regex;
    const size_t cap = REGERROR_MAX;
    int error = regcomp(&regex, for_regcomp,
                        REG_EXTENDED | REG_NOSUB | REG_NEWLINE | (p->without_case ? REG_ICASE : 0));
    if (error) {
        (void)regerror(error, &regex, message, cap);
        return error;
    }
    regfree(&regex);
    p->regex = filter_regex_new(text, p->without_case);
    if (!p->regex)
        (void)snprintf(message, cap, "out of memory");
    return p->regex ? 0 : REG_ESPACE;
}

static void prepare_skips(struct filter_pattern *p)
{
    size_t len = p->needle.len;
    memset(p->skip, len < SKIP_MAX ? (int)len : SKIP_MAX, sizeof(p->skip));
    for (size_t i = 0; i + 1 < len; i++) {
        size_t move = len - 1 - i;
        p->skip[(unsigned char)ascii_lower(p->needle.p[i])] =
            (uint8_t)(move < SKIP_MAX ? move : SKIP_MAX);
    }
}

// Scans and compiles. False: `why` says what is wrong.
static bool prepare(struct filter_pattern *p, struct slice text, size_t *states,
                    char why[static FILTER_WHY_MAX])
{
    char message[REGERROR_MAX];
    char *for_regcomp = strndup(text.p, text.len);
    const char *wrong = for_regcomp ? scan(p, text, for_regcomp, states) : "out of memory";
    bool ok = !wrong;
    if (wrong)
        (void)snprintf(why, FILTER_WHY_MAX, "%s", wrong);
    if (ok && p->is_regex && compile(p, text, for_regcomp, message) != 0) {
        (void)snprintf(why, FILTER_WHY_MAX,
                       "no regular expression: %s (a backslash makes plain text of ( [ { . * + ? | "
                       "^ $)",
                       message);
        ok = false;
    }
    free(for_regcomp);
    return ok;
}

struct filter_pattern *filter_pattern_new(struct slice text, bool without_case, size_t *states,
                                          char why[static FILTER_WHY_MAX])
{
    struct filter_pattern *p = calloc(1, sizeof(*p) + text.len);
    if (!p) {
        (void)snprintf(why, FILTER_WHY_MAX, "out of memory");
        return NULL;
    }
    p->without_case = without_case;
    if (!prepare(p, text, states, why)) {
        free(p);
        return NULL;
    }
    prepare_skips(p);
    return p;
}

void filter_pattern_free(struct filter_pattern *p)
{
    if (!p)
        return;
    filter_regex_free(p->regex);
    free(p);
}

// Horspool's search: the byte under the needle's end decides how far the needle moves.
static const char *find_ignoring_case(const struct filter_pattern *p, struct slice text)
{
    struct slice needle = p->needle;
    for (size_t at = 0; text.len - at >= needle.len;) {
        unsigned char last = (unsigned char)ascii_lower(text.p[at + needle.len - 1]);
        if (slice_ieq(slice_of(text.p + at, needle.len), needle))
            return text.p + at;
        at += p->skip[last];
    }
    return NULL;
}

static bool has_needle(const struct filter_pattern *p, struct slice text)
{
    if (p->needle.len == 0)
        return true;
    if (text.len < p->needle.len)
        return false;
    return p->without_case ? find_ignoring_case(p, text) != NULL
                           : memmem(text.p, text.len, p->needle.p, p->needle.len) != NULL;
}

bool filter_pattern_found(struct filter_pattern *p, struct slice text)
{
    if (text.len == 0)
        text.p = "";
    return has_needle(p, text) && (!p->is_regex || filter_regex_found(p->regex, text));
}
