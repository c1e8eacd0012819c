// SPDX-License-Identifier: MIT
#include "flush_wait.h"
#include <errno.h>
#include <poll.h>
#include <stddef.h>
#include <unistd.h>
#include "common/base/clock.h"
#include "flush_writers.h"

static const uint64_t ms_ns = 1000000;

// A writer whose last reply is outstanding.
struct asked_writer {
    pid_t pid;
    int percent;       // the greatest that it sent; -1: none
    bool written;      // FLUSH_WRITTEN has come
    uint64_t sign_ns;  // the last reply came; before one came, when it was asked
    uint64_t grown_ns; // the percentage grew
};

struct flush_request {
    const struct flush_wait *how;
    uint64_t began_ns, shown_ns;
    struct pollfd polls[FLUSH_WRITERS_MAX];
    struct asked_writer writers[FLUSH_WRITERS_MAX];
    size_t count;
    bool unwritten; // a writer has not confirmed
    pid_t pid;      // the writer
};

static unsigned left_ms(uint64_t now, uint64_t end_ns)
{
    return now < end_ns ? (unsigned)((end_ns - now + ms_ns - 1) / ms_ns) : 0;
}

static void ask_writer(void *ctx, const struct flush_writer *w)
{
    struct flush_request *a = ctx;
    pid_t pid = 0;
    if (a->count == FLUSH_WRITERS_MAX) {
        a->unwritten = true;
        return;
    }
    uint64_t end_ns = a->began_ns + a->how->silent_ms * ms_ns; // of asking all
    int fd = flush_writer_ask(w, left_ms(clock_ns(), end_ns) + 1, &pid);
    if (fd < 0) {
        a->unwritten = a->unwritten || errno != ECONNREFUSED;
        return;
    }
    uint64_t now = clock_ns();
    a->polls[a->count] = (struct pollfd){.fd = fd, .events = POLLIN};
    a->writers[a->count++] =
        (struct asked_writer){.pid = pid, .percent = -1, .sign_ns = now, .grown_ns = now};
}

static void note_unwritten(struct flush_request *a, const struct asked_writer *w)
{
    a->unwritten = true;
    a->pid = w->pid;
}

static void take_progress(struct asked_writer *w, int percent, uint64_t now)
{
    w->sign_ns = now;
    if (percent > w->percent) {
        w->percent = percent;
        w->grown_ns = now;
    }
}

// FLUSH_WRITTEN is the last step of a writer that had sent its progress: reports get their time.
static void take_written(struct asked_writer *w, uint64_t now)
{
    if (w->percent >= 0 && !w->written)
        w->sign_ns = w->grown_ns = now;
    w->written = true;
}

// True: nothing more is expected of the writer.
static bool take_reply(struct flush_request *a, struct asked_writer *w, uint8_t reply, uint64_t now)
{
    int percent = flush_progress(reply);
    if (percent >= 0 && !w->written)
        take_progress(w, percent, now);
    else if (reply == FLUSH_WRITTEN)
        take_written(w, now);
    else if (percent < 0 && reply != FLUSH_REPORTED && !w->written) // FLUSH_BUSY, or unknown
        note_unwritten(a, w);
    return percent < 0 && (reply != FLUSH_WRITTEN || !a->how->reports);
}

static bool take_replies(struct flush_request *a, size_t i)
{
    uint8_t replies[64];
    ssize_t n = recv(a->polls[i].fd, replies, sizeof(replies), MSG_DONTWAIT);
    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return false;
    bool over = n <= 0;
    uint64_t now = clock_ns();
    for (ssize_t at = 0; at < n && !over; at++)
        over = take_reply(a, &a->writers[i], replies[at], now);
    return over;
}

// When the writer counts as stuck, unless it replies.
static uint64_t end_of(const struct flush_request *a, const struct asked_writer *w)
{
    uint64_t silent = w->sign_ns + a->how->silent_ms * ms_ns;
    uint64_t still = w->grown_ns + a->how->standstill_ms * ms_ns;
    return silent < still ? silent : still;
}

static void remove_writer(struct flush_request *a, size_t i)
{
    (void)close(a->polls[i].fd);
    a->count--;
    a->polls[i] = a->polls[a->count];
    a->writers[i] = a->writers[a->count];
}

// Replies that have come are taken first: this program may have been delayed, too.
static void check_writer(struct flush_request *a, size_t i)
{
    const struct asked_writer *w = &a->writers[i];
    bool over = a->polls[i].revents && take_replies(a, i);
    if (!over && clock_ns() < end_of(a, w))
        return;
    if (!over && !w->written)
        note_unwritten(a, w);
    remove_writer(a, i);
}

static void show(struct flush_request *a)
{
    int least = 100;
    uint64_t now = clock_ns();
    if (!a->how->show || a->count == 0 || now - a->shown_ns < FLUSH_SHOW_MS * ms_ns)
        return;
    a->shown_ns = now;
    for (size_t i = 0; i < a->count; i++)
        if (!a->writers[i].written && a->writers[i].percent < least)
            least = a->writers[i].percent;
    a->how->show(a->how->ctx, least);
}

static int next_ms(const struct flush_request *a)
{
    uint64_t next_ns = a->how->show ? a->shown_ns + FLUSH_SHOW_MS * ms_ns : UINT64_MAX;
    for (size_t i = 0; i < a->count; i++)
        if (end_of(a, &a->writers[i]) < next_ns)
            next_ns = end_of(a, &a->writers[i]);
    return (int)left_ms(clock_ns(), next_ns);
}

bool flush_wait(const char *dir, const struct flush_wait *how, pid_t *pid)
{
    struct flush_request a = {.how = how, .began_ns = clock_ns()};
    a.shown_ns = a.began_ns;
    flush_writers_each(dir, ask_writer, &a);
    while (a.count > 0) {
        (void)poll(a.polls, a.count, next_ms(&a));
        for (size_t i = a.count; i-- > 0;)
            check_writer(&a, i);
        show(&a);
    }
    *pid = a.pid;
    return !a.unwritten;
}
