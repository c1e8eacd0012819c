// SPDX-License-Identifier: MIT
#include "shell_quote.h"

static bool is_bare(char c)
{
    return (c >= '0' && c <= '9') || (ascii_lower(c) >= 'a' && ascii_lower(c) <= 'z') ||
           (c && strchr("_-./:@%+,", c));
}

static bool is_plain(char c)
{
    return c >= ' ' && c <= '~' && c != '\'';
}

// The escape of a byte inside $'…'. Two digits always: the shell takes no third one.
static size_t escape(char c, char out[static 4])
{
    static const char digits[] = "0123456789abcdef";
    static const char names[] = "n\nt\tr\r''\\\\";
    for (size_t i = 0; names[i]; i += 2)
        if (names[i + 1] == c) {
            out[0] = '\\';
            out[1] = names[i];
            return 2;
        }
    if (c >= ' ' && c <= '~') {
        out[0] = c;
        return 1;
    }
    out[0] = '\\';
    out[1] = 'x';
    out[2] = digits[(unsigned char)c >> 4];
    out[3] = digits[(unsigned char)c & 15];
    return 4;
}

bool shell_quote(struct buf *out, struct slice word)
{
    bool bare = word.len > 0;
    bool plain = true;
    char escaped[4];
    for (size_t i = 0; i < word.len; i++) {
        bare = bare && is_bare(word.p[i]);
        plain = plain && is_plain(word.p[i]);
    }
    if (bare)
        return buf_append(out, word.p, word.len);
    if (plain)
        return buf_append(out, "'", 1) && buf_append(out, word.p, word.len) &&
               buf_append(out, "'", 1);
    bool ok = buf_append(out, "$'", 2);
    for (size_t i = 0; ok && i < word.len; i++)
        ok = !word.p[i] || buf_append(out, escaped, escape(word.p[i], escaped));
    return ok && buf_append(out, "'", 1);
}
