// SPDX-License-Identifier: MIT
// Evaluates a filter. For all fields but time, `a!=b` equals `not a=b`, and `a!~b` equals `not
// a~b`.
#include <stdlib.h>
#include "filter_internal.h"

enum {
    URL_BYTES = 4096 // of a URL that is put together on the stack
};

static struct slice until_byte(struct slice s, char c, struct slice *behind)
{
    const char *at = s.len > 0 ? memchr(s.p, c, s.len) : NULL;
    size_t len = at ? (size_t)(at - s.p) : s.len;
    *behind = at ? slice_of(at + 1, s.len - len - 1) : (struct slice){0};
    return slice_of(s.p, len);
}

static struct slice path_of(struct slice target)
{
    struct slice query;
    return until_byte(target, '?', &query);
}

static struct slice query_of(struct slice target)
{
    struct slice query;
    (void)until_byte(target, '?', &query);
    return query;
}

// Removes ":80"; digits within brackets are no port.
static struct slice without_port(struct slice host)
{
    size_t n = host.len;
    while (n > 0 && host.p[n - 1] >= '0' && host.p[n - 1] <= '9')
        n--;
    return n > 1 && n < host.len && host.p[n - 1] == ':' ? slice_of(host.p, n - 1) : host;
}

static bool host_is(struct slice host, struct slice wanted)
{
    struct slice behind;
    struct slice name = without_port(host);
    if (slice_ieq(host, wanted) || slice_ieq(name, wanted))
        return true;
    return wanted.len > 0 && name.len > 0 && name.p[0] != '[' &&
           slice_ieq(until_byte(name, '.', &behind), wanted);
}

static bool words_are(struct slice text, struct slice wanted)
{
    if (text.len != wanted.len)
        return false;
    for (size_t i = 0; i < text.len; i++) {
        char a = text.p[i] == '-' ? ' ' : ascii_lower(text.p[i]);
        char b = wanted.p[i] == '-' ? ' ' : ascii_lower(wanted.p[i]);
        if (a != b)
            return false;
    }
    return true;
}

static bool text_matches(const struct filter_term *t, struct slice text)
{
    if (t->presence)
        return text.len > 0;
    if (t->pattern)
        return filter_pattern_found(t->pattern, text);
    switch (t->field->equal) {
    case EQUAL_EXACTLY: return slice_eq(text, t->value);
    case EQUAL_WITHOUT_CASE: return slice_ieq(text, t->value);
    case EQUAL_WORDS: return words_are(text, t->value);
    case EQUAL_HOST: return host_is(text, t->value);
    }
    return false;
}

static bool any_field_matches(const struct filter_term *t, struct slice lines)
{
    struct slice name;
    struct slice value;
    while (record_next_field(&lines, &name, &value))
        if (slice_ieq(name, t->header) && (t->presence || text_matches(t, value)))
            return true;
    return false;
}

static bool headers_match(const struct filter_term *t, const struct record_exchange *x)
{
    if ((t->field->sides & SIDE_REQUEST) &&
        (any_field_matches(t, x->request_head) ||
         any_field_matches(t, x->body[RECORD_REQUEST].trailers)))
        return true;
    return (t->field->sides & SIDE_RESPONSE) &&
           (any_field_matches(t, x->response_head) ||
            any_field_matches(t, x->body[RECORD_RESPONSE].trailers));
}

static bool body_matches(const struct filter_term *t, const struct filter_subject *s,
                         enum record_side side)
{
    if (!(t->field->sides & (1 << side)))
        return false;
    if (t->presence)
        return s->x->body[side].bytes > 0;
    return text_matches(t, s->body ? s->body(s->ctx, side) : (struct slice){0});
}

static char *append(char *to, struct slice s)
{
    if (s.len > 0)
        memcpy(to, s.p, s.len);
    return to + s.len;
}

static bool url_matches(const struct filter_term *t, const struct record_exchange *x)
{
    char usual[URL_BYTES];
    size_t len = x->scheme.len + SLICE("://").len + x->host.len + x->target.len;
    char *url = len <= sizeof(usual) ? usual : malloc(len);
    if (!url)
        return false;
    char *to = append(append(url, x->scheme), SLICE("://"));
    (void)append(append(to, x->host), x->target);
    bool matches = text_matches(t, slice_of(url, len));
    if (url != usual)
        free(url);
    return matches;
}

static bool in_range(const struct filter_term *t, uint64_t value)
{
    return t->min <= value && value <= t->max;
}

// Without a response only status=none matches, not status<600.
static bool status_matches(const struct filter_term *t, uint16_t status)
{
    if (t->presence)
        return status > 0;
    return status > 0 ? in_range(t, status) : t->max == 0;
}

static int64_t stalled_ns(const struct record_exchange *x)
{
    int64_t request = x->body[RECORD_REQUEST].stalled_ns;
    int64_t response = x->body[RECORD_RESPONSE].stalled_ns;
    int64_t more = request > response ? request : response;
    return more > 0 ? more : 0;
}

static bool size_matches(const struct filter_term *t, const struct record_exchange *x)
{
    bool request = t->field->sides == SIDE_REQUEST;
    return in_range(t, x->body[request ? RECORD_REQUEST : RECORD_RESPONSE].bytes);
}

static bool id_matches(const struct filter_term *t, const char *id)
{
    size_t len = strlen(id);
    size_t min = t->value.len;
    if (strncmp(id, t->value.p, min) == 0)
        return true;
    return min >= RECORD_ID_SUFFIX_MIN && len >= min &&
           memcmp(id + len - min, t->value.p, min) == 0;
}

static bool term_matches(const struct filter_term *t, const struct filter_subject *s)
{
    const struct record_exchange *x = s->x;
    switch (t->field->id) {
    case FILTER_BY_STATUS: return status_matches(t, x->status);
    case FILTER_BY_METHOD: return text_matches(t, x->method);
    case FILTER_BY_PATH: return text_matches(t, path_of(x->target));
    case FILTER_BY_TARGET: return text_matches(t, x->target);
    case FILTER_BY_QUERY: return text_matches(t, query_of(x->target));
    case FILTER_BY_HOST: return text_matches(t, x->host);
    case FILTER_BY_SCHEME: return text_matches(t, x->scheme);
    case FILTER_BY_PROTOCOL: return text_matches(t, x->protocol);
    case FILTER_BY_URL: return url_matches(t, x);
    case FILTER_BY_VISITOR: return text_matches(t, x->visitor);
    case FILTER_BY_TUNNEL: return text_matches(t, x->tunnel);
    case FILTER_BY_UPSTREAM: return text_matches(t, x->upstream);
    case FILTER_BY_BODY:
        return body_matches(t, s, RECORD_REQUEST) || body_matches(t, s, RECORD_RESPONSE);
    case FILTER_BY_HEADER: return headers_match(t, x);
    case FILTER_BY_OUTCOME: return text_matches(t, x->outcome);
    case FILTER_BY_ERROR: return text_matches(t, x->error);
    case FILTER_BY_PROGRAM: return text_matches(t, x->program);
    case FILTER_BY_ID: return id_matches(t, x->id);
    // A running exchange has no time: neither time=1s nor time!=1s matches it.
    case FILTER_BY_TIME:
        return x->duration_ns < 0 ? t->negated : in_range(t, (uint64_t)x->duration_ns);
    case FILTER_BY_STALLED: return in_range(t, (uint64_t)stalled_ns(x));
    case FILTER_BY_SIZE: return size_matches(t, x);
    case FILTER_BY_SINCE: return x->began_ns >= t->moment_ns;
    case FILTER_BY_UNTIL: return x->began_ns <= t->moment_ns;
    case FILTER_BY_RUNNING: return x->outcome.len == 0;
    case FILTER_BY_REPLAYED: return x->replay_of.len > 0;
    case FILTER_BY_SHED: return x->flags & RECORD_SHED;
    case FILTER_BY_REDACTED: return x->flags & RECORD_REDACTED;
    case FILTER_BY_UPGRADED: return x->flags & RECORD_UPGRADED;
    }
    return false;
}

static bool node_matches(const struct filter_node *n, const struct filter_subject *s)
{
    const struct filter_node *child = n->child;
    switch (n->kind) {
    case NODE_TERM: return term_matches(&n->term, s) != n->term.negated;
    case NODE_NOT: return !node_matches(child, s);
    case NODE_AND:
    case NODE_OR: break;
    }
    bool decides = n->kind == NODE_OR;
    for (; child; child = child->next)
        if (node_matches(child, s) == decides)
            return decides;
    return !decides;
}

bool filter_match(const struct filter *f, const struct filter_subject *subject)
{
    return !f->root || node_matches(f->root, subject);
}
