// SPDX-License-Identifier: MIT
#include "redact.h"
#include "proto/chars.h"
#include "proto/fields.h"

enum {
    NAME_MOST = 128 // bytes of a name that is put together from pieces
};

static const struct slice redacted = {"[redacted]", 10};

void redact_init(struct redact *r, const struct recorder_config *config)
{
    *r = (struct redact){.off = config->no_redact, .count = config->redact_count};
    for (size_t i = 0; i < r->count; i++)
        r->names[i] = slice_str(config->redact[i]);
    if (config->never)
        r->never = slice_str(config->never);
}

static bool is_secret_name(const struct redact *r, struct slice name)
{
    if (!r->off && fields_is_credential(name))
        return true;
    for (size_t i = 0; i < r->count; i++)
        if (slice_ieq(name, r->names[i]))
            return true;
    return false;
}

static bool shows(struct slice text, struct slice secret)
{
    return secret.len > 0 && text.len >= secret.len &&
           memmem(text.p, text.len, secret.p, secret.len);
}

static bool is_secret(const struct redact *r, const struct field *f)
{
    return is_secret_name(r, f->name) || (r->off && shows(f->value, r->never));
}

size_t redact_lines_most(const struct http_head *head)
{
    size_t len = head->field_count * (redacted.len + 4);
    for (size_t i = 0; i < head->field_count; i++)
        len += head->fields[i].name.len + head->fields[i].value.len;
    return len;
}

static char *put(char *out, struct slice text)
{
    if (text.len > 0)
        memcpy(out, text.p, text.len);
    return out + text.len;
}

char *redact_lines(const struct redact *r, const struct http_head *head, char *out, bool *any)
{
    for (size_t i = 0; i < head->field_count; i++) {
        const struct field *f = &head->fields[i];
        bool secret = is_secret(r, f);
        *any = *any || secret;
        out = put(out, f->name);
        out = put(out, SLICE(": "));
        out = put(out, secret ? redacted : f->value);
        out = put(out, SLICE("\r\n"));
    }
    return out;
}

// Bytes that are no head.

struct output {
    char *at;
    size_t left;
};

static void add(struct output *o, struct slice text)
{
    size_t len = text.len < o->left ? text.len : o->left;
    o->at = put(o->at, slice_of(text.p, len));
    o->left -= len;
}

// Whether a line may end here: at any control but a tab.
static bool is_break(char c)
{
    return (unsigned char)c < ' ' && c != '\t';
}

// Takes the next word off the beginning of a line: a run of what a name may be made of.
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

// Whether a word before the colon is a secret's name, or all of them together are: then `*name` is
// what may be shown of it.
static bool names_secret(const struct redact *r, struct slice line, struct slice *name)
{
    char joined[NAME_MOST];
    size_t len = 0;
    const char *colon = line.len > 0 ? memchr(line.p, ':', line.len) : NULL;
    struct slice rest = slice_of(line.p, colon ? (size_t)(colon - line.p) : line.len);
    for (struct slice word = next_word(&rest); word.len > 0; word = next_word(&rest)) {
        *name = word;
        if (is_secret_name(r, word))
            return true;
        bool fits = word.len <= sizeof(joined) - len;
        if (fits)
            memcpy(joined + len, word.p, word.len);
        len = fits ? len + word.len : sizeof(joined);
    }
    *name = (struct slice){0};
    return is_secret_name(r, slice_of(joined, len));
}

// A field line begins with a name.
static bool may_continue(struct slice line)
{
    return line.len > 0 && !char_is(line.p[0], CHAR_TOKEN);
}

static bool hides(const struct redact *r, struct slice line, struct slice *name)
{
    return names_secret(r, line, name) || shows(line, r->never);
}

// Takes what is before the next byte that ends it.
static struct slice next_line(struct slice *bytes, bool (*ends)(char c))
{
    size_t len = 0;
    while (len < bytes->len && !ends(bytes->p[len]))
        len++;
    struct slice line = slice_of(bytes->p, len);
    *bytes = slice_of(bytes->p + len, bytes->len - len);
    return line;
}

// The next byte, if there is one.
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

static void add_hidden(struct output *o, struct slice name)
{
    add(o, name);
    add(o, name.len > 0 ? SLICE(": ") : SLICE(""));
    add(o, redacted);
}

// A secret goes on to the end of its line, whatever controls are in it. Returns whether there is
// one.
static bool add_line(const struct redact *r, struct output *o, struct slice line)
{
    struct slice name = {0};
    if (hides(r, line, &name)) {
        add_hidden(o, name);
        return true;
    }
    while (line.len > 0) {
        struct slice piece = next_line(&line, is_break);
        if (piece.len > 0 && hides(r, piece, &name)) {
            add_hidden(o, name);
            return true;
        }
        add(o, piece);
        add(o, take_byte(&line));
    }
    return false;
}

size_t redact_bytes(const struct redact *r, struct slice bytes, char *out, size_t cap, bool *any)
{
    struct output o = {out, cap};
    bool secret = false; // the line before
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
        *any = *any || (secret && line.len > 0);
        add(&o, after);
        add(&o, take_byte(&bytes));
    }
    return cap - o.left;
}
