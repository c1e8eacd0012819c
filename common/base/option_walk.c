// SPDX-License-Identifier: MIT
#include "option_walk.h"
#include <stdio.h>
#include <string.h>

static bool is_letter(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '-';
}

static size_t smallest(size_t a, size_t b, size_t c)
{
    size_t least = a < b ? a : b;
    return least < c ? least : c;
}

// Levenshtein's, of two names of which `b` is at most OPTIONS_NAME_MAX long.
static size_t distance(const char *a, const char *b)
{
    size_t row[OPTIONS_NAME_MAX + 1];
    size_t len = strlen(b);
    for (size_t j = 0; j <= len; j++)
        row[j] = j;
    for (size_t i = 0; a[i]; i++) {
        size_t diagonal = row[0];
        row[0] = i + 1;
        for (size_t j = 1; j <= len; j++) {
            size_t above = row[j];
            row[j] = smallest(above + 1, row[j - 1] + 1, diagonal + (a[i] != b[j - 1]));
            diagonal = above;
        }
    }
    return row[len];
}

const char *options_nearest(const void *names, size_t count, size_t stride, const char *name)
{
    const char *best = NULL;
    size_t len = strlen(name);
    size_t least = len / 4 + 2; // a quarter of it may be wrong, and one letter more
    for (size_t i = 0; i < count && len > 1 && len <= OPTIONS_NAME_MAX; i++) {
        const char *other = NULL;
        memcpy(&other, (const char *)names + i * stride, sizeof(other));
        size_t d = strncmp(other, name, len) == 0 ? 0 : distance(other, name);
        if (other[1] && d < least && d < len) {
            least = d;
            best = other;
        }
    }
    return best;
}

// The one long option that begins with a letter, or NULL.
static const char *begins_with(const struct option *known, char letter)
{
    const char *only = NULL;
    for (; known->name; known++) {
        if (known->name[0] != letter || !known->name[1])
            continue;
        if (only)
            return NULL;
        only = known->name;
    }
    return only;
}

// The option that may have been meant, or NULL.
static const char *meant(const struct option *known, const char *name)
{
    size_t count = 0;
    while (known[count].name)
        count++;
    if (name[0] && !name[1])
        return begins_with(known, name[0]);
    return options_nearest(known, count, sizeof(*known), name);
}

static void note_name(struct options_walk *w, const char *dashes, const char *name)
{
    size_t len = 0;
    while (len < OPTIONS_NAME_MAX && is_letter(name[len]))
        len++;
    (void)snprintf(w->name, sizeof(w->name), "%s%.*s", dashes, (int)len, name);
}

void options_begin(struct options_walk *w, int argc, char **argv, const struct option *known)
{
    *w = (struct options_walk){.argc = argc, .argv = argv, .known = known, .at = 1};
}

static const struct option *find(const struct options_walk *w, const char *name, size_t len)
{
    const struct option *o = w->known;
    while (o->name && (strlen(o->name) != len || memcmp(o->name, name, len) != 0))
        o++;
    return o->name ? o : NULL;
}

// An option with the value that is joined to it, or NULL.
static int take(struct options_walk *w, const struct option *o, char *value)
{
    if (o->has_arg == no_argument && value)
        return OPTIONS_NOT_ITS_VALUE;
    if (o->has_arg == required_argument && !value) {
        if (w->at >= w->argc)
            return OPTIONS_NO_VALUE;
        value = w->argv[w->at++];
    }
    w->value = value;
    return o->val;
}

// One that is whole, with "=VALUE" behind it or not.
static int take_long(struct options_walk *w, char *word)
{
    size_t len = strcspn(word, "=");
    const struct option *o = len > 1 ? find(w, word, len) : NULL;
    note_name(w, "--", word);
    return o ? take(w, o, word[len] ? word + len + 1 : NULL) : OPTIONS_UNKNOWN;
}

static void note_letter(struct options_walk *w, char letter)
{
    (void)snprintf(w->name, sizeof(w->name), "-%.*s", is_letter(letter) ? 1 : 0, &letter);
}

// The first of the letters that is no option; NULL: all are, up to one that takes the rest.
static const char *unknown_letter(const struct options_walk *w, const char *letters)
{
    for (; *letters; letters++) {
        const struct option *o = find(w, letters, 1);
        if (!o)
            return letters;
        if (o->has_arg != no_argument)
            return NULL;
    }
    return NULL;
}

static int take_letter(struct options_walk *w)
{
    char *letter = w->letters;
    char *rest = letter[1] ? letter + 1 : NULL;
    const struct option *o = find(w, letter, 1);
    note_letter(w, *letter);
    if (!o)
        return OPTIONS_UNKNOWN;
    w->letters = o->has_arg == no_argument ? rest : NULL;
    return take(w, o, w->letters ? NULL : rest);
}

static bool is_number(const char *text)
{
    return *text && text[strspn(text, "0123456789")] == 0;
}

// A word behind one dash. Nothing of it is taken when not all of it is known, for it may be
// something else altogether.
static int take_letters(struct options_walk *w, char *word)
{
    size_t len = strcspn(word, "=");
    const char *unknown = unknown_letter(w, word);
    if (strcmp(word, "h") == 0)
        return 'h';
    if (is_number(word)) {
        (void)snprintf(w->name, sizeof(w->name), "-%.8s", word);
        return OPTIONS_UNKNOWN;
    }
    if (len > 1 && find(w, word, len)) { // a dash is missing
        note_name(w, "-", word);
        return OPTIONS_UNKNOWN;
    }
    if (unknown) {
        note_letter(w, *unknown);
        return OPTIONS_UNKNOWN;
    }
    w->letters = word;
    return take_letter(w);
}

// What is behind the walk is in no order any more: the words are moved to where getopt leaves them.
static int end_walk(struct options_walk *w)
{
    for (; w->at < w->argc; w->at++)
        w->argv[++w->words] = w->argv[w->at];
    memmove(w->argv + w->argc - w->words, w->argv + 1, (size_t)w->words * sizeof(*w->argv));
    return OPTIONS_END;
}

int options_next(struct options_walk *w)
{
    w->value = NULL;
    if (w->letters)
        return take_letter(w);
    for (; w->at < w->argc; w->at++) {
        char *word = w->argv[w->at];
        // -5 is a number below zero, but where -n counts it is likely what head(1) takes.
        if (word[0] != '-' || !word[1] || (is_number(word + 1) && !find(w, "n", 1))) {
            w->argv[++w->words] = word;
            continue;
        }
        w->at++;
        if (strcmp(word, "--") == 0)
            return end_walk(w);
        return word[1] == '-' ? take_long(w, word + 2) : take_letters(w, word + 1);
    }
    return end_walk(w);
}

int options_first_word(const struct options_walk *w)
{
    return w->argc - w->words;
}

const char *options_next_word(struct options_walk *w)
{
    const char *word = w->at < w->argc ? w->argv[w->at] : NULL;
    if (!word || (word[0] == '-' && word[1]))
        return NULL;
    w->at++;
    return word;
}

static const char *advice(const struct options_walk *w, const char *name)
{
    const struct option_advice *a = w->advice;
    if (name[0] && !name[1] && w->name[1] == '-') // --p is not -p
        return NULL;
    while (a && a->name && strcmp(a->name, name) != 0)
        a++;
    return a ? a->text : NULL;
}

static void unknown_option(const struct options_walk *w, char text[static OPTIONS_SHOWN_MAX])
{
    const char *name = w->name + strspn(w->name, "-");
    const char *told = advice(w, name);
    const char *other = meant(w->known, name);
    if (told)
        (void)snprintf(text, OPTIONS_SHOWN_MAX, "%s: %s", w->name, told);
    else if (is_number(name))
        (void)snprintf(text, OPTIONS_SHOWN_MAX, "unknown option: %s. Did you mean -n %s?", w->name,
                       name);
    else if (other)
        (void)snprintf(text, OPTIONS_SHOWN_MAX, "unknown option: %s. Did you mean --%s?", w->name,
                       other);
    else
        (void)snprintf(text, OPTIONS_SHOWN_MAX, "unknown option: %s", w->name);
}

void options_mistake(const struct options_walk *w, int refused, char text[static OPTIONS_SHOWN_MAX])
{
    if (refused == OPTIONS_NO_VALUE)
        (void)snprintf(text, OPTIONS_SHOWN_MAX, "this option needs a value: %s", w->name);
    else if (refused == OPTIONS_NOT_ITS_VALUE)
        (void)snprintf(text, OPTIONS_SHOWN_MAX, "this option takes no value: %s", w->name);
    else
        unknown_option(w, text);
}

// Where the user's name and password of a URL end, which is at the last @ before its path.
static const char *behind_userinfo(const char *authority)
{
    const char *at = strrchr(authority, '@');
    return at ? at + 1 : authority;
}

const char *options_shown(const char *value, char out[static OPTIONS_SHOWN_MAX])
{
    const char *scheme = strstr(value, "://");
    const char *authority = scheme ? scheme + 3 : value;
    const char *rest = behind_userinfo(authority);
    size_t len = strcspn(rest, value[0] == '/' ? "" : "?#"); // a path is not one of a relay
    int room = OPTIONS_SHOWN_MAX / 2;
    int before = (int)(authority - value);
    (void)snprintf(out, OPTIONS_SHOWN_MAX, "%.*s%s%.*s%s", before < 16 ? before : 16, value,
                   rest > authority ? "...@" : "", len < (size_t)room ? (int)len : room, rest,
                   rest[len] || len > (size_t)room ? "..." : "");
    return out;
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

// Of what tokens are made of: letters and digits, and what base64 has besides.
static size_t token_len(const char *text, bool *is_token)
{
    size_t letters = 0;
    size_t digits = 0;
    size_t len = 0;
    for (; text[len] && (is_letter(text[len]) || is_digit(text[len]) || strchr("_+=", text[len]));
         len++) {
        digits += is_digit(text[len]);
        letters += is_letter(text[len]);
    }
    *is_token = len >= OPTIONS_TOKEN_MIN && digits > 0 && letters > 0;
    return len;
}

void options_hide_tokens(char *text)
{
    char *to = text;
    while (*text) {
        bool is_token = false;
        size_t len = token_len(text, &is_token);
        len += len == 0; // another character
        if (is_token)
            memcpy(to, "...", 3);
        else
            memmove(to, text, len);
        to += is_token ? 3 : len;
        text += len;
    }
    *to = 0;
}

const char *options_shown_name(const char *name, char out[static OPTIONS_SHOWN_MAX])
{
    size_t len = 0;
    while (len < OPTIONS_NAME_MAX && is_letter(name[len]))
        len++;
    (void)snprintf(out, OPTIONS_SHOWN_MAX, "%.*s%s", (int)len, name, name[len] ? "..." : "");
    return out;
}

const char *options_shown_field(const char *line, char out[static OPTIONS_SHOWN_MAX])
{
    size_t len = 0;
    while (is_letter(line[len]) || (line[len] >= '0' && line[len] <= '9') || line[len] == '_')
        len++;
    bool is_line = len > 0 && len <= OPTIONS_SHOWN_MAX / 4 && line[len] == ':';
    (void)snprintf(out, OPTIONS_SHOWN_MAX, "%.*s", is_line ? (int)len : 0, line);
    return out;
}

bool options_is_word(const char *word)
{
    size_t len = 0;
    while (is_letter(word[len]))
        len++;
    return !word[len] && len <= OPTIONS_NAME_MAX / 2;
}
