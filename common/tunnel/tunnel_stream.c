// SPDX-License-Identifier: MIT
#include "tunnel_stream.h"
#include <stdio.h>
#include <stdlib.h>
#include "common/base/limits.h"
#include "proto/http/fields.h"

enum {
    LEND_MIN = 16 * 1024 // less is copied, and leaves with all that the turn brings
};

static void on_free(struct loop_task *task)
{
    free(container_of(task, struct tunnel_stream, free_task));
}

void tunnel_stream_discard(struct tunnel_stream *e)
{
    shares_leave(e->share);
    e->share = NULL;
    e->free_task.run = on_free;
    loop_queue(e->loop, &e->free_task);
}

static struct tunnel_stream *stream_of(struct exchange_endpoint *e)
{
    return container_of(e, struct tunnel_stream, endpoint);
}

static void wake(const struct tunnel_stream *e)
{
    e->wake(e->wake_ctx);
}

// Lets the mux stream go on, or resets it; its events are ignored from now on.
static void release_stream(struct tunnel_stream *e, bool reset)
{
    struct mux_stream *s = e->stream;
    e->stream = NULL;
    if (!s)
        return;
    mux_set_user(s, NULL);
    if (reset)
        mux_reset(s, MUX_RESET_CANCEL);
    wake(e);
}

// The stream is released first, so that its reset causes no event here.
void tunnel_stream_refuse(struct tunnel_stream *e, enum answer answer, enum exchange_outcome why)
{
    release_stream(e, true);
    exchange_refuse(&e->endpoint, answer, why);
    tunnel_stream_discard(e);
}

static void abort_stream(struct tunnel_stream *e, enum exchange_outcome why)
{
    release_stream(e, true);
    exchange_abort(&e->endpoint, why);
    tunnel_stream_discard(e);
}

enum {
    DIGITS_MAX = 20 // of a uint64_t
};

// Writes a number at the end of `out`, and returns its digits.
static struct slice digits_of(uint64_t number, char out[static DIGITS_MAX])
{
    char *at = out + DIGITS_MAX;
    do
        *--at = (char)('0' + number % 10);
    while ((number /= 10) > 0);
    return slice_of(at, (size_t)(out + DIGITS_MAX - at));
}

// Whether the agent is to know the visitor's connection (docs/protocol.md §4.1).
static bool tells_visitor(const struct tunnel_stream *e, const struct http_head *head,
                          const struct body_framing *framing)
{
    return e->endpoint.x->facts.inbound_id && mux_peer(e->mux)->visitors &&
           exchange_limits_reuse(head, framing);
}

static void add(struct mux_beside *b, struct slice name, struct slice value)
{
    b->fields[b->count++] = (struct field){.name = name, .value = value};
}

// Opens the stream with the relay's fields of a request (docs/protocol.md §4.1).
static void outbound_head(struct exchange_endpoint *endpoint, const struct http_head *head,
                          const struct body_framing *framing)
{
    struct tunnel_stream *e = stream_of(endpoint);
    const struct exchange_facts *facts = &endpoint->x->facts;
    struct mux_beside beside;
    char bind[DIGITS_MAX];
    char visitor[DIGITS_MAX];
    const bool ends = framing->kind == BODY_NONE && head->upgrade.len == 0;
    beside.count = 0;
    add(&beside, SLICE("adit-bind"), digits_of(facts->bind_id, bind));
    add(&beside, SLICE("adit-id"), slice_str(facts->id));
    if (head->field_count + beside.count > MESSAGE_FIELDS_CAP) {
        tunnel_stream_refuse(e, ANSWER_HEAD_TOO_LARGE, EXCHANGE_REFUSED);
        return;
    }
    // In a full head the visitor is left out: the agent then closes the connection behind the
    // request.
    if (tells_visitor(e, head, framing) && head->field_count + beside.count < MESSAGE_FIELDS_CAP)
        add(&beside, SLICE("adit-visitor"), digits_of(facts->inbound_id, visitor));
    e->stream = mux_open_beside(e->mux, head, &beside, ends, e);
    if (!e->stream)
        tunnel_stream_refuse(e, ANSWER_BUSY, EXCHANGE_RESET);
    else
        wake(e);
}

// Answers in place of a response whose head the mux cannot carry, and detaches its sender.
static void answer_instead(struct tunnel_stream *e, const struct http_head *head)
{
    struct exchange *x = e->endpoint.x;
    char detail[EXCHANGE_DETAIL_MAX];
    if (!mux_stream_peer(e->stream)->fields && head->field_count > MESSAGE_FIELDS_DEFAULT)
        (void)snprintf(detail, sizeof(detail),
                       "%zu fields, more than the relay takes (a newer aditd takes %d)",
                       head->field_count, MESSAGE_RESPONSE_FIELDS_MAX);
    else
        (void)snprintf(detail, sizeof(detail), "a head that is too large for the tunnel");
    exchange_set_detail(&e->endpoint, detail);
    exchange_answer_instead(x, ANSWER_UPSTREAM_TOO_LARGE, EXCHANGE_PROTOCOL);
}

static void inbound_head(struct exchange_endpoint *endpoint, const struct http_head *head,
                         const struct body_framing *framing)
{
    struct tunnel_stream *e = stream_of(endpoint);
    bool interim = status_is_interim(head->status);
    const bool ends = !interim && framing->kind == BODY_NONE;
    struct slice date = {0};
    if (exchange_wants_date(head))
        date = date_text(&e->loop->date, wall_clock_ns() / 1000000000);
    int error = mux_respond_dated(e->stream, head, date, ends);
    if (error == MUX_E_HEAD && interim)
        return; // interim responses may be left out (RFC 9110 §15.2)
    if (error == MUX_E_HEAD && !endpoint->x->facts.refused)
        answer_instead(e, head);
    else if (error)
        abort_stream(e, EXCHANGE_MEMORY);
    else
        wake(e);
}

static void endpoint_data(struct exchange_endpoint *endpoint, const char *bytes, size_t len)
{
    struct tunnel_stream *e = stream_of(endpoint);
    bool lent = len >= LEND_MIN && loop_lends(e->loop, bytes, len);
    if (lent ? mux_data_borrowed(e->stream, bytes, len) : mux_data(e->stream, bytes, len))
        abort_stream(e, EXCHANGE_MEMORY);
    else
        wake(e);
}

static void endpoint_finish(struct exchange_endpoint *endpoint, const struct http_head *trailers)
{
    struct tunnel_stream *e = stream_of(endpoint);
    int error = mux_finish(e->stream, trailers);
    // Trailers that the peer does not take are dropped (RFC 9110 §6.5.1): the body is whole.
    if (error == MUX_E_HEAD)
        error = mux_finish(e->stream, NULL);
    if (error)
        abort_stream(e, EXCHANGE_MEMORY);
    else
        wake(e);
}

// At the agent only. The mux tells the relay once the response has been sent.
static void endpoint_unwanted(struct exchange_endpoint *endpoint)
{
    struct tunnel_stream *e = stream_of(endpoint);
    if (!e->stream)
        return;
    mux_stop_request(e->stream);
    wake(e);
}

static void endpoint_credit(struct exchange_endpoint *endpoint, size_t len)
{
    struct tunnel_stream *e = stream_of(endpoint);
    if (!e->stream)
        return;
    mux_credit(e->stream, len);
    wake(e);
}

static void endpoint_closed(struct exchange_endpoint *endpoint, const struct exchange *x,
                            enum exchange_outcome why)
{
    struct tunnel_stream *e = stream_of(endpoint);
    if (e->stream && endpoint->side == INBOUND && why == EXCHANGE_COMPLETE)
        mux_stop_request(e->stream); // the rest of the request, if any, is unwanted
    const bool sent_whole = x->direction[exchange_other(endpoint->side)].ended;
    release_stream(e, why != EXCHANGE_COMPLETE || !sent_whole);
    tunnel_stream_discard(e);
}

static const struct exchange_ops outbound_ops = {
    .head = outbound_head,
    .data = endpoint_data,
    .finish = endpoint_finish,
    .credit = endpoint_credit,
    .closed = endpoint_closed,
};
static const struct exchange_ops inbound_ops = {
    .head = inbound_head,
    .data = endpoint_data,
    .finish = endpoint_finish,
    .unwanted = endpoint_unwanted,
    .credit = endpoint_credit,
    .closed = endpoint_closed,
};

static struct tunnel_stream *stream_new(struct loop *l, const struct exchange_ops *ops,
                                        void (*wake_fn)(void *), void *ctx)
{
    struct tunnel_stream *e = malloc(sizeof(*e)); // faster than calloc: uses the thread cache
    if (!e)
        return NULL;
    *e = (struct tunnel_stream){
        .loop = l,
        .endpoint.ops = ops,
        .wake = wake_fn,
        .wake_ctx = ctx,
    };
    return e;
}

struct tunnel_stream *tunnel_stream_outbound(struct loop *l, struct mux *m,
                                             void (*wake_fn)(void *ctx), void *wake_ctx)
{
    struct tunnel_stream *e = stream_new(l, &outbound_ops, wake_fn, wake_ctx);
    if (e)
        e->mux = m;
    return e;
}

bool tunnel_stream_count(struct tunnel_stream *e, struct shares *clients,
                         const struct client_address *client, size_t most)
{
    unsigned char key[CLIENT_KEY_BYTES];
    if (client->exempt)
        return true;
    e->share = shares_enter(clients, client_address_key(client, key));
    if (!e->share || e->share->count <= most)
        return true;
    shares_leave(e->share);
    e->share = NULL;
    return false;
}

struct tunnel_stream *tunnel_stream_inbound(struct loop *l, struct mux_stream *s,
                                            void (*wake_fn)(void *ctx), void *wake_ctx)
{
    struct tunnel_stream *e = stream_new(l, &inbound_ops, wake_fn, wake_ctx);
    if (!e)
        return NULL;
    e->stream = s;
    mux_set_user(s, e);
    return e;
}

void tunnel_stream_on_head(void *ctx, struct mux_stream *s, struct http_head *head,
                           const struct body_framing *framing, bool end)
{
    (void)ctx;
    struct tunnel_stream *e = mux_user(s);
    if (!e || !e->endpoint.x)
        return;
    exchange_head(&e->endpoint, head, framing);
    if (end && e->endpoint.x)
        exchange_finish(&e->endpoint, NULL);
}

void tunnel_stream_on_data(void *ctx, struct mux_stream *s, const char *bytes, size_t len)
{
    (void)ctx;
    struct tunnel_stream *e = mux_user(s);
    if (e && e->endpoint.x)
        exchange_data(&e->endpoint, bytes, len);
}

// Not inlined: stack-clash protection probes every page of a frame that holds a head, and most
// streams end without trailers.
__attribute__((noinline)) static void finish_with_trailers(struct tunnel_stream *e,
                                                           struct http_head *trailers)
{
    struct http_head passed_on;
    head_copy(&passed_on, trailers);
    exchange_set_received(&e->endpoint, trailers);
    fields_strip_trailers(&passed_on, (struct slice){0});
    exchange_finish(&e->endpoint, passed_on.field_count ? &passed_on : NULL);
}

void tunnel_stream_on_end(void *ctx, struct mux_stream *s, struct http_head *trailers)
{
    (void)ctx;
    struct tunnel_stream *e = mux_user(s);
    if (!e || !e->endpoint.x)
        return;
    if (trailers)
        finish_with_trailers(e, trailers);
    else
        exchange_finish(&e->endpoint, NULL);
}

// Grants the sender as much as the peer's window takes, and LIMIT_CREDIT_BYTES that wait for more
// of it: LIMIT_CREDIT_MAX with what is queued, whatever window the peer gives. Called when bytes of
// the stream have left, or the window has changed.
void tunnel_stream_on_drained(void *ctx, struct mux_stream *s, size_t len)
{
    (void)ctx;
    (void)len;
    struct tunnel_stream *e = mux_user(s);
    if (!e || !e->endpoint.x)
        return;
    int64_t room = mux_stream_room(s, LIMIT_CREDIT_MAX - LIMIT_CREDIT_BYTES);
    int64_t more = LIMIT_CREDIT_BYTES + room - exchange_received(&e->endpoint)->credit;
    if (more > 0)
        exchange_credit(&e->endpoint, (size_t)more);
}

// The answer to the visitor when the stream is reset before a response (docs/protocol.md §4.3).
static enum answer answer_of_reset(uint32_t reset)
{
    switch (reset) {
    case MUX_RESET_LOST: return ANSWER_AGENT_LOST;
    case MUX_RESET_REFUSED:
    case MUX_RESET_CALM: return ANSWER_BUSY;
    default: return ANSWER_UPSTREAM_INVALID;
    }
}

static enum exchange_outcome outcome_of_reset(uint32_t reset)
{
    switch (reset) {
    case MUX_RESET_LOST: return EXCHANGE_TUNNEL_GONE;
    case MUX_RESET_ILLEGAL: return EXCHANGE_PROTOCOL;
    default: return EXCHANGE_RESET;
    }
}

// Whether the agent has sent all that the exchange is owed. What is held of a response stays,
// however its stream closes.
static bool has_all(const struct exchange *x, bool stream_whole)
{
    const struct exchange_direction *d = &x->direction[OUTBOUND];
    const bool held = !d->ended && d->framing.kind != BODY_TUNNEL;
    return x->sent[OUTBOUND] && (stream_whole || held);
}

void tunnel_stream_on_closed(void *ctx, struct mux_stream *s, uint32_t reset)
{
    (void)ctx;
    struct tunnel_stream *e = mux_user(s);
    if (!e)
        return;
    e->stream = NULL;
    enum exchange_outcome why = outcome_of_reset(reset);
    bool outbound = e->endpoint.x && e->endpoint.side == OUTBOUND;
    if (reset == MUX_RESET_ILLEGAL && outbound)
        exchange_set_detail(&e->endpoint, "the agent's response breaks the rules of the tunnel");
    const bool stream_whole = reset == 0 || reset == MUX_RESET_UNWANTED;
    if (outbound && has_all(e->endpoint.x, stream_whole))
        exchange_detach(&e->endpoint);
    else if (outbound)
        exchange_refuse(&e->endpoint, answer_of_reset(reset), why);
    else
        exchange_abort(&e->endpoint, why);
    tunnel_stream_discard(e);
}
