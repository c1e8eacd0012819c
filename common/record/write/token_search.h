// SPDX-License-Identifier: MIT
// Finds a token in text in any of its written forms: in any letter case, percent-encoded (even
// repeatedly), and inside base64 of either alphabet, as Basic credentials have it.
#pragma once
#include "proto/bytes.h"

enum {
    TOKEN_SEARCH_MIN = 4,   // bytes; a shorter token is not searched for
    TOKEN_SEARCH_MAX = 255, // bytes; of a longer token only the beginning is searched for
    TOKEN_SEARCH_FORMS = 4, // itself, and base64 at each offset in a group of three bytes
    TOKEN_SEARCH_STEPS = 1024,
};

struct token_search {
    size_t min_len; // of the shortest form; 0: there is no token
    size_t len[TOKEN_SEARCH_FORMS];
    uint8_t step[TOKEN_SEARCH_STEPS]; // bytes to skip, by the hash of two bytes
    char form[TOKEN_SEARCH_FORMS][(TOKEN_SEARCH_MAX + 4) * 4 / 3];
};

// With an empty token nothing is found.
void token_search_init(struct token_search *s, struct slice token);
// Whether text has the token in any form. Reads a part of the text's bytes, or all if it has a
// percent sign. True also if memory is out: text that cannot be searched must not be shown.
bool token_search_finds(const struct token_search *s, struct slice text);
