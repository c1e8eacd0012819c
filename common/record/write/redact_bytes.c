// SPDX-License-Identifier: MIT
// Redacts bytes that should be a head and are not a valid one.
#include "proto/http/chars.h"
#include "redact_internal.h"

enum {
    NAME_MAX_JOINED = 128 // bytes of a name joined from words
};

// Any control but a tab may end a line.
static bool is_break(char c)
{
    return (unsigned char)c < ' ' && c != '\t';
}

// Takes the next run of token characters (RFC 9110 §5.6.2) off a line.
static struct slice next_word(struct slice *line)
{
    while (line->len > 0 && !char_is(line->p[0], CHAR_TOKEN))
        *line = slice_of(line->p + 1, line->len - 1);
    size_t len = 0;
    while (len < line->len && char_is(line->p[len], CHAR_TOKEN))
        len++;
    struct slice word = slice_of(line->p, len);
    *line = slice_of(line->p + len, line->len - len);
    return word;
}

// Appends a word and returns the new length. At least the last NAME_MAX_JOINED bytes are kept: a
// name is matched by its end.
static size_t join(char joined[static 2 * NAME_MAX_JOINED], size_t len, struct slice word)
{
    if (word.len > NAME_MAX_JOINED)
        word = slice_of(word.p + word.len - NAME_MAX_JOINED, NAME_MAX_JOINED);
    if (len + word.len > 2 * (size_t)NAME_MAX_JOINED) {
        const size_t from = len - NAME_MAX_JOINED;
        for (size_t i = 0; i < NAME_MAX_JOINED; i++)
            joined[i] = joined[from + i];
        len = NAME_MAX_JOINED;
    }
    memcpy(joined + len, word.p, word.len);
    return len + word.len;
}

// Whether a word before the colon is a secret field's name, or the words joined are one. `*name` is
// the part of it that may be shown.
static bool names_secret(const struct redact *r, struct slice line, struct slice *name)
{
    char joined[2 * NAME_MAX_JOINED];
    size_t len = 0;
    const char *colon = line.len > 0 ? memchr(line.p, ':', line.len) : NULL;
    struct slice rest = slice_of(line.p, colon ? (size_t)(colon - line.p) : line.len);
    for (struct slice word = next_word(&rest); word.len > 0; word = next_word(&rest)) {
        *name = word;
        if (redact_is_secret_field(r, word))
            return true;
        len = join(joined, len, word);
    }
    *name = (struct slice){0};
    return redact_is_secret_field(r, slice_of(joined, len));
}

// A line that does not begin with a token character may continue the line before.
static bool may_continue(struct slice line)
{
    return line.len > 0 && !char_is(line.p[0], CHAR_TOKEN);
}

static bool hides(const struct redact *r, struct slice line, struct slice *name)
{
    return names_secret(r, line, name) || redact_has_token(r, line);
}

// Takes the bytes before the next one that ends a line.
static struct slice next_line(struct slice *bytes, bool (*ends)(char c))
{
    size_t len = 0;
    while (len < bytes->len && !ends(bytes->p[len]))
        len++;
    struct slice line = slice_of(bytes->p, len);
    *bytes = slice_of(bytes->p + len, bytes->len - len);
    return line;
}

static struct slice take_byte(struct slice *bytes)
{
    const struct slice byte = slice_of(bytes->p, bytes->len > 0 ? 1 : 0);
    *bytes = slice_of(bytes->p + byte.len, bytes->len - byte.len);
    return byte;
}

static bool is_feed(char c)
{
    return c == '\n';
}

static void add_hidden(struct credential_sink *o, struct slice name)
{
    credential_put(o, name);
    credential_put(o, name.len > 0 ? SLICE(": ") : SLICE(""));
    credential_put(o, CREDENTIAL_MARK);
}

// Writes a line up to its first secret, which extends to the line's end, controls included. Returns
// whether there is one.
static bool add_line(const struct redact *r, struct credential_sink *o, struct slice line)
{
    const bool any = o->any;
    struct slice name = {0};
    struct slice rest = line;
    size_t len = 0; // may be shown
    bool hidden = hides(r, line, &name);
    while (!hidden && rest.len > 0) {
        const struct slice piece = next_line(&rest, is_break);
        hidden = piece.len > 0 && hides(r, piece, &name);
        (void)take_byte(&rest);
        len = hidden ? len : line.len - rest.len;
    }
    o->any = false;
    redact_put_url(r, o, slice_of(line.p, len), CREDENTIAL_TEXT);
    if (hidden) // a name behind a secret may be a part of it
        add_hidden(o, o->any ? (struct slice){0} : name);
    hidden = hidden || o->any;
    o->any = any || hidden;
    return hidden;
}

size_t redact_bytes(const struct redact *r, struct slice bytes, char *out, size_t cap, bool *any)
{
    struct credential_sink o = {.at = out, .left = cap};
    bool secret = false; // the line before had one
    while (bytes.len > 0 && o.left > 0) {
        struct slice line = next_line(&bytes, is_feed);
        size_t ends = 0; // CRs before the LF
        while (ends < line.len && line.p[line.len - 1 - ends] == '\r')
            ends++;
        const struct slice after = slice_of(line.p + line.len - ends, ends);
        line.len -= ends;
        if (secret && may_continue(line))
            add_hidden(&o, (struct slice){0});
        else if (line.len > 0)
            secret = add_line(r, &o, line);
        o.any = o.any || (secret && line.len > 0);
        credential_put(&o, after);
        credential_put(&o, take_byte(&bytes));
    }
    *any = *any || o.any;
    return cap - o.left;
}
