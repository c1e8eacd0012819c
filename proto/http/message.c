// SPDX-License-Identifier: MIT
#include "message.h"

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
