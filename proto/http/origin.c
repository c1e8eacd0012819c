// SPDX-License-Identifier: MIT
#include "origin.h"
#include "authority.h"

static bool is_scheme(struct slice s)
{
    return slice_ieq(s, SLICE("http")) || slice_ieq(s, SLICE("https"));
}

bool origin_of(struct slice scheme, struct slice authority, struct origin *o)
{
    struct authority a;
    *o = (struct origin){.scheme = scheme};
    if ((scheme.len > 0 && !is_scheme(scheme)) || authority.len == 0 ||
        !authority_is_valid(authority) || authority_split(authority, &a) || a.host.len == 0)
        return false;
    o->host = a.bracketed ? slice_of(authority.p, a.host.len + 2) : a.host;
    o->has_port = a.has_port && a.port.len > 0; // "HOST:" has none (RFC 3986 §6.2.3)
    return !o->has_port || authority_port(a.port, &o->port);
}

// The offset of the authority in "//AUTHORITY…" or "SCHEME://AUTHORITY…"; 0 when there is none.
static size_t before_authority(struct slice url, struct slice *scheme)
{
    const char *colon = url.len > 0 && url.p[0] != '/' ? memchr(url.p, ':', url.len) : NULL;
    size_t at = colon ? (size_t)(colon - url.p) + 1 : 0;
    *scheme = slice_of(url.p, colon ? at - 1 : 0);
    if ((colon && !is_scheme(*scheme)) || url.len - at < 2 || url.p[at] != '/' ||
        url.p[at + 1] != '/')
        return 0;
    return at + 2;
}

size_t origin_read(struct slice url, struct origin *o)
{
    struct slice scheme;
    size_t begin = before_authority(url, &scheme);
    size_t end = begin;
    if (begin == 0)
        return 0;
    while (end < url.len && !memchr("/?#", url.p[end], 3))
        end++;
    return origin_of(scheme, slice_of(url.p + begin, end - begin), o) ? end : 0;
}

static uint16_t port_of(const struct origin *o, struct slice scheme)
{
    return o->has_port ? o->port : slice_ieq(scheme, SLICE("https")) ? 443 : 80;
}

bool origin_matches(const struct origin *read, const struct origin *other)
{
    bool same_scheme =
        read->scheme.len == 0 || other->scheme.len == 0 || slice_ieq(read->scheme, other->scheme);
    struct slice scheme = read->scheme.len > 0 ? read->scheme : other->scheme;
    return same_scheme && slice_ieq(read->host, other->host) &&
           port_of(read, scheme) == port_of(other, scheme);
}

// The length of the origin to replace at the beginning of a field's value, or 0.
static size_t matched_length(const struct field *f, const struct origin_rewrite *change)
{
    struct origin o;
    bool named = false;
    for (size_t i = 0; i < change->name_count && !named; i++)
        named = slice_ieq(f->name, change->names[i]);
    size_t len = named ? origin_read(f->value, &o) : 0;
    return len > 0 && origin_matches(&o, &change->from) ? len : 0;
}

// The replacement, without its scheme when the value has none.
static struct slice new_origin(const struct field *f, const struct origin_rewrite *change)
{
    const char *colon = memchr(change->to.p, ':', change->to.len);
    size_t skipped = f->value.p[0] == '/' && colon ? (size_t)(colon + 1 - change->to.p) : 0;
    return slice_of(change->to.p + skipped, change->to.len - skipped);
}

size_t origin_rewrite_size(const struct http_head *head, const struct origin_rewrite *change)
{
    size_t bytes = 0;
    for (size_t i = 0; i < head->field_count; i++) {
        const struct field *f = &head->fields[i];
        size_t len = matched_length(f, change);
        if (len > 0)
            bytes += f->value.len - len + new_origin(f, change).len;
    }
    return bytes;
}

void origin_rewrite(struct http_head *head, const struct origin_rewrite *change, char *values)
{
    for (size_t i = 0; i < head->field_count; i++) {
        struct field *f = &head->fields[i];
        size_t len = matched_length(f, change);
        if (len == 0)
            continue;
        struct slice origin = new_origin(f, change);
        size_t rest = f->value.len - len;
        memcpy(values, origin.p, origin.len);
        if (rest > 0)
            memcpy(values + origin.len, f->value.p + len, rest);
        f->value = slice_of(values, origin.len + rest);
        values += f->value.len;
    }
}
