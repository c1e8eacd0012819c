// SPDX-License-Identifier: MIT
// Many exchanges over one pipe: HTTP/2 by nghttp2, the relay as its client, the agent as its server
// (docs/protocol.md §4). nghttp2's own checks of HTTP messages are off; `fields_check` is ours.
// Data moves only against credit, both ways.
#pragma once
#include "proto/http/message.h"

struct mux;
struct mux_stream;

enum mux_role {
    MUX_RELAY,
    MUX_AGENT
};

enum mux_error {
    MUX_E_PROTOCOL = -1, // the peer broke HTTP/2, or says that we did: the mux is dead
    MUX_E_MEMORY = -2,
    MUX_E_FULL = -3,  // no more streams now (MUX_STREAMS_MAX, or unread bytes at their cap)
    MUX_E_HEAD = -4,  // a head of ours is over MUX_HEAD_MAX or MUX_FIELD_MAX, or has more fields
                      // than the peer takes: nothing was sent
    MUX_E_FLOOD = -5, // the peer said too much that brings nothing: the mux is dead
};

const char *mux_strerror(int error);

enum {
    MUX_STREAMS_MAX = 1024,             // at once
    MUX_WINDOW_START = 64 * 1024 - 1,   // of a stream
    MUX_WINDOW_MAX = 1024 * 1024,       // to which it grows as its reader drains
    MUX_GROW_AFTER = 256 * 1024,        // bytes that a reader has drained before the first growth
    MUX_UNREAD_MAX = 16 * 1024 * 1024,  // received and not drained, all streams together
    MUX_SEND_MAX = 64 * 1024,           // that a stream takes to send: its credit to start with
    MUX_HEAD_MAX = 96 * 1024,           // names and values of a head
    MUX_FIELD_MAX = 64 * 1024,          // a name or a value: more is a breach for nghttp2's HPACK
    MUX_HEADS_MAX = 2 * 1024 * 1024,    // heads that wait to be sent, by RFC 7541 §4.1's measure
    MUX_FLOOD_BUDGET = 10 * 1000,       // of the peer (proto/tunnel/flood_budget.h)
    MUX_IDS_MAX = 0x40000000 - 0x10000, // the last stream id that a relay uses
};

// What may be chosen for one mux; mux_default_limits has the values above.
struct mux_limits {
    uint32_t streams; // at once; an agent takes twice as many
    uint32_t window;  // of a stream, to which it grows; at least MUX_WINDOW_START
    size_t unread;    // at least MUX_WINDOW_START
    size_t heads;     // that wait; the last may go beyond by its own size
    uint32_t flood_budget;
    uint32_t ids;
};

extern const struct mux_limits mux_default_limits;

// Error codes of resets, as in RFC 9113 §7.
enum mux_reset {
    MUX_RESET_INTERNAL = 2,
    MUX_RESET_REFUSED = 7,
    MUX_RESET_CANCEL = 8,
    MUX_RESET_CALM = 11,
    MUX_RESET_UNWANTED = 254, // never on the wire: NO_ERROR behind a whole response (RFC 9113 §8.1)
    MUX_RESET_LOST = 255,     // never on the wire: the link under the mux is gone
};

// What happens on a stream. Called from inside mux_recv (head, data, end, closed) and mux_send
// (drained, closed).
struct mux_handler {
    // A head: of a request (agent: the stream is new; set its user here) or of a response, 1xx
    // included. `end`: no body follows. Heads and trailers are the handler's to change during the
    // call, the bytes that they point to as well.
    void (*head)(void *ctx, struct mux_stream *s, struct http_head *head, bool end);
    // Bytes of the body: owed to mux_credit once they are drained.
    void (*data)(void *ctx, struct mux_stream *s, const char *bytes, size_t len);
    void (*end)(void *ctx, struct mux_stream *s, struct http_head *trailers);
    // `len` of the bytes given to mux_data have left: the sender may give as many more.
    void (*drained)(void *ctx, struct mux_stream *s, size_t len);
    // The stream is over and invalid after this call; `reset` is 0 when both directions had ended.
    // Not called after mux_forget.
    void (*closed)(void *ctx, struct mux_stream *s, uint32_t reset);
    // As much is unread as may be: the stream that is to be reset for it. NULL: the fullest.
    struct mux_stream *(*overfull)(void *ctx, struct mux *m);
};

// NULL when out of memory. `limits` NULL: the defaults. `handler` and `ctx` must outlive it.
struct mux *mux_new(enum mux_role role, const struct mux_limits *limits,
                    const struct mux_handler *handler, void *ctx);
// Frees it and all its streams, without calling the handler.
void mux_free(struct mux *m);
// The link is gone: the handler hears `closed` with MUX_RESET_LOST for every stream. Then only
// mux_free is of use.
void mux_link_lost(struct mux *m);

// What the peer understands besides (docs/protocol.md §2). Nothing before it is announced.
struct mux_peer {
    bool spelling; // `adit-case`: how names are spelled
    bool fields;   // heads of MESSAGE_FIELDS_CAP fields, not just MESSAGE_FIELDS_DEFAULT
    bool visitors; // `adit-visitor`: which visitor's connection a request came on
};
void mux_set_peer(struct mux *m, const struct mux_peer *peer);
const struct mux_peer *mux_peer(const struct mux *m);

// Takes from the budget of what brings nothing (proto/tunnel/flood_budget.h), for what comes beside
// the frames. False: there is none left, the peer floods.
bool mux_charge(struct mux *m, uint32_t cost);

// Feeds bytes of the peer. Returns 0 or a mux_error. Of a breach of HTTP/2 only the next mux_send
// may tell: nothing that comes after it is heeded.
int mux_recv(struct mux *m, const char *bytes, size_t len);
// Writes what is to be sent, at most `cap` bytes. Returns their number (0: nothing to send now) or
// a mux_error.
int mux_send(struct mux *m, char *out, size_t cap);
// Whether mux_send may have something.
bool mux_wants_send(const struct mux *m);
// Streams that are open, and bytes received on them and not drained.
size_t mux_stream_count(const struct mux *m);
size_t mux_unread(const struct mux *m);
size_t mux_stream_unread(const struct mux_stream *s);
// Relay: mux_open would refuse, as there are as many streams as there may be.
bool mux_is_full(const struct mux *m);
// Relay: the same, as much is unread as may be.
bool mux_unread_is_full(const struct mux *m);
// All streams, one after the other: the one behind `s`, the first for NULL; NULL at the end.
struct mux_stream *mux_next(const struct mux *m, const struct mux_stream *s);
// To be called now and then, with the time since the last call.
void mux_tick(struct mux *m, uint64_t elapsed_ms);
// Relay: the stream ids are used up, none will begin any more.
bool mux_ids_exhausted(const struct mux *m);
// No stream will begin any more; those that run may end. An agent tells its relay (GOAWAY); a relay
// just begins none.
void mux_drain(struct mux *m);

// Relay: begins a request. `end`: it has no body. Returns NULL when full, spent, draining or dead,
// when too many heads wait unsent, when the head is too large, or when out of memory.
struct mux_stream *mux_open(struct mux *m, const struct http_head *head, bool end, void *user);
// Agent: sends a response head: a 1xx (then another follows) or the final one. Returns 0 or a
// mux_error: MUX_E_FULL for a 1xx when too many heads wait unsent.
int mux_respond(struct mux_stream *s, const struct http_head *head, bool end);
// The same of a head that is not quite as it goes: large as it may be, it need not be copied.
struct mux_response {
    const struct http_head *head; // without its status and upgrade
    uint16_t status;
    struct slice upgrade;
    struct slice date; // to be added; empty: none
    bool end;
};
int mux_respond_as(struct mux_stream *s, const struct mux_response *response);
// Bytes of a body. The caller keeps to its credit: MUX_SEND_MAX, and what `drained` gave back.
// Returns 0 or MUX_E_MEMORY.
int mux_data(struct mux_stream *s, const char *bytes, size_t len);
// The end of a body; `trailers` may be NULL.
int mux_finish(struct mux_stream *s, const struct http_head *trailers);
// Agent: nobody takes the rest of this request, whose response was given whole. When that has left
// the stream ends, and the relay hears MUX_RESET_UNWANTED.
void mux_stop_request(struct mux_stream *s);
// `len` received bytes are drained: the peer may send as many more.
void mux_credit(struct mux_stream *s, size_t len);
// Ends the stream at once, both ways. The handler is not called for it any more; the stream is
// invalid.
void mux_reset(struct mux_stream *s, enum mux_reset code);

void mux_set_user(struct mux_stream *s, void *user);
void *mux_user(const struct mux_stream *s);
// What the peer of a stream understands.
const struct mux_peer *mux_stream_peer(const struct mux_stream *s);
