// SPDX-License-Identifier: MIT
#include "signals.h"
#include <signal.h>

void signals_ignore(void)
{
    (void)signal(SIGPIPE, SIG_IGN);
    (void)signal(SIGUSR1, SIG_IGN);
}

static void on_signal(uv_signal_t *handle, int number)
{
    struct signals *s = handle->data;
    s->heard(s->ctx, number);
}

void signals_watch(struct signals *s, struct loop *l, void (*heard)(void *ctx, int number),
                   void *ctx)
{
    static const int numbers[SIGNALS] = {SIGINT, SIGTERM, SIGUSR1};
    s->heard = heard;
    s->ctx = ctx;
    for (int i = 0; i < SIGNALS; i++) {
        (void)uv_signal_init(&l->uv, &s->handles[i]);
        s->handles[i].data = s;
        (void)uv_signal_start(&s->handles[i], on_signal, numbers[i]);
    }
}

void signals_close(struct signals *s)
{
    for (int i = 0; i < SIGNALS; i++)
        if (s->handles[i].data)
            uv_close((uv_handle_t *)&s->handles[i], NULL);
}
