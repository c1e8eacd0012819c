// SPDX-License-Identifier: MIT
// Prepares words of a command line for messages, without secrets that were typed in the wrong
// place.
#pragma once
#include <stdbool.h>

enum {
    OPTIONS_NAME_MAX = 24,  // characters of an unknown option that are repeated
    OPTIONS_SHOWN_MAX = 256 // bytes of a value that are repeated, with the terminating zero
};

// Writes a value without the user and password, the query and the fragment of a URL. Returns `out`.
const char *options_redact(const char *value, char out[static OPTIONS_SHOWN_MAX]);
// Writes the leading letters and hyphens of a word that should have been a name. Returns `out`.
const char *options_redact_name(const char *name, char out[static OPTIONS_SHOWN_MAX]);
// Writes the field name of a line "NAME: VALUE", nothing when the line has another form. Returns
// `out`.
const char *options_redact_field(const char *line, char out[static OPTIONS_SHOWN_MAX]);
// Replaces by "..." each run of 16 or more letters and digits with some of both.
void options_redact_tokens(char *text);
// Whether a word taken for a command may be repeated: few characters, letters and hyphens only.
bool options_is_word(const char *word);
