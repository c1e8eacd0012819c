// SPDX-License-Identifier: MIT
#include "redact.h"
#include "proto/http/chars.h"
#include "proto/http/credentials.h"

enum {
    NAME_MAX_JOINED = 128 // bytes of a name joined from words
};

#define QUERY       "query:"
#define SUBPROTOCOL SLICE("sec-websocket-protocol")

void redact_init(struct redact *r, const struct recorder_config *config)
{
    const struct slice query = SLICE(QUERY);
    *r = (struct redact){.off = config->no_redact};
    for (size_t i = 0; i < config->redact_count; i++) {
        const struct slice name = slice_str(config->redact[i]);
        if (name.len > query.len && slice_eq(slice_of(name.p, query.len), query))
            r->parameters[r->parameter_count++] =
                slice_of(name.p + query.len, name.len - query.len);
        else
            r->names[r->count++] = name;
    }
    redact_set_token(r, slice_str(config->token));
}

void redact_set_token(struct redact *r, struct slice token)
{
    token_search_init(&r->token, token);
}

bool redact_is_name(struct slice name)
{
    const struct slice query = SLICE(QUERY);
    if (name.len <= query.len || !slice_eq(slice_of(name.p, query.len), query))
        return name.len > 0 && chars_are(name, CHAR_TOKEN);
    name = slice_of(name.p + query.len, name.len - query.len);
    return chars_are(name, CHAR_TARGET) && credential_same_parameter(name, name);
}

static bool is_secret_name(const struct redact *r, struct slice name)
{
    if (!r->off && credential_is_field(name))
        return true;
    for (size_t i = 0; i < r->count; i++)
        if (slice_ieq(name, r->names[i]))
            return true;
    return false;
}

static bool is_secret_parameter(const void *ctx, struct slice name)
{
    const struct redact *r = ctx;
    if (!r->off && credential_is_parameter(name))
        return true;
    for (size_t i = 0; i < r->parameter_count; i++)
        if (credential_same_parameter(name, r->parameters[i]))
            return true;
    return false;
}

static bool has_token(const struct redact *r, struct slice text)
{
    return r->token.min_len > 0 && token_search_finds(&r->token, text);
}

// Copies text into room that the bound guarantees.
static inline void put(struct credential_sink *sink, struct slice text)
{
    if (text.len > 0)
        memcpy(sink->at, text.p, text.len);
    sink->at += text.len;
}

static inline bool may_have_secrets(const struct redact *r, struct slice text)
{
    return (!r->off || r->parameter_count > 0) && credential_may_be_in(text);
}

static void put_url(const struct redact *r, struct credential_sink *sink, struct slice text,
                    enum credential_place place)
{
    const struct credential_rules rules = {is_secret_parameter, r, !r->off};
    if (may_have_secrets(r, text))
        credential_write_url(sink, text, place, &rules);
    else
        credential_put(sink, text);
}

// Sec-WebSocket-Protocol: names stay, tokens passed as subprotocols go.
static void put_subprotocols(struct credential_sink *sink, struct slice list)
{
    const char *from = list.p;
    struct slice rest = list;
    struct slice before = {0};
    struct slice protocol;
    while (slice_next_element(&rest, &protocol)) {
        if (credential_is_subprotocol(protocol, before)) {
            credential_put(sink, slice_of(from, (size_t)(protocol.p - from)));
            credential_put(sink, CREDENTIAL_MARK);
            sink->any = true;
            from = protocol.p + protocol.len;
        }
        before = protocol;
    }
    credential_put(sink, slice_of(from, (size_t)(list.p + list.len - from)));
}

static enum credential_place place_of(struct slice name)
{
    bool url = slice_ieq(name, SLICE("referer")) || slice_ieq(name, SLICE("location")) ||
               slice_ieq(name, SLICE("content-location"));
    return url ? CREDENTIAL_URL : CREDENTIAL_SOMEWHERE;
}

// Common fields whose parameters are not a URL's: not searched for credentials.
static bool has_no_url(struct slice name)
{
    static const struct slice names[] = {
        {"forwarded", 9},      {"accept", 6},           {"content-type", 12},
        {"cache-control", 13}, {"accept-language", 15}, {"accept-encoding", 15},
        {"sec-ch-ua", 9},      {"keep-alive", 10},
    };
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        if (slice_ieq(name, names[i]))
            return true;
    return false;
}

// Writes a redacted value. It may exceed the value's length, or the mark's, by `*growth` bytes,
// from which the excess is subtracted; a longer result becomes the mark alone.
static void put_value(const struct redact *r, const struct field *f, struct credential_sink *sink,
                      size_t *growth)
{
    bool secret = is_secret_name(r, f->name);
    bool plain = !secret && f->name.len != SUBPROTOCOL.len &&
                 (!may_have_secrets(r, f->value) || has_no_url(f->name));
    if (plain) {
        put(sink, f->value);
        return;
    }
    struct credential_sink part = {.at = sink->at, .left = f->value.len + *growth};
    if (secret)
        part.full = true;
    else if (!r->off && slice_ieq(f->name, SUBPROTOCOL))
        put_subprotocols(&part, f->value);
    else
        put_url(r, &part, f->value, place_of(f->name));
    if (part.full) {
        put(sink, CREDENTIAL_MARK);
        sink->any = true;
        return;
    }
    const size_t len = (size_t)(part.at - sink->at);
    *growth -= len > f->value.len ? len - f->value.len : 0;
    sink->at = part.at;
    sink->any = sink->any || part.any;
}

size_t redact_lines_bound(const struct http_head *head)
{
    size_t len = REDACT_GROWTH + head->field_count * (CREDENTIAL_MARK.len + 4);
    for (size_t i = 0; i < head->field_count; i++)
        len += head->fields[i].name.len + head->fields[i].value.len;
    return len;
}

static void put_line(const struct redact *r, const struct field *f, struct credential_sink *sink,
                     size_t *growth)
{
    put(sink, f->name);
    put(sink, SLICE(": "));
    put_value(r, f, sink, growth);
    put(sink, SLICE("\r\n"));
}

// Writes a line of a head that contains the token somewhere.
static void put_line_without_token(const struct redact *r, const struct field *f,
                                   struct credential_sink *sink, size_t *growth)
{
    const struct credential_sink before = *sink;
    put_line(r, f, sink, growth);
    if (!has_token(r, slice_of(before.at, (size_t)(sink->at - before.at))))
        return;
    *sink = before;
    credential_put(sink, has_token(r, f->name) ? CREDENTIAL_MARK : f->name);
    credential_put(sink, SLICE(": "));
    credential_put(sink, CREDENTIAL_MARK);
    credential_put(sink, SLICE("\r\n"));
    sink->any = true;
}

char *redact_lines(const struct redact *r, const struct http_head *head, char *out, bool *any)
{
    struct credential_sink sink = {.at = out, .left = SIZE_MAX};
    size_t growth = REDACT_GROWTH;
    for (size_t i = 0; i < head->field_count; i++)
        put_line(r, &head->fields[i], &sink, &growth);
    if (has_token(r, slice_of(out, (size_t)(sink.at - out)))) {
        sink = (struct credential_sink){.at = out, .left = SIZE_MAX};
        growth = REDACT_GROWTH;
        for (size_t i = 0; i < head->field_count; i++)
            put_line_without_token(r, &head->fields[i], &sink, &growth);
    }
    *any = *any || sink.any;
    return sink.at;
}

size_t redact_text_bound(struct slice text)
{
    return text.len + CREDENTIAL_MARK.len;
}

char *redact_text(const struct redact *r, struct slice text, char *out, bool *any)
{
    struct credential_sink sink = {.at = out, .left = SIZE_MAX};
    bool secret = has_token(r, text);
    put(&sink, secret ? CREDENTIAL_MARK : text);
    *any = *any || secret;
    return sink.at;
}

size_t redact_target_bound(struct slice target)
{
    return target.len + REDACT_GROWTH + CREDENTIAL_MARK.len + 1;
}

static bool parts_target(char c)
{
    return memchr("/?&;=#", c, 6) != NULL;
}

// Replaces the parts of a written target that contain the token, in place: only parts that are at
// least as long as the mark. Returns the new end.
static char *hide_parts(const struct redact *r, char *start, const char *end)
{
    char *out = start;
    for (const char *at = start; at < end;) {
        size_t len = 0;
        while (at + len < end && !parts_target(at[len]))
            len++;
        const struct slice mark = CREDENTIAL_MARK;
        bool secret = len >= mark.len && has_token(r, slice_of(at, len));
        memmove(out, secret ? mark.p : at, secret ? mark.len : len);
        out += secret ? mark.len : len;
        at += len;
        if (at < end)
            *out++ = *at++;
    }
    return out;
}

char *redact_target(const struct redact *r, struct slice target, char *out, bool *any)
{
    const struct slice whole = SLICE("/[redacted]");
    struct credential_sink sink = {.at = out, .left = target.len + REDACT_GROWTH};
    put_url(r, &sink, target, CREDENTIAL_TARGET);
    char *end = sink.at;
    bool all = sink.full; // more marks than REDACT_GROWTH has room for
    if (!all && has_token(r, slice_of(out, (size_t)(end - out)))) {
        end = hide_parts(r, out, end);
        all = has_token(r, slice_of(out, (size_t)(end - out)));
        sink.any = true;
    }
    if (all) {
        memcpy(out, whole.p, whole.len);
        end = out + whole.len;
    }
    *any = *any || sink.any || all;
    return end;
}

// The rest is for bytes that are no valid head.

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
// what may be shown of it.
static bool names_secret(const struct redact *r, struct slice line, struct slice *name)
{
    char joined[2 * NAME_MAX_JOINED];
    size_t len = 0;
    const char *colon = line.len > 0 ? memchr(line.p, ':', line.len) : NULL;
    struct slice rest = slice_of(line.p, colon ? (size_t)(colon - line.p) : line.len);
    for (struct slice word = next_word(&rest); word.len > 0; word = next_word(&rest)) {
        *name = word;
        if (is_secret_name(r, word))
            return true;
        len = join(joined, len, word);
    }
    *name = (struct slice){0};
    return is_secret_name(r, slice_of(joined, len));
}

// A line that does not begin with a token character may continue the line before.
static bool may_continue(struct slice line)
{
    return line.len > 0 && !char_is(line.p[0], CHAR_TOKEN);
}

static bool hides(const struct redact *r, struct slice line, struct slice *name)
{
    return names_secret(r, line, name) || has_token(r, line);
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
    put_url(r, o, slice_of(line.p, len), CREDENTIAL_SOMEWHERE);
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
