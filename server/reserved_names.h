// SPDX-License-Identifier: MIT
// Names that no agent may bind, since browsers, mail servers and people take them for the domain's
// own (docs/operations.md shows the built-in ones).
//
// A name is reserved when a word is: as it is written, with hyphens added or left out, with 0 for o
// and 1 for i or l, and with digits behind it (ns1, log-in, adm1n). In a word `?` is any character
// and `*` at its end any characters; such a word is compared with the name as it is.
#pragma once
#include <stdbool.h>
#include <stddef.h>

enum {
    RESERVED_FILE_MAX = 64 * 1024,
    RESERVED_MESSAGE_MAX = 400
};

// Zero: nothing is reserved.
struct reserved_names {
    char *words;   // besides, separated by spaces; or NULL
    bool built_in; // the built-in ones are
};

// Reads a file: a name on each line, `default` for the built-in ones, comments behind #. Replaces
// what is there. Returns NULL, or what is wrong with it, in `message`.
const char *reserved_names_read(struct reserved_names *n, const char *path,
                                char message[static RESERVED_MESSAGE_MAX]);
// Whether a normalised name is reserved.
bool reserved_names_have(const struct reserved_names *n, const char *name);
void reserved_names_free(struct reserved_names *n);

// The built-in ones in groups, each a reason and words that are separated by spaces; NULL behind
// the last.
const char *reserved_names_group(size_t number, const char **words);
