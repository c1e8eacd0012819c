// SPDX-License-Identifier: MIT
#include "shell_quote.h"

static bool is_bare(char c)
{
    return (c >= '0' && c <= '9') || (ascii_lower(c) >= 'a' && ascii_lower(c) <= 'z') ||
           (c && strchr("_-./:@%+,", c));
}

// Between single quotes nothing but a single quote means anything, in every shell and locale.
static bool put_quoted(struct buf *out, struct slice word)
{
    bool ok = buf_append(out, "'", 1);
    while (ok && word.len > 0) {
        const char *quote = memchr(word.p, '\'', word.len);
        size_t len = quote ? (size_t)(quote - word.p) : word.len;
        ok = buf_append(out, word.p, len) && (!quote || buf_append(out, "'\\''", 4));
        len += quote ? 1 : 0;
        word = slice_of(word.p + len, word.len - len);
    }
    return ok && buf_append(out, "'", 1);
}

bool shell_quote(struct buf *out, struct slice word)
{
    bool bare = word.len > 0;
    for (size_t i = 0; bare && i < word.len; i++)
        bare = is_bare(word.p[i]);
    return bare ? buf_append(out, word.p, word.len) : put_quoted(out, word);
}
