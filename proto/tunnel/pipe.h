// SPDX-License-Identifier: MIT
// The byte stream over a link's messages: offsets, acknowledgements, three kinds of record
// (docs/protocol.md §3). Pure bookkeeping and framing: the tunnel decides what is sent, the link
// carries it.
#pragma once
#include "proto/bytes.h"

enum pipe_error {
    PIPE_E_MESSAGE = -1, // a link message of unknown kind, or cut short
    PIPE_E_OFFSET =
        -2, // DATA that does not follow on what was received, or an ACK of what was never sent
    PIPE_E_RECORD = -3,  // a record of unknown kind or forbidden length
    PIPE_E_TOO_BIG = -4, // a JSON message or a record over its limit
    PIPE_E_MEMORY = -5,
};

const char *pipe_strerror(int error);

// The first byte of every link message.
enum pipe_message {
    PIPE_HELLO = 1,   // JSON: agent to relay, first
    PIPE_WELCOME = 2, // JSON: relay to agent, first
    PIPE_REFUSED = 3, // JSON: relay to agent, then the link closes
    PIPE_DATA = 4,    // 8 bytes offset, then bytes of the stream
    PIPE_ACK = 5,     // 8 bytes: all of the stream before this offset has arrived
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
    PIPE_JSON_MAX = 16 * 1024,          // a JSON link message, a control record, reports
    PIPE_RECORD_MAX = 1024 * 1024,      // a mux record
    PIPE_UNACKED_MAX = 4 * 1024 * 1024, // sent and not acknowledged: beyond it the pipe waits
    PIPE_ACK_EVERY = 512 * 1024, // received bytes after which an acknowledgement is due at once
};

// Bytes that are gathered until there are `need` of them.
struct pipe_gather {
    char *bytes;
    size_t len, cap;
};

struct pipe {
    uint64_t sent, acked;        // offsets of our stream
    uint64_t received, ack_sent; // offsets of the peer's
    // the message being received
    uint8_t kind; // 0: none yet
    uint8_t head[8];
    uint8_t head_len;
    struct pipe_gather json;
    // the record being received, which may span messages
    uint8_t record_head[PIPE_RECORD_HEAD];
    uint8_t record_head_len;
    uint8_t record_kind;
    uint32_t record_remaining;
    struct pipe_gather control; // or reports
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

void pipe_init(struct pipe *p);
void pipe_deinit(struct pipe *p);

// Feeds bytes of one link message, which may come in pieces. > 0: consumed, with at most one event;
// < 0: pipe_error, the pipe is dead.
int pipe_recv(struct pipe *p, const uint8_t *buf, size_t len, struct pipe_event *e);

// The link message is over. May bring the event of a JSON message. Returns 0 or PIPE_E_MESSAGE when
// it was cut short.
int pipe_recv_end(struct pipe *p, struct pipe_event *e);

// How many bytes of stream may be sent now.
size_t pipe_room(const struct pipe *p);

// Is an acknowledgement owed? `soon`: any byte counts, else only PIPE_ACK_EVERY of them.
bool pipe_owes_ack(const struct pipe *p, bool soon);

// Writers. A DATA message is its head, then records, each with a head; afterwards pipe_sent tells
// the length of the stream bytes in it.
void pipe_write_data_head(const struct pipe *p, uint8_t out[static PIPE_DATA_HEAD]);
void pipe_write_record_head(uint8_t out[static PIPE_RECORD_HEAD], enum pipe_record kind,
                            size_t len);
void pipe_sent(struct pipe *p, size_t stream_bytes);
void pipe_write_ack(struct pipe *p, uint8_t out[static PIPE_ACK_SIZE]);
