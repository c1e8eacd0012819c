// SPDX-License-Identifier: MIT
#include "flush_mailbox.h"
#include <assert.h>
#include <unistd.h>

bool flush_mailbox_init(struct flush_mailbox *m)
{
    m->count = 0;
    atomic_init(&m->pending, 0);
    return !uv_mutex_init(&m->lock);
}

void flush_mailbox_deinit(struct flush_mailbox *m)
{
    for (size_t i = 0; i < m->count; i++)
        (void)close(m->list[i].fd);
    m->count = 0;
    uv_mutex_destroy(&m->lock);
}

bool flush_mailbox_put(struct flush_mailbox *m, int fd, size_t mark)
{
    uv_mutex_lock(&m->lock);
    // Only this function adds to `pending`, so there is room in the list.
    bool room = atomic_load(&m->pending) < FLUSH_WAITERS_MAX;
    if (room) {
        atomic_fetch_add(&m->pending, 1);
        m->list[m->count++] = (struct flush_asked){.fd = fd, .mark = mark};
    }
    uv_mutex_unlock(&m->lock);
    return room;
}

size_t flush_mailbox_take(struct flush_mailbox *m, struct queue *q,
                          int fds[static FLUSH_WAITERS_MAX])
{
    size_t taken = 0;
    size_t kept = 0;
    if (atomic_load(&m->pending) == 0)
        return 0;
    uv_mutex_lock(&m->lock);
    for (size_t i = 0; i < m->count; i++)
        if (queue_has_passed(q, m->list[i].mark))
            fds[taken++] = m->list[i].fd;
        else
            m->list[kept++] = m->list[i];
    m->count = kept;
    uv_mutex_unlock(&m->lock);
    return taken;
}

void flush_mailbox_end(struct flush_mailbox *m, size_t count)
{
    size_t before = atomic_fetch_sub(&m->pending, count);
    assert(before >= count);
    (void)before;
}

size_t flush_mailbox_pending(struct flush_mailbox *m)
{
    return atomic_load(&m->pending);
}
