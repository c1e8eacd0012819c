// SPDX-License-Identifier: MIT
#include "http2_stream.h"
#include "proto/http/fields.h"

enum {
    LEND_MIN = 16 * 1024 // less is copied, and leaves with all that the turn brings
};

static void on_free(struct loop_task *task)
{
    struct http2_stream *e = container_of(task, struct http2_stream, free_task);
    e->kind->free(e);
}

void http2_stream_discard(struct http2_stream *e)
{
    if (e->kind->discarded)
        e->kind->discarded(e);
    e->free_task.run = on_free;
    loop_queue(e->loop, &e->free_task);
}

void http2_stream_begin(struct http2_stream *e, struct mux_stream *s)
{
    e->stream = s;
    mux_set_user(s, e);
}

void http2_stream_release(struct http2_stream *e, enum mux_reset code)
{
    struct mux_stream *s = e->stream;
    e->stream = NULL;
    if (!s)
        return;
    mux_set_user(s, NULL);
    if (code)
        mux_reset(s, code);
    http2_stream_wake(e);
}

// The stream is released first, so that its reset causes no event here.
void http2_stream_abort(struct http2_stream *e, enum exchange_outcome why)
{
    http2_stream_release(e, MUX_RESET_CANCEL);
    exchange_abort(&e->endpoint, why);
    http2_stream_discard(e);
}

int http2_stream_respond(struct http2_stream *e, const struct http_head *head,
                         const struct body_framing *framing)
{
    const bool ends = !status_is_interim(head->status) && framing->kind == BODY_NONE;
    struct slice date = {0};
    if (exchange_wants_date(head))
        date = date_text(&e->loop->date, wall_clock_ns() / 1000000000);
    int error = mux_respond_dated(e->stream, head, date, ends);
    if (!error)
        http2_stream_wake(e);
    return error;
}

void http2_stream_data(struct exchange_endpoint *endpoint, const char *bytes, size_t len)
{
    struct http2_stream *e = http2_stream_of(endpoint);
    bool lent = len >= LEND_MIN && loop_lends(e->loop, bytes, len);
    if (lent ? mux_data_borrowed(e->stream, bytes, len) : mux_data(e->stream, bytes, len))
        http2_stream_abort(e, EXCHANGE_MEMORY);
    else
        http2_stream_wake(e);
}

void http2_stream_finish(struct exchange_endpoint *endpoint, const struct http_head *trailers)
{
    struct http2_stream *e = http2_stream_of(endpoint);
    int error = mux_finish(e->stream, trailers);
    // Trailers that the peer does not take are dropped (RFC 9110 §6.5.1): the body is whole.
    if (error == MUX_E_HEAD)
        error = mux_finish(e->stream, NULL);
    if (error)
        http2_stream_abort(e, EXCHANGE_MEMORY);
    else
        http2_stream_wake(e);
}

void http2_stream_unwanted(struct exchange_endpoint *endpoint)
{
    struct http2_stream *e = http2_stream_of(endpoint);
    if (!e->stream)
        return;
    mux_stop_request(e->stream);
    http2_stream_wake(e);
}

void http2_stream_credit(struct exchange_endpoint *endpoint, size_t len)
{
    struct http2_stream *e = http2_stream_of(endpoint);
    if (!e->stream)
        return;
    mux_credit(e->stream, len);
    http2_stream_wake(e);
}

void http2_stream_on_head(void *ctx, struct mux_stream *s, struct http_head *head,
                          const struct body_framing *framing, bool end)
{
    (void)ctx;
    struct http2_stream *e = mux_user(s);
    if (!e || !e->endpoint.x)
        return;
    exchange_head(&e->endpoint, head, framing);
    if (end && e->endpoint.x)
        exchange_finish(&e->endpoint, NULL);
}

void http2_stream_on_data(void *ctx, struct mux_stream *s, const char *bytes, size_t len)
{
    (void)ctx;
    struct http2_stream *e = mux_user(s);
    if (e && e->endpoint.x)
        exchange_data(&e->endpoint, bytes, len);
}

// Not inlined: stack-clash protection probes every page of a frame that holds a head, and most
// streams end without trailers.
__attribute__((noinline)) static void finish_with_trailers(struct http2_stream *e,
                                                           struct http_head *trailers)
{
    struct http_head passed_on;
    head_copy(&passed_on, trailers);
    exchange_set_received(&e->endpoint, trailers);
    fields_strip_trailers(&passed_on, (struct slice){0});
    exchange_finish(&e->endpoint, passed_on.field_count ? &passed_on : NULL);
}

void http2_stream_on_end(void *ctx, struct mux_stream *s, struct http_head *trailers)
{
    (void)ctx;
    struct http2_stream *e = mux_user(s);
    if (!e || !e->endpoint.x)
        return;
    if (trailers)
        finish_with_trailers(e, trailers);
    else
        exchange_finish(&e->endpoint, NULL);
}

// Grants the sender as much as the peer's window takes, and LIMIT_CREDIT_BYTES that wait for more
// of it: no more than room_max with what is queued, whatever window the peer gives. Called when
// bytes of the stream have left, or the window has changed.
void http2_stream_on_drained(void *ctx, struct mux_stream *s, size_t len)
{
    (void)ctx;
    (void)len;
    struct http2_stream *e = mux_user(s);
    if (!e || !e->endpoint.x)
        return;
    int64_t room = mux_stream_room(s, e->kind->room_max);
    int64_t more = LIMIT_CREDIT_BYTES + room - exchange_received(&e->endpoint)->credit;
    if (more > 0)
        exchange_credit(&e->endpoint, (size_t)more);
}

void http2_stream_on_closed(void *ctx, struct mux_stream *s, uint32_t reset)
{
    (void)ctx;
    struct http2_stream *e = mux_user(s);
    if (!e)
        return;
    e->stream = NULL;
    e->kind->lost(e, reset);
}
