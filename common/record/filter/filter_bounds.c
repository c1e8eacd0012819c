// SPDX-License-Identifier: MIT
// Necessary conditions of every match: AND intersects those of its children, OR joins them, NOT has
// none.
#include "filter_internal.h"

static const struct filter_bounds unbounded = {.since_ns = INT64_MIN, .until_ns = INT64_MAX};

static struct filter_bounds bounds_of_term(const struct filter_term *t)
{
    struct filter_bounds b = unbounded;
    if (t->negated)
        return b;
    if (t->field->id == FILTER_BY_SINCE)
        b.since_ns = t->moment_ns;
    if (t->field->id == FILTER_BY_UNTIL)
        b.until_ns = t->moment_ns;
    if (t->field->id == FILTER_BY_ID) {
        b.id = t->value;
        b.id_ends = b.id.len >= RECORD_ID_SUFFIX_MIN && b.id.len < EXCHANGE_ID_LEN;
    }
    return b;
}

static struct filter_bounds intersect(struct filter_bounds a, struct filter_bounds b)
{
    if (b.since_ns > a.since_ns)
        a.since_ns = b.since_ns;
    if (b.until_ns < a.until_ns)
        a.until_ns = b.until_ns;
    if (b.id.len > a.id.len) { // either is necessary; the longer one excludes more
        a.id = b.id;
        a.id_ends = b.id_ends;
    }
    return a;
}

static struct filter_bounds unite(struct filter_bounds a, struct filter_bounds b)
{
    size_t same = 0;
    if (b.since_ns < a.since_ns)
        a.since_ns = b.since_ns;
    if (b.until_ns > a.until_ns)
        a.until_ns = b.until_ns;
    bool ends = a.id_ends || b.id_ends;
    while (!ends && same < a.id.len && same < b.id.len && a.id.p[same] == b.id.p[same])
        same++;
    a.id.len = same;
    a.id_ends = false;
    return a;
}

static struct filter_bounds bounds_of(const struct filter_node *n)
{
    if (n->kind == NODE_TERM)
        return bounds_of_term(&n->term);
    if (n->kind == NODE_NOT)
        return unbounded;
    struct filter_bounds b = bounds_of(n->child);
    for (const struct filter_node *child = n->child->next; child; child = child->next)
        b = n->kind == NODE_AND ? intersect(b, bounds_of(child)) : unite(b, bounds_of(child));
    return b;
}

struct filter_bounds filter_bounds(const struct filter *f)
{
    return f->root ? bounds_of(f->root) : unbounded;
}
