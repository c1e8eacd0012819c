// SPDX-License-Identifier: MIT
#include "relay_fields.h"

bool relay_replaces(struct slice name)
{
    return slice_ieq(name, SLICE("forwarded")) || slice_ieq(name, SLICE("x-forwarded-for")) ||
           slice_ieq(name, SLICE("x-forwarded-proto")) ||
           slice_ieq(name, SLICE("x-forwarded-host"));
}

struct slice relay_via_element(struct slice via)
{
    struct slice element;
    struct slice last = {0};
    while (slice_next_element(&via, &element))
        last = element;
    bool ours = last.len >= 9 && slice_ieq(slice_of(last.p + 4, 5), SLICE("adit-"));
    return ours ? last : (struct slice){0};
}

// Whether it stands in the last of the fields of its name.
static bool is_last_via(struct slice lines, struct slice value)
{
    struct slice name;
    struct slice found;
    struct slice last = {0};
    while (record_next_field(&lines, &name, &found))
        if (slice_ieq(name, SLICE("via")))
            last = found;
    return last.p == value.p;
}

bool relay_has_set(const struct record_exchange *x, struct slice name, struct slice value)
{
    if (!slice_eq(x->program, SLICE("adit http")))
        return false;
    if (slice_ieq(name, SLICE("via")))
        return is_last_via(x->request_head, value) && relay_via_element(value).len > 0;
    return relay_replaces(name);
}
