// SPDX-License-Identifier: MIT
// One request and its response (or one upgraded byte stream) between two ends: an inbound that was
// asked and an outbound that answers. It owns the counts, the digests and the timings, enforces the
// framing, and is where observers look on; it knows nothing of sockets (docs/architecture.md).
#pragma once
#include "answer.h"
#include "common/io/loop.h"
#include "proto/http/message.h"
#include "proto/tunnel/report.h"

struct exchange;
struct exchange_endpoint;

enum exchange_side {
    INBOUND,
    OUTBOUND
};

// How an exchange ended. It is complete when the response was whole, whatever became of the rest of
// the request.
enum exchange_why {
    EXCHANGE_COMPLETE,
    EXCHANGE_VISITOR_GONE,  // the inbound's peer left
    EXCHANGE_UPSTREAM_GONE, // the outbound's peer left before its response was whole
    EXCHANGE_TUNNEL_GONE,   // the link between the two programs broke
    EXCHANGE_RESET,         // the far program reset the stream
    EXCHANGE_PROTOCOL,      // a body is not what its head said
    EXCHANGE_REFUSED,       // we refused the rest of the request
    EXCHANGE_TIMEOUT,
    EXCHANGE_MEMORY,
};

const char *exchange_whystr(enum exchange_why why);

// What an end hears of the other end. `data` comes only against credit: an end takes
// LIMIT_CREDIT_BYTES to start with, and gives `exchange_credit` for what it has passed on.
struct exchange_ops {
    // A request head (outbound) or response head (inbound; 1xx first, perhaps). Slices are valid
    // during the call.
    void (*head)(struct exchange_endpoint *e, const struct http_head *head,
                 const struct body_framing *framing);
    void (*data)(struct exchange_endpoint *e, const char *bytes, size_t len);
    void (*finish)(struct exchange_endpoint *e, const struct http_head *trailers);
    // Inbound: the response is whole, and nobody takes what is still to come of the request: it may
    // be sent on, into nothing, or not (exchange_abandon).
    void (*unwanted)(struct exchange_endpoint *e);
    // The other end has passed on `len` of the bytes that we gave.
    void (*credit)(struct exchange_endpoint *e, size_t len);
    // The last event: both directions have ended, or the exchange broke. The end belongs to no
    // exchange any more.
    void (*closed)(struct exchange_endpoint *e, enum exchange_why why);
};

// Embedded in whatever speaks for one side.
struct exchange_endpoint {
    const struct exchange_ops *ops;
    struct exchange *x; // NULL: detached
    enum exchange_side side;
};

// What of an exchange may be recorded.
enum exchange_record {
    EXCHANGE_RECORD_ALL,
    EXCHANGE_RECORD_HEADS, // no bodies
    EXCHANGE_RECORD_NONE
};

struct exchange_direction {
    bool begun, ended;
    struct body_framing framing;
    uint64_t bytes; // of the body, passed so far
    size_t owed;    // of them, not yet credited by the other end; less when it has granted more
    uint64_t owed_since_ns;     // since when there are any
    uint64_t taken_before;      // bytes that had been credited by then
    int64_t credit;             // bytes that the other end takes now; below 0 when it was not asked
    uint64_t first_ns, last_ns; // its first and last byte; 0: none
    uint64_t stalled_ns, stalled_since_ns; // its sender had to wait for credit
    struct digest digest;                  // of the body
};

enum {
    EXCHANGE_TARGET_MAX = 200,
    EXCHANGE_DETAIL_MAX = ANSWER_DETAIL_MAX,
    EXCHANGE_NOTES = 2
};

// Looks on at every exchange. What it is given is valid during the call; a function may be NULL.
// Nothing that it does changes the exchange but its own note.
struct exchange_observer {
    // Its request head, as the inbound had it.
    void (*begun)(void *ctx, struct exchange *x, const struct http_head *request);
    // The request goes on to an outbound, or is answered by ourselves: it is routed now what the
    // exchange says of itself (visitor, tunnel, upstream).
    void (*routed)(void *ctx, struct exchange *x);
    // The head of a response as it came, a 1xx too: with the fields of its connection.
    void (*head)(void *ctx, struct exchange *x, const struct http_head *response);
    // What came as the head of the response is not valid: `bytes` is what has come of it.
    void (*bad_head)(void *ctx, struct exchange *x, struct slice bytes);
    void (*data)(void *ctx, struct exchange *x, enum exchange_side from, struct slice bytes);
    // `trailers` as they came; NULL: none.
    void (*finished)(void *ctx, struct exchange *x, enum exchange_side from,
                     const struct http_head *trailers);
    void (*closed)(void *ctx, struct exchange *x, enum exchange_why why);
    void (*discarded)(void *ctx, struct exchange *x); // instead of closed
    void *ctx;
    unsigned note; // which of the exchange's notes is its own
    const struct exchange_observer *next;
};

struct exchange {
    struct exchange_endpoint *endpoint[2];
    struct exchange_direction
        direction[2]; // by the side that sends: [INBOUND] request, [OUTBOUND] response
    const struct exchange_observer *observer; // the first of them
    void *note[EXCHANGE_NOTES];               // of observers
    struct timeout progress_timer;            // for client/display/long_exchanges
    char id[EXCHANGE_ID_LEN + 1];             // set by who began it; empty until then
    // What it says of itself, "" when there is nothing; owned by who set it, and read no later than
    // when the request goes on or is answered.
    const char *visitor, *tunnel, *scheme, *upstream, *replay_of;
    // Whose tunnel it is: the SHA-256 of its owner's key in hexadecimal, and the address that its
    // agent comes from, "" where that may stand for anybody. By them the record is shared out.
    const char *owner, *tunnel_address;
    const struct http_head *came; // of exchange_came, until then
    enum exchange_record record;  // at most
    uint64_t tunnel_id;           // number of the tunnel that it goes through; 0: none
    uint64_t inbound;      // number of the visitor's connection, of those of this link; 0: it
                           // is not known, or may carry the requests of several people
    int64_t begun_wall_ns; // since 1970
    // Times of a clock that is never set; 0: not yet.
    uint64_t begun_ns, sent_on_ns, answered_ns, ended_ns;
    uint64_t heard_ns;      // the first byte of what answers it, which may be a 1xx
    uint64_t connect_ns;    // how long it took to connect to the service; 0: it was connected
    uint16_t interim;       // 1xx responses so far
    uint32_t interim_bytes; // of their fields
    uint16_t status;        // of the final response
    bool upgraded, routed;
    // Said by the inbound, of its peer: it is its next bytes that everything waits for; it may stop
    // reading for as long as it likes.
    bool awaits_visitor, endless;
    bool refused; // the answer is ours
    enum answer answer;
    enum answer_form form;
    char detail[EXCHANGE_DETAIL_MAX]; // what was wrong, for people; "": nothing to add to `answer`
    char method[24], target[EXCHANGE_TARGET_MAX]; // for people, cut to size
};

// What there is to say of it at its end: for who hears that it is closed.
void exchange_report(const struct exchange *x, enum exchange_why why, struct report *r);

// Whether a response is to get a Date on its way to the inbound (RFC 9110 §6.6.1): a final one that
// has none, that of the second in which it passes. Not of when the exchange began and how long it
// has run: the clock may have been set meanwhile, or the machine have slept. Observers hear it as
// it came.
bool exchange_wants_date(const struct http_head *response);

// Whether nobody else's request may follow this one on a connection to the service: it has a body,
// which a service that does not read it takes for the next request; or it is a HEAD, whose answer
// some services send with a body.
bool exchange_stands_alone(const struct http_head *request, const struct body_framing *framing);

// Begins an exchange with its inbound end. NULL when out of memory. `observer` may be NULL.
struct exchange *exchange_new(struct exchange_endpoint *inbound, const struct http_head *request,
                              const struct exchange_observer *observer);
void exchange_attach(struct exchange *x, struct exchange_endpoint *outbound);

// Sent by an end to the other. After any of them the exchange may be gone (end->x is NULL then).
void exchange_head(struct exchange_endpoint *from, const struct http_head *head,
                   const struct body_framing *framing);
// What observers are to hear of the head of a response, or of trailers, instead of what is left of
// them in the exchange_head or exchange_finish that follows at once: all of it, as it came.
void exchange_came(struct exchange_endpoint *from, const struct http_head *came);
// What came from the service instead of a response head, and what is wrong with it (a phrase
// without a full stop, printable ASCII). To be followed by exchange_refuse.
void exchange_bad_head(struct exchange_endpoint *outbound, struct slice bytes, const char *detail);
// What is wrong with anything else that came, in the same words; before the exchange is broken off.
void exchange_explain(struct exchange_endpoint *from, const char *detail);
// Whether one more 1xx response may pass. They need no credit, so they are few and small.
bool exchange_takes_interim(const struct exchange *x, const struct http_head *head);
void exchange_data(struct exchange_endpoint *from, const char *bytes, size_t len);
void exchange_finish(struct exchange_endpoint *from, const struct http_head *trailers);
void exchange_credit(struct exchange_endpoint *from, size_t len);

// An end has had to give up: the other end hears `closed` with the reason; `from` hears nothing.
void exchange_abort(struct exchange_endpoint *from, enum exchange_why why);
// An inbound that has heard the whole response and will not send the rest of its request leaves.
void exchange_abandon(struct exchange_endpoint *inbound);
// The outbound cannot answer: when no response has begun the inbound gets our answer, else it is an
// abort. `from` is detached either way.
void exchange_refuse(struct exchange_endpoint *from, enum answer answer, enum exchange_why why);
// The same where there is no outbound yet.
void exchange_answer(struct exchange *x, enum answer answer);
// A whole small response of our own; `head` tells its content-length.
void exchange_respond(struct exchange *x, const struct http_head *head, struct slice body);
// An outbound that has sent its whole response leaves: what more comes of the request is swallowed.
void exchange_detach(struct exchange_endpoint *from);
// Drops an exchange as if it had never begun: neither end hears of it.
void exchange_discard(struct exchange *x);
