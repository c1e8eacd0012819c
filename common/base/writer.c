// SPDX-License-Identifier: MIT
// Why a thread: O_NONBLOCK belongs to the open file, and a terminal is shared with the shell and
// with everything that runs beside us; to open it once more through /proc is not always allowed,
// and a socket has no such name; and no flag at all keeps a write to a slow disk from blocking. The
// thread costs two wake-ups where one system call was, but it gathers lines while it pauses: under
// load it writes a few hundred times a second, however many lines and turns of the loop there are.
#include "writer.h"
#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <uv.h>
#include "output.h"
#include "printable.h"

enum {
    HALF_BYTES = WRITER_BYTES / 2
};

struct half {
    char *bytes; // HALF_BYTES
    size_t len;
    uint64_t dropped; // lines that came when it was full, and so belong behind it
};

struct writer {
    int fd;
    const char *program;
    unsigned pause_ms;
    bool colours; // of ours pass
    uv_thread_t thread;
    uv_mutex_t lock; // of all that follows
    uv_cond_t news, over;
    struct half filling, writing; // they change places; `writing` is the thread's alone
    bool idle;                    // the thread waits for news
    bool closing, done;
    bool broken;                             // nobody will ever read: the thread's alone
    size_t (*prefix)(char *out, size_t cap); // of our own line; NULL: the program's name
};

// At most PIPE_BUF bytes, cut behind a line: a pipe takes those whole, so that two who write to the
// same one (2>&1) do not mix within their lines.
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
static uint64_t write_lines(struct writer *w, const char *bytes, size_t len)
{
    while (len > 0 && !w->broken) {
        ssize_t n = write(w->fd, bytes, piece(bytes, len));
        if (n >= 0) {
            bytes += n;
            len -= (size_t)n;
        } else if (errno == EAGAIN) { // somebody has set O_NONBLOCK on what we share
            (void)poll(&(struct pollfd){.fd = w->fd, .events = POLLOUT}, 1, -1);
        } else if (errno == EPIPE) {
            w->broken = true;
        } else if (errno != EINTR) {
            return count_lines(bytes, len);
        }
    }
    return 0;
}

static uint64_t write_half(struct writer *w)
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

static void run(void *arg)
{
    struct writer *w = arg;
    uv_mutex_lock(&w->lock);
    while (w->filling.len > 0 || !w->closing) {
        if (w->filling.len == 0) {
            w->idle = true;
            uv_cond_wait(&w->news, &w->lock);
            w->idle = false;
            continue;
        }
        struct half full = w->filling;
        w->filling = (struct half){.bytes = w->writing.bytes};
        w->writing = full;
        uv_mutex_unlock(&w->lock);
        uint64_t lost = write_half(w);
        uv_mutex_lock(&w->lock);
        w->filling.dropped += lost; // told with the next line that can be written
        if (!w->closing && w->pause_ms > 0)
            (void)uv_cond_timedwait(&w->news, &w->lock, w->pause_ms * 1000000ULL);
    }
    w->done = true;
    uv_cond_signal(&w->over);
    uv_mutex_unlock(&w->lock);
}

static void release(struct writer *w)
{
    uv_cond_destroy(&w->news);
    uv_cond_destroy(&w->over);
    uv_mutex_destroy(&w->lock);
    free(w->filling.bytes);
    free(w->writing.bytes);
    free(w);
}

void writer_set_prefix(struct writer *w, size_t (*write)(char *out, size_t cap))
{
    w->prefix = write;
}

// Signals are for the other threads: one of those may hold them back.
static bool start_thread(struct writer *w)
{
    sigset_t all;
    sigset_t before;
    (void)sigfillset(&all);
    (void)pthread_sigmask(SIG_SETMASK, &all, &before);
    int error = uv_thread_create(&w->thread, run, w);
    (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
    return !error;
}

struct writer *writer_new(int fd, const char *program, unsigned pause_ms)
{
    struct writer *w = calloc(1, sizeof(*w));
    if (!w)
        return NULL;
    w->fd = fd;
    w->program = program;
    w->pause_ms = pause_ms;
    w->filling.bytes = malloc(HALF_BYTES);
    w->writing.bytes = malloc(HALF_BYTES);
    (void)uv_mutex_init(&w->lock); // on Linux these three only set memory
    (void)uv_cond_init(&w->news);
    (void)uv_cond_init(&w->over);
    if (w->filling.bytes && w->writing.bytes && start_thread(w))
        return w;
    release(w);
    return NULL;
}

void writer_pass_colours(struct writer *w)
{
    w->colours = true;
}

// Makes lines safe; what is between two sequences of ours is a text of its own. Returns the new
// length.
static size_t disarm(const struct writer *w, char *text, size_t len)
{
    char *out = text;
    const char *at = text;
    const char *end = text + len;
    if (!w->colours)
        return printable_disarm_lines(text, len);
    while (at < end) {
        bool cut = false;
        const char *escape = memchr(at, '\033', (size_t)(end - at));
        size_t plain = (size_t)((escape ? escape : end) - at);
        size_t colour =
            escape ? output_colour_len(slice_of(escape, (size_t)(end - escape)), &cut) : 0;
        if (escape && colour == 0)
            plain++; // it becomes a '?' like everything else
        memmove(out, at, plain + colour);
        at += plain + colour;
        size_t left = printable_disarm_lines(out, plain);
        memmove(out + left, out + plain, colour);
        out += left + colour;
    }
    return (size_t)(out - text);
}

void writer_line(struct writer *w, const char *line, size_t len)
{
    uv_mutex_lock(&w->lock);
    struct half *h = &w->filling;
    // Behind the first line that was dropped all are, so that what is told stands where they lack.
    if (h->len + len > HALF_BYTES || (h->dropped > 0 && h->len > 0)) {
        h->dropped++;
    } else {
        memcpy(h->bytes + h->len, line, len);
        h->len += disarm(w, h->bytes + h->len, len);
    }
    if (w->idle)
        uv_cond_signal(&w->news);
    uv_mutex_unlock(&w->lock);
}

void writer_free(struct writer *w)
{
    if (!w)
        return;
    const uint64_t until = uv_hrtime() + WRITER_LAST_MS * 1000000ULL;
    uv_mutex_lock(&w->lock);
    w->closing = true;
    uv_cond_signal(&w->news);
    for (uint64_t now = uv_hrtime(); !w->done && now < until; now = uv_hrtime())
        (void)uv_cond_timedwait(&w->over, &w->lock, until - now);
    bool done = w->done;
    uv_mutex_unlock(&w->lock);
    if (!done)
        return; // it is stuck in a write: it ends with the program, and so does what it uses
    (void)uv_thread_join(&w->thread);
    release(w);
}
