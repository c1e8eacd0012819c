// SPDX-License-Identifier: MIT
// The words of a command line: long options, by their whole names, and short ones of a letter,
// which may be joined to each other and to their value as with getopt (-fn5). What somebody typed
// may be a secret in the wrong place: of an option that is refused only the name is repeated, and
// of a value what may be shown.
#pragma once
#include <getopt.h> // struct option alone: getopt_long takes abbreviations
#include <stdbool.h>
#include <stddef.h>
#include "option_redact.h"

enum {
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
