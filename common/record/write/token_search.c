// SPDX-License-Identifier: MIT
#include "token_search.h"
#include <stdlib.h>
#include "proto/http/chars.h"

enum {
    UNESCAPED_MAX = 4 // levels of percent-encoding that are undone
};

// Folds letter case, and the two alphabets of base64 (RFC 4648 §5).
static inline unsigned char fold(char c)
{
    return (unsigned char)(c == '-' ? '+' : c == '_' ? '/' : ascii_lower(c));
}

static inline size_t step_of(const char *two)
{
    return ((size_t)fold(two[0]) * 31 + (size_t)fold(two[1]) * 7) % TOKEN_SEARCH_STEPS;
}

// Writes the base64 characters that depend on the token alone, when `before` other bytes precede it
// in its group of three.
static size_t encode(struct slice token, size_t before, char *out)
{
    static const char alphabet[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    const size_t first = (before * 8 + 5) / 6;
    const size_t last = (before + token.len) * 8 / 6;
    size_t len = 0;

    for (size_t i = first; i < last; i++) {
        unsigned value = 0;
        for (size_t bit = i * 6; bit < i * 6 + 6; bit++) {
            const size_t at = bit / 8 - before;
            value = value << 1 | ((unsigned char)token.p[at] >> (7 - bit % 8) & 1);
        }
        out[len++] = alphabet[value];
    }
    return len;
}

void token_search_init(struct token_search *s, struct slice token)
{
    memset(s, 0, sizeof(*s));
    token.len = token.len < TOKEN_SEARCH_MAX ? token.len : TOKEN_SEARCH_MAX;
    if (token.len < TOKEN_SEARCH_MIN)
        return;
    memcpy(s->form[0], token.p, token.len);
    s->len[0] = s->min_len = token.len;
    for (size_t i = 1; i < TOKEN_SEARCH_FORMS; i++) {
        s->len[i] = encode(token, i - 1, s->form[i]);
        s->min_len = s->len[i] < s->min_len ? s->len[i] : s->min_len;
    }
    // Two bytes that occur in no form's first min_len bytes allow the longest step.
    memset(s->step, (int)(s->min_len - 1), sizeof(s->step));
    for (size_t i = 0; i < TOKEN_SEARCH_FORMS; i++) {
        for (size_t at = 0; at + 2 <= s->min_len; at++) {
            uint8_t *step = &s->step[step_of(s->form[i] + at)];
            const uint8_t left = (uint8_t)(s->min_len - 2 - at);
            *step = left < *step ? left : *step;
        }
    }
}

static bool is_at(const struct token_search *s, const char *at, size_t room)
{
    for (size_t i = 0; i < TOKEN_SEARCH_FORMS; i++) {
        size_t same = 0;
        while (same < s->len[i] && s->len[i] <= room && fold(at[same]) == fold(s->form[i][same]))
            same++;
        if (same == s->len[i])
            return true;
    }
    return false;
}

// Wu and Manber's search: the last two bytes of a window of min_len bytes tell the next step.
static bool is_in(const struct token_search *s, struct slice text)
{
    for (size_t at = 0; at + s->min_len <= text.len;) {
        const uint8_t step = s->step[step_of(text.p + at + s->min_len - 2)];
        if (step == 0 && is_at(s, text.p + at, text.len - at))
            return true;
        at += step > 0 ? step : 1;
    }
    return false;
}

// Undoes one level of percent-encoding in place. Returns the new length.
static size_t unescape(char *text, size_t len)
{
    size_t to = 0;

    for (size_t at = 0; at < len; to++) {
        const bool escaped = text[at] == '%' && len - at > 2 && char_is(text[at + 1], CHAR_HEX) &&
                             char_is(text[at + 2], CHAR_HEX);
        text[to] =
            escaped ? (char)(char_hex(text[at + 1]) << 4 | char_hex(text[at + 2])) : text[at];
        at += escaped ? 3 : 1;
    }
    return to;
}

// When memory is out, the text counts as one with the token.
static bool is_escaped_in(const struct token_search *s, struct slice text)
{
    char *plain = malloc(text.len);
    bool found = false;

    if (!plain)
        return true;
    memcpy(plain, text.p, text.len);
    for (int i = 0; i < UNESCAPED_MAX && !found; i++) {
        const size_t len = unescape(plain, text.len);
        if (len == text.len)
            break;
        text.len = len;
        found = is_in(s, slice_of(plain, len));
    }
    free(plain);
    return found;
}

bool token_search_finds(const struct token_search *s, struct slice text)
{
    if (s->min_len == 0 || text.len < s->min_len)
        return false;
    return is_in(s, text) || (memchr(text.p, '%', text.len) && is_escaped_in(s, text));
}
