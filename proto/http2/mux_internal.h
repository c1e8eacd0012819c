// SPDX-License-Identifier: MIT
// Shared by the files of the mux, from the bottom: mux_stream.c (streams and their events),
// mux_window.c (receive windows), mux_recv_head.c (heads that are
// received), mux_send_head.c (heads that are sent), mux_recv.c and mux_send.c
// (nghttp2's callbacks), mux_frames.c (feeds nghttp2), mux.c (the session).
#pragma once
#include <nghttp2/nghttp2.h>
#include "flood_budget.h"
#include "mux.h"
#include "proto/buf.h"
#include "proto/chain.h"
#include "proto/list.h"

// A copy of trailers that wait until the body is sent. Not a struct http_head, which is large.
struct mux_trailers {
    size_t count;
    struct field fields[]; // their text lies after the last one, in the same block
};

struct mux_stream {
    struct mux *mux;
    void *user;
    struct list_link in_streams, in_events;
    int32_t id;
    uint32_t reset;      // the code with which it closed
    uint32_t window;     // our receive window
    uint32_t withheld;   // bytes of credit beyond it that are under way, and not granted again
    uint32_t ungranted;  // drained bytes that are to be granted again
    uint32_t unread;     // bytes received and not credited
    uint64_t drained;    // bytes credited since `since_us`
    uint64_t since_us;   // when the window was last resized, or drained once
    size_t drained_out;  // bytes sent since the handler's `drained` was last called
    bool window_changed; // by the peer, since then
    struct chain out;    // given to mux_data and not sent yet
    struct mux_trailers *trailers;
    char *offer;          // client: the upgrade that the request offers; NULL: none
    bool head_cut;        // public: the head exceeded a limit
    bool to_head;         // client: the method of the request is HEAD
    bool stopped;         // the reader has drained nothing since the last tick
    bool head_received;   // the final head, 1xx aside
    bool peer_finished;   // END_STREAM was received
    bool peer_left;       // public: RST_STREAM was received: nothing may follow it
    bool head_sent;       // our final head was given to nghttp2
    bool finished;        // mux_finish was called, or our head had no body
    bool end_stream_sent; // our END_STREAM was sent
    bool stop;            // mux_stop_request was called
    bool deferred;        // nghttp2 waits until mux_data resumes the body
    bool closed;          // nghttp2 has forgotten the stream; `closed` is to be called
    bool waits;           // counted in mux->waiting
    bool queued;          // in mux->events
};

enum {
    MUX_FRAME_HEAD = 9, // RFC 9113 §4.1
    MUX_FIELDS_OWN = 8, // pseudo-fields, the date, those of the upgrade and of the spelling
};

struct mux {
    enum mux_role role;
    const struct mux_profile *profile;
    struct mux_limits limits;
    const struct mux_handler *handler;
    void *ctx;
    nghttp2_session *session;
    nghttp2_data_provider body; // mux_read_data, of every stream
    struct list streams;
    struct mux_stream *found; // by the last search for an id; NULL: none, or it is closed
    struct list events;       // streams whose `drained` or `closed` is to be called
    size_t stream_count;
    size_t unread;
    size_t waiting; // streams with body bytes to send and a window to send them in
    // Bytes given to mux_data_borrowed, which follow the queue of their stream. NULL: none.
    struct mux_stream *borrower;
    struct slice borrowed;
    size_t heads;                   // size of the heads that nghttp2 has queued (mux_head_size)
    uint64_t now_us, round_trip_us; // 0: not known
    size_t window_excess;           // of all that is granted, above limits.window each
    bool dead, draining;
    bool greeted; // the peer's SETTINGS have come
    struct mux_peer peer;
    // the head being sent
    nghttp2_nv *nva;
    size_t nv_cap;
    struct buf spelling;
    // the frame being received
    uint8_t frame_head[MUX_FRAME_HEAD]; // of a frame whose head came in pieces
    size_t frame_head_len;
    size_t frame_left;   // bytes of payload to come, or of the client's preface
    bool frame_accepted; // nghttp2 called on_begin_frame for it
    int32_t last_id;     // server: the highest id of a request
    uint64_t stray;      // body bytes that the peer may have sent to closed streams
    struct flood_budget flood_budget;
    // the head being received
    struct http_head *head; // allocated with the first head; its text lies in `text`
    char *text;             // MUX_HEAD_MAX bytes, allocated with it
    size_t text_len;
    bool head_broken;     // malformed or too large: what follows is not kept
    bool head_cut;        // public: over a limit: what follows is not kept
    bool head_open;       // its END_HEADERS has not come
    bool frame_ends_head; // the frame being received has END_HEADERS
    size_t head_size;     // public: for limits.head_bytes
    bool head_fields;     // a field that is no pseudo-field has come
    struct mux_scratch *scratch;
    // public: resets that the peer may still cause, and the time towards one more
    uint32_t resets_left, resets_ms;
    uint32_t stray_heads; // public: closed streams whose trailers may still come
    uint32_t breach;  // the code that mux_last_words tells of MUX_E_PROTOCOL; 0: the general one
    uint32_t tiny;    // public: DATA frames of a few bytes
    bool flooded;     // the budget of resets is spent
    bool said_goaway; // with an error
    // the output of mux_send
    char *out;
    size_t out_len, out_cap;
    size_t out_most;   // the same with `tail`; 0: nothing is lent
    struct slice tail; // borrowed bytes that end the output
};

// mux_recv_head.c
// The memory of the head that is received. False: there is none.
bool mux_head_begin(struct mux *m);
// Adds a field to the head. 0, or nghttp2's error when the peer floods us with fields.
int mux_head_add(struct mux *m, struct slice name, struct slice value);
// The head is whole: joins the crumbs of Cookie.
void mux_head_finish(struct mux *m);
// To be called when mux_recv returns: gives the memory back if no head is incomplete.
void mux_head_release(struct mux *m);

void mux_set_recv_callbacks(nghttp2_session_callbacks *callbacks);
void mux_set_send_callbacks(nghttp2_session_callbacks *callbacks);
// nghttp2's callback for the body of a stream that is sent.
ssize_t mux_read_data(nghttp2_session *session, int32_t id, uint8_t *buf, size_t len,
                      uint32_t *flags, nghttp2_data_source *source, void *user_data);
// Copies trailers, which follow the body. Returns 0, MUX_E_MEMORY or MUX_E_HEAD.
int mux_keep_trailers(struct mux_stream *s, const struct http_head *trailers);
// Hands the trailers to nghttp2 once the body has been sent. False: out of memory.
bool mux_submit_trailers(struct mux_stream *s);

// Earns flood budget. A public peer saves up twice the cap at most: exchanges must not pay for a
// flood behind them.
static inline void mux_earn(struct mux *m, uint32_t gain)
{
    flood_budget_earn(&m->flood_budget, gain);
    if (m->profile->is_public && m->flood_budget.left > 2 * m->flood_budget.cap)
        m->flood_budget.left = 2 * m->flood_budget.cap;
}

struct mux_stream *mux_stream_new(struct mux *m, int32_t id, void *user);
void mux_stream_free(struct mux_stream *s);
// Marks the stream as closed: its unread bytes no longer count, and its `closed` event is queued.
void mux_stream_close(struct mux_stream *s, uint32_t reset);
// Body bytes that the stream has to send.
static inline size_t mux_stream_queued(const struct mux_stream *s)
{
    const struct mux *m = s->mux;
    return s->out.len + (m->borrower == s ? m->borrowed.len : 0);
}
// Counts the stream in mux->waiting: to be called after each change of mux_stream_queued and of the
// window that its peer grants.
void mux_stream_count_waiting(struct mux_stream *s);
// Sends RST_STREAM and closes the stream. The handler's `closed` is called once nghttp2 has
// returned. Does nothing when the stream is closed already.
void mux_stream_reset(struct mux_stream *s, uint32_t code);
// Public: a reset that the peer has caused. False: the peer has caused too many.
bool mux_spend_reset(struct mux *m);
// Allows for the bytes that the peer may send to a stream with this window before the peer learns
// that the stream is closed: they are no flood.
void mux_expect_stray(struct mux *m, uint32_t window);
// The size of a head that waits to be sent, measured as in RFC 7541 §4.1.
size_t mux_head_size(const nghttp2_nv *nva, size_t count);
// Bytes by which a window exceeds what a near peer may have.
static inline uint32_t mux_window_excess(const struct mux *m, uint32_t window)
{
    return window > m->limits.window ? window - m->limits.window : 0;
}

// The bytes that the peer may have under way, and unread here.
static inline uint32_t mux_window_granted(const struct mux_stream *s)
{
    return s->window + s->withheld;
}

// Notes a window and what is to be taken back beyond it; both 0 when the stream is freed.
static inline void mux_window_set(struct mux_stream *s, uint32_t window, uint32_t withheld)
{
    s->mux->window_excess -= mux_window_excess(s->mux, mux_window_granted(s));
    s->window = window;
    s->withheld = withheld;
    s->mux->window_excess += mux_window_excess(s->mux, mux_window_granted(s));
}

// To be called when the peer has ended its body: nothing more can come, so that only unread bytes
// count.
void mux_window_finish(struct mux_stream *s);
// Shrinks the windows of readers that have stopped, and of streams that need less.
void mux_window_tick(struct mux *m);
// Asks nghttp2 for a stream. NULL when there is no such stream, or when it was reset.
struct mux_stream *mux_stream_find(struct mux *m, int32_t id);
// The same; asks only when the last search was for another stream. A frame causes one search.
static inline struct mux_stream *mux_stream_by_id(struct mux *m, int32_t id)
{
    struct mux_stream *s = m->found;
    return s && s->id == id ? s : mux_stream_find(m, id);
}
// Events wait until nghttp2 returns, since their handlers may free the stream.
void mux_queue_event(struct mux_stream *s);
void mux_dispatch_events(struct mux *m);
