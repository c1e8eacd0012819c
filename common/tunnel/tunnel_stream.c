// SPDX-License-Identifier: MIT
#include "tunnel_stream.h"
#include <stdio.h>
#include <stdlib.h>
#include "common/base/limits.h"

static struct tunnel_stream *stream_of(struct exchange_endpoint *endpoint)
{
    return container_of(endpoint, struct tunnel_stream, h.endpoint);
}

void tunnel_stream_discard(struct tunnel_stream *e)
{
    http2_stream_discard(&e->h);
}

// The stream is released first, so that its reset causes no event here.
void tunnel_stream_refuse(struct tunnel_stream *e, enum answer answer, enum exchange_outcome why)
{
    http2_stream_release(&e->h, MUX_RESET_CANCEL);
    exchange_refuse(&e->h.endpoint, answer, why);
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
    return e->h.endpoint.x->facts.inbound_id && mux_peer(e->h.mux)->visitors &&
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
    e->h.stream = mux_open_beside(e->h.mux, head, &beside, ends, &e->h);
    if (!e->h.stream)
        tunnel_stream_refuse(e, ANSWER_BUSY, EXCHANGE_RESET);
    else
        http2_stream_wake(&e->h);
}

// Answers in place of a response whose head the mux cannot carry, and detaches its sender.
static void answer_instead(struct tunnel_stream *e, const struct http_head *head)
{
    struct exchange *x = e->h.endpoint.x;
    char detail[EXCHANGE_DETAIL_MAX];
    if (!mux_stream_peer(e->h.stream)->fields && head->field_count > MESSAGE_FIELDS_DEFAULT)
        (void)snprintf(detail, sizeof(detail),
                       "%zu fields, more than the relay takes (a newer aditd takes %d)",
                       head->field_count, MESSAGE_RESPONSE_FIELDS_MAX);
    else
        (void)snprintf(detail, sizeof(detail), "a head that is too large for the tunnel");
    exchange_set_detail(&e->h.endpoint, detail);
    exchange_answer_instead(x, ANSWER_UPSTREAM_TOO_LARGE, EXCHANGE_PROTOCOL);
}

static void inbound_head(struct exchange_endpoint *endpoint, const struct http_head *head,
                         const struct body_framing *framing)
{
    struct tunnel_stream *e = stream_of(endpoint);
    int error = http2_stream_respond(&e->h, head, framing);
    if (error == MUX_E_HEAD && status_is_interim(head->status))
        return; // interim responses may be left out (RFC 9110 §15.2)
    if (error == MUX_E_HEAD && !endpoint->x->facts.refused)
        answer_instead(e, head);
    else if (error)
        http2_stream_abort(&e->h, EXCHANGE_MEMORY);
}

static void endpoint_closed(struct exchange_endpoint *endpoint, const struct exchange *x,
                            enum exchange_outcome why)
{
    struct tunnel_stream *e = stream_of(endpoint);
    if (e->h.stream && endpoint->side == INBOUND && why == EXCHANGE_COMPLETE)
        mux_stop_request(e->h.stream); // the rest of the request, if any, is unwanted
    const bool sent_whole = x->direction[exchange_other(endpoint->side)].ended;
    const bool goes_on = why == EXCHANGE_COMPLETE && sent_whole;
    http2_stream_release(&e->h, goes_on ? 0 : MUX_RESET_CANCEL);
    tunnel_stream_discard(e);
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

static void lost(struct http2_stream *h, uint32_t reset)
{
    enum exchange_outcome why = outcome_of_reset(reset);
    bool outbound = h->endpoint.x && h->endpoint.side == OUTBOUND;
    if (reset == MUX_RESET_ILLEGAL && outbound)
        exchange_set_detail(&h->endpoint, "the agent's response breaks the rules of the tunnel");
    const bool stream_whole = reset == 0 || reset == MUX_RESET_UNWANTED;
    if (outbound && has_all(h->endpoint.x, stream_whole))
        exchange_detach(&h->endpoint);
    else if (outbound)
        exchange_refuse(&h->endpoint, answer_of_reset(reset), why);
    else
        exchange_abort(&h->endpoint, why);
    http2_stream_discard(h);
}

static void discarded(struct http2_stream *h)
{
    struct tunnel_stream *e = container_of(h, struct tunnel_stream, h);
    shares_leave(e->share);
    e->share = NULL;
}

static void free_stream(struct http2_stream *h)
{
    free(container_of(h, struct tunnel_stream, h));
}

static const struct http2_stream_kind outbound_kind = {
    .ops =
        {
            .head = outbound_head,
            .data = http2_stream_data,
            .finish = http2_stream_finish,
            .credit = http2_stream_credit,
            .closed = endpoint_closed,
        },
    .lost = lost,
    .discarded = discarded,
    .free = free_stream,
    .room_max = LIMIT_CREDIT_MAX - LIMIT_CREDIT_BYTES,
};

static const struct http2_stream_kind inbound_kind = {
    .ops =
        {
            .head = inbound_head,
            .data = http2_stream_data,
            .finish = http2_stream_finish,
            .unwanted = http2_stream_unwanted,
            .credit = http2_stream_credit,
            .closed = endpoint_closed,
        },
    .lost = lost,
    .discarded = discarded,
    .free = free_stream,
    .room_max = LIMIT_CREDIT_MAX - LIMIT_CREDIT_BYTES,
};

static struct tunnel_stream *stream_new(struct loop *l, const struct http2_stream_kind *kind,
                                        void (*wake)(void *), void *ctx)
{
    struct tunnel_stream *e = malloc(sizeof(*e)); // faster than calloc: uses the thread cache
    if (!e)
        return NULL;
    *e = (struct tunnel_stream){
        .h = {.loop = l, .kind = kind, .endpoint.ops = &kind->ops, .wake = wake, .wake_ctx = ctx},
    };
    return e;
}

struct tunnel_stream *tunnel_stream_outbound(struct loop *l, struct mux *m, void (*wake)(void *ctx),
                                             void *wake_ctx)
{
    struct tunnel_stream *e = stream_new(l, &outbound_kind, wake, wake_ctx);
    if (e)
        e->h.mux = m;
    return e;
}

struct tunnel_stream *tunnel_stream_inbound(struct loop *l, struct mux_stream *s,
                                            void (*wake)(void *ctx), void *wake_ctx)
{
    struct tunnel_stream *e = stream_new(l, &inbound_kind, wake, wake_ctx);
    if (e)
        http2_stream_begin(&e->h, s);
    return e;
}
