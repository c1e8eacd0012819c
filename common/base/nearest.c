// SPDX-License-Identifier: MIT
#include "nearest.h"

static size_t smallest(size_t a, size_t b, size_t c)
{
    size_t min = a < b ? a : b;
    return min < c ? min : c;
}

size_t name_distance(struct slice a, struct slice b)
{
    size_t row[NEAREST_NAME_MAX + 1];
    for (size_t j = 0; j <= b.len; j++)
        row[j] = j;
    for (size_t i = 0; i < a.len; i++) {
        size_t diagonal = row[0];
        row[0] = i + 1;
        for (size_t j = 1; j <= b.len; j++) {
            size_t above = row[j];
            row[j] = smallest(above + 1, row[j - 1] + 1, diagonal + (a.p[i] != b.p[j - 1]));
            diagonal = above;
        }
    }
    return row[b.len];
}

const char *name_nearest(const void *names, size_t count, size_t stride, const char *name)
{
    const char *best = NULL;
    struct slice wanted = slice_str(name);
    size_t least = wanted.len / 4 + 2;
    for (size_t i = 0; i < count && wanted.len > 1 && wanted.len <= NEAREST_NAME_MAX; i++) {
        const char *other = NULL;
        memcpy(&other, (const char *)names + i * stride, sizeof(other));
        size_t d =
            strncmp(other, name, wanted.len) == 0 ? 0 : name_distance(slice_str(other), wanted);
        if (other[1] && d < least && d < wanted.len) {
            least = d;
            best = other;
        }
    }
    return best;
}
