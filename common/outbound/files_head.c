// SPDX-License-Identifier: MIT
#include <inttypes.h>
#include <stdio.h>
#include "files_internal.h"
#include "files_type.h"
#include "proto/http/percent.h"

enum {
    DIGITS_MAX = 64 // "bytes 1-2/3"
};

// The values of the fields, which last until the head has been sent.
struct values {
    struct files_version version;
    char length[DIGITS_MAX], range[DIGITS_MAX];
};

static void add(struct http_head *head, struct slice name, const char *value)
{
    (void)head_add(head, name, slice_str(value));
}

static void set_status(struct http_head *head, uint16_t status, const char *reason)
{
    head_init(head);
    head->status = status;
    head->reason = slice_str(reason);
    add(head, SLICE("Cache-Control"), "no-cache"); // the file may change at any time
}

static void add_length(struct http_head *head, struct values *v, uint64_t length)
{
    (void)snprintf(v->length, sizeof(v->length), "%" PRIu64, length);
    add(head, SLICE("Content-Length"), v->length);
}

// Sends a head and says whether a body follows it.
static bool pass_head(struct files_request *r, struct http_head *head)
{
    const uint64_t len = r->range.end - r->range.first;
    bool has_body = !r->endpoint.x->asks_head && head->status != 304 && len > 0;
    struct body_framing framing = {BODY_NONE, 0};
    if (has_body)
        framing = (struct body_framing){BODY_LENGTH, len};
    else
        r->range = (struct files_range){0, 0};
    exchange_head(&r->endpoint, head, &framing);
    return has_body;
}

static void decide_on_file(struct files_request *r, struct http_head *head, struct values *v)
{
    static const struct {
        uint16_t status;
        const char *reason;
    } lines[] = {
        [FILES_WHOLE] = {200, "OK"},
        [FILES_PART] = {206, "Partial Content"},
        [FILES_UNCHANGED] = {304, "Not Modified"},
        [FILES_FAILED] = {412, "Precondition Failed"},
        [FILES_UNSATISFIABLE] = {416, "Range Not Satisfiable"},
    };
    head_copy_read(r->request, head);
    files_version_of(&r->st, &v->version);
    enum files_verdict verdict = files_conditions(head, &v->version, &r->range);
    bool has_body = verdict == FILES_WHOLE || verdict == FILES_PART;
    set_status(head, lines[verdict].status, lines[verdict].reason);
    if (!has_body)
        r->range = (struct files_range){0, 0};
    if (verdict != FILES_UNCHANGED)
        add_length(head, v, r->range.end - r->range.first);
    if (verdict == FILES_PART)
        (void)snprintf(v->range, sizeof(v->range), "bytes %" PRIu64 "-%" PRIu64 "/%" PRIu64,
                       r->range.first, r->range.end - 1, v->version.size);
    else
        (void)snprintf(v->range, sizeof(v->range), "bytes */%" PRIu64, v->version.size);
    if (verdict == FILES_PART || verdict == FILES_UNSATISFIABLE)
        add(head, SLICE("Content-Range"), v->range);
    if (has_body)
        add(head, SLICE("Content-Type"), files_type(r->path.text));
    add(head, SLICE("ETag"), v->version.etag);
    add(head, SLICE("Last-Modified"), v->version.modified);
    add(head, SLICE("Accept-Ranges"), "bytes");
}

static bool send_file(struct files_request *r)
{
    struct http_head head;
    struct values v;
    decide_on_file(r, &head, &v);
    return pass_head(r, &head);
}

static bool send_page(struct files_request *r)
{
    struct http_head head;
    struct values v;
    r->range = (struct files_range){0, r->page_len};
    set_status(&head, 200, "OK");
    add_length(&head, &v, r->range.end);
    add(&head, SLICE("Content-Type"), "text/html; charset=utf-8");
    add(&head, SLICE("Content-Security-Policy"), "default-src 'none'");
    return pass_head(r, &head);
}

static struct slice query_of(struct slice target)
{
    const char *mark = target.len > 0 ? memchr(target.p, '?', target.len) : NULL;
    return mark ? slice_of(mark, target.len - (size_t)(mark - target.p)) : (struct slice){0};
}

// Sends the visitor to the same path with a slash. The path is made anew from its names: "//HOST"
// would lead to another host.
static bool send_to_slash(struct files_request *r)
{
    struct http_head head;
    struct values v;
    struct buf location = {0};
    char encoded[3 * FILES_PATH_MAX];
    head_copy_read(r->request, &head);
    const struct slice query = query_of(head.target);
    size_t len = percent_encode_path(slice_of(r->path.text, r->path.len), encoded, sizeof(encoded));
    bool ok = buf_append(&location, "/", 1) && buf_append(&location, encoded, len) &&
              buf_append(&location, "/", 1) && buf_append(&location, query.p, query.len);
    set_status(&head, 308, "Permanent Redirect");
    r->range = (struct files_range){0, 0};
    add_length(&head, &v, 0);
    (void)head_add(&head, SLICE("Location"), buf_slice(&location));
    if (ok)
        (void)pass_head(r, &head);
    else
        exchange_refuse(&r->endpoint, ANSWER_BUSY, EXCHANGE_MEMORY);
    buf_free(&location);
    return false;
}

bool files_send_head(struct files_request *r)
{
    switch (r->found) {
    case FILES_FOUND_FILE: return send_file(r);
    case FILES_FOUND_PAGE: return send_page(r);
    case FILES_FOUND_NO_SLASH: return send_to_slash(r);
    case FILES_FOUND_NO_INDEX:
    case FILES_FOUND_NONE: break;
    }
    return false;
}
