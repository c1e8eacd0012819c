// SPDX-License-Identifier: MIT
#include "option_walk.h"
#include <stdio.h>
#include <string.h>
#include "nearest.h"

static bool is_letter(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '-';
}

// Returns the only long option that begins with a letter, or NULL.
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

// Returns the option that a mistyped name most likely means, or NULL.
static const char *suggestion(const struct option *known, const char *name)
{
    size_t count = 0;
    while (known[count].name)
        count++;
    if (name[0] && !name[1])
        return begins_with(known, name[0]);
    return name_nearest(known, count, sizeof(*known), name);
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

// Takes an option; `value` is the value joined to it, or NULL.
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

// Takes NAME or NAME=VALUE.
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

// Returns the first letter that is no option; NULL when all are, up to one that takes the rest as
// its value.
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

// Takes a word behind one dash. One unknown letter refuses the whole word, which may be something
// else altogether.
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
    if (len > 1 && find(w, word, len)) { // a long option with one dash
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

// Moves the words that are no options to the end of argv, where getopt leaves them. The rest of
// argv is in no order.
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
        // -5 is a negative number; for a command with -n it is likely head(1)'s -5.
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
    const char *hint = advice(w, name);
    const char *other = suggestion(w->known, name);
    if (hint)
        (void)snprintf(text, OPTIONS_SHOWN_MAX, "%s: %s", w->name, hint);
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
