// SPDX-License-Identifier: MIT
#include "shell_quote.h"
#include <stdio.h>
#include "common/base/printable.h"

enum {
    SUBSTITUTED_BYTES = 4096 // of a word, after which the next line begins a new substitution
};

// Whether a character has no meaning in any shell.
static bool is_bare(char c)
{
    return (c >= '0' && c <= '9') || (ascii_lower(c) >= 'a' && ascii_lower(c) <= 'z') ||
           (c && strchr("_-./:@%+,", c));
}

// Bytes of a character between single quotes.
static size_t quoted_len(char c)
{
    return c == '\'' ? 4 : 1;
}

// Bytes of a word that fit on one line, quoted.
static size_t fitting_len(struct slice word)
{
    size_t len = 0;
    size_t quoted = 2;
    while (len < word.len && (quoted += quoted_len(word.p[len])) <= SHELL_QUOTE_LINE_MAX)
        len++;
    return len;
}

// Between single quotes only a single quote has a meaning, in every shell and locale.
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

// A shell removes a backslash and the line feed after it, between words and within a word.
static bool put_pieces(struct buf *out, struct slice word)
{
    bool ok = true;
    while (ok && word.len > 0) {
        size_t len = fitting_len(word);
        ok = buf_append(out, "\\\n", 2) && put_quoted(out, slice_of(word.p, len));
        word = slice_of(word.p + len, word.len - len);
    }
    return ok;
}

// A character for printf, within double quotes. Escaped are those with a meaning there: "!" in some
// shells, "%" and "\" in the format, and "-", which could begin an option.
static const char *octal(char c, char out[static 5])
{
    if (is_bare(c) && c != '%' && c != '-')
        (void)snprintf(out, 5, "%c", c);
    else
        (void)snprintf(out, 5, "\\%03o", (unsigned)(unsigned char)c);
    return out;
}

static bool put(struct buf *out, struct slice text)
{
    return buf_append(out, text.p, text.len);
}

// Whether a command substitution may end after these bytes: the shell removes line feeds from its
// end.
static bool may_end(struct slice substituted)
{
    return substituted.len >= SUBSTITUTED_BYTES && substituted.p[substituted.len - 1] != '\n';
}

// Quotes bytes that cannot be typed at a prompt. Each line is a printf of its own: in some shells
// printf is a program, and the length of its arguments is limited.
//
// Output of a command substitution that ends within a UTF-8 character can get stray bytes in ksh93:
// it takes whatever lies in its memory for the rest of the character. The same happens after each
// 64 KiB of output. A line feed at the end, which every shell removes, and short substitutions
// prevent it.
static bool put_octal(struct buf *out, struct slice word)
{
    const struct slice begin = SLICE("\\\n\"$(printf '");
    const struct slice next = SLICE("';\\\nprintf '");
    const struct slice end = SLICE("\\n')\"");
    char text[5];
    bool ok = put(out, begin);
    size_t column = begin.len;
    size_t began = 0;
    for (size_t i = 0; ok && i < word.len; i++) {
        size_t len = strlen(octal(word.p[i], text));
        if (column + len > SHELL_QUOTE_LINE_MAX) {
            bool ends = may_end(slice_of(word.p + began, i - began));
            ok = ends ? put(out, end) && put(out, begin) : put(out, next);
            began = ends ? i : began;
            column = begin.len;
        }
        ok = ok && buf_append(out, text, len);
        column += len;
    }
    return ok && put(out, end);
}

bool shell_quote(struct buf *out, struct slice word)
{
    bool bare = word.len > 0;
    if (printable_ascii_len(word) < word.len)
        return put_octal(out, word);
    if (fitting_len(word) < word.len)
        return put_pieces(out, word);
    for (size_t i = 0; bare && i < word.len; i++)
        bare = is_bare(word.p[i]);
    return bare ? buf_append(out, word.p, word.len) : put_quoted(out, word);
}
