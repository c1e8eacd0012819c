// SPDX-License-Identifier: MIT
#include "proto/http/chars.h"
#include "proto/http/credential_url.h"
#include "proto/http/credentials.h"
#include "redact_internal.h"

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

bool redact_is_secret_field(const struct redact *r, struct slice name)
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

bool redact_has_token(const struct redact *r, struct slice text)
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

void redact_put_url(const struct redact *r, struct credential_sink *sink, struct slice text,
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
    return url ? CREDENTIAL_URL : CREDENTIAL_TEXT;
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
    bool secret = redact_is_secret_field(r, f->name);
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
        redact_put_url(r, &part, f->value, place_of(f->name));
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
    if (!redact_has_token(r, slice_of(before.at, (size_t)(sink->at - before.at))))
        return;
    *sink = before;
    credential_put(sink, redact_has_token(r, f->name) ? CREDENTIAL_MARK : f->name);
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
    if (redact_has_token(r, slice_of(out, (size_t)(sink.at - out)))) {
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
    bool secret = redact_has_token(r, text);
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
        bool secret = len >= mark.len && redact_has_token(r, slice_of(at, len));
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
    redact_put_url(r, &sink, target, CREDENTIAL_TARGET);
    char *end = sink.at;
    bool all = sink.full; // more marks than REDACT_GROWTH has room for
    if (!all && redact_has_token(r, slice_of(out, (size_t)(end - out)))) {
        end = hide_parts(r, out, end);
        all = redact_has_token(r, slice_of(out, (size_t)(end - out)));
        sink.any = true;
    }
    if (all) {
        memcpy(out, whole.p, whole.len);
        end = out + whole.len;
    }
    *any = *any || sink.any || all;
    return end;
}
