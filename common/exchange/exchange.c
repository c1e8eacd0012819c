// SPDX-License-Identifier: MIT
#include "exchange.h"
#include <assert.h>
#include <stdlib.h>
#include "exchange_internal.h"

const char *exchange_outcome_text(enum exchange_outcome why)
{
    switch (why) {
    case EXCHANGE_COMPLETE: return "complete";
    case EXCHANGE_VISITOR_GONE: return "visitor gone";
    case EXCHANGE_UPSTREAM_GONE: return "upstream gone";
    case EXCHANGE_TUNNEL_GONE: return "tunnel gone";
    case EXCHANGE_RESET: return "reset";
    case EXCHANGE_PROTOCOL: return "protocol error";
    case EXCHANGE_REFUSED: return "refused";
    case EXCHANGE_TIMEOUT: return "timeout";
    case EXCHANGE_MEMORY: return "out of memory";
    }
    return "";
}

static void set_text(char *out, size_t cap, struct slice s)
{
    size_t n = s.len < cap - 1 ? s.len : cap - 1;
    memcpy(out, s.p, n);
    out[n] = 0;
}

// Time since the request head was received.
static uint64_t since_begun(const struct exchange *x, uint64_t ns)
{
    if (ns == 0)
        return REPORT_NONE;
    return ns > x->facts.begun_ns ? ns - x->facts.begun_ns : 0;
}

_Static_assert((int)EXCHANGE_MEMORY + 1 == (int)REPORT_OUTCOMES, "reports know every outcome");

void exchange_report(const struct exchange *x, enum exchange_outcome why, struct report *r)
{
    memcpy(r->id, x->facts.id, sizeof(r->id));
    r->outcome = (uint8_t)why;
    for (int side = 0; side < 2; side++) {
        const struct exchange_direction *d = &x->direction[side];
        r->body[side].bytes = d->bytes;
        const bool known = x->digested && digest_value(&d->digest, r->body[side].digest);
        if (!known)
            memset(r->body[side].digest, 0, DIGEST_BYTES);
        r->body[side].whole = known && d->ended;
    }
    r->sent_on_ns = since_begun(x, x->facts.sent_on_ns);
    r->connect_ns = x->facts.connect_ns ? x->facts.connect_ns : REPORT_NONE;
    r->answered_ns = since_begun(x, x->facts.answered_ns);
    r->duration_ns = since_begun(x, x->facts.ended_ns);
}

bool exchange_wants_date(const struct http_head *response)
{
    return response->status >= 200 && !head_find(response, SLICE("date"));
}

bool exchange_is_event_stream(const struct http_head *response)
{
    const struct slice stream = SLICE("text/event-stream");
    const struct field *type = head_find(response, SLICE("content-type"));
    return type && type->value.len >= stream.len &&
           slice_ieq(slice_of(type->value.p, stream.len), stream);
}

bool exchange_limits_reuse(const struct http_head *request, const struct body_framing *framing)
{
    return framing_has_body(framing) || slice_eq(request->method, SLICE("HEAD"));
}

struct exchange *exchange_new(struct exchange_endpoint *inbound, const struct http_head *request,
                              const struct exchange_observer *observer)
{
    struct exchange *x = malloc(sizeof(*x));
    if (!x)
        return NULL;
    *x = (struct exchange){
        .endpoint = {[INBOUND] = inbound},
        .observer = observer,
        .facts =
            {
                .visitor = "",
                .tunnel = "",
                .owner = "",
                .tunnel_address = "",
                .scheme = "",
                .upstream = "",
                .replay_of = "",
                .begun_wall_ns = wall_clock_ns(),
                .begun_ns = uv_hrtime(),
            },
        .direction = {{.credit = LIMIT_CREDIT_BYTES}, {.credit = LIMIT_CREDIT_BYTES}},
        .form = answer_form_of(request),
    };
    x->asks_head = slice_eq(request->method, SLICE("HEAD"));
    x->facts.http_10 = request->minor_version == 0;
    set_text(x->facts.method, sizeof(x->facts.method), request->method);
    set_text(x->facts.target, sizeof(x->facts.target), request->target);
    inbound->x = x;
    inbound->side = INBOUND;
    tell_begun(x, request);
    return x;
}

void exchange_attach(struct exchange *x, struct exchange_endpoint *outbound)
{
    x->endpoint[OUTBOUND] = outbound;
    x->strip = outbound->ops->strip;
    outbound->x = x;
    outbound->side = OUTBOUND;
}

static void free_exchange(struct exchange *x)
{
    if (x->between)
        x->between->end(x);
    for (int side = 0; side < 2; side++)
        digest_deinit(&x->direction[side].digest);
    free(x->offer);
    free(x);
}

// Detaches both endpoints before either gets `closed`; `silent`, which caused this, gets none.
void exchange_close(struct exchange *x, enum exchange_outcome why,
                    const struct exchange_endpoint *silent)
{
    if (x->direction[OUTBOUND].ended && !x->upgraded)
        why = EXCHANGE_COMPLETE;
    exchange_mark_routed(x);
    x->facts.ended_ns = uv_hrtime();
    for (int side = 0; side < 2; side++)
        exchange_end_stall(&x->direction[side], x->facts.ended_ns);
    tell_closed(x, why);
    struct exchange_endpoint *endpoints[2] = {x->endpoint[INBOUND], x->endpoint[OUTBOUND]};
    for (int side = 0; side < 2; side++)
        if (endpoints[side])
            endpoints[side]->x = NULL;
    for (int side = 1; side >= 0; side--)
        if (endpoints[side] && endpoints[side] != silent)
            endpoints[side]->ops->closed(endpoints[side], x, why);
    free_exchange(x);
}

void exchange_notify_unwanted(struct exchange *x)
{
    struct exchange_endpoint *inbound = x->endpoint[INBOUND];
    if (x->direction[OUTBOUND].ended && !x->direction[INBOUND].ended && !x->endpoint[OUTBOUND])
        inbound->ops->unwanted(inbound);
}

void exchange_respond(struct exchange *x, const struct http_head *head, struct slice body)
{
    struct exchange_endpoint *inbound = x->endpoint[INBOUND];
    struct exchange_direction *response = &x->direction[OUTBOUND];
    assert(inbound); // an inbound stays until its response is whole
    const bool no_body = x->asks_head;
    struct body_framing framing = {no_body ? BODY_NONE : BODY_LENGTH, no_body ? 0 : body.len};
    x->facts.status = head->status;
    x->facts.answered_ns = uv_hrtime();
    response->begun = true;
    response->framing = framing;
    x->upgraded = false;
    exchange_mark_routed(x);
    if (x->between)
        x->between->drop_held(x);
    if (!inbound->x) // what was held contradicted its head
        return;
    if (!x->endpoint[OUTBOUND])
        x->outbound = NULL;
    x->responded = true;
    tell_head(x, head);
    inbound->ops->head(inbound, head, &framing);
    if (!no_body && body.len > 0 && inbound->x) {
        exchange_count(x, OUTBOUND, body);
        inbound->ops->data(inbound, body.p, body.len);
    }
    if (!inbound->x)
        return;
    response->ended = true;
    tell_finished(x, OUTBOUND, NULL);
    inbound->ops->finish(inbound, NULL);
    if (inbound->x && x->direction[INBOUND].ended)
        exchange_close(x, EXCHANGE_COMPLETE, NULL);
    else if (inbound->x)
        exchange_notify_unwanted(x);
}

void exchange_answer(struct exchange *x, enum answer answer)
{
    char text[ANSWER_TEXT_MAX];
    struct http_head head;
    struct slice body;
    const struct answer_words words = {answer, x->form, x->facts.detail};
    answer_make(&words, text, &head, &body);
    x->facts.answer = answer;
    x->facts.refused = true;
    exchange_respond(x, &head, body);
}

// Credits the bytes that the endpoint had not credited, since the sender would wait for that.
void exchange_detach(struct exchange_endpoint *from)
{
    struct exchange *x = from->x;
    if (!x)
        return;
    struct exchange_endpoint *sender = x->endpoint[exchange_other(from->side)];
    x->endpoint[from->side] = NULL;
    x->outbound = NULL;
    from->x = NULL;
    if (!sender)
        return;
    struct exchange_direction *d = &x->direction[sender->side];
    const size_t uncredited = d->uncredited;
    d->uncredited = 0;
    d->credit += (int64_t)uncredited;
    if (uncredited > 0)
        sender->ops->credit(sender, uncredited);
    if (sender->x)
        exchange_notify_unwanted(x);
}

void exchange_refuse(struct exchange_endpoint *from, enum answer answer, enum exchange_outcome why)
{
    struct exchange *x = from->x;
    if (!x)
        return;
    if (x->responded) {
        exchange_close(x, why, from);
        return;
    }
    exchange_detach(from);
    exchange_answer(x, answer);
}

void exchange_stop(struct exchange *x, enum answer answer, enum exchange_outcome why)
{
    if (x->responded)
        exchange_close(x, why, NULL);
    else
        exchange_answer_instead(x, answer, why);
}

void exchange_answer_instead(struct exchange *x, enum answer answer, enum exchange_outcome why)
{
    struct exchange_endpoint *outbound = x->endpoint[OUTBOUND];
    if (outbound) {
        exchange_detach(outbound);
        outbound->ops->closed(outbound, x, why);
    }
    exchange_answer(x, answer);
}

void exchange_abort(struct exchange_endpoint *from, enum exchange_outcome why)
{
    if (from->x)
        exchange_close(from->x, why, from);
}

void exchange_abandon(struct exchange_endpoint *inbound)
{
    if (inbound->x)
        exchange_close(inbound->x, EXCHANGE_COMPLETE, inbound);
}

void exchange_bad_head(struct exchange_endpoint *outbound, struct slice bytes, const char *detail)
{
    struct exchange *x = outbound->x;
    set_text(x->facts.detail, sizeof(x->facts.detail), slice_str(detail));
    tell_bad_head(x, bytes);
}

void exchange_set_detail(struct exchange_endpoint *from, const char *detail)
{
    set_text(from->x->facts.detail, sizeof(from->x->facts.detail), slice_str(detail));
}

struct conn *exchange_take(struct exchange *x)
{
    struct exchange_endpoint *inbound = x->endpoint[INBOUND];
    return inbound->ops->take ? inbound->ops->take(inbound) : NULL;
}

void exchange_discard(struct exchange *x)
{
    for (int side = 0; side < 2; side++)
        if (x->endpoint[side])
            x->endpoint[side]->x = NULL;
    tell_discarded(x);
    free_exchange(x);
}
