// SPDX-License-Identifier: MIT
// One request and its response, or one upgraded byte stream, between the endpoint of an inbound
// (asks) and the endpoint of an outbound (answers). Counts, digests and times the bodies, enforces
// the framing, tells observers; knows no sockets (docs/architecture.md).
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
    // The other endpoint takes `len` more bytes.
    void (*credit)(struct exchange_endpoint *e, size_t len);
    // The last event: both directions have ended, or the exchange broke. The endpoint is detached.
    void (*closed)(struct exchange_endpoint *e, enum exchange_outcome why);
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

enum {
    EXCHANGE_TARGET_MAX = 200,
    EXCHANGE_DETAIL_MAX = ANSWER_DETAIL_MAX
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
    // The request goes to an outbound, or we answer it: visitor, tunnel and upstream of `x->info`
    // are final.
    void (*routed)(void *ctx, struct exchange *x);
    // A response head as received, hop-by-hop fields included; interim ones too.
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

// The facts of an exchange that observers record, report and show.
struct exchange_info {
    char id[EXCHANGE_ID_LEN + 1]; // set by the inbound's owner; empty until then
    // "" when unknown. Borrowed from the code that set them; observers read them no later than in
    // `routed`.
    const char *visitor, *tunnel, *scheme, *upstream, *replay_of;
    // The tunnel's owner (SHA-256 of the owner's key in hexadecimal) and its agent's address, ""
    // where that may stand for several people. The record's space is shared out by them.
    const char *owner, *tunnel_address;
    uint64_t tunnel_id;  // 0: no tunnel
    uint64_t inbound_id; // number of the visitor's connection, unique within the tunnel; 0:
                         // unknown, or the connection may carry requests of several people
    char method[24], target[EXCHANGE_TARGET_MAX]; // truncated
    uint16_t status;                              // of the final response
    bool refused;                                 // the response is our own `answer`
    enum answer answer;
    char detail[EXCHANGE_DETAIL_MAX]; // what exactly was wrong; "": nothing to add to `answer`
    int64_t begun_wall_ns;            // since 1970
    // Monotonic clock; 0: not yet.
    uint64_t begun_ns;    // the request head was received
    uint64_t sent_on_ns;  // the request head left for the outbound
    uint64_t heard_ns;    // first byte of any response, interim ones included
    uint64_t answered_ns; // final response head
    uint64_t ended_ns;
    uint64_t connect_ns; // time that connecting to the origin took; 0: reused a connection
};

struct exchange {
    struct exchange_endpoint *endpoint[2];
    struct exchange_direction direction[2];   // by sender: [INBOUND] request, [OUTBOUND] response
    const struct exchange_observer *observer; // first of a chain; may be NULL
    void *note[EXCHANGE_NOTES];               // by enum exchange_note
    struct timeout progress_timer;            // of client/display/long_exchanges
    const struct http_head *received;         // exchange_set_received; NULL: nothing set
    enum exchange_record record;
    enum answer_form form;  // in which our own answer is written
    uint16_t interim;       // 1xx responses so far
    uint32_t interim_bytes; // of their fields
    bool offers;            // the request offers an upgrade, whose bytes would follow its body
    bool upgraded, routed;
    bool digested; // bodies are digested, since an observer wants that
    // Set by the inbound, for load shedding.
    bool awaits_visitor; // blocked on the visitor's next request bytes
    bool endless; // upgraded, or a stream of events: the visitor may pause reading for any time
    struct exchange_info info;
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
// memory. `observer` may be NULL.
struct exchange *exchange_new(struct exchange_endpoint *inbound, const struct http_head *request,
                              const struct exchange_observer *observer);
// Attaches the outbound, which gets the events of the exchange from now on.
void exchange_attach(struct exchange *x, struct exchange_endpoint *outbound);

// Sent by one endpoint to the other. Each may close the exchange: `from->x` is NULL then.
void exchange_head(struct exchange_endpoint *from, const struct http_head *head,
                   const struct body_framing *framing);
void exchange_data(struct exchange_endpoint *from, const char *bytes, size_t len);
void exchange_finish(struct exchange_endpoint *from, const struct http_head *trailers);
void exchange_credit(struct exchange_endpoint *from, size_t len);
// The bytes that the other endpoint may still send to this one; negative if it has sent more than
// it may.
static inline int64_t exchange_credit_left(const struct exchange_endpoint *to)
{
    return to->x->direction[to->side == INBOUND ? OUTBOUND : INBOUND].credit;
}

// The most bytes of a body that an endpoint with this credit reads at once.
static inline uint32_t exchange_read_max(ptrdiff_t credit)
{
    return credit < LIMIT_READ_BULK_BYTES ? (uint32_t)credit : LIMIT_READ_BULK_BYTES;
}

// Sets the head or trailers as received, which observers get in place of the filtered ones of the
// exchange_head or exchange_finish that follows at once.
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
// The outbound cannot answer: the inbound gets our answer if no response has begun, else the
// exchange is aborted. `from` is detached either way.
void exchange_refuse(struct exchange_endpoint *from, enum answer answer, enum exchange_outcome why);
// The same where no outbound is attached.
void exchange_answer(struct exchange *x, enum answer answer);
// Sends a whole small response of our own. `head` includes its Content-Length.
void exchange_respond(struct exchange *x, const struct http_head *head, struct slice body);
// The outbound has sent its whole response and leaves: the rest of the request is discarded.
void exchange_detach(struct exchange_endpoint *from);
// Drops an exchange as if it had never begun. Neither endpoint gets an event.
void exchange_discard(struct exchange *x);
