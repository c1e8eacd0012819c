// SPDX-License-Identifier: MIT
// Walks over the options of a command line: long ones by their whole names, and short ones of one
// letter, which may be joined to each other and to their value as with getopt (-fn5). Messages
// repeat only the name of a refused option, never its value.
#pragma once
#include <getopt.h> // for struct option; getopt_long itself would accept abbreviations
#include <stdbool.h>
#include <stddef.h>
#include "option_redact.h"

enum {
    OPTIONS_MESSAGE_MAX = 1024
};

// A hint for an option that this command lacks and other programs have.
struct option_advice {
    const char *name; // without dashes; a single letter is a short option
    const char *text; // begins in lower case, without a full stop at its end
};

struct options_walk {
    int argc;
    char **argv;
    // Ends with an entry of zeros. A name of one letter is a short option; flags are unused.
    const struct option *known;
    const struct option_advice *advice; // ends with an entry of zeros; NULL: none
    int at;                             // index of the next word
    char *letters;                      // short options left in the last word, or NULL
    int words;                          // words that are no options, moved to argv[1] and on
    char name[OPTIONS_NAME_MAX + 4];    // of the taken or refused option, fit to be repeated
    char *value;                        // of the taken option, or NULL
};

// Results of options_next besides the `val` of a taken option.
enum {
    OPTIONS_END = -1,
    OPTIONS_UNKNOWN = '?',
    OPTIONS_NO_VALUE = ':',     // the option needs a value
    OPTIONS_NOT_ITS_VALUE = '=' // the option takes no value
};

// Begins a walk behind argv[0]. The caller may set `advice` afterwards.
void options_begin(struct options_walk *w, int argc, char **argv, const struct option *known);
// Takes the next option and returns its `val`; "-h" is always 'h'. At OPTIONS_END the words that
// are no options are the last of argv.
int options_next(struct options_walk *w);
// After OPTIONS_END: the index of the first word that is no option.
int options_first_word(const struct options_walk *w);
// Takes the next word as the optional value of the last option. NULL: there is none, or it is an
// option.
const char *options_next_word(struct options_walk *w);
// Writes what is wrong with an option that options_next refused with `refused`.
void options_mistake(const struct options_walk *w, int refused,
                     char text[static OPTIONS_SHOWN_MAX]);
