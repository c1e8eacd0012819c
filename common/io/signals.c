// SPDX-License-Identifier: MIT
#include "signals.h"
#include <poll.h>
#include <sys/signalfd.h>
#include <unistd.h>

void signals_ignore(void)
{
    (void)signal(SIGPIPE, SIG_IGN);
    (void)signal(SIGUSR1, SIG_IGN);
    (void)signal(SIGUSR2, SIG_IGN);
}

// Whether the parent started us with this signal ignored, which we respect. Not so for SIGTERM:
// only SIGKILL would be left to end us.
static bool stays_ignored(int number)
{
    struct sigaction now;
    return (number == SIGINT || number == SIGHUP) && !sigaction(number, NULL, &now) &&
           now.sa_handler == SIG_IGN;
}

static void on_signal(uv_signal_t *handle, int number)
{
    struct signals *s = handle->data;
    s->heard(s->ctx, number);
}

void signals_watch(struct signals *s, struct loop *l, void (*heard)(void *ctx, int number),
                   void *ctx)
{
    static const int numbers[SIGNALS] = {SIGINT, SIGTERM, SIGHUP, SIGUSR1};
    s->heard = heard;
    s->ctx = ctx;
    for (int i = 0; i < SIGNALS; i++) {
        if (stays_ignored(numbers[i]))
            continue;
        (void)uv_signal_init(&l->uv, &s->handles[i]);
        s->handles[i].data = s;
        (void)uv_signal_start(&s->handles[i], on_signal, numbers[i]);
        uv_unref((uv_handle_t *)&s->handles[i]); // must not keep the loop alive
    }
}

void signals_close(struct signals *s)
{
    for (int i = 0; i < SIGNALS; i++) {
        if (!s->handles[i].data)
            continue;
        int number = s->handles[i].signum;
        uv_close((uv_handle_t *)&s->handles[i], NULL);
        s->handles[i].data = NULL;
        (void)signal(number, SIG_IGN);
    }
}

bool signals_block(struct signals_blocked *b)
{
    static const int numbers[] = {SIGINT, SIGTERM, SIGHUP};
    sigset_t ends;
    (void)sigemptyset(&ends);
    for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++)
        if (!stays_ignored(numbers[i]))
            (void)sigaddset(&ends, numbers[i]);
    b->fd = signalfd(-1, &ends, SFD_CLOEXEC | SFD_NONBLOCK);
    if (b->fd < 0)
        return false;
    (void)sigprocmask(SIG_BLOCK, &ends, &b->before);
    return true;
}

bool signals_pending(const struct signals_blocked *b)
{
    struct pollfd file = {.fd = b->fd, .events = POLLIN};
    return poll(&file, 1, 0) > 0;
}

void signals_unblock(struct signals_blocked *b)
{
    struct signalfd_siginfo info;
    while (read(b->fd, &info, sizeof(info)) > 0)
        continue;
    (void)close(b->fd);
    (void)sigprocmask(SIG_SETMASK, &b->before, NULL);
}
