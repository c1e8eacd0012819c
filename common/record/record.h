// SPDX-License-Identifier: MIT
// The record of exchanges as everybody sees it: where it lies, and what one exchange in it is
// (docs/record.md). Written by store.h, read by reader.h.
#pragma once
#include "common/base/state.h"
#include "proto/bytes.h"
#include "proto/exchange_id.h"

enum {
    RECORD_CHUNK_BYTES = 64 * 1024,    // of a body, in one row
    RECORD_SMALL_BODY_BYTES = 1024,    // that is kept in the row of its exchange
    RECORD_SEQ_RANGE_ROWS = 128,       // from the first to the last of a span
    RECORD_BAD_HEAD_BYTES = 32 * 1024, // that are kept of what came instead of a head
    RECORD_OWNER_MAX = 64,             // characters of an owner
    RECORD_ADDRESS_MAX = 45,           // and of an address
    RECORD_ID_SUFFIX_MIN = 4,          // characters of an end of an id that may stand for it
    RECORD_DIGEST_BYTES = 16,          // XXH3-128, big-endian (its canonical form)
};

// Sides are numbered as in the tables: what the request brought, what the response brought.
enum record_side {
    RECORD_REQUEST,
    RECORD_RESPONSE,
};

// exchange.flags
enum record_flag {
    RECORD_REDACTED = 1,          // something was replaced by "[redacted]"
    RECORD_SHED = 2,              // the recorder's queue was full: something of it was not kept
    RECORD_HEADS_ONLY = 4,        // bodies and messages were not to be kept
    RECORD_REQUEST_WHOLE = 8,     // the request's body ended as it should
    RECORD_RESPONSE_WHOLE = 16,   // the same of the response
    RECORD_UPGRADED = 32,         // a 101: what follows are bytes of another protocol
    RECORD_CONNECTION_REUSED = 64 // no connection had to be made to the service
};

// What the program at the other end of the tunnel has said of the same exchange, or what we say to
// it. Times are ns since the request's head had been received there; -1: did not happen.
struct record_report {
    bool known;
    struct slice outcome;
    uint64_t bytes[2];
    uint8_t digest[2][RECORD_DIGEST_BYTES];
    bool whole[2];
    int64_t sent_on_ns, connect_ns, answered_ns, duration_ns;
};

struct record_body {
    uint64_t bytes; // that passed
    uint64_t kept;  // of them, from the first on
    bool has_digest;
    uint8_t digest[RECORD_DIGEST_BYTES]; // of all that passed
    int64_t first_ns, last_ns;           // -1: none
    int64_t stalled_ns;                  // waited for credit of the reader, in all
    struct slice trailers;               // "name: value\r\n"…
};

// One exchange. Slices are empty when there is nothing; times are ns since `began_ns`, and -1 when
// it did not happen.
struct record_exchange {
    int64_t seq; // its row; in the order in which they began, about
    char id[EXCHANGE_ID_LEN + 1];
    int64_t began_ns; // since 1970: when its head had been received
    int64_t writer;   // row of the process that recorded it
    struct slice program, tunnel, visitor, protocol, method, scheme, host, target, upstream;
    struct slice owner, tunnel_address;                // of the tunnel; written only
    struct slice request_head, interim, response_head; // field lines, "name: value\r\n"…
    uint16_t status;                                   // 0: none
    // Of the response: HTTP/1.0 or HTTP/1.1; and its phrase (written: p NULL for the registered
    // one).
    struct slice response_protocol, reason;
    struct slice bad_head; // what came instead of a response head
    struct slice detail;   // what was wrong with it, a phrase
    struct slice outcome;  // empty: it runs; "complete", "visitor gone", …, "recorder gone"
    struct slice error;    // "ADIT-…": the answer was the program's own
    struct slice replay_of;
    unsigned flags;
    uint64_t size; // bytes that it takes in the record, about
    struct record_body body[2];
    int64_t sent_on_ns, connect_ns, service_first_ns, answered_ns, duration_ns;
    struct record_report peer;
};

// One message of a WebSocket.
struct record_message {
    enum record_side side; // REQUEST: from the visitor
    unsigned opcode;       // RFC 6455 §5.2
    bool compressed;       // RSV1: permessage-deflate
    int64_t at_ns;         // of its last byte, since the exchange began
    uint64_t size;
    struct slice bytes; // what is kept
};

// Functions over a record return 0 or an error, which is a result code of SQLite. These two are
// told apart by some who call them: another process keeps the record to itself, there is no memory.
enum {
    RECORD_E_BUSY = 5,
    RECORD_E_MEMORY = 7,
};

// An error in words, as SQLite has them.
const char *record_errstr(int error);

// The path of the record's database in a state directory.
void record_path(const char *dir, char out[static STATE_PATH_MAX + 16]);

// The value of the first field of this name among field lines; empty when there is none.
struct slice record_field(struct slice lines, struct slice name);
// Whether something was left out of a text of an exchange: a value, or a part of one.
bool record_is_redacted(const struct record_exchange *x, struct slice text);
// Takes text up to the next place where something was left out off `rest`; `*name` is the parameter
// whose value it was, empty when it was none. False: there is no such place.
bool record_next_redacted(struct slice *rest, struct slice *name);
// Writes the names of such parameters of a target, for people: "token, code". What is no letter,
// digit or mark of a name is "?".
enum {
    RECORD_NAMES_MAX = 160
};
void record_redacted_names(struct slice target, char out[static RECORD_NAMES_MAX]);
// Takes the next field off field lines. False at their end.
bool record_next_field(struct slice *lines, struct slice *name, struct slice *value);
