// SPDX-License-Identifier: MIT
#include "shell_quote.h"
#include <stdio.h>
#include "common/base/printable.h"

static bool is_bare(char c)
{
    return (c >= '0' && c <= '9') || (ascii_lower(c) >= 'a' && ascii_lower(c) <= 'z') ||
           (c && strchr("_-./:@%+,", c));
}

static size_t quoted_len(char c)
{
    return c == '\'' ? 4 : 1;
}

// How much of a word fits on a line, quoted.
static size_t piece_of(struct slice word)
{
    size_t len = 0;
    size_t quoted = 2;
    while (len < word.len && (quoted += quoted_len(word.p[len])) <= SHELL_QUOTE_LINE_MAX)
        len++;
    return len;
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

// A backslash and a line feed are nothing to a shell, between words and within one.
static bool put_pieces(struct buf *out, struct slice word)
{
    bool ok = true;
    while (ok && word.len > 0) {
        size_t len = piece_of(word);
        ok = buf_append(out, "\\\n", 2) && put_quoted(out, slice_of(word.p, len));
        word = slice_of(word.p + len, word.len - len);
    }
    return ok;
}

// For the printf of any shell, in a double quote: there a ! means something to some, and a % and a
// \ to printf, to which a - at the beginning would be an option.
static const char *octal(char c, char out[static 5])
{
    if (is_bare(c) && c != '%' && c != '-')
        (void)snprintf(out, 5, "%c", c);
    else
        (void)snprintf(out, 5, "\\%03o", (unsigned)(unsigned char)c);
    return out;
}

// Bytes that cannot be typed. A printf for each line: some shells run a program for it, whose
// arguments may not be too long.
static bool put_octal(struct buf *out, struct slice word)
{
    static const char begin[] = "\"$(printf '";
    static const char next[] = "';\\\nprintf '";
    char text[5];
    bool ok = buf_append(out, "\\\n", 2) && buf_append(out, begin, sizeof(begin) - 1);
    size_t column = sizeof(begin);
    for (size_t i = 0; ok && i < word.len; i++) {
        size_t len = strlen(octal(word.p[i], text));
        if (column + len > SHELL_QUOTE_LINE_MAX) {
            ok = buf_append(out, next, sizeof(next) - 1);
            column = sizeof(next);
        }
        ok = ok && buf_append(out, text, len);
        column += len;
    }
    return ok && buf_append(out, "')\"", 3);
}

bool shell_quote(struct buf *out, struct slice word)
{
    bool bare = word.len > 0;
    if (printable_ascii_len(word) < word.len)
        return put_octal(out, word);
    if (piece_of(word) < word.len)
        return put_pieces(out, word);
    for (size_t i = 0; bare && i < word.len; i++)
        bare = is_bare(word.p[i]);
    return bare ? buf_append(out, word.p, word.len) : put_quoted(out, word);
}
