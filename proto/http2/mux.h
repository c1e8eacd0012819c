// SPDX-License-Identifier: MIT
// Many exchanges over one byte stream: HTTP/2 by nghttp2 (RFC 9113). In a tunnel the relay is the
// client and the agent the server (docs/protocol.md §4). nghttp2's checks of HTTP messages are off:
// a profile checks and translates them. Bodies move against credit in both directions.
#pragma once
#include "mux_profile.h"

struct mux;
struct mux_stream;

enum mux_role {
    MUX_CLIENT,
    MUX_SERVER
};

enum mux_error {
    MUX_E_PROTOCOL = -1, // the peer broke HTTP/2, or claims that we did: the mux is dead
    MUX_E_MEMORY = -2,
    MUX_E_FULL = -3,  // too many heads wait to be sent
    MUX_E_HEAD = -4,  // a head of ours is over MUX_HEAD_MAX or MUX_FIELD_MAX, or has more fields
                      // than the peer takes: nothing was sent
    MUX_E_FLOOD = -5, // the peer's flood budget is spent: the mux is dead
};

const char *mux_strerror(int error);

enum {
    MUX_STREAMS_MAX = 1024,                  // concurrent streams of a client
    MUX_WINDOW_START = 64 * 1024 - 1,        // receive window of a new stream
    MUX_WINDOW_MAX = 1024 * 1024,            // the window grows up to this as its reader drains
    MUX_WINDOW_FAR_MAX = 8 * MUX_WINDOW_MAX, // and up to this by measured bandwidth-delay product
    MUX_GROW_AFTER = 256 * 1024,       // bytes drained before the window of a near peer first grows
    MUX_FAR_US = 10 * 1000,            // a peer is far from this round trip on
    MUX_SLOW_US = 10 * 1000 * 1000,    // a larger window not drained once in this time may shrink
    MUX_UNREAD_MAX = 16 * 1024 * 1024, // received and not credited, all streams together
    MUX_SEND_MAX = 64 * 1024,          // that a stream queues beyond the peer's window
    MUX_FRAME_MAX = 128 * 1024,        // payload of a frame, as announced to the peer
    MUX_FRAME_SHARED = 16 * 1024,      // of DATA that we send while other streams wait too
    MUX_HEAD_MAX = 96 * 1024,          // names and values of a head
    MUX_FIELD_MAX = 64 * 1024,         // a name or a value; nghttp2 fails the session beyond it
    MUX_HEADS_MAX = 2 * 1024 * 1024,   // heads that wait to be sent, sized as in RFC 7541 §4.1
    MUX_FLOOD_BUDGET = 10 * 1000,      // what the peer may spend (flood_budget.h)
    MUX_RESETS_MAX = 100,              // of public streams, by the peer or for its breaches,
    MUX_RESETS_MS = 60 * 1000,         // in this time
    MUX_FRAME_PUBLIC = 16 * 1024,      // MUX_FRAME_MAX of a public profile
    MUX_STREAMS_PUBLIC = 100,          // of a client, until its public peer says how many
    MUX_GOODBYE_MAX = 16 * 1024,       // that mux_last_words writes
    MUX_IDS_MAX = 0x40000000 - 0x10000, // the last stream id that a client uses
};

// The limits of one mux; mux_default_limits has the values above.
struct mux_limits {
    uint32_t streams;    // MUX_STREAMS_MAX; a server accepts twice as many
    uint32_t window;     // MUX_WINDOW_MAX; at least MUX_WINDOW_START
    uint32_t window_far; // MUX_WINDOW_FAR_MAX
    size_t unread;       // MUX_UNREAD_MAX; at least MUX_WINDOW_START
    size_t heads;        // MUX_HEADS_MAX; the last head may exceed it
    uint32_t flood_budget;
    uint32_t ids;
    // Public: of a head that is received, its names and values with 4 bytes for each field, which
    // are 0 for no limit below MUX_HEAD_MAX and MESSAGE_FIELDS_CAP.
    size_t head_bytes, head_fields;
};

extern const struct mux_limits mux_default_limits;

// Error codes of resets, as in RFC 9113 §7.
enum mux_reset {
    MUX_RESET_NONE = 0,
    MUX_RESET_PROTOCOL = 1,
    MUX_RESET_INTERNAL = 2,
    MUX_RESET_REFUSED = 7,
    MUX_RESET_CANCEL = 8,
    MUX_RESET_CALM = 11,
    // not on the wire
    MUX_RESET_ILLEGAL = 253,  // CANCEL, since the profile refuses a response, or trailers; public:
                              // also any other code of ours, since the message is none of HTTP/2
    MUX_RESET_UNWANTED = 254, // NO_ERROR after a whole response (RFC 9113 §8.1)
    MUX_RESET_LOST = 255,     // the link under the mux is gone
};

// The events of streams. mux_recv and mux_send call them. A handler may call the mux, but neither
// of these two.
struct mux_handler {
    // The head of a request (server: the stream is new; set its user here) or of a response, 1xx
    // included, as the profile lets it pass. `end`: no body follows. The handler may change heads
    // and trailers during the call, and the bytes that they point to.
    void (*head)(void *ctx, struct mux_stream *s, struct http_head *head,
                 const struct body_framing *framing, bool end);
    // Bytes of the body. The handler owes mux_credit for them.
    void (*data)(void *ctx, struct mux_stream *s, const char *bytes, size_t len);
    // The peer has finished its direction; `trailers` is NULL when there are none.
    void (*end)(void *ctx, struct mux_stream *s, struct http_head *trailers);
    // `len` bytes given to mux_data were sent, or the peer has changed the stream's window (then
    // `len` may be 0): mux_stream_room is another.
    void (*drained)(void *ctx, struct mux_stream *s, size_t len);
    // The stream is over and invalid after this call; `reset` is 0 when both directions had
    // finished. Not called after mux_reset.
    void (*closed)(void *ctx, struct mux_stream *s, uint32_t reset);
    // Chooses the stream to reset when the unread bytes exceed their limit. NULL: the fullest.
    struct mux_stream *(*overfull)(void *ctx, struct mux *m);
};

// Memory for one head that is received, shared by the muxes of one thread. Zero at first. A mux
// whose head comes in pieces keeps the memory until the head is whole.
struct mux_scratch {
    struct http_head *head;
    char *text;
};
void mux_scratch_free(struct mux_scratch *scratch);

struct mux_config {
    struct mux_scratch *scratch; // must outlive the mux; NULL: the mux has memory of its own
    enum mux_role role;
    const struct mux_profile *profile; // must outlive the mux
    const struct mux_limits *limits;   // NULL: mux_default_limits
};

// NULL when out of memory. `handler` and `ctx` must outlive the mux.
struct mux *mux_new(const struct mux_config *config, const struct mux_handler *handler, void *ctx);
// Frees the mux and all its streams without calling the handler.
void mux_free(struct mux *m);
// The link is gone: calls `closed` with MUX_RESET_LOST for every stream. Only mux_free is legal
// afterwards.
void mux_link_lost(struct mux *m);

// Features that the peer announced (docs/protocol.md §2); none before its greeting.
struct mux_peer {
    bool spelling; // the spelling of names
    bool fields;   // heads of MESSAGE_FIELDS_CAP fields instead of MESSAGE_FIELDS_DEFAULT
    bool visitors; // the visitor's connection that a request came on
};
void mux_set_peer(struct mux *m, const struct mux_peer *peer);
const struct mux_peer *mux_peer(const struct mux *m);
const struct mux_peer *mux_stream_peer(const struct mux_stream *s);

// Charges the peer's flood budget for something outside of HTTP/2 frames (flood_budget.h). False:
// the budget is spent.
bool mux_charge(struct mux *m, uint32_t cost);

// Feeds bytes from the peer. Returns 0 or a mux_error. nghttp2 may report a breach of HTTP/2 only
// in the next mux_send; bytes after the breach are ignored.
int mux_recv(struct mux *m, const char *bytes, size_t len);
// Writes at most `cap` bytes to send. Returns their number (0: nothing to send now) or a mux_error.
int mux_send(struct mux *m, char *out, size_t cap);
// The same with less copying: body bytes that a stream has borrowed may end the message from where
// they are. They are `*tail` then, count in `most`, and are the caller's until mux_settle_data.
// At most `cap` bytes come before them.
int mux_send_lent(struct mux *m, char *out, size_t cap, size_t most, struct slice *tail);
// The last bytes of a mux that ends, by the error of mux_recv or mux_send, or by 0 when nothing is
// wrong: what fits of the output that waits, and a GOAWAY. Returns their number, MUX_GOODBYE_MAX at
// most. Only mux_link_lost and mux_free are legal afterwards.
size_t mux_last_words(struct mux *m, int error, char out[static MUX_GOODBYE_MAX]);
// Whether a head, or the client's preface, has been received in part.
bool mux_is_in_head(const struct mux *m);
// Whether mux_send may write something.
bool mux_wants_send(const struct mux *m);
// Whether a stream has body bytes to send, and a window to send them in.
bool mux_has_bodies(const struct mux *m);
// The time in µs of some clock that does not go back, and the least round trip to the peer; 0: not
// known.
void mux_set_now(struct mux *m, uint64_t now_us, uint64_t round_trip_us);
// To be called regularly with the time since the last call: refills the flood budget and frees the
// memory of empty queues.
void mux_tick(struct mux *m, uint64_t elapsed_ms);

// Open streams, and bytes that were received and not credited.
size_t mux_stream_count(const struct mux *m);
size_t mux_unread(const struct mux *m);
size_t mux_stream_unread(const struct mux_stream *s);
// Client: whether the peer's SETTINGS have come: it speaks HTTP/2.
bool mux_is_greeted(const struct mux *m);
// Client: the streams that may be open at once: those that the peer takes, MUX_STREAMS_PUBLIC
// until it says so, and the limit of our own.
size_t mux_most_streams(const struct mux *m);
// Client: whether no more streams begin: either end drains, or the ids are used up.
bool mux_is_ending(const struct mux *m);
// Client: whether mux_open refuses because all streams are in use, or because of unread bytes.
bool mux_is_full(const struct mux *m);
bool mux_unread_is_full(const struct mux *m);
// The stream after `s` in a list of all; the first for NULL. NULL at the end.
struct mux_stream *mux_next(const struct mux *m, const struct mux_stream *s);
// Client: whether the stream ids are used up; mux_open refuses from then on.
bool mux_ids_exhausted(const struct mux *m);
// Begins no more streams and lets the open ones finish. A server sends GOAWAY; a client only stops
// opening.
void mux_drain(struct mux *m);
// Whether mux_drain was called, or the peer has sent GOAWAY.
bool mux_is_draining(const struct mux *m);

enum {
    MUX_BESIDE_MAX = 4
};

// Fields that are sent behind those of a head, and count as its own: saves a copy of the head.
struct mux_beside {
    struct field fields[MUX_BESIDE_MAX];
    size_t count;
};

// Client: begins a request. `end`: it has no body. Returns NULL when full, out of ids, draining or
// dead, when too many heads wait to be sent, when the head is too large, or when out of memory.
struct mux_stream *mux_open_beside(struct mux *m, const struct http_head *head,
                                   const struct mux_beside *beside, bool end, void *user);
// The same with nothing beside the head.
struct mux_stream *mux_open(struct mux *m, const struct http_head *head, bool end, void *user);
// Server: sends a response head, 1xx (more heads follow) or final, which 101 is if the profile
// translates it. Returns 0 or a mux_error: MUX_E_FULL for a 1xx when too many heads wait to be
// sent.
int mux_respond(struct mux_stream *s, const struct http_head *head, bool end);
// The same with a Date (empty: none) behind the fields, which saves a copy of the head.
int mux_respond_dated(struct mux_stream *s, const struct http_head *head, struct slice date,
                      bool end);
// Body bytes that the peer's window, or `most` of it, takes besides those that are queued; < 0:
// they exceed it.
ptrdiff_t mux_stream_room(const struct mux_stream *s, int32_t most);
// Whether the peer's window of the stream takes no more; of the connection: of all streams
// together.
bool mux_stream_is_held(const struct mux_stream *s);
bool mux_is_held(const struct mux *m);
// Queues a copy of body bytes. The caller bounds them by mux_stream_room, and hears from `drained`
// when that is another. Ignored once the direction is finished or the stream closed. Returns 0
// or MUX_E_MEMORY.
int mux_data(struct mux_stream *s, const char *bytes, size_t len);
// The same without a copy, for long pieces: the bytes must stay as they are until mux_settle_data.
// mux_settle_data copies the rest that mux_send has not taken by then. mux_send_lent gives them
// away, to one who may change them.
int mux_data_borrowed(struct mux_stream *s, const char *bytes, size_t len);
// Whether mux_settle_data has something to copy.
bool mux_has_borrowed(const struct mux *m);
// Copies what is left of borrowed bytes. A stream without memory for them is reset, and its
// `closed` called: not to be called by a handler.
void mux_settle_data(struct mux *m);
// Finishes our direction: END_STREAM follows the queued bytes and the trailers (NULL: none, else
// copied). Returns 0, MUX_E_MEMORY or MUX_E_HEAD.
int mux_finish(struct mux_stream *s, const struct http_head *trailers);
// Server: takes no more of the request. Once the whole response was sent, resets the stream with
// NO_ERROR (RFC 9113 §8.1), which the client's handler sees as MUX_RESET_UNWANTED.
void mux_stop_request(struct mux_stream *s);
// The reader has drained `len` received bytes: the peer may send as many more.
void mux_credit(struct mux_stream *s, size_t len);
// Ends both directions at once and frees the stream; the handler is not called for it any more.
void mux_reset(struct mux_stream *s, enum mux_reset code);

// Body bytes that are queued and not sent.
size_t mux_stream_unsent(const struct mux_stream *s);
// Public: whether the head that was received exceeded a limit. `head` had what fits.
bool mux_stream_head_is_cut(const struct mux_stream *s);

void mux_set_user(struct mux_stream *s, void *user);
void *mux_user(const struct mux_stream *s);
