// SPDX-License-Identifier: MIT
#include "option_redact.h"
#include <stdio.h>
#include <string.h>

enum {
    TOKEN_MIN = 16 // characters of a run that may be a token
};

static bool is_letter(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '-';
}

// Returns what follows the userinfo of a URL. The last @ counts, also one in the path: a password
// may contain a slash.
static const char *behind_userinfo(const char *authority)
{
    const char *at = strrchr(authority, '@');
    return at ? at + 1 : authority;
}

const char *options_redact(const char *value, char out[static OPTIONS_SHOWN_MAX])
{
    const char *scheme = strstr(value, "://");
    const char *authority = scheme ? scheme + 3 : value;
    const char *rest = behind_userinfo(authority);
    size_t len = strcspn(rest, value[0] == '/' ? "" : "?#"); // a file's path has no query
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

// Returns the length of a run of letters, digits and base64's other characters.
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
    *is_token = len >= TOKEN_MIN && digits > 0 && letters > 0;
    return len;
}

void options_redact_tokens(char *text)
{
    char *to = text;
    while (*text) {
        bool is_token = false;
        size_t len = token_len(text, &is_token);
        len += len == 0; // any other character
        if (is_token)
            memcpy(to, "...", 3);
        else
            memmove(to, text, len);
        to += is_token ? 3 : len;
        text += len;
    }
    *to = 0;
}

const char *options_redact_name(const char *name, char out[static OPTIONS_SHOWN_MAX])
{
    size_t len = 0;
    while (len < OPTIONS_NAME_MAX && is_letter(name[len]))
        len++;
    (void)snprintf(out, OPTIONS_SHOWN_MAX, "%.*s%s", (int)len, name, name[len] ? "..." : "");
    return out;
}

const char *options_redact_field(const char *line, char out[static OPTIONS_SHOWN_MAX])
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
