// SPDX-License-Identifier: MIT
#include "host_rewrite.h"
#include <stdlib.h>
#include "proto/http/origin.h"

static const struct slice request_names[] = {{"Origin", 6}, {"Referer", 7}};
static const struct slice response_names[] = {{"Location", 8}, {"Content-Location", 16}};

static char *origin_text(struct slice scheme, struct slice authority)
{
    char *text = malloc(scheme.len + 3 + authority.len + 1);
    if (!text)
        return NULL;
    memcpy(text, scheme.p, scheme.len);
    memcpy(text + scheme.len, "://", 3);
    memcpy(text + scheme.len + 3, authority.p, authority.len);
    text[scheme.len + 3 + authority.len] = 0;
    return text;
}

char *host_rewrite_public(const struct http_head *request)
{
    struct slice scheme = request->scheme.len > 0 ? request->scheme : SLICE("http");
    struct origin o;
    if (!origin_of(scheme, request->authority, &o))
        return calloc(1, 1);
    return origin_text(scheme, request->authority);
}

static bool rewrite(struct http_head *head, const struct origin_rewrite *change, char **values)
{
    size_t bytes = origin_rewrite_size(head, change);
    if (bytes == 0 || bytes > HOST_REWRITE_BYTES_MAX)
        return true;
    *values = malloc(bytes);
    if (*values)
        origin_rewrite(head, change, *values);
    return *values;
}

bool host_rewrite_request(struct http_head *request, const char *public_origin,
                          const struct host_rewrite_origin *to, char **values)
{
    struct origin_rewrite c = {.names = request_names, .name_count = 2};
    struct origin own;
    *values = NULL;
    if (origin_read(slice_str(public_origin), &c.from) == 0 ||
        !origin_of(to->scheme, to->host, &own))
        return true;
    char *origin = origin_text(to->scheme, to->host);
    if (!origin)
        return false;
    c.to = slice_str(origin);
    bool ok = rewrite(request, &c, values);
    free(origin);
    return ok;
}

// Any scheme matches: a service that trusts X-Forwarded-Proto names itself with https.
bool host_rewrite_response(struct http_head *response, const char *public_origin, struct slice host,
                           char **values)
{
    struct origin_rewrite c = {
        .to = slice_str(public_origin), .names = response_names, .name_count = 2};
    *values = NULL;
    if (c.to.len == 0 || !origin_of(SLICE(""), host, &c.from))
        return true;
    return rewrite(response, &c, values);
}

// A filter keeps the public origin of the request.
static char **origin_kept(const struct filter *f, const struct exchange *x)
{
    return filter_memory(f, x);
}

static bool change(const struct filter *f, const struct exchange *x, struct http_head *head,
                   char **values)
{
    const struct host_rewrite *r = container_of(f, struct host_rewrite, filter);
    const struct host_rewrite_origin own = {r->scheme, slice_str(r->host)};
    char **origin = origin_kept(f, x);
    if (head->status > 0)
        return host_rewrite_response(head, *origin, own.host, values);
    *origin = host_rewrite_public(head);
    head->authority = own.host;
    return *origin && host_rewrite_request(head, *origin, &own, values);
}

static void on_head(const struct filter *f, struct exchange *x, enum exchange_side from,
                    struct http_head *head, const struct body_framing *framing)
{
    char *values = NULL;
    if (change(f, x, head, &values))
        filter_pass_head(f, x, from, head, framing);
    else
        exchange_stop(x, ANSWER_BUSY, EXCHANGE_MEMORY);
    free(values);
}

static void on_closed(const struct filter *f, struct exchange *x)
{
    free(*origin_kept(f, x));
}

void host_rewrite_init(struct host_rewrite *r, const char *host, struct slice scheme)
{
    static const struct filter_ops ops = {
        .memory = sizeof(char *), .head = on_head, .closed = on_closed};
    *r = (struct host_rewrite){.filter.ops = &ops, .host = host, .scheme = scheme};
}
