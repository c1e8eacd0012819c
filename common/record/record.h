// SPDX-License-Identifier: MIT
// The record of exchanges (docs/record.md): where it lies, and the form of an exchange that its
// writer (store.h) and its readers (reader.h) share.
#pragma once
#include "common/base/state.h"
#include "proto/bytes.h"
#include "proto/exchange_id.h"
#include "proto/http/message.h"

enum {
    RECORD_CHUNK_BYTES = 64 * 1024,    // of a body per row
    RECORD_SMALL_BODY_BYTES = 1024,    // a body up to this size is in its exchange's row
    RECORD_SEQ_RANGE_ROWS = 128,       // from the first to the last row of a seq range
    RECORD_BAD_HEAD_BYTES = 32 * 1024, // kept of bytes that are no valid head
    RECORD_OWNER_MAX = 64,             // characters of a tunnel's owner
    RECORD_ADDRESS_MAX = 45,           // characters of an address
    RECORD_ID_SUFFIX_MIN = 4,          // characters of an id's end that may stand for the id
    RECORD_DIGEST_BYTES = 16,          // XXH3-128, big-endian (its canonical form)
};

// Numbered as in the tables.
enum record_side {
    RECORD_REQUEST,
    RECORD_RESPONSE,
};

// exchange.flags
enum record_flag {
    RECORD_REDACTED = 1,          // a value was replaced by "[redacted]"
    RECORD_SHED = 2,              // a part is missing: queue or spool were full or damaged
    RECORD_HEADS_ONLY = 4,        // bodies and messages were not to be recorded
    RECORD_REQUEST_WHOLE = 8,     // the request's body was complete
    RECORD_RESPONSE_WHOLE = 16,   // the response's body was complete
    RECORD_UPGRADED = 32,         // 101 Switching Protocols
    RECORD_CONNECTION_REUSED = 64 // sent on an idle connection to the origin
};

// The report on the same exchange by the program at the other end of the tunnel. Times are ns since
// that program received the request's head; -1: did not happen.
struct record_report {
    bool known;
    struct slice outcome;
    uint64_t bytes[2];
    uint8_t digest[2][RECORD_DIGEST_BYTES];
    bool whole[2];
    int64_t sent_on_ns, connect_ns, answered_ns, duration_ns;
};

struct record_body {
    uint64_t bytes; // passed
    uint64_t kept;  // recorded, from the first byte on
    bool has_digest;
    uint8_t digest[RECORD_DIGEST_BYTES]; // of all bytes that passed
    int64_t first_ns, last_ns;           // -1: none
    int64_t stalled_ns;                  // total time without credit from the receiver
    struct slice trailers;               // field lines
};

// One exchange. Absent text is an empty slice. Times are ns since `began_ns`; -1: did not happen.
// Field lines are "name: value\r\n"…
struct record_exchange {
    int64_t seq; // its row number; roughly in the order in which exchanges began
    char id[EXCHANGE_ID_LEN + 1];
    int64_t began_ns; // the request's head was received, ns since 1970
    int64_t writer;   // row of the process that recorded it
    struct slice program, tunnel, visitor, protocol, method, scheme, host, target, upstream;
    struct slice owner, tunnel_address;                // of the tunnel; written, not read
    struct slice request_head, interim, response_head; // field lines
    uint16_t status;                                   // 0: none
    struct slice response_protocol;                    // HTTP/1.0, HTTP/1.1 or HTTP/2
    struct slice reason;   // the reason phrase; for the writer, p NULL is the registered one
    struct slice bad_head; // bytes received instead of a response head
    struct slice detail;   // why the head is invalid, a phrase
    struct slice outcome;  // "complete", "visitor gone", …, "recorder gone"; empty: it runs
    struct slice error;    // "ADIT-…": the program itself answered
    struct slice replay_of;
    unsigned flags;
    uint64_t size; // approximate bytes in the record
    // Of the events in the spool; for recovery (write/recover.h) alone.
    uint32_t slot; // while it runs
    uint64_t link; // the connection of the tunnel through which its report may come; 0: none
    struct slice ws_state; // of a WebSocket that runs (write/ws_capture.h); empty: no WebSocket
    uint64_t messages;     // 1 + the highest number of its messages
    struct record_body body[2];
    int64_t sent_on_ns, connect_ns, service_first_ns, answered_ns, duration_ns;
    struct record_report peer;
};

// One WebSocket message (RFC 6455).
struct record_message {
    enum record_side side; // RECORD_REQUEST: sent by the visitor
    unsigned opcode;       // RFC 6455 §5.2
    bool compressed;       // RSV1, permessage-deflate (RFC 7692 §6)
    int64_t at_ns;         // its last byte, since the exchange began
    uint64_t size;
    struct slice bytes; // the recorded part, from the first byte on
};

// Functions over a record return 0 or an SQLite result code. Rooms without SQLite's header know
// these two: the record is locked by another process, memory is out.
enum {
    RECORD_E_BUSY = 5,
    RECORD_E_MEMORY = 7,
};

// SQLite's text for an error.
const char *record_errstr(int error);

// The path of the record's database in a state directory.
void record_path(const char *dir, char out[static STATE_PATH_MAX + 16]);

// Takes the next field off field lines. A line without a colon has an empty value. False: no more.
bool record_next_field(struct slice *lines, struct slice *name, struct slice *value);
// Adds all of them to a head, which then points into `lines`. False: the head is full.
bool record_add_fields(struct http_head *head, struct slice lines);
// The value of the first field with this name; empty if there is none.
struct slice record_field(struct slice lines, struct slice name);

// Whether "[redacted]" in a text of this exchange stands for a value that was left out.
bool record_is_redacted(const struct record_exchange *x, struct slice text);
// Takes text off `rest` up to the end of the next "[redacted]". `*name` is the parameter whose
// value it replaces, or empty. False: there is none.
bool record_next_redacted(struct slice *rest, struct slice *name);
// The names of a target's redacted parameters for display: "token, code". Characters other than
// letters, digits and "-_.[]" become "?".
enum {
    RECORD_NAMES_MAX = 160
};
void record_redacted_names(struct slice target, char out[static RECORD_NAMES_MAX]);
