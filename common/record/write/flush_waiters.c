// SPDX-License-Identifier: MIT
#include "flush_waiters.h"
#include <assert.h>
#include <errno.h>
#include <unistd.h>

static bool is_written(const struct flush_waiter *waiter)
{
    return waiter->until != UINT64_MAX;
}

static void finish(struct flush_waiters *f, size_t i)
{
    flush_finish(f->list[i].fd, FLUSH_REPORTED);
    f->list[i] = f->list[--f->count];
}

// Readers send nothing: only their end of stream can be read.
static bool has_left(const struct flush_waiter *waiter)
{
    char byte;
    ssize_t n = recv(waiter->fd, &byte, sizeof(byte), MSG_DONTWAIT | MSG_PEEK);
    return n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR);
}

void flush_waiters_drop_left(struct flush_waiters *f)
{
    for (size_t i = f->count; i-- > 0;)
        if (is_written(&f->list[i]) && has_left(&f->list[i])) {
            (void)close(f->list[i].fd);
            f->list[i] = f->list[--f->count];
        }
}

static void make_room(struct flush_waiters *f)
{
    for (size_t i = f->count; i-- > 0 && f->count == FLUSH_WAITERS_MAX;)
        if (is_written(&f->list[i]))
            finish(f, i);
}

void flush_waiters_add(struct flush_waiters *f, int fd, uint64_t begin, uint64_t end)
{
    make_room(f);
    assert(f->count < FLUSH_WAITERS_MAX);
    f->list[f->count++] = (struct flush_waiter){
        .fd = fd, .until = UINT64_MAX, .begin = begin, .end = end, .percent = -1};
}

static bool is_ready(const struct flush_waiter *waiter, uint64_t indexed)
{
    return !is_written(waiter) && waiter->end <= indexed;
}

size_t flush_waiters_ready(const struct flush_waiters *f, uint64_t indexed)
{
    size_t count = 0;
    for (size_t i = 0; i < f->count; i++)
        count += is_ready(&f->list[i], indexed) ? 1 : 0;
    return count;
}

// Of the bytes that a reader waits for.
static int percent_of(const struct flush_waiter *waiter, uint64_t indexed)
{
    if (indexed >= waiter->end)
        return 100;
    if (indexed <= waiter->begin)
        return 0;
    return (int)((indexed - waiter->begin) * 100 / (waiter->end - waiter->begin));
}

// A percentage that has not grown is sent, too: readers see that the writer lives.
static void tell_progress(struct flush_waiter *waiter, int percent, uint64_t now_ms)
{
    if (waiter->percent >= 0 && now_ms - waiter->percent_ms < FLUSH_PROGRESS_MS)
        return;
    if (waiter->percent < percent)
        waiter->percent = percent;
    waiter->percent_ms = now_ms;
    flush_send_progress(waiter->fd, (unsigned)waiter->percent);
}

void flush_waiters_progress(struct flush_waiters *f, uint64_t indexed, uint64_t now_ms)
{
    for (size_t i = 0; i < f->count; i++)
        if (!is_written(&f->list[i]))
            tell_progress(&f->list[i], percent_of(&f->list[i], indexed), now_ms);
}

void flush_waiters_written(struct flush_waiters *f, uint64_t indexed, uint64_t waited)
{
    for (size_t i = 0; i < f->count; i++) {
        if (!is_ready(&f->list[i], indexed))
            continue;
        flush_send(f->list[i].fd, FLUSH_WRITTEN);
        f->list[i].until = waited;
    }
}

void flush_waiters_reported(struct flush_waiters *f, uint64_t over)
{
    for (size_t i = f->count; i-- > 0;)
        if (is_written(&f->list[i]) && f->list[i].until <= over)
            finish(f, i);
}

void flush_waiters_deinit(struct flush_waiters *f)
{
    for (size_t i = 0; i < f->count; i++)
        (void)close(f->list[i].fd);
    f->count = 0;
}
