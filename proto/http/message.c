// SPDX-License-Identifier: MIT
#include "message.h"
#include <stdlib.h>

enum {
    HEAD_SLICES = 7
};

// All that a head has, with its text behind the fields.
struct head_copy {
    struct slice slices[HEAD_SLICES];
    uint16_t status;
    uint8_t minor_version;
    bool http2;
    bool folded;
    size_t count;
    struct field fields[];
};

static void slices_of(const struct http_head *head, struct slice slices[static HEAD_SLICES])
{
    const struct slice all[] = {head->method, head->scheme,  head->authority, head->target,
                                head->reason, head->upgrade, head->host_name};
    memcpy(slices, all, sizeof(all));
}

static struct slice put(char **at, struct slice text)
{
    struct slice copy = slice_of(*at, text.len);
    if (text.len > 0)
        memcpy(*at, text.p, text.len);
    *at += text.len;
    return copy;
}

struct head_copy *head_copy_new(const struct http_head *head)
{
    struct slice slices[HEAD_SLICES];
    size_t text = 0;
    slices_of(head, slices);
    for (size_t i = 0; i < HEAD_SLICES; i++)
        text += slices[i].len;
    for (size_t i = 0; i < head->field_count; i++)
        text += head->fields[i].name.len + head->fields[i].value.len;
    struct head_copy *c = malloc(sizeof(*c) + head->field_count * sizeof(struct field) + text);
    if (!c)
        return NULL;
    char *at = (char *)(c->fields + head->field_count);
    c->status = head->status;
    c->minor_version = head->minor_version;
    c->http2 = head->http2;
    c->folded = head->folded;
    c->count = head->field_count;
    for (size_t i = 0; i < HEAD_SLICES; i++)
        c->slices[i] = put(&at, slices[i]);
    for (size_t i = 0; i < c->count; i++) {
        c->fields[i].name = put(&at, head->fields[i].name);
        c->fields[i].value = put(&at, head->fields[i].value);
    }
    return c;
}

void head_copy_read(const struct head_copy *copy, struct http_head *head)
{
    const struct slice *s = copy->slices;
    head_init(head);
    head->method = s[0];
    head->scheme = s[1];
    head->authority = s[2];
    head->target = s[3];
    head->reason = s[4];
    head->upgrade = s[5];
    head->host_name = s[6];
    head->status = copy->status;
    head->minor_version = copy->minor_version;
    head->http2 = copy->http2;
    head->folded = copy->folded;
    head->field_count = copy->count;
    memcpy(head->fields, copy->fields, copy->count * sizeof(struct field));
}

const struct field *head_find(const struct http_head *head, struct slice name)
{
    for (size_t i = 0; i < head->field_count; i++)
        if (slice_ieq(head->fields[i].name, name))
            return &head->fields[i];
    return NULL;
}

size_t head_count(const struct http_head *head, struct slice name)
{
    size_t count = 0;

    for (size_t i = 0; i < head->field_count; i++)
        if (slice_ieq(head->fields[i].name, name))
            count++;
    return count;
}

bool head_add(struct http_head *head, struct slice name, struct slice value)
{
    if (head->field_count >= MESSAGE_FIELDS_CAP)
        return false;
    head->fields[head->field_count++] = (struct field){name, value};
    return true;
}

void head_remove(struct http_head *head, struct slice name)
{
    size_t kept = 0;

    for (size_t i = 0; i < head->field_count; i++)
        if (!slice_ieq(head->fields[i].name, name))
            head->fields[kept++] = head->fields[i];
    head->field_count = kept;
}

bool method_is_idempotent(struct slice method)
{
    static const char *const methods[] = {"GET", "HEAD", "OPTIONS", "TRACE", "PUT", "DELETE"};
    for (size_t i = 0; i < sizeof(methods) / sizeof(methods[0]); i++)
        if (slice_eq(method, slice_str(methods[i])))
            return true;
    return false;
}
