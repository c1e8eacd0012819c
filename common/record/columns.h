// SPDX-License-Identifier: MIT
// The columns of the table exchange, listed once: the statements that write and read exchanges are
// made of these lists, and enum record_column_number numbers their parameters and results. No code
// knows a column by its position. The tables themselves are in schema.c, with the names that
// existing records have.
#pragma once

// Replaced by every update. The far_ columns hold the peer's report.
#define RECORD_COLUMNS_PEER(C) \
    C(far_outcome)             \
    C(far_flags)               \
    C(far_sent_on_ns)          \
    C(far_connect_ns)          \
    C(far_answered_ns)         \
    C(far_duration_ns)         \
    C(far_request_bytes)       \
    C(far_request_digest)      \
    C(far_response_bytes)      \
    C(far_response_digest)

#define RECORD_COLUMNS_REPLACED(C) \
    C(status)                      \
    C(outcome)                     \
    C(error)                       \
    C(flags)                       \
    C(size)                        \
    C(sent_on_ns)                  \
    C(connect_ns)                  \
    C(service_first_ns)            \
    C(answered_ns)                 \
    C(duration_ns)                 \
    C(request_bytes)               \
    C(request_kept)                \
    C(request_digest)              \
    C(request_first_ns)            \
    C(request_last_ns)             \
    C(request_stalled_ns)          \
    C(response_bytes)              \
    C(response_kept)               \
    C(response_digest)             \
    C(response_first_ns)           \
    C(response_last_ns)            \
    C(response_stalled_ns)         \
    RECORD_COLUMNS_PEER(C)
#define RECORD_COLUMNS_REPLACED_4(C) C(ws_state) // since version 4
// Replaced by an update that brings a value; those of the second list exist since version 2.
#define RECORD_COLUMNS_KEPT(C)   C(response_head) C(request_trailers) C(response_trailers)
#define RECORD_COLUMNS_KEPT_2(C) C(response_protocol) C(reason) C(detail) C(bad_head)
// Set by the insert alone. SQLite assigns seq, the row number: an insert with a number of ours
// would search for it first.
#define RECORD_COLUMNS_FIXED(C) \
    C(id)                       \
    C(writer)                   \
    C(began_ns)                 \
    C(visitor)                  \
    C(protocol)                 \
    C(method)                   \
    C(scheme)                   \
    C(host)                     \
    C(target)                   \
    C(upstream)                 \
    C(replay_of)                \
    C(request_head)
// Set by the insert alone, and not read with the row.
#define RECORD_COLUMNS_UNREAD(C) C(tunnel) C(request_body) C(response_body) C(slot) C(link)

#define RECORD_COLUMN_NUMBER(name) COLUMN_##name,
enum record_column_number {
    COLUMN_interim, // an update appends to it
    RECORD_COLUMNS_REPLACED(RECORD_COLUMN_NUMBER)
    RECORD_COLUMNS_REPLACED_4(RECORD_COLUMN_NUMBER) RECORD_COLUMNS_KEPT(RECORD_COLUMN_NUMBER)
        RECORD_COLUMNS_KEPT_2(RECORD_COLUMN_NUMBER)
            RECORD_COLUMNS_FIXED(RECORD_COLUMN_NUMBER) COLUMNS_READ,
    COLUMNS_BEFORE_UNREAD = COLUMNS_READ - 1,
    RECORD_COLUMNS_UNREAD(RECORD_COLUMN_NUMBER)
};

// The columns of one side's body.
struct record_body_columns {
    int bytes, kept, digest, first_ns, last_ns, stalled_ns, trailers, peer_bytes, peer_digest;
};
extern const struct record_body_columns record_body_columns[2];
