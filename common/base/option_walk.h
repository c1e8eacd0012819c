// SPDX-License-Identifier: MIT
// The words of a command line: long options, by their whole names, and short ones of a letter,
// which may be joined to each other and to their value as with getopt (-fn5). What somebody typed
// may be a secret in the wrong place: of an option that is refused only the name is repeated, and
// of a value what may be shown.
#pragma once
#include <getopt.h> // struct option alone: getopt_long takes abbreviations
#include <stdbool.h>
#include <stddef.h>

enum {
    OPTIONS_NAME_MAX = 24,   // characters of an unknown option that are repeated
    OPTIONS_SHOWN_MAX = 256, // bytes of a value that are repeated, and a zero
    OPTIONS_TOKEN_MIN = 16,  // characters of what is like a token
    OPTIONS_MESSAGE_MAX = 1024
};

// What to say of an option that other programs have and this one has not.
struct option_advice {
    const char *name; // without dashes; a single letter is a short option
    const char *text; // for people, begins in lower case, has no full stop at its end
};

// One walk over a command line.
struct options_walk {
    int argc;
    char **argv;
    // A name of one letter is a short option. An entry of zeros ends it; no flags.
    const struct option *known;
    const struct option_advice *advice; // an entry of zeros ends it; NULL: none
    int at;                             // the next word to look at
    char *letters;                      // short options that are left of the last word, or NULL
    int words;                          // that are no options, moved to argv[1] and on so far
    char name[OPTIONS_NAME_MAX + 4]; // of the option that was taken or refused, as it may be shown
    char *value;                     // of the option that was taken, or NULL
};

// What options_next returns besides the `val` of an option that it took.
enum {
    OPTIONS_END = -1,
    OPTIONS_UNKNOWN = '?',
    OPTIONS_NO_VALUE = ':',     // the option needs one
    OPTIONS_NOT_ITS_VALUE = '=' // the option takes none
};

// Begins a walk behind argv[0]; `advice` may be set behind it.
void options_begin(struct options_walk *w, int argc, char **argv, const struct option *known);
// Takes the next option; "-h" is 'h'. At the end the words that are none are the last of argv.
int options_next(struct options_walk *w);
// At the end: the index of the first word that is no option.
int options_first_word(const struct options_walk *w);
// Takes the next word, if there is one and it is no option, as the value of an option whose value
// may be left out. NULL: there is none.
const char *options_next_word(struct options_walk *w);
// What is wrong with the option that was refused, for people.
void options_mistake(const struct options_walk *w, int refused,
                     char text[static OPTIONS_SHOWN_MAX]);

// A value as it may be repeated: without what may be a password or a token in a URL.
const char *options_shown(const char *value, char out[static OPTIONS_SHOWN_MAX]);
// Replaces by "..." what is like a token: a long row of letters and digits, of both some.
void options_hide_tokens(char *text);
// Of `count` names `stride` bytes apart, each at the begin of a struct, the one that may have been
// meant by `name`: one that begins so, or is written nearly so. NULL: none is like it.
const char *options_nearest(const void *names, size_t count, size_t stride, const char *name);
// What is like a field's name of a value that should have been one.
const char *options_shown_name(const char *name, char out[static OPTIONS_SHOWN_MAX]);
// The name of a field of which a line "NAME: VALUE" was given, and nothing when it is not like one.
const char *options_shown_field(const char *line, char out[static OPTIONS_SHOWN_MAX]);
// Whether a word may be repeated that was taken for a command: letters and hyphens, few of them.
bool options_is_word(const char *word);
