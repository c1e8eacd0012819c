// SPDX-License-Identifier: MIT
#include "requests_row_layout.h"

enum {
    METHOD_MAX = 16,       // columns of a method on a line with all columns
    METHOD_NARROW_MAX = 8, // and on other lines
    PART_COLUMNS_MIN = 4   // a part with less room is left out
};

static size_t least(size_t a, size_t b)
{
    return a < b ? a : b;
}

static size_t most(size_t a, size_t b)
{
    return a > b ? a : b;
}

struct row_columns row_columns_for(size_t columns, size_t time)
{
    struct row_columns c = {.method = METHOD_NARROW_MAX};
    size_t used = ROW_STATUS + ROW_GAP + ROW_METHOD + 1;
    c.id = columns >= used + ROW_ID + ROW_GAP + ROW_REST_MIN / 2;
    used += ROW_ID + ROW_GAP;
    used += time + ROW_GAP;
    c.time = columns >= used + ROW_REST_MIN;
    used += ROW_DURATION + ROW_GAP;
    c.duration = columns >= used + ROW_REST_MIN;
    used += ROW_SIZE + ROW_GAP;
    c.size = columns >= used + ROW_REST_MIN;
    if (c.size)
        c.method = METHOD_MAX;
    if (columns < ROW_STATUS + ROW_GAP + METHOD_NARROW_MAX + 1)
        c.method = ROW_METHOD;
    return c;
}

static size_t with_gap(size_t part)
{
    return part > 0 ? part + ROW_GAP : 0;
}

// Gives the remark its share: whole when everything fits, or when it takes at most half of the
// room; else in its short form, with what the path leaves or half of the room. The host comes last.
static void share_remark(size_t room, const struct row_parts *parts, struct row_shares *s)
{
    size_t others = parts->path + with_gap(parts->host);
    size_t cap = most(room > others ? room - others : 0, room / 2);
    s->is_short = with_gap(parts->remark) > cap;
    if (s->is_short)
        cap = most(room > parts->path ? room - parts->path : 0, room / 2);
    cap = cap > ROW_GAP ? cap - ROW_GAP : 0;
    s->remark = s->is_short ? least(parts->remark_short, cap) : parts->remark;
    if (s->is_short && s->remark < PART_COLUMNS_MIN)
        s->remark = 0;
}

struct row_shares row_share(size_t room, const struct row_parts *parts)
{
    struct row_shares s = {0};
    share_remark(room, parts, &s);
    size_t rest = room - with_gap(s.remark);
    size_t host = with_gap(parts->host);
    // A long host leaves at least two thirds of the rest to the path.
    size_t path = most(rest > host ? rest - host : 0, rest - rest / 3);
    s.path = least(parts->path, path);
    size_t left = rest - s.path;
    s.host = least(parts->host, left > ROW_GAP ? left - ROW_GAP : 0);
    if (s.host < PART_COLUMNS_MIN && s.host < parts->host) {
        s.host = 0;
        s.path = least(parts->path, rest);
    }
    if (s.host + s.remark > 0)
        s.path = most(s.path, least(ROW_PATH, rest - with_gap(s.host)));
    return s;
}
