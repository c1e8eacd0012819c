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

// The option that may have been meant, or NULL: one that begins so, or is written nearly so.
static const char *meant(const struct option *known, const char *name)
{
    const char *best = NULL;
    size_t len = strlen(name);
    size_t least = len / 4 + 2; // a quarter of it may be wrong, and one letter more
    for (; known->name && len > 1; known++) {
        size_t d = strncmp(known->name, name, len) == 0 ? 0 : distance(known->name, name);
        if (d < least) {
            least = d;
            best = known->name;
        }
    }
    return best;
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

// One that is whole, with "=VALUE" behind it or not.
static int take_long(struct options_walk *w, char *word)
{
    size_t len = strcspn(word, "=");
    char *value = word[len] ? word + len + 1 : NULL;
    const struct option *o = w->known;
    note_name(w, "--", word);
    while (o->name && (strlen(o->name) != len || memcmp(o->name, word, len) != 0))
        o++;
    if (!o->name)
        return OPTIONS_UNKNOWN;
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
    for (; w->at < w->argc; w->at++) {
        char *word = w->argv[w->at];
        if (word[0] != '-' || !word[1]) {
            w->argv[++w->words] = word;
            continue;
        }
        w->at++;
        if (strcmp(word, "--") == 0)
            return end_walk(w);
        if (word[1] == '-')
            return take_long(w, word + 2);
        note_name(w, "-", word + 1);
        w->name[word[1] && is_letter(word[1]) ? 2 : 1] = 0; // a value may be joined to it
        return strcmp(word, "-h") == 0 ? 'h' : OPTIONS_UNKNOWN;
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

void options_mistake(const struct options_walk *w, int refused, char text[static OPTIONS_SHOWN_MAX])
{
    const char *name = w->name + strspn(w->name, "-");
    const char *other = refused == OPTIONS_UNKNOWN ? meant(w->known, name) : NULL;
    if (refused == OPTIONS_NO_VALUE)
        (void)snprintf(text, OPTIONS_SHOWN_MAX, "this option needs a value: %s", w->name);
    else if (refused == OPTIONS_NOT_ITS_VALUE)
        (void)snprintf(text, OPTIONS_SHOWN_MAX, "this option takes no value: %s", w->name);
    else if (other)
        (void)snprintf(text, OPTIONS_SHOWN_MAX, "unknown option: %s. Did you mean --%s?", w->name,
                       other);
    else
        (void)snprintf(text, OPTIONS_SHOWN_MAX, "unknown option: %s", w->name);
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
