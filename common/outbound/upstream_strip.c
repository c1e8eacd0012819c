// SPDX-License-Identifier: MIT
#include "upstream_strip.h"
#include "proto/http/fields.h"

// Strips adit-* fields from the origin's response, except adit-error on a 508: there the origin is
// the relay, which has found a loop.
void upstream_strip(struct http_head *head)
{
    const struct field *error = head_find(head, SLICE("adit-error"));
    bool loop = head->status == 508 && error && slice_eq(error->value, SLICE("ADIT-LOOP"));
    fields_strip_hop_by_hop(head);
    if (loop)
        (void)head_add(head, SLICE("Adit-Error"), SLICE("ADIT-LOOP"));
}
