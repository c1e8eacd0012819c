// SPDX-License-Identifier: MIT
#include "flush_waiters.h"
#include <assert.h>
#include <errno.h>
#include <unistd.h>

static bool is_written(const struct flush_waiter *waiter)
{
    return waiter->until != UINT64_MAX;
}

static void finish(struct flush_waiters *f, size_t i, enum flush_reply last)
{
    flush_finish(f->list[i].fd, last);
    f->list[i] = f->list[--f->count];
}

// Readers send nothing: only their end of stream can be read.
static bool has_left(const struct flush_waiter *waiter)
{
    char byte;
    ssize_t n = recv(waiter->fd, &byte, sizeof(byte), MSG_DONTWAIT | MSG_PEEK);
    return n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR);
}

// Closes readers that have left, since traffic needs their descriptors, and, if the list is full,
// one that only waits for reports.
static void make_room(struct flush_waiters *f)
{
    for (size_t i = f->count; i-- > 0;)
        if (is_written(&f->list[i]) && (f->count == FLUSH_WAITERS_MAX || has_left(&f->list[i])))
            finish(f, i, FLUSH_REPORTED);
}

void flush_waiters_add(struct flush_waiters *f, int fd)
{
    make_room(f);
    assert(f->count < FLUSH_WAITERS_MAX);
    f->list[f->count++] = (struct flush_waiter){.fd = fd, .until = UINT64_MAX};
}

size_t flush_waiters_unwritten(const struct flush_waiters *f)
{
    size_t count = 0;
    for (size_t i = 0; i < f->count; i++)
        count += is_written(&f->list[i]) ? 0 : 1;
    return count;
}

void flush_waiters_written(struct flush_waiters *f, uint64_t waited)
{
    for (size_t i = 0; i < f->count; i++) {
        if (is_written(&f->list[i]))
            continue;
        flush_send(f->list[i].fd, FLUSH_WRITTEN);
        f->list[i].until = waited;
    }
}

void flush_waiters_reported(struct flush_waiters *f, uint64_t over)
{
    for (size_t i = f->count; i-- > 0;)
        if (is_written(&f->list[i]) && f->list[i].until <= over)
            finish(f, i, FLUSH_REPORTED);
}

void flush_waiters_deinit(struct flush_waiters *f)
{
    for (size_t i = 0; i < f->count; i++)
        (void)close(f->list[i].fd);
    f->count = 0;
}
