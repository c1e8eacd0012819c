// SPDX-License-Identifier: MIT
#include "worker.h"
#include <unistd.h>
#include "common/base/log.h"
#include "common/io/conn.h"

int worker_init(struct worker *w, const struct limits *limits)
{
    *w = (struct worker){0};
    int error = loop_init(&w->loop);
    if (!error)
        w->loop.limits = *limits;
    return error;
}

static bool has_loop(const struct worker *w)
{
    return w->loop.read_buffer != NULL;
}

const char *worker_begin(struct worker *w, const struct worker_part *parts, size_t count, void *ctx)
{
    const char *why = NULL;
    w->parts = parts;
    w->ctx = ctx;
    for (w->begun = 0; w->begun < count && !why; w->begun += why ? 0 : 1)
        why = parts[w->begun].begin ? parts[w->begun].begin(ctx) : NULL;
    return why;
}

void worker_observe(struct worker *w, struct exchange_observer *o)
{
    if (!o)
        return;
    o->next = w->observer;
    w->observer = o;
}

bool worker_record(struct worker *w, const struct recorder_config *config)
{
    if (config->level == EXCHANGE_RECORD_NONE)
        return true;
    w->recorder = recorder_new(&w->loop, config);
    if (w->recorder)
        worker_observe(w, recorder_observer(w->recorder));
    return w->recorder != NULL;
}

void worker_run(struct worker *w)
{
    loop_run(&w->loop);
}

static void take(const struct worker *w, enum worker_step step)
{
    for (size_t i = w->begun; i > 0; i--)
        if (w->parts[i - 1].end[step])
            w->parts[i - 1].end[step](w->ctx);
}

bool worker_stop(struct worker *w)
{
    if (!has_loop(w))
        return true;
    take(w, WORKER_REFUSE);
    take(w, WORKER_LEAVE);
    take(w, WORKER_ABORT);
    conn_flush_closing(&w->loop, w->leave_ms); // peers' last reports come meanwhile
    take(w, WORKER_CLOSE);
    recorder_free(w->recorder);
    w->recorder = NULL;
    loop_run_once(&w->loop); // what the last step wrote leaves
    conn_close_all(&w->loop);
    take(w, WORKER_RELEASE);
    bool settled = loop_settle(&w->loop);
    take(w, WORKER_FREE);
    return settled;
}

void worker_free(struct worker *w)
{
    if (!has_loop(w))
        return;
    signals_close(&w->signals);
    loop_deinit(&w->loop);
    w->loop.read_buffer = NULL;
}

void worker_end(struct worker *w, int status)
{
    if (!worker_stop(w)) {
        // The thread is inside getaddrinfo, which cannot be cancelled.
        log_end();
        _exit(status);
    }
    worker_free(w);
}
