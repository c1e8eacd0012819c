// SPDX-License-Identifier: MIT
// Muxes in memory: a view of each stream that records what its handler was called with, and two
// joined sides. Every call is checked against the rules of proto/http2/mux.h.
#pragma once
#include "proto/buf.h"
#include "proto/http2/mux.h"

struct mux_view;
struct mux_lent;

// One end of a tunnel. Tests set `mux`, `hooks`, `ctx` and the two switches and read the rest.
struct mux_side {
    struct mux *mux;
    enum mux_role role;
    struct mux_view **views; // of every stream ever begun, in that order
    size_t count, cap;
    bool holds_credit; // false: every byte is credited at once
    bool drops_bodies; // false: the views keep them
    bool lends;        // mux_move sends by mux_send_lent
    // Called after the view has recorded an event. Any may be NULL.
    struct mux_hooks {
        void (*head)(struct mux_view *v, const struct http_head *head, bool end);
        void (*data)(struct mux_view *v, const char *bytes, size_t len);
        void (*end)(struct mux_view *v, const struct http_head *trailers);
        void (*drained)(struct mux_view *v, size_t len);
        void (*closed)(struct mux_view *v, uint32_t reset);
    } hooks;
    void *ctx;
    struct mux_lent *lent; // by mux_view_lend
};

// The view that one side has of a stream. Lives as long as its side.
struct mux_view {
    struct mux_side *side;
    struct mux_stream *stream; // NULL: closed, or reset by the test
    size_t index;              // in side->views
    struct buf heads;          // the heads as text (head_text)
    size_t head_count;
    struct body_framing framing; // of the last head
    bool head_end;               // the last head had END_STREAM
    struct buf body;
    uint64_t received, uncredited;
    uint64_t sent, drained; // of the bytes that were fed and lent
    struct buf trailers;    // as text
    bool ended, closed;
    uint32_t reset; // the code, once closed
    void *user;     // the test's own
};

extern const struct mux_handler mux_side_handler; // its ctx is a struct mux_side

// For a mux that the caller owns: mux_side_deinit does not free it.
void mux_side_init(struct mux_side *side, enum mux_role role, struct mux *mux);
// The same with a new mux, which the caller frees.
void mux_side_open_mux(struct mux_side *side, enum mux_role role, const struct mux_profile *profile,
                       const struct mux_limits *limits);
void mux_side_deinit(struct mux_side *side);

// Begins a request at the relay. NULL when mux_open refuses.
struct mux_view *mux_side_open(struct mux_side *side, const struct http_head *head, bool end);
// The same by mux_open_beside.
struct mux_view *mux_side_open_beside(struct mux_side *side, const struct http_head *head,
                                      const struct mux_beside *beside, bool end);
// Resets the stream; the view keeps no pointer to it.
void mux_view_reset(struct mux_view *v, enum mux_reset code);
void mux_view_credit(struct mux_view *v, size_t len);
// Gives as much of a body as there is credit for. The body has `total` bytes of the pattern `key`.
// Returns the number of bytes given.
size_t mux_view_feed(struct mux_view *v, uint64_t key, uint64_t total);

// The same by mux_data_borrowed. The bytes are freed by mux_side_settle, which calls
// mux_settle_data before.
size_t mux_view_lend(struct mux_view *v, uint64_t key, uint64_t total);
void mux_side_settle(struct mux_side *side);

// Writes a head as lines of text: "GET http a.example /" or "200", then the fields.
void head_text(const struct http_head *head, struct buf *out);
bool buf_is(const struct buf *b, const char *text);

// A minimal request or response.
struct http_head head_request(const char *method, const char *target);
struct http_head head_response(uint16_t status);

struct mux_pair {
    struct mux_side relay, agent;
};

// Muxes of mux_plain.h, unless another profile is named.
void mux_pair_init(struct mux_pair *p);
void mux_pair_init_profile(struct mux_pair *p, const struct mux_profile *profile);
void mux_pair_init_limited(struct mux_pair *p, const struct mux_limits *limits);
void mux_pair_deinit(struct mux_pair *p);
// Moves at most `cap` bytes, fed in pieces of `piece`. Returns their number, or the error of either
// side.
int mux_move(struct mux_side *from, struct mux_side *to, size_t cap, size_t piece);
// Moves until neither side has anything to send. Any error is a failure.
void mux_settle(struct mux_pair *p);

// Begins one more exchange and returns both views. Its request has no body, or an open one.
void mux_pair_begin(struct mux_pair *p, struct mux_view **relay, struct mux_view **agent);
void mux_pair_begin_upload(struct mux_pair *p, struct mux_view **relay, struct mux_view **agent);
// Sends a minimal final head; gives a text as part of a body and returns the result of mux_data.
void mux_view_respond(struct mux_view *v, uint16_t status, bool end);
int mux_view_give(struct mux_view *v, const char *text);

// head_add and buf_is, with a failure for false.
void head_put(struct http_head *head, const char *name, const char *value);
void buf_expect(const struct buf *b, const char *text);
