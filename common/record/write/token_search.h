// SPDX-License-Identifier: MIT
// Finds a token in text, in whatever way it may have been written there: in any case, with
// percent-encoding (and that encoded again), and within base64 of either alphabet, as Basic
// credentials have it.
#pragma once
#include "proto/bytes.h"

enum {
    TOKEN_SEARCH_MIN = 4,   // bytes of a token; a shorter one is not looked for
    TOKEN_SEARCH_MAX = 255, // of a longer one its beginning
    TOKEN_SEARCH_FORMS = 4, // itself; and in base64, at each place in a group of three bytes
    TOKEN_SEARCH_STEPS = 1024,
};

struct token_search {
    size_t min_len; // bytes of the shortest form; 0: there is no token
    size_t len[TOKEN_SEARCH_FORMS];
    uint8_t step[TOKEN_SEARCH_STEPS]; // how far the next look may be, by two bytes
    char form[TOKEN_SEARCH_FORMS][(TOKEN_SEARCH_MAX + 4) * 4 / 3];
};

// An empty token: nothing is found.
void token_search_init(struct token_search *s, struct slice token);
// Whether text has it in any form. Of text without it some bytes are looked at, and all of text
// that has a percent sign. True also when there is no memory to find out.
bool token_search_finds(const struct token_search *s, struct slice text);
