// SPDX-License-Identifier: MIT
// The loop of `requests --follow`: prints exchanges as they begin and end, until SIGINT, SIGTERM or
// the end of its reader.
#pragma once
#include "command.h"
#include "common/record/flush_asks.h"
#include "proto/buf.h"
#include "requests_row_print.h"

struct follow {
    const struct inspect_call *call;
    struct record_reader *reader;
    const struct filter *filter;
    struct row_printer printer;
    int64_t last_seq; // the newest row that was read
    char last_id[EXCHANGE_ID_LEN + 1];
    int64_t last_began_ns;     // the latest of all that were read
    struct buf running;        // int64_t: rows up to last_seq whose exchanges have not ended
    uint64_t shed, shed_bytes; // losses that were printed
    int64_t trouble_writer;    // the writer whose trouble was printed
    struct flush_asks asks;    // to the record's writers, for what they have not indexed
};

// Waits until there is a record. False: call->exit_status is set.
bool follow_wait_for_record(struct inspect_call *call);
// Marks all exchanges of the record as read. Call before they are listed, so that none is missed in
// between, with `call`, `reader`, `filter` and `printer` set. False: out of memory.
bool follow_init(struct follow *f);
void follow_deinit(struct follow *f);
// Call when an ended exchange was printed: follow_run will not print its end again.
void follow_ended(struct follow *f, int64_t seq);
// Returns the exit status.
int follow_run(struct follow *f);
