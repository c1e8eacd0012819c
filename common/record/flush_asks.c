// SPDX-License-Identifier: MIT
#include "flush_asks.h"
#include <errno.h>
#include <unistd.h>
#include "flush_writers.h"

// Anything but a percentage, and the end of the connection, answers the request.
static bool is_answered(int fd)
{
    uint8_t replies[64];
    ssize_t n = recv(fd, replies, sizeof(replies), MSG_DONTWAIT);
    for (ssize_t at = 0; at < n; at++)
        if (flush_progress(replies[at]) < 0)
            return true;
    return n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR);
}

static bool waits_for(const struct flush_asks *a, const struct flush_writer *w)
{
    for (size_t i = 0; i < a->count; i++)
        if (a->list[i].inode == w->inode)
            return true;
    return false;
}

static void ask_writer(void *ctx, const struct flush_writer *w)
{
    struct flush_asks *a = ctx;
    pid_t pid = 0;
    if (a->count == FLUSH_WRITERS_MAX || waits_for(a, w))
        return;
    int fd = flush_writer_ask(w, 0, &pid);
    if (fd < 0)
        return;
    a->list[a->count].inode = w->inode;
    a->list[a->count++].fd = fd;
}

void flush_asks_close_answered(struct flush_asks *a)
{
    for (size_t i = a->count; i-- > 0;)
        if (is_answered(a->list[i].fd)) {
            (void)close(a->list[i].fd);
            a->list[i] = a->list[--a->count];
        }
}

void flush_asks_repeat(struct flush_asks *a, const char *dir)
{
    flush_asks_close_answered(a);
    flush_writers_each(dir, ask_writer, a);
}

void flush_asks_deinit(struct flush_asks *a)
{
    for (size_t i = 0; i < a->count; i++)
        (void)close(a->list[i].fd);
    a->count = 0;
}
