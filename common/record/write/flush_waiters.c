// SPDX-License-Identifier: MIT
#include "flush_waiters.h"
#include <assert.h>
#include <errno.h>
#include <unistd.h>

static bool is_told(const struct flush_waiter *ask)
{
    return ask->until != UINT64_MAX;
}

static void end(struct flush_waiters *a, size_t i, enum flush_reply last)
{
    flush_finish(a->list[i].fd, last);
    a->list[i] = a->list[--a->count];
}

// A reader says nothing: what can be read is that it has closed its end.
static bool has_left(const struct flush_waiter *ask)
{
    char byte;
    ssize_t n = recv(ask->fd, &byte, sizeof(byte), MSG_DONTWAIT | MSG_PEEK);
    return n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR);
}

// Most that wait for reports have got what they wanted, and left: their files belong to traffic.
static void make_room(struct flush_waiters *a)
{
    for (size_t i = a->count; i-- > 0;)
        if (is_told(&a->list[i]) && (a->count == FLUSH_WAITERS_MAX || has_left(&a->list[i])))
            end(a, i, FLUSH_REPORTED);
}

void flush_waiters_add(struct flush_waiters *a, int fd)
{
    make_room(a);
    assert(a->count < FLUSH_WAITERS_MAX);
    a->list[a->count++] = (struct flush_waiter){.fd = fd, .until = UINT64_MAX};
}

size_t flush_waiters_unwritten(const struct flush_waiters *a)
{
    size_t count = 0;
    for (size_t i = 0; i < a->count; i++)
        count += is_told(&a->list[i]) ? 0 : 1;
    return count;
}

void flush_waiters_written(struct flush_waiters *a, uint64_t waited)
{
    for (size_t i = 0; i < a->count; i++) {
        if (is_told(&a->list[i]))
            continue;
        flush_send(a->list[i].fd, FLUSH_WRITTEN);
        a->list[i].until = waited;
    }
}

void flush_waiters_reported(struct flush_waiters *a, uint64_t over)
{
    for (size_t i = a->count; i-- > 0;)
        if (is_told(&a->list[i]) && a->list[i].until <= over)
            end(a, i, FLUSH_REPORTED);
}

void flush_waiters_deinit(struct flush_waiters *a)
{
    for (size_t i = 0; i < a->count; i++)
        (void)close(a->list[i].fd);
    a->count = 0;
}
