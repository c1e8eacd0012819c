// SPDX-License-Identifier: MIT
// Request heads (RFC 9112 §2 to §5). A head is first scanned for its end and then parsed in one go:
// every line is known to end with CRLF by then, so loops over characters need no bound.
#include <limits.h>
#include "authority.h"
#include "chars.h"
#include "http1_internal.h"

const char *http1_strerror(int error)
{
    switch ((enum http1_error)error) {
    case HTTP1_E_SYNTAX: return "malformed HTTP message";
    case HTTP1_E_HEAD_TOO_LARGE: return "message head too large";
    case HTTP1_E_TOO_MANY_FIELDS: return "too many fields";
    case HTTP1_E_VERSION: return "HTTP version not supported";
    case HTTP1_E_HOST: return "missing, repeated or malformed Host";
    case HTTP1_E_LENGTH: return "malformed or ambiguous Content-Length";
    case HTTP1_E_CODING: return "transfer coding not supported";
    case HTTP1_E_CHUNK: return "malformed chunked body";
    case HTTP1_E_METHOD: return "method not supported";
    case HTTP1_E_TARGET: return "request line too long";
    }
    return error == 0 ? "no error" : "unknown error";
}

int http1_find_end(const char *buf, size_t len, size_t *scanned, size_t limit, bool skip_first)
{
    if (limit > INT_MAX)
        limit = INT_MAX;
    size_t in_reach = len < limit ? len : limit;
    size_t from = *scanned < in_reach ? *scanned : in_reach;

    while (from < in_reach) {
        const char *lf = memchr(buf + from, '\n', in_reach - from);
        if (!lf)
            break;
        from = (size_t)(lf - buf) + 1;
        if (from < 2 || lf[-1] != '\r')
            return HTTP1_E_SYNTAX;
        if (from == 2 ? !skip_first : lf[-2] == '\n')
            return (int)from;
    }
    *scanned = in_reach;
    return len >= limit ? HTTP1_E_HEAD_TOO_LARGE : 0;
}

int http1_parse_fields(const char *p, const char *end, size_t max, struct http_head *head)
{
    if (max > MESSAGE_FIELDS_CAP)
        max = MESSAGE_FIELDS_CAP;
    while (p < end - 2) {
        if (head->field_count >= max)
            return HTTP1_E_TOO_MANY_FIELDS;
        struct field *f = &head->fields[head->field_count++];
        f->name = take(&p, CHAR_TOKEN);
        if (f->name.len == 0 || *p != ':')
            return HTTP1_E_SYNTAX;
        p++;
        f->value = slice_trim(take_value(&p, end));
        if (!take_line_end(&p))
            return HTTP1_E_SYNTAX;
    }
    return 0;
}

// HTTP-name "/" DIGIT "." DIGIT. A later minor version is read as 1.1 (RFC 9110 §2.5).
int http1_take_version(const char **at, const char *end, struct http_head *head)
{
    const char *p = *at;

    if (end - p < 8 || memcmp(p, "HTTP/", 5) != 0 || p[5] < '0' || p[5] > '9' || p[6] != '.' ||
        p[7] < '0' || p[7] > '9')
        return HTTP1_E_SYNTAX;
    if (p[5] != '1')
        return HTTP1_E_VERSION;
    head->minor_version = p[7] == '0' ? 0 : 1;
    *at += 8;
    return 0;
}

// Splits an absolute-form into scheme, authority and target (RFC 9112 §3.2.2). OPTIONS without path
// or query means "*" (§3.2.4).
static int split_absolute_form(struct http_head *head)
{
    struct slice rest = head->target;

    if (slice_ibegins(rest, SLICE("http://")))
        head->scheme = SLICE("http");
    else if (slice_ibegins(rest, SLICE("https://")))
        head->scheme = SLICE("https");
    else
        return HTTP1_E_SYNTAX;
    rest.p += head->scheme.len + 3;
    rest.len -= head->scheme.len + 3;
    size_t i = 0;
    while (i < rest.len && rest.p[i] != '/' && rest.p[i] != '?')
        i++;
    head->authority = slice_of(rest.p, i);
    if (!authority_is_valid(head->authority))
        return HTTP1_E_HOST;
    head->target = slice_of(rest.p + i, rest.len - i);
    if (head->target.len == 0)
        head->target = slice_eq(head->method, SLICE("OPTIONS")) ? SLICE("*") : SLICE("/");
    return 0;
}

static int split_target(struct http_head *head)
{
    if (slice_eq(head->method, SLICE("CONNECT")))
        return HTTP1_E_METHOD;
    if (head->target.p[0] == '/')
        return 0;
    if (slice_eq(head->target, SLICE("*")))
        return slice_eq(head->method, SLICE("OPTIONS")) ? 0 : HTTP1_E_SYNTAX;
    return split_absolute_form(head);
}

static int take_request_line(const char **at, const char *end, struct http_head *head)
{
    const char *p = *at;

    head->method = take(&p, CHAR_TOKEN);
    if (head->method.len == 0 || *p != ' ')
        return HTTP1_E_SYNTAX;
    p++;
    head->target = take(&p, CHAR_TARGET);
    if (head->target.len == 0 || *p != ' ')
        return HTTP1_E_SYNTAX;
    p++;
    int error = http1_take_version(&p, end, head);
    if (error)
        return error;
    if (!take_line_end(&p))
        return HTTP1_E_SYNTAX;
    *at = p;
    return split_target(head);
}

// Checks Host even when an absolute-form overrides it: a second Host could mean another one to the
// next recipient.
static int take_host(struct http_head *head, struct field *host, size_t hosts)
{
    if (hosts == 0)
        return head->minor_version == 0 ? 0 : HTTP1_E_HOST;
    if (hosts > 1 || !authority_is_valid(host->value))
        return HTTP1_E_HOST;
    if (head->authority.len == 0)
        head->authority = host->value;
    host->value = head->authority;
    head->host_name = host->name;
    return 0;
}

static int check_host_and_upgrade(struct http_head *head)
{
    struct field *host = NULL;
    size_t hosts = 0;
    struct slice upgrade = {0};
    bool upgrade_listed = false;

    for (size_t i = 0; i < head->field_count; i++) {
        struct field *f = &head->fields[i];
        if (f->name.len == 4 && slice_ieq(f->name, SLICE("host"))) {
            host = f;
            hosts++;
        } else if (f->name.len == 7 && slice_ieq(f->name, SLICE("upgrade"))) {
            upgrade = upgrade.len > 0 ? upgrade : f->value;
        } else if (f->name.len == 10 && slice_ieq(f->name, SLICE("connection"))) {
            upgrade_listed = upgrade_listed || slice_list_has(f->value, SLICE("upgrade"));
        }
    }
    if (upgrade_listed && head->minor_version >= 1)
        head->upgrade = upgrade;
    return take_host(head, host, hosts);
}

// Whether the first line, after an optional empty one, does not end within `len` bytes.
static bool is_one_line(const char *buf, size_t len)
{
    return len > 2 && !memchr(buf + 2, '\n', len - 2);
}

int http1_parse_request(const char *buf, size_t len, size_t *scanned,
                        const struct http1_limits *limits, struct http_head *head)
{
    if (len == 0)
        return 0;
    // Refuse other protocols, such as TLS, at the first byte.
    if (!char_is(buf[0], CHAR_TOKEN) && buf[0] != '\r')
        return HTTP1_E_SYNTAX;
    int size = http1_find_end(buf, len, scanned, limits->head_bytes, true);
    if (size == HTTP1_E_HEAD_TOO_LARGE && is_one_line(buf, limits->head_bytes))
        return HTTP1_E_TARGET;
    if (size <= 0)
        return size;
    const char *p = buf;
    const char *end = buf + size;
    (void)take_line_end(&p);
    head_init(head);
    int error = take_request_line(&p, end, head);
    if (!error)
        error = http1_parse_fields(p, end, limits->fields, head);
    if (!error)
        error = check_host_and_upgrade(head);
    if (error)
        return error;
    *scanned = 0;
    return size;
}

// Whether a field announces a body. A broken sender may send one even after a 204 or 304.
static bool announces_body(const struct field *f)
{
    if (f->name.len == 14 && slice_ieq(f->name, SLICE("content-length")))
        return !slice_eq(f->value, SLICE("0"));
    return f->name.len == 17 && slice_ieq(f->name, SLICE("transfer-encoding"));
}

bool http1_keeps_alive(const struct http_head *head)
{
    bool keep_alive = head->minor_version >= 1;

    for (size_t i = 0; i < head->field_count; i++) {
        const struct field *f = &head->fields[i];
        if ((head->status == 204 || head->status == 304) && announces_body(f))
            return false;
        if (f->name.len != 10 || !slice_ieq(f->name, SLICE("connection")))
            continue;
        if (slice_list_has(f->value, SLICE("close")))
            return false;
        keep_alive = keep_alive || slice_list_has(f->value, SLICE("keep-alive"));
    }
    return keep_alive;
}
