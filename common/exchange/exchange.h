// SPDX-License-Identifier: MIT
// One request and its response, or one byte stream, between the endpoint of an inbound (asks) and
// the endpoint of an outbound (answers). Alone owns what both must agree on: which direction has
// begun and ended, whether the stream is upgraded, bytes and credit. Counts, digests and times the
// bodies, enforces the framing, tells observers; knows no sockets (docs/architecture.md).
#pragma once
#include "common/io/loop.h"
#include "facts.h"
#include "proto/http/message.h"
#include "proto/tunnel/report.h"

struct conn;
struct exchange;
struct exchange_between;
struct exchange_endpoint;
struct exchange_hold;
struct filter_chain;
struct outbound;

enum exchange_side {
    INBOUND,
    OUTBOUND
};

// The reason for which an exchange ended. A whole response makes the exchange complete, even if the
// rest of the request never came.
enum exchange_outcome {
    EXCHANGE_COMPLETE,
    EXCHANGE_VISITOR_GONE,  // the inbound's peer left
    EXCHANGE_UPSTREAM_GONE, // the outbound's peer left before its response was whole
    EXCHANGE_TUNNEL_GONE,   // the link between relay and agent broke
    EXCHANGE_RESET,         // the peer at the tunnel's other end reset the stream
    EXCHANGE_PROTOCOL,      // a body contradicts its head
    EXCHANGE_REFUSED,       // we refused the rest of the request
    EXCHANGE_TIMEOUT,
    EXCHANGE_MEMORY,
};

const char *exchange_outcome_text(enum exchange_outcome why);

// Events that one endpoint gets from the other. Flow control is by credit: LIMIT_CREDIT_BYTES to
// begin with, and what exchange_credit grants. `data` brings more only where bytes were read
// together with what comes before them (a head, the request before): a read at most.
struct exchange_ops {
    // A request head (outbound) or a response head (inbound; interim ones may come first). The
    // slices are valid during the call.
    void (*head)(struct exchange_endpoint *e, const struct http_head *head,
                 const struct body_framing *framing);
    // The bytes are valid during the call. Bytes that loop_lends (they lie in the input whose read
    // callback runs) may be borrowed until the settle tasks of the loop run; others are copied.
    void (*data)(struct exchange_endpoint *e, const char *bytes, size_t len);
    // The direction has ended. `trailers`: NULL when there are none.
    void (*finish)(struct exchange_endpoint *e, const struct http_head *trailers);
    // Inbound: the response is whole and no outbound takes the rest of the request. The inbound may
    // send the rest, which is discarded, or leave by exchange_abandon.
    void (*unwanted)(struct exchange_endpoint *e);
    // The other endpoint takes `len` more bytes: exchange_may_send counts them.
    void (*credit)(struct exchange_endpoint *e, size_t len);
    // The last event: both directions have ended, the exchange broke, or we answer instead of the
    // outbound. The endpoint is detached; `x` tells how far the exchange came and is valid during
    // the call.
    void (*closed)(struct exchange_endpoint *e, const struct exchange *x,
                   enum exchange_outcome why);
    // Inbound: gives its connection away (exchange_take). NULL: it has none to give.
    struct conn *(*take)(struct exchange_endpoint *e);
    // Outbound: removes from a response head what ends at this hop, once filters and observers have
    // seen it. NULL: nothing does.
    void (*strip)(struct http_head *response);
};

// Embedded in the object that speaks for one side.
struct exchange_endpoint {
    const struct exchange_ops *ops;
    struct exchange *x; // NULL: detached
    enum exchange_side side;
};

// The most that may be recorded of an exchange.
enum exchange_record {
    EXCHANGE_RECORD_ALL,
    EXCHANGE_RECORD_HEADS, // no bodies
    EXCHANGE_RECORD_NONE
};

struct exchange_direction {
    bool begun, ended;
    struct body_framing framing;
    uint64_t bytes;    // of the body, passed so far
    size_t uncredited; // bytes passed and not yet credited; 0 also when more was credited
    uint64_t uncredited_since_ns;
    uint64_t credited_before;   // bytes that had been credited before uncredited_since_ns
    int64_t credit;             // bytes the receiver takes now; negative if the sender overran it
    uint64_t first_ns, last_ns; // first and last byte; 0: none
    uint64_t stalled_ns, stalled_since_ns; // time that the sender waited for credit
    struct digest digest;                  // of the body, if the exchange is `digested`
};

// The slots in which observers keep a note of their own on each exchange. Each program has a
// recorder and one display.
enum exchange_note {
    EXCHANGE_NOTE_RECORDER, // common/record/write/recorder
    EXCHANGE_NOTE_DISPLAY, // relay: server/relay_log; agent and proxy: client/display/exchange_dump
    EXCHANGE_NOTES
};

// Observes every exchange. Arguments are valid during the call; a function may be NULL. An observer
// changes nothing in the exchange but its own note.
struct exchange_observer {
    // The request head as the inbound received it.
    void (*begun)(void *ctx, struct exchange *x, const struct http_head *request);
    // The request goes to an outbound, or we answer it: visitor, tunnel and upstream of `x->facts`
    // are final.
    void (*routed)(void *ctx, struct exchange *x);
    // A response head as the filters let it pass, hop-by-hop fields included; interim ones too.
    void (*head)(void *ctx, struct exchange *x, const struct http_head *response);
    // The response head is malformed: `bytes` is the part of the head that has been received.
    void (*bad_head)(void *ctx, struct exchange *x, struct slice bytes);
    void (*data)(void *ctx, struct exchange *x, enum exchange_side from, struct slice bytes);
    // `trailers` as received; NULL: none.
    void (*finished)(void *ctx, struct exchange *x, enum exchange_side from,
                     const struct http_head *trailers);
    void (*closed)(void *ctx, struct exchange *x, enum exchange_outcome why);
    void (*discarded)(void *ctx, struct exchange *x); // instead of closed
    // Whether the observer uses digests of the bodies. Asked once, after `routed` and before the
    // first byte. NULL: it does not.
    bool (*wants_digests)(void *ctx, const struct exchange *x);
    void *ctx;
    const struct exchange_observer *next;
};

struct exchange {
    struct exchange_endpoint *endpoint[2];
    struct exchange_direction direction[2]; // by sender: [INBOUND] request, [OUTBOUND] response
    struct outbound *outbound;              // that the request goes to; NULL: none, or it has left
    const struct exchange_between *between; // the steps of filter.c; NULL: there are no filters
    const struct filter_chain *filters;     // filter.h; NULL: none
    void *filter_memory;                    // of all filters of the chain
    struct exchange_hold *hold[2];          // by sender: what a filter holds; NULL: nothing
    void (*strip)(struct http_head *head);  // exchange_ops.strip of the outbound
    const struct exchange_observer *observer; // first of a chain; may be NULL
    void *note[EXCHANGE_NOTES];               // by enum exchange_note
    struct timeout progress_timer;            // of client/display/long_exchanges
    const struct http_head *received;         // exchange_set_received; NULL: nothing set
    enum exchange_record record;
    enum answer_form form;  // in which our own answer is written
    uint16_t interim;       // 1xx responses so far
    uint32_t interim_bytes; // of their fields
    bool offers; // the request came with an offer to upgrade: its direction stays open behind its
                 // body
    char *offer; // the protocols that went on to the outbound; NULL: none
    bool asks_head; // the method is HEAD: the response has no body
    bool responded; // the final response head has come to the inbound
    bool upgraded;  // both directions are byte streams from there on
    bool sent[2];   // by sender: it has sent its end, which may still be held
    bool routed;
    bool digested; // bodies are digested, since an observer wants that
    // Set by the inbound, for load shedding.
    bool awaits_visitor; // blocked on the visitor's next request bytes
    bool endless; // upgraded, or a stream of events: the visitor may pause reading for any time
    struct exchange_facts facts;
};

// Fills a report of an exchange that is being closed.
void exchange_report(const struct exchange *x, enum exchange_outcome why, struct report *r);

// Whether the inbound must add a Date: to final responses without one (RFC 9110 §6.6.1). The value
// is the current time. Begin plus duration would be wrong after the clock was set or the machine
// slept. Observers see the head without it.
bool exchange_wants_date(const struct http_head *response);

// Whether the response is a stream of server-sent events, by its Content-Type.
bool exchange_is_event_stream(const struct http_head *response);

// Whether only the same visitor's requests may follow this one on the origin's connection: an
// origin that ignores a request's body parses it as the next request, and some answer HEAD with a
// body.
bool exchange_limits_reuse(const struct http_head *request, const struct body_framing *framing);

// Begins an exchange at its inbound. The exchange frees itself when it closes. NULL when out of
// memory. `observer` may be NULL. A byte stream that is no HTTP begins with a CONNECT request (RFC
// 9110 §9.3.6), whose 2xx response of BODY_TUNNEL opens both directions.
struct exchange *exchange_new(struct exchange_endpoint *inbound, const struct http_head *request,
                              const struct exchange_observer *observer);
// Takes the connection of the inbound, which ends; bytes behind the request head stay in conn_in.
// The exchange is discarded, and the head's slices stay valid as long as the input that they lie
// in. NULL: this inbound has no connection to give, and the exchange goes on.
struct conn *exchange_take(struct exchange *x);
// Attaches the outbound, which gets the events of the exchange from now on.
void exchange_attach(struct exchange *x, struct exchange_endpoint *outbound);

// Sent by one endpoint to the other. Each may close the exchange: `from->x` is NULL then.
// Filters may change the head.
void exchange_head(struct exchange_endpoint *from, struct http_head *head,
                   const struct body_framing *framing);
void exchange_data(struct exchange_endpoint *from, const char *bytes, size_t len);
void exchange_finish(struct exchange_endpoint *from, const struct http_head *trailers);
void exchange_credit(struct exchange_endpoint *from, size_t len);

static inline enum exchange_side exchange_other(enum exchange_side side)
{
    return side == INBOUND ? OUTBOUND : INBOUND;
}

// The direction in which this endpoint sends, and the one in which it receives. Only while the
// exchange lasts.
static inline const struct exchange_direction *exchange_sent(const struct exchange_endpoint *e)
{
    return &e->x->direction[e->side];
}

static inline const struct exchange_direction *exchange_received(const struct exchange_endpoint *e)
{
    return &e->x->direction[exchange_other(e->side)];
}

// The bytes that this endpoint may send now; negative if it has sent more than it may.
static inline int64_t exchange_may_send(const struct exchange_endpoint *e)
{
    return exchange_sent(e)->credit;
}

// Whether nobody takes the rest of the request: `unwanted` has been told, or is about to be.
static inline bool exchange_is_unwanted(const struct exchange *x)
{
    return x->direction[OUTBOUND].ended && !x->endpoint[OUTBOUND];
}

// Whether the response to an offered upgrade is still to come.
static inline bool exchange_is_undecided(const struct exchange *x)
{
    return x->offers && !x->responded;
}

// Whether nothing more comes of the request's body. Its direction may still be open, for the bytes
// behind an offered upgrade.
static inline bool exchange_has_request(const struct exchange *x)
{
    const struct exchange_direction *d = &x->direction[INBOUND];
    return d->ended || d->framing.kind == BODY_NONE ||
           (d->framing.kind == BODY_LENGTH && d->bytes >= d->framing.length);
}

// Sets the trailers as received, which observers get in place of the stripped ones of the
// exchange_finish that follows at once.
void exchange_set_received(struct exchange_endpoint *from, const struct http_head *received);
// Tells observers of a malformed response head. `detail` says what is wrong: a phrase of printable
// ASCII without a full stop. exchange_refuse must follow.
void exchange_bad_head(struct exchange_endpoint *outbound, struct slice bytes, const char *detail);
// Sets the detail of any other fault; exchange_abort or exchange_refuse must follow.
void exchange_set_detail(struct exchange_endpoint *from, const char *detail);
// Whether one more interim response may pass. Interim responses need no credit, so their number and
// size are bounded.
bool exchange_takes_interim(const struct exchange *x, const struct http_head *head);

// An endpoint gives up: the other one gets `closed` with the reason, `from` gets nothing.
void exchange_abort(struct exchange_endpoint *from, enum exchange_outcome why);
// The inbound has got the whole response and leaves without sending the rest of its request.
void exchange_abandon(struct exchange_endpoint *inbound);
// The outbound cannot answer: the inbound gets our answer if it has no response head yet, else the
// exchange is aborted. `from` is detached either way.
void exchange_refuse(struct exchange_endpoint *from, enum answer answer, enum exchange_outcome why);
// Ends what somebody between the endpoints refuses: the inbound gets our answer if it has no
// response head yet, else the exchange is aborted.
void exchange_stop(struct exchange *x, enum answer answer, enum exchange_outcome why);
// Answers in place of an outbound whose response has not left for the visitor: it gets `closed`.
void exchange_answer_instead(struct exchange *x, enum answer answer, enum exchange_outcome why);
// The same where no outbound is attached.
void exchange_answer(struct exchange *x, enum answer answer);
// Sends a whole small response of our own. `head` includes its Content-Length.
void exchange_respond(struct exchange *x, const struct http_head *head, struct slice body);
// The outbound leaves, since it has sent its whole response, or since we answer instead: the rest
// of the request is discarded.
void exchange_detach(struct exchange_endpoint *from);
// Drops an exchange as if it had never begun. Neither endpoint gets an event.
void exchange_discard(struct exchange *x);
