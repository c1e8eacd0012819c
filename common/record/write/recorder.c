// SPDX-License-Identifier: MIT
#include "recorder.h"
#include <stdlib.h>
#include "common/base/log.h"
#include "recorder_internal.h"

static void log_messages(struct recorder *r)
{
    char text[RECORD_WRITER_MESSAGE_MAX];
    while (record_writer_next_message(r->writer, text))
        log_warn("record: %s", text);
}

static void on_notify(uv_async_t *async)
{
    struct recorder *r = async->data;
    log_messages(r);
    if (r->readers)
        flush_listener_renew(r->readers);
}

static void on_publish(struct loop_task *task)
{
    struct recorder *r = container_of(task, struct recorder, publish);
    queue_publish(r->queue);
}

static void on_asked(void *ctx, int fd)
{
    struct recorder *r = ctx;
    queue_publish(r->queue); // what happened before the reader asked
    record_writer_ask(r->writer, fd);
}

static void on_handle_closed(uv_handle_t *handle)
{
    struct recorder *r = handle->data;
    if (--r->handles == 0)
        free(r);
}

static void close_handles(struct recorder *r)
{
    uv_close((uv_handle_t *)&r->progress_idle, on_handle_closed);
    uv_close((uv_handle_t *)&r->notify, on_handle_closed);
}

static bool start(struct recorder *r, const struct limits *l)
{
    const struct record_writer_config config = {
        .store = {.dir = r->config.dir,
                  .program = r->config.program,
                  .bytes = l->record_bytes,
                  .age_ms = l->record_age_ms},
        .body_bytes = l->record_body_bytes,
        .notify = &r->notify,
    };
    r->body_bytes = l->record_body_bytes;
    r->queue = queue_new();
    r->writer = r->queue ? record_writer_new(&config, r->queue) : NULL;
    return r->writer != NULL;
}

struct recorder *recorder_new(struct loop *l, const struct recorder_config *config)
{
    struct recorder *r = calloc(1, sizeof(*r));
    if (!r)
        return NULL;
    r->config = *config;
    r->loop = l;
    redact_init(&r->redact, config);
    queue_shares_init(&r->shares);
    r->observer = recorder_events;
    r->observer.ctx = r;
    r->publish.run = on_publish;
    if (uv_async_init(&l->uv, &r->notify, on_notify)) {
        free(r);
        return NULL;
    }
    (void)uv_idle_init(&l->uv, &r->progress_idle);
    r->notify.data = r->progress_idle.data = r;
    r->handles = 2;
    uv_unref((uv_handle_t *)&r->notify);
    uv_unref((uv_handle_t *)&r->progress_idle);
    if (start(r, &l->limits)) {
        r->readers = flush_listener_new(l, config->dir, on_asked, r);
        return r;
    }
    queue_free(r->queue);
    close_handles(r);
    return NULL;
}

void recorder_free(struct recorder *r)
{
    if (!r)
        return;
    timeout_stop(&r->progress_timeout);
    loop_unqueue(r->loop, &r->publish);
    queue_publish(r->queue);
    (void)uv_idle_stop(&r->progress_idle);
    bool ended = record_writer_stop(r->writer, RECORDER_STOP_MS);
    flush_listener_free(r->readers); // after the last writes: readers take its end for a reply
    log_messages(r);
    free(r->slots);
    if (ended) {
        record_writer_free(r->writer);
        queue_free(r->queue);
    } else {
        log_warn("record: %s does not respond: the last events were not written", r->config.dir);
    }
    redact_set_token(&r->redact, (struct slice){0});
    close_handles(r);
}

void recorder_set_token(struct recorder *r, const char *token)
{
    if (r)
        redact_set_token(&r->redact, slice_str(token));
}

void recorder_status(const struct recorder *r, struct recorder_status *status)
{
    status->failing = record_writer_is_failing(r->writer, &status->shed, &status->shed_bytes);
}

struct exchange_observer *recorder_observer(struct recorder *r)
{
    return &r->observer;
}
