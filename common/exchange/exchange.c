// SPDX-License-Identifier: MIT
#include "exchange.h"
#include <assert.h>
#include <stdlib.h>
#include "observers_internal.h"

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

static void mark_routed(struct exchange *x)
{
    if (x->routed)
        return;
    x->routed = true;
    tell_routed(x);
    x->digested = wants_digests(x);
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
    outbound->x = x;
    outbound->side = OUTBOUND;
}

static struct exchange_endpoint *other_endpoint(const struct exchange_endpoint *e)
{
    return e->x->endpoint[exchange_other(e->side)];
}

static void end_stall(struct exchange_direction *d, uint64_t now_ns)
{
    if (d->stalled_since_ns)
        d->stalled_ns += now_ns - d->stalled_since_ns;
    d->stalled_since_ns = 0;
}

static void free_exchange(struct exchange *x)
{
    for (int side = 0; side < 2; side++)
        digest_deinit(&x->direction[side].digest);
    free(x->offer);
    free(x);
}

// Detaches both endpoints before either gets `closed`; `silent`, which caused this, gets none.
static void close_exchange(struct exchange *x, enum exchange_outcome why,
                           const struct exchange_endpoint *silent)
{
    if (x->direction[OUTBOUND].ended && !x->upgraded)
        why = EXCHANGE_COMPLETE;
    mark_routed(x);
    x->facts.ended_ns = uv_hrtime();
    for (int side = 0; side < 2; side++)
        end_stall(&x->direction[side], x->facts.ended_ns);
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

// Tells the inbound that nobody takes the rest of its request. To be called when the response has
// ended and when the outbound has left.
static void notify_unwanted(struct exchange *x)
{
    struct exchange_endpoint *inbound = x->endpoint[INBOUND];
    if (x->direction[OUTBOUND].ended && !x->direction[INBOUND].ended && !x->endpoint[OUTBOUND])
        inbound->ops->unwanted(inbound);
}

// Counts body bytes, and digests them where that is wanted: a body of known length that came in one
// piece in one go, unless an upgrade may append more.
static void count_data(struct exchange *x, enum exchange_side from, struct slice bytes)
{
    struct exchange_direction *d = &x->direction[from];
    d->last_ns = uv_hrtime();
    if (d->bytes == 0)
        d->first_ns = d->last_ns;
    d->bytes += bytes.len;
    bool all = d->framing.kind == BODY_LENGTH && d->framing.length == bytes.len && !x->offer;
    if (x->digested)
        digest_add(&d->digest, bytes, all);
    tell_data(x, from, bytes);
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
    mark_routed(x);
    tell_head(x, head);
    inbound->ops->head(inbound, head, &framing);
    if (!no_body && body.len > 0 && inbound->x) {
        count_data(x, OUTBOUND, body);
        inbound->ops->data(inbound, body.p, body.len);
    }
    if (!inbound->x)
        return;
    response->ended = true;
    tell_finished(x, OUTBOUND, NULL);
    inbound->ops->finish(inbound, NULL);
    if (inbound->x && x->direction[INBOUND].ended)
        close_exchange(x, EXCHANGE_COMPLETE, NULL);
    else if (inbound->x)
        notify_unwanted(x);
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
    struct exchange_endpoint *sender = other_endpoint(from);
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
        notify_unwanted(x);
}

void exchange_refuse(struct exchange_endpoint *from, enum answer answer, enum exchange_outcome why)
{
    struct exchange *x = from->x;
    if (!x)
        return;
    if (x->direction[OUTBOUND].begun) {
        close_exchange(x, why, from);
        return;
    }
    exchange_detach(from);
    exchange_answer(x, answer);
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
        close_exchange(from->x, why, from);
}

void exchange_abandon(struct exchange_endpoint *inbound)
{
    if (inbound->x)
        close_exchange(inbound->x, EXCHANGE_COMPLETE, inbound);
}

static uint32_t fields_size(const struct http_head *head)
{
    size_t size = 0;
    for (size_t i = 0; i < head->field_count; i++)
        size += head->fields[i].name.len + head->fields[i].value.len;
    return (uint32_t)size;
}

bool exchange_takes_interim(const struct exchange *x, const struct http_head *head)
{
    return x->interim < LIMIT_INTERIM &&
           x->interim_bytes + fields_size(head) <= LIMIT_INTERIM_BYTES;
}

void exchange_bad_head(struct exchange_endpoint *outbound, struct slice bytes, const char *detail)
{
    struct exchange *x = outbound->x;
    set_text(x->facts.detail, sizeof(x->facts.detail), slice_str(detail));
    tell_bad_head(x, bytes);
}

void exchange_set_received(struct exchange_endpoint *from, const struct http_head *received)
{
    if (from->x)
        from->x->received = received;
}

// The head for observers: the one set by exchange_set_received, else the one passed on.
static const struct http_head *take_received(struct exchange *x, const struct http_head *passed_on)
{
    const struct http_head *received = x->received;
    x->received = NULL;
    return received ? received : passed_on;
}

void exchange_set_detail(struct exchange_endpoint *from, const char *detail)
{
    set_text(from->x->facts.detail, sizeof(from->x->facts.detail), slice_str(detail));
}

// Keeps the offer of an upgrade for those who must compare the protocol that is switched to.
static bool keep_offer(struct exchange *x, struct slice offer)
{
    if (offer.len == 0)
        return true;
    x->offer = malloc(offer.len + 1);
    if (!x->offer)
        return false;
    memcpy(x->offer, offer.p, offer.len);
    x->offer[offer.len] = 0;
    return true;
}

void exchange_head(struct exchange_endpoint *from, const struct http_head *head,
                   const struct body_framing *framing)
{
    struct exchange *x = from->x;
    struct exchange_endpoint *to = other_endpoint(from);
    struct exchange_direction *d = &x->direction[from->side];
    bool interim = status_is_interim(head->status);
    if (interim && !exchange_takes_interim(x, head)) {
        close_exchange(x, EXCHANGE_PROTOCOL, NULL);
        return;
    }
    if (interim) {
        x->interim++;
        x->interim_bytes += fields_size(head);
    } else {
        d->begun = true;
        d->framing = *framing;
    }
    if (from->side == INBOUND) {
        if (!keep_offer(x, head->upgrade)) {
            exchange_answer_instead(x, ANSWER_BUSY, EXCHANGE_MEMORY);
            return;
        }
        x->facts.sent_on_ns = uv_hrtime(); // set again by an outbound that has to connect first
        mark_routed(x);
    } else {
        const struct http_head *received = take_received(x, head);
        tell_head(x, received);
    }
    uint64_t now_ns = from->side == OUTBOUND ? uv_hrtime() : 0;
    if (x->facts.heard_ns == 0) // an outbound that reads bytes has set an earlier time
        x->facts.heard_ns = now_ns;
    if (from->side == OUTBOUND && !interim) {
        x->facts.status = head->status;
        x->facts.answered_ns = now_ns;
        x->upgraded = framing->kind == BODY_TUNNEL;
    }
    if (to)
        to->ops->head(to, head, framing);
}

void exchange_data(struct exchange_endpoint *from, const char *bytes, size_t len)
{
    struct exchange *x = from->x;
    struct exchange_endpoint *to = other_endpoint(from);
    struct exchange_direction *d = &x->direction[from->side];
    if (len == 0 || d->ended)
        return;
    bool over = d->framing.kind == BODY_LENGTH && d->bytes + len > d->framing.length;
    bool none = d->begun && d->framing.kind == BODY_NONE;
    if ((over || none) && !x->upgraded) {
        close_exchange(x, EXCHANGE_PROTOCOL, NULL);
        return;
    }
    count_data(x, from->side, slice_of(bytes, len));
    if (!to) {
        from->ops->credit(from, len);
        return;
    }
    if (d->uncredited == 0) {
        d->uncredited_since_ns = d->last_ns;
        d->credited_before = d->bytes - len;
    }
    d->uncredited += len;
    d->credit -= (int64_t)len;
    if (d->credit < LIMIT_CREDIT_MIN && !d->stalled_since_ns)
        d->stalled_since_ns = d->last_ns;
    to->ops->data(to, bytes, len);
}

void exchange_finish(struct exchange_endpoint *from, const struct http_head *trailers)
{
    struct exchange *x = from->x;
    struct exchange_endpoint *to = other_endpoint(from);
    struct exchange_direction *d = &x->direction[from->side];
    const struct http_head *received = take_received(x, trailers);
    if (d->ended)
        return;
    if (d->framing.kind == BODY_LENGTH && !x->upgraded && d->bytes != d->framing.length) {
        close_exchange(x, EXCHANGE_PROTOCOL, NULL);
        return;
    }
    d->ended = true;
    if (d->stalled_since_ns)
        end_stall(d, uv_hrtime());
    tell_finished(x, from->side, received);
    if (to)
        to->ops->finish(to, trailers);
    if (from->x && x->direction[INBOUND].ended && x->direction[OUTBOUND].ended)
        close_exchange(x, EXCHANGE_COMPLETE, NULL);
}

void exchange_credit(struct exchange_endpoint *from, size_t len)
{
    struct exchange_endpoint *to = from->x ? other_endpoint(from) : NULL;
    if (!to || len == 0)
        return;
    struct exchange_direction *d = &from->x->direction[to->side];
    d->uncredited -= len < d->uncredited ? len : d->uncredited;
    d->credit += (int64_t)len;
    if (d->stalled_since_ns && d->credit >= LIMIT_CREDIT_MIN)
        end_stall(d, uv_hrtime());
    to->ops->credit(to, len);
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
