// SPDX-License-Identifier: MIT
#include "export_request.h"
#include <stdio.h>
#include "proto/http/authority.h"
#include "proto/http/chars.h"
#include "proto/http/http1.h"
#include "recorded.h"
#include "write.h"

// Whether the record has the request as the visitor sent it: that of a relay or a proxy.
static bool has_visitors_request(const struct record_exchange *x)
{
    return slice_eq(x->program, SLICE("aditd")) || slice_eq(x->program, SLICE("adit proxy"));
}

static struct field *find(struct http_head *head, struct slice name)
{
    for (size_t i = 0; i < head->field_count; i++)
        if (slice_ieq(head->fields[i].name, name))
            return &head->fields[i];
    return NULL;
}

// Adds a field before all others.
static bool add_first(struct http_head *head, struct slice name, struct slice value)
{
    if (!head_add(head, name, value))
        return false;
    memmove(head->fields + 1, head->fields, (head->field_count - 1) * sizeof(head->fields[0]));
    head->fields[0] = (struct field){name, value};
    return true;
}

// Takes "1.1 adit-…" off the end of a Via. It has the protocol version of the visitor.
static bool take_own_via(struct http_head *head, struct slice *via)
{
    struct slice last = recorded_own_via(*via);
    if (last.len == 0)
        return false;
    if (slice_eq(slice_of(last.p, 4), SLICE("1.0 ")))
        head->minor_version = 0;
    size_t len = (size_t)(last.p - via->p);
    while (len > 0 && strchr(", \t", via->p[len - 1]))
        len--;
    via->len = len;
    return true;
}

// Removes what a relay or a proxy added: the forwarding fields, which replaced those of the
// visitor, and the last element of Via.
static void remove_forwarding_fields(struct http_head *head)
{
    size_t kept = 0;
    struct field *via = NULL;
    for (size_t i = 0; i < head->field_count; i++) {
        if (slice_ieq(head->fields[i].name, SLICE("via")))
            via = &head->fields[i];
    }
    bool own = via && take_own_via(head, &via->value);
    for (size_t i = 0; i < head->field_count; i++) {
        const struct field *f = &head->fields[i];
        if (!recorded_is_forwarding_field(f->name) && !(own && f == via && f->value.len == 0))
            head->fields[kept++] = *f;
    }
    head->field_count = kept;
}

// Adds `by` (1 or -1) to Max-Forwards, which a relay and a proxy decrement (RFC 9110 §7.6.2).
static void add_to_max_forwards(struct export_request *r, int by)
{
    struct http_head *head = &r->head;
    uint64_t n = 0;
    if (!slice_eq(head->method, SLICE("OPTIONS")) && !slice_eq(head->method, SLICE("TRACE")))
        return;
    struct field *f = find(head, SLICE("max-forwards"));
    if (!f || !slice_to_u64(f->value, &n) || n == (by < 0 ? 0 : UINT64_MAX))
        return;
    n = by < 0 ? n - 1 : n + 1;
    (void)snprintf(r->digits, sizeof(r->digits), "%llu", (unsigned long long)n);
    f->value = slice_str(r->digits);
}

// Makes the target absolute-form (RFC 9112 §3.2.2).
static bool make_absolute(struct export_request *r, const struct record_exchange *x)
{
    struct slice scheme = x->scheme.len > 0 ? x->scheme : SLICE("http");
    bool ok = buf_append(&r->target, scheme.p, scheme.len) && buf_append(&r->target, "://", 3) &&
              buf_append(&r->target, x->host.p, x->host.len) &&
              buf_append(&r->target, x->target.p, x->target.len);
    r->head.target = buf_slice(&r->target);
    return ok;
}

// Changes the recorded request to what the visitor sent.
static bool make_as_visitor_sent(struct export_request *r, const struct record_exchange *x)
{
    struct http_head *head = &r->head;
    bool by_visitor = has_visitors_request(x);
    struct field *host = find(head, SLICE("host"));
    bool ok = true;
    if (host && record_is_redacted(x, host->value))
        host->value = x->host; // the record has the host in a column, too
    if (!by_visitor) {
        remove_forwarding_fields(head);
        add_to_max_forwards(r, 1);
    }
    // A tunnel carries the host apart from the fields.
    if (!by_visitor && !host && x->host.len > 0)
        ok = add_first(head, SLICE("Host"), x->host);
    // A target without a path, or an authority that differs from Host, came in absolute-form.
    bool other = by_visitor && host && x->host.len > 0 && !slice_ieq(host->value, x->host);
    bool path = x->target.len > 0 && x->target.p[0] == '/';
    bool query = x->target.len > 0 && x->target.p[0] == '?';
    return ok && ((!query && !(other && path)) || x->host.len == 0 || make_absolute(r, x));
}

// Changes the request of a visitor as the proxy forwarded it.
static bool forward(struct export_request *r, const struct record_exchange *x)
{
    struct http_head *head = &r->head;
    const struct fields_edge edge = {
        .visitor = x->visitor,
        .scheme = x->scheme.len > 0 ? x->scheme : SLICE("http"),
        .host = x->host.len <= 255 ? x->host : (struct slice){0},
        .loop_id = SLICE("adit-"),
    };
    add_to_max_forwards(r, -1);
    fields_strip_hop_by_hop(head);
    if (fields_add_forwarded(head, &edge, r->forwarded, sizeof(r->forwarded)))
        return false;
    head->field_count--; // the Via that was added: its id is not in the record
    r->lacks_via = true;
    return true;
}

// Changes the recorded request to what the service got.
static bool make_as_service_got(struct export_request *r, const struct record_exchange *x)
{
    struct http_head *head = &r->head;
    const struct field *own = head_find(head, SLICE("host"));
    struct slice name = own ? own->name : SLICE("Host");
    struct slice host = x->host.len > 0 ? x->host
                        : own           ? own->value
                                        : recorded_service_of(x).authority;
    if (slice_eq(x->program, SLICE("adit proxy")) && !forward(r, x))
        return false;
    r->may_rewrite_host = true;
    head->minor_version = 1;
    head_remove(head, SLICE("host"));
    bool ok = add_first(head, name, host);
    if (head_find(head, SLICE("te")))
        ok = ok && head_add(head, SLICE("Connection"), SLICE("te"));
    if (x->target.len == 0 || x->target.p[0] != '?')
        return ok;
    ok = ok && buf_append(&r->target, "/", 1) && buf_append(&r->target, x->target.p, x->target.len);
    head->target = buf_slice(&r->target);
    return ok;
}

static void remove_redacted(struct http_head *head, const struct record_exchange *x)
{
    size_t kept = 0;
    for (size_t i = 0; i < head->field_count; i++)
        if (!record_is_redacted(x, head->fields[i].value))
            head->fields[kept++] = head->fields[i];
    head->field_count = kept;
}

// Restores the framing of the body: without a length it was sent in chunks, which the record of an
// agent does not say.
static bool frame(struct export_request *r, const struct record_exchange *x)
{
    const struct record_body *b = &x->body[RECORD_REQUEST];
    struct field *length = find(&r->head, SLICE("content-length"));
    uint64_t told = 0;
    // Content-Length that contradicts the recorded body: the record is damaged or edited.
    if (length && b->bytes > 0 && (!slice_to_u64(length->value, &told) || told != b->bytes)) {
        (void)snprintf(r->length, sizeof(r->length), "%llu", (unsigned long long)b->bytes);
        length->value = slice_str(r->length);
    }
    r->chunked = r->chunked || (!length && (b->bytes > 0 || b->trailers.len > 0));
    return !r->chunked || head_find(&r->head, SLICE("transfer-encoding")) ||
           head_add(&r->head, SLICE("Transfer-Encoding"), SLICE("chunked"));
}

// Whether the request is valid HTTP. A record is a file that anyone may have written, and curl
// would read a file for a field that begins with @.
static bool is_valid(const struct http_head *head)
{
    bool ok = head->method.len > 0 && chars_are(head->method, CHAR_TOKEN) && head->target.len > 0 &&
              chars_are(head->target, CHAR_TARGET) &&
              (head->authority.len == 0 || authority_is_valid(head->authority));
    for (size_t i = 0; ok && i < head->field_count; i++)
        ok = head->fields[i].name.len > 0 && chars_are(head->fields[i].name, CHAR_TOKEN) &&
             chars_are(head->fields[i].value, CHAR_VALUE);
    return ok;
}

static const char *objection_to(const struct record_exchange *x, enum export_view view)
{
    if (x->flags & RECORD_UPGRADED)
        return "it was upgraded to another protocol, which curl cannot repeat";
    if (view == EXPORT_AS_SERVICE_GOT && slice_eq(x->program, SLICE("aditd")))
        return "a relay does not know what the service got: export it where the agent runs";
    if (view == EXPORT_AS_SERVICE_GOT && x->upstream.len == 0)
        return "it reached no service";
    if (view == EXPORT_AS_SERVICE_GOT && recorded_service_of(x).is_folder)
        return "it went to a folder of files, which curl does not ask over HTTP";
    if (x->upstream.len == 0 && x->host.len == 0)
        return "it named no host, and reached no service"; // curl would take a host from the target
    return NULL;
}

const char *export_request_make(struct export_request *r, const struct record_exchange *x,
                                enum export_view view)
{
    struct http_head *head = &r->head;
    const char *objection = objection_to(x, view);
    head_init(head);
    r->target = (struct buf){0};
    r->chunked =
        slice_list_has(record_field(x->request_head, SLICE("transfer-encoding")), SLICE("chunked"));
    r->lacks_via = r->may_rewrite_host = false;
    if (objection)
        return objection;
    head->method = x->method;
    head->target = x->target;
    const struct recorded_service service = recorded_service_of(x);
    bool to_service = view == EXPORT_AS_SERVICE_GOT;
    head->authority = to_service || x->host.len == 0 ? service.authority : x->host;
    r->socket = to_service ? service.socket : (struct slice){0};
    r->https = to_service ? service.https : slice_eq(x->scheme, SLICE("https"));
    head->minor_version = slice_eq(x->protocol, SLICE("HTTP/1.0")) ? 0 : 1;
    bool ok =
        record_add_fields(head, x->request_head) &&
        (view == EXPORT_AS_SERVICE_GOT ? make_as_service_got(r, x) : make_as_visitor_sent(r, x));
    remove_redacted(head, x);
    if (!ok || !frame(r, x))
        return "it has too many fields, or memory ran out";
    return is_valid(head) ? NULL : "it is not valid HTTP, which curl does not send";
}

void export_request_free(struct export_request *r)
{
    buf_free(&r->target);
}
