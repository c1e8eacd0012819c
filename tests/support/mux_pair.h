// SPDX-License-Identifier: MIT
// Muxes in memory: what the handler of each side has heard, stream by stream, and two sides joined.
// The rules of the handler (proto/tunnel/mux.h) are checked with every call.
#pragma once
#include "proto/buf.h"
#include "proto/tunnel/mux.h"

struct mux_view;

// One end of a tunnel. All but `mux`, `hooks`, `ctx` and the two switches is for reading.
struct mux_side {
    struct mux *mux;
    enum mux_role role;
    struct mux_view **views; // of every stream there ever was, in the order of their beginning
    size_t count, cap;
    bool holds_credit; // else every byte is credited as it comes
    bool drops_bodies; // else views keep them
    // What a test does when something comes, after the view has noted it. Any may be NULL.
    struct mux_hooks {
        void (*head)(struct mux_view *v, const struct http_head *head, bool end);
        void (*data)(struct mux_view *v, const char *bytes, size_t len);
        void (*end)(struct mux_view *v, const struct http_head *trailers);
        void (*drained)(struct mux_view *v, size_t len);
        void (*closed)(struct mux_view *v, uint32_t reset);
    } hooks;
    void *ctx;
};

// One side's view of a stream. Lives as long as its side.
struct mux_view {
    struct mux_side *side;
    struct mux_stream *stream; // NULL: over, or forgotten
    size_t index;              // in side->views
    struct buf heads;          // each as text (head_text)
    size_t head_count;
    bool head_end; // the last of them was the end as well
    struct buf body;
    uint64_t received, uncredited;
    uint64_t sent, drained; // of what mux_view_feed gave
    struct buf trailers;    // as text
    bool ended, closed;
    uint32_t reset; // once closed
    void *user;     // the test's own
};

extern const struct mux_handler mux_side_handler; // its ctx is a struct mux_side

// For a mux that somebody else made. mux_side_deinit leaves it alone.
void mux_side_init(struct mux_side *side, enum mux_role role, struct mux *mux);
void mux_side_deinit(struct mux_side *side);

// The view of a request that the relay's side begins; NULL when mux_open refused.
struct mux_view *mux_side_open(struct mux_side *side, const struct http_head *head, bool end);
// The view forgets its stream and resets it.
void mux_view_reset(struct mux_view *v, enum mux_reset code);
void mux_view_credit(struct mux_view *v, size_t len);
// Gives as much of a body of `total` bytes, which are the pattern of `key`, as there is credit for.
// Returns how much.
size_t mux_view_feed(struct mux_view *v, uint64_t key, uint64_t total);

// All of a head as lines of text: "GET http a.example /", "200", then the fields.
void head_text(const struct http_head *head, struct buf *out);
bool buf_is(const struct buf *b, const char *text);

// A request or response of few words.
struct http_head head_request(const char *method, const char *target);
struct http_head head_response(uint16_t status);

struct mux_pair {
    struct mux_side relay, agent;
};

void mux_pair_init(struct mux_pair *p);
void mux_pair_init_limited(struct mux_pair *p, const struct mux_limits *limits);
void mux_pair_deinit(struct mux_pair *p);
// Moves at most `cap` bytes, fed in pieces of `piece`. Returns their number, or the error of
// either.
int mux_move(struct mux_side *from, struct mux_side *to, size_t cap, size_t piece);
// Moves until nobody has anything to send; any error is a failure.
void mux_settle(struct mux_pair *p);

// The views of one more exchange, whose request has no body, or still sends one.
void mux_pair_begin(struct mux_pair *p, struct mux_view **relay, struct mux_view **agent);
void mux_pair_begin_upload(struct mux_pair *p, struct mux_view **relay, struct mux_view **agent);
// Sends a final response head of few words, or a text as part of a body (the result of mux_data).
void mux_view_respond(struct mux_view *v, uint16_t status, bool end);
int mux_view_give(struct mux_view *v, const char *text);

// head_add and buf_is, where anything else is a failure.
void head_put(struct http_head *head, const char *name, const char *value);
void buf_expect(const struct buf *b, const char *text);
