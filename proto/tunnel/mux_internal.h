// SPDX-License-Identifier: MIT
// What mux_recv.c and mux_send.c share. Nobody else includes this.
#pragma once
#include <nghttp2/nghttp2.h>
#include "flood_budget.h"
#include "mux.h"
#include "proto/buf.h"
#include "proto/list.h"

// A copy of trailers that wait for the body before them: they are small, while a head is large.
struct mux_trailers {
    size_t count;
    struct field fields[]; // which point behind the last of them
};

struct mux_stream {
    struct mux *mux;
    void *user;
    struct list_link in_streams, in_events;
    int32_t id;
    uint32_t reset;     // why it closed
    uint32_t window;    // of what we receive
    uint32_t unread;    // received and not credited
    uint64_t drained;   // by the reader since the window last grew
    size_t drained_out; // sent since `drained` was last announced
    struct buf out;     // given to mux_data and not sent yet
    struct mux_trailers *trailers;
    bool head_received;   // the final head has been received
    bool peer_finished;   // the peer has ended its direction
    bool head_sent;       // our final head was sent
    bool finished;        // mux_finish was called, or the head had no body
    bool end_stream_sent; // our END_STREAM has left
    bool stop;            // mux_stop_request
    bool deferred;        // nghttp2 waits for mux_data
    bool closed;          // nghttp2 knows the stream no more
    bool queued;          // in mux->events
};

// A field as it is gathered: offsets into mux->text, which may move while it grows.
struct mux_field_ref {
    uint32_t name, name_len, value, value_len;
};

enum {
    MUX_FRAME_HEAD = 9,
    MUX_FIELDS_BESIDE = 8, // pseudo-fields, adit-upgrade, adit-case
};

struct mux {
    enum mux_role role;
    struct mux_limits limits;
    const struct mux_handler *handler;
    void *ctx;
    nghttp2_session *session;
    struct list streams;
    struct list events; // streams whose drained or closed is to be announced
    size_t stream_count;
    size_t unread;
    size_t heads; // bytes of those that nghttp2 has and has not sent
    bool dead, draining;
    struct mux_peer peer;
    // the head being sent
    nghttp2_nv *nva;
    size_t nv_cap;
    struct buf spelling;
    // the frame being received
    uint8_t frame_head[MUX_FRAME_HEAD]; // one that came in pieces
    size_t frame_head_len;
    size_t frame_left;   // bytes of payload to come, or of the client's preface
    bool frame_accepted; // nghttp2 has announced that it heeds the frame
    int32_t last_id;     // agent: of the requests that came
    uint64_t stray;      // bytes that may still be under way to streams that are over
    struct flood_budget flood_budget;
    // the head being received
    char *text;
    size_t text_len, text_cap;
    size_t ref_count;
    bool head_broken;       // too large
    struct http_head *head; // made with the first that comes
    struct mux_field_ref *refs;
    size_t ref_cap;
    // where mux_send writes
    char *out;
    size_t out_len, out_cap;
};

void mux_set_recv_callbacks(nghttp2_session_callbacks *callbacks);
void mux_set_send_callbacks(nghttp2_session_callbacks *callbacks);

struct mux_stream *mux_stream_new(struct mux *m, int32_t id, void *user);
void mux_stream_free(struct mux_stream *s);
// The stream is over: what was unread of it counts no more, and `closed` is to be announced.
void mux_stream_close(struct mux_stream *s, uint32_t reset);
// Ends a stream by a reset of ours. The handler hears of it when nghttp2 has returned, whether or
// not the reset can be sent now.
void mux_stream_reset(struct mux_stream *s, uint32_t code);
// A stream with this window is over for us: what its peer sends before it knows is no flood.
void mux_expect_stray(struct mux *m, uint32_t window);
// What a head counts for while it waits to be sent.
size_t mux_head_size(const nghttp2_nv *nva, size_t count);
struct mux_stream *mux_stream_by_id(struct mux *m, int32_t id);
// Notes that `s` has something to be announced after nghttp2 returns, and tells it.
void mux_queue_event(struct mux_stream *s);
void mux_dispatch_events(struct mux *m);
