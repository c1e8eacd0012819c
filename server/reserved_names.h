// SPDX-License-Identifier: MIT
// Names that no agent may bind, because browsers, mail servers and people take them for the
// domain's own (docs/operations.md lists the built-in ones).
//
// A word reserves the name that is written like it, and names that look like it: with hyphens added
// or left out, 0 for o, 1 for i or l, and digits appended (ns1, log-in, adm1n). A word may be a
// pattern, which must match the name exactly: `?` is any character, `*` at the end any characters.
#pragma once
#include <stdbool.h>
#include <stddef.h>

enum {
    RESERVED_FILE_MAX = 64 * 1024,
    RESERVED_MESSAGE_MAX = 400
};

// Zero reserves nothing.
struct reserved_names {
    char *words;   // of a file, separated by spaces; or NULL
    bool built_in; // the built-in words count, too
};

// Replaces all words by those of a file: one on each line, `default` for the built-in ones,
// comments from # on. Returns NULL, or `message` with what is wrong; then nothing is reserved.
const char *reserved_names_read(struct reserved_names *n, const char *path,
                                char message[static RESERVED_MESSAGE_MAX]);
// Whether a normalised name is reserved.
bool reserved_names_have(const struct reserved_names *n, const char *name);
void reserved_names_free(struct reserved_names *n);

// The built-in words by group, for the documentation's test: returns the group's reason and sets
// `*words`, separated by spaces; NULL after the last group.
const char *reserved_names_group(size_t number, const char **words);
