// SPDX-License-Identifier: MIT
// The byte stream over a link's messages: offsets, acknowledgements, three kinds of record
// (docs/protocol.md §3). The pipe frames and counts; the tunnel decides what is sent.
#pragma once
#include "proto/bytes.h"
#include "rate.h"

enum pipe_error {
    PIPE_E_MESSAGE = -1, // a link message of unknown kind, or cut short
    PIPE_E_OFFSET = -2,  // DATA that leaves a gap or repeats, or an ACK of bytes never sent
    PIPE_E_RECORD = -3,  // a record of unknown kind or forbidden length
    PIPE_E_TOO_BIG = -4, // a JSON message or a record over its limit
    PIPE_E_MEMORY = -5,
};

const char *pipe_strerror(int error);

// The first byte of every link message.
enum pipe_message {
    PIPE_HELLO = 1,    // JSON: agent to relay, first
    PIPE_WELCOME = 2,  // JSON: relay to agent, first
    PIPE_REFUSED = 3,  // JSON: relay to agent, then the link closes
    PIPE_DATA = 4,     // 8 bytes of offset, then bytes of the stream
    PIPE_ACK = 5,      // 8 bytes: the stream before this offset has arrived
    PIPE_DATA_ASK = 6, // as PIPE_DATA; to be acknowledged at once
};

// The first byte of every record of the stream; three bytes of length follow.
enum pipe_record {
    PIPE_RECORD_MUX = 0,
    PIPE_RECORD_CONTROL = 1,
    PIPE_RECORD_REPORT = 2,
};

enum {
    PIPE_DATA_HEAD = 9,
    PIPE_RECORD_HEAD = 4,
    PIPE_ACK_SIZE = 9,
    PIPE_JSON_MAX = 16 * 1024,          // bytes of a JSON link message, control or report record
    PIPE_RECORD_MAX = 1024 * 1024,      // bytes of a mux record
    PIPE_UNACKED_MAX = 8 * 1024 * 1024, // bytes sent and not acknowledged; then sending pauses
    PIPE_UNACKED_UNASKED = 4 * 1024 * 1024, // the same to a peer that cannot be asked
    PIPE_ACK_EVERY = 1024 * 1024,           // received bytes that are acknowledged at once
    PIPE_MESSAGE_MAX = 128 * 1024,          // bytes of the stream in a message that we send
    PIPE_ROOM_MIN = 4 * 1024,               // while there is less room, sending pauses
    PIPE_PARTS = 8, // an acknowledgement is asked for each such part of what may be unacked
    PIPE_ASK_US = 100 * 1000, // and by what is sent this long after the last one
};

// A message or record that is gathered until it is whole.
struct pipe_gather {
    char *bytes;
    size_t len, cap;
};

struct pipe {
    uint64_t sent, acked;        // offsets in our stream
    uint64_t received, ack_sent; // offsets in the peer's stream
    bool ack_asked;              // by a message that has arrived
    // our asking
    bool can_ask;    // the peer understands PIPE_DATA_ASK
    uint64_t now_us; // 0: the caller has no clock, and nothing is measured
    uint64_t asked;  // the offset up to which acknowledgement was asked
    uint64_t asked_us;
    struct rate rate;
    // the message being received
    uint8_t kind; // enum pipe_message; 0: none yet
    uint8_t head[8];
    uint8_t head_len;
    struct pipe_gather json;
    // the record being received, which may span messages
    uint8_t record_head[PIPE_RECORD_HEAD];
    uint8_t record_head_len;
    uint8_t record_kind;
    uint32_t record_remaining;
    struct pipe_gather control; // a control or report record
};

enum pipe_event_kind {
    PIPE_EVENT_NONE,
    PIPE_EVENT_MUX,     // bytes for the mux, in order
    PIPE_EVENT_CONTROL, // one whole control record (JSON)
    PIPE_EVENT_REPORT,  // one whole record of reports
    PIPE_EVENT_HELLO,   // one whole JSON link message
    PIPE_EVENT_WELCOME,
    PIPE_EVENT_REFUSED,
};

struct pipe_event {
    enum pipe_event_kind kind;
    struct slice bytes; // valid until the next call
};

// Whether the message being received, of which `next` is the next byte, has bytes of the stream or
// acknowledges some.
static inline bool pipe_is_data(const struct pipe *p, uint8_t next)
{
    uint8_t kind = p->kind ? p->kind : next;
    return kind >= PIPE_DATA && kind <= PIPE_DATA_ASK;
}

void pipe_init(struct pipe *p);
void pipe_deinit(struct pipe *p);

// Feeds bytes of one link message, which may come in pieces. > 0: consumed, with one event or all;
// < 0: pipe_error, the pipe is dead.
int pipe_recv(struct pipe *p, const uint8_t *buf, size_t len, struct pipe_event *e);

// Ends the link message, which may yield the event of a JSON message. Returns 0, or PIPE_E_MESSAGE
// when the message was cut short.
int pipe_recv_end(struct pipe *p, struct pipe_event *e);

// The time in µs, from 1 up, of some clock that does not go back. To be called before messages are
// received and sent.
void pipe_set_now(struct pipe *p, uint64_t now_us);

// The number of stream bytes that the next message may have; 0: sending pauses until bytes are
// acknowledged. What may be unacknowledged follows the measured bandwidth-delay product if the peer
// can be asked for acknowledgements and there is a clock.
size_t pipe_room(const struct pipe *p);
// There is room, and nothing to send.
void pipe_idle(struct pipe *p);

// Whether to send an acknowledgement: for PIPE_ACK_EVERY bytes or when asked, or with `soon` for
// any byte.
bool pipe_owes_ack(const struct pipe *p, bool soon);

// Writers. A DATA message is its head, then stream bytes: records with their heads.
// pipe_write_data_head counts `stream_bytes` as sent.
void pipe_write_data_head(struct pipe *p, uint8_t out[static PIPE_DATA_HEAD], size_t stream_bytes);
void pipe_write_record_head(uint8_t out[static PIPE_RECORD_HEAD], enum pipe_record kind,
                            size_t len);
void pipe_write_ack(struct pipe *p, uint8_t out[static PIPE_ACK_SIZE]);
