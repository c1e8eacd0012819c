// SPDX-License-Identifier: MIT
// A thread writes because O_NONBLOCK is a flag of the open file, which the shell and other
// processes share (docs/decisions.md). It gathers lines while it pauses, so that under load it
// makes a few hundred writes a second.
#include "line_writer.h"
#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "clock.h"
#include "output.h"
#include "printable.h"

enum {
    HALF_BYTES = LINE_WRITER_BYTES / 2
};

struct half {
    char *bytes; // HALF_BYTES
    size_t len;
    uint64_t dropped; // lines dropped after those in `bytes`
};

struct line_writer {
    int fd;
    const char *program;
    unsigned pause_ms;
    bool colours; // output_colours pass
    pthread_t thread;
    pthread_mutex_t lock; // guards everything below
    pthread_cond_t news, over;
    struct half filling, writing; // swapped by the thread, which alone uses `writing`
    bool idle;                    // the thread waits for `news`
    bool closing, done;
    bool broken;                             // EPIPE: only the thread uses it
    size_t (*prefix)(char *out, size_t cap); // of the line about drops; NULL: the program's name
};

// Returns the length of the next write: whole lines of at most PIPE_BUF bytes. A pipe takes those
// atomically, so that two writers of one pipe (2>&1) do not mix within lines.
static size_t piece(const char *bytes, size_t len)
{
    if (len <= PIPE_BUF)
        return len;
    const char *end = memrchr(bytes, '\n', PIPE_BUF);
    return end ? (size_t)(end - bytes) + 1 : PIPE_BUF;
}

static uint64_t count_lines(const char *bytes, size_t len)
{
    uint64_t lines = 0;
    const char *end = bytes + len;
    for (const char *at = memchr(bytes, '\n', len); at; lines++) {
        at++;
        at = memchr(at, '\n', (size_t)(end - at));
    }
    return lines;
}

// Returns the number of lines that could not be written.
static uint64_t write_lines(struct line_writer *w, const char *bytes, size_t len)
{
    while (len > 0 && !w->broken) {
        ssize_t n = write(w->fd, bytes, piece(bytes, len));
        if (n >= 0) {
            bytes += n;
            len -= (size_t)n;
        } else if (errno == EAGAIN) { // another process has set O_NONBLOCK on the shared file
            (void)poll(&(struct pollfd){.fd = w->fd, .events = POLLOUT}, 1, -1);
        } else if (errno == EPIPE) {
            w->broken = true;
        } else if (errno != EINTR) {
            return count_lines(bytes, len);
        }
    }
    return 0;
}

static uint64_t write_half(struct line_writer *w)
{
    char text[128];
    struct half *h = &w->writing;
    uint64_t lost = write_lines(w, h->bytes, h->len);
    if (lost == 0 && h->dropped > 0) {
        size_t n = w->prefix ? w->prefix(text, sizeof(text))
                             : (size_t)snprintf(text, sizeof(text), "%s: ", w->program);
        n += (size_t)snprintf(text + n, sizeof(text) - n, "%llu lines were dropped\n",
                              (unsigned long long)h->dropped);
        lost = write_lines(w, text, n);
    }
    return lost > 0 ? lost + h->dropped : 0;
}

// Waits with the lock held until the condition is signalled, or until `end_ns` of clock_ns.
static void wait_until(struct line_writer *w, pthread_cond_t *condition, uint64_t end_ns)
{
    const struct timespec end = {.tv_sec = (time_t)(end_ns / 1000000000),
                                 .tv_nsec = (long)(end_ns % 1000000000)};
    (void)pthread_cond_timedwait(condition, &w->lock, &end);
}

static void *run(void *arg)
{
    struct line_writer *w = arg;
    (void)pthread_mutex_lock(&w->lock);
    while (w->filling.len > 0 || !w->closing) {
        if (w->filling.len == 0) {
            w->idle = true;
            (void)pthread_cond_wait(&w->news, &w->lock);
            w->idle = false;
            continue;
        }
        struct half full = w->filling;
        w->filling = (struct half){.bytes = w->writing.bytes};
        w->writing = full;
        (void)pthread_mutex_unlock(&w->lock);
        uint64_t lost = write_half(w);
        (void)pthread_mutex_lock(&w->lock);
        w->filling.dropped += lost; // reported after the next successful write
        if (!w->closing && w->pause_ms > 0)
            wait_until(w, &w->news, clock_ns() + w->pause_ms * 1000000ULL);
    }
    w->done = true;
    (void)pthread_cond_signal(&w->over);
    (void)pthread_mutex_unlock(&w->lock);
    return NULL;
}

static void release(struct line_writer *w)
{
    (void)pthread_cond_destroy(&w->news);
    (void)pthread_cond_destroy(&w->over);
    (void)pthread_mutex_destroy(&w->lock);
    free(w->filling.bytes);
    free(w->writing.bytes);
    free(w);
}

void line_writer_set_prefix(struct line_writer *w, size_t (*write)(char *out, size_t cap))
{
    w->prefix = write;
}

// Blocks all signals in the new thread: the main thread handles them.
static bool start_thread(struct line_writer *w)
{
    sigset_t all;
    sigset_t before;
    (void)sigfillset(&all);
    (void)pthread_sigmask(SIG_SETMASK, &all, &before);
    int error = pthread_create(&w->thread, NULL, run, w);
    (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
    return !error;
}

struct line_writer *line_writer_new(int fd, const char *program, unsigned pause_ms)
{
    struct line_writer *w = calloc(1, sizeof(*w));
    if (!w)
        return NULL;
    w->fd = fd;
    w->program = program;
    w->pause_ms = pause_ms;
    w->filling.bytes = malloc(HALF_BYTES);
    w->writing.bytes = malloc(HALF_BYTES);
    pthread_condattr_t monotonic; // on Linux none of these calls can fail
    (void)pthread_condattr_init(&monotonic);
    (void)pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    (void)pthread_mutex_init(&w->lock, NULL);
    (void)pthread_cond_init(&w->news, &monotonic);
    (void)pthread_cond_init(&w->over, &monotonic);
    (void)pthread_condattr_destroy(&monotonic);
    if (w->filling.bytes && w->writing.bytes && start_thread(w))
        return w;
    release(w);
    return NULL;
}

void line_writer_allow_colours(struct line_writer *w)
{
    w->colours = true;
}

// Sanitizes the text before, between and behind our own colour sequences, each part by itself.
// Returns the new length.
static size_t sanitize(const struct line_writer *w, char *text, size_t len)
{
    char *out = text;
    const char *at = text;
    const char *end = text + len;
    if (!w->colours)
        return printable_sanitize_lines(text, len);
    while (at < end) {
        bool cut = false;
        const char *escape = memchr(at, '\033', (size_t)(end - at));
        size_t plain = (size_t)((escape ? escape : end) - at);
        size_t colour =
            escape ? output_colour_len(slice_of(escape, (size_t)(end - escape)), &cut) : 0;
        if (escape && colour == 0)
            plain++; // a foreign escape becomes '?'
        memmove(out, at, plain + colour);
        at += plain + colour;
        size_t left = printable_sanitize_lines(out, plain);
        memmove(out + left, out + plain, colour);
        out += left + colour;
    }
    return (size_t)(out - text);
}

void line_writer_put(struct line_writer *w, const char *line, size_t len)
{
    (void)pthread_mutex_lock(&w->lock);
    struct half *h = &w->filling;
    // After the first dropped line all are dropped, so that the report stands in their place.
    if (h->len + len > HALF_BYTES || (h->dropped > 0 && h->len > 0)) {
        h->dropped++;
    } else {
        memcpy(h->bytes + h->len, line, len);
        h->len += sanitize(w, h->bytes + h->len, len);
    }
    if (w->idle)
        (void)pthread_cond_signal(&w->news);
    (void)pthread_mutex_unlock(&w->lock);
}

void line_writer_free(struct line_writer *w)
{
    if (!w)
        return;
    const uint64_t until = clock_ns() + LINE_WRITER_FLUSH_MS * 1000000ULL;
    (void)pthread_mutex_lock(&w->lock);
    w->closing = true;
    (void)pthread_cond_signal(&w->news);
    while (!w->done && clock_ns() < until)
        wait_until(w, &w->over, until);
    bool done = w->done;
    (void)pthread_mutex_unlock(&w->lock);
    if (!done)
        return; // stuck in a write: the thread, and the memory it uses, end with the process
    (void)pthread_join(w->thread, NULL);
    release(w);
}
