// SPDX-License-Identifier: MIT
#include "spool_marks.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include "common/base/state.h"
#include "spool_internal.h"

// A segment: no other of its spool ever has its name.
struct spool_mark {
    char name[SPOOL_ID_MAX + sizeof("/") + SPOOL_SEGMENT_NAME_MAX];
    uint64_t size;
};

static bool add(void *ctx, const char *id, const char *name, uint64_t size)
{
    struct spool_marks *m = ctx;
    if (size == 0)
        return true;
    if (m->count == m->room) {
        size_t room = m->room ? 2 * m->room : 16;
        struct spool_mark *list = realloc(m->list, room * sizeof(*list));
        if (!list)
            return false;
        m->list = list;
        m->room = room;
    }
    struct spool_mark *mark = &m->list[m->count++];
    (void)snprintf(mark->name, sizeof(mark->name), "%s/%s", id, name);
    mark->size = size;
    return true;
}

bool spool_marks_take(struct spool_marks *m, const char *dir)
{
    return spool_each_segment(dir, add, m);
}

static uint64_t size_of(const char *dir, const struct spool_mark *mark)
{
    char path[STATE_PATH_MAX + sizeof("/" SPOOL_PARENT "/") + sizeof(mark->name)];
    struct stat st;
    (void)snprintf(path, sizeof(path), "%s/" SPOOL_PARENT "/%s", dir, mark->name);
    if (lstat(path, &st))
        return errno == ENOENT || errno == ENOTDIR ? 0 : mark->size;
    return (uint64_t)st.st_size < mark->size ? (uint64_t)st.st_size : mark->size;
}

uint64_t spool_marks_left(const struct spool_marks *m, const char *dir)
{
    uint64_t left = 0;
    for (size_t i = 0; i < m->count; i++)
        left += size_of(dir, &m->list[i]);
    return left;
}

void spool_marks_deinit(struct spool_marks *m)
{
    free(m->list);
    *m = (struct spool_marks){0};
}
