// SPDX-License-Identifier: MIT
// Writers of heads, chunk sizes and trailers. Each computes the size first, so that the writing
// needs no checks.
#include <assert.h>
#include "http1.h"

static inline char *put(char *at, struct slice s)
{
    if (s.len > 0)
        memcpy(at, s.p, s.len);
    return at + s.len;
}

static inline bool is_host(const struct field *f)
{
    return f->name.len == 4 && slice_ieq(f->name, SLICE("host"));
}

static size_t fields_size(const struct http_head *head, bool without_host)
{
    size_t size = 2;

    for (size_t i = 0; i < head->field_count; i++)
        if (!without_host || !is_host(&head->fields[i]))
            size += head->fields[i].name.len + head->fields[i].value.len + 4;
    return size;
}

// Writes the field lines and the empty line.
static char *put_fields(char *at, const struct http_head *head, bool without_host)
{
    for (size_t i = 0; i < head->field_count; i++) {
        const struct field *f = &head->fields[i];
        if (without_host && is_host(f))
            continue;
        at = put(at, f->name);
        at = put(at, SLICE(": "));
        at = put(at, f->value);
        at = put(at, SLICE("\r\n"));
    }
    return put(at, SLICE("\r\n"));
}

size_t http1_write_request(char *out, size_t cap, const struct http_head *head)
{
    // The target is "?QUERY" for an absolute-form without a path: prepend "/" (RFC 9112 §3.2.1).
    bool lacks_path = head->target.len > 0 && head->target.p[0] == '?';
    size_t size = head->method.len + head->target.len + head->authority.len + (lacks_path ? 1 : 0) +
                  sizeof("  HTTP/1.1\r\nHost: \r\n") - 1 + fields_size(head, true);
    bool spelled = head->host_name.len == SLICE("Host").len;

    if (size > cap)
        return size;
    char *at = put(out, head->method);
    at = put(at, lacks_path ? SLICE(" /") : SLICE(" "));
    at = put(at, head->target);
    at = put(at, SLICE(" HTTP/1.1\r\n"));
    at = put(at, spelled ? head->host_name : SLICE("Host"));
    at = put(at, SLICE(": "));
    at = put(at, head->authority);
    at = put(at, SLICE("\r\n"));
    at = put_fields(at, head, true);
    assert((size_t)(at - out) == size);
    return size;
}

size_t http1_write_response(char *out, size_t cap, const struct http_head *head)
{
    assert(head->status >= 100 && head->status <= 999);
    size_t size = sizeof("HTTP/1.1 200 \r\n") - 1 + head->reason.len + fields_size(head, false);

    if (size > cap)
        return size;
    char *at = put(out, SLICE("HTTP/1.1 "));
    *at++ = (char)('0' + head->status / 100);
    *at++ = (char)('0' + head->status / 10 % 10);
    *at++ = (char)('0' + head->status % 10);
    *at++ = ' ';
    at = put(at, head->reason);
    at = put(at, SLICE("\r\n"));
    at = put_fields(at, head, false);
    assert((size_t)(at - out) == size);
    return size;
}

size_t http1_write_chunk_head(char out[static HTTP1_CHUNK_HEAD_MAX], uint64_t size)
{
    char *at = out;
    unsigned shift = 60;

    assert(size > 0);
    while (shift > 0 && size >> shift == 0)
        shift -= 4;
    for (;; shift -= 4) {
        *at++ = "0123456789abcdef"[size >> shift & 15];
        if (shift == 0)
            break;
    }
    at = put(at, SLICE("\r\n"));
    return (size_t)(at - out);
}

size_t http1_write_last_chunk(char *out, size_t cap, const struct http_head *trailers)
{
    size_t size = sizeof("0\r\n") - 1 + (trailers ? fields_size(trailers, false) : 2);

    if (size > cap)
        return size;
    char *at = put(out, SLICE("0\r\n"));
    at = trailers ? put_fields(at, trailers, false) : put(at, SLICE("\r\n"));
    assert((size_t)(at - out) == size);
    return size;
}
