// SPDX-License-Identifier: MIT
// Prints exchanges as they begin and end, until SIGINT or SIGTERM or until nobody reads.
#pragma once
#include "command.h"
#include "proto/buf.h"
#include "row_print.h"

struct follow {
    const struct inspect_call *call;
    struct record_reader *reader;
    const struct filter *filter;
    struct row_printer printer;
    int64_t last; // the row looked at last
    char last_id[EXCHANGE_ID_LEN + 1];
    int64_t last_began_ns;     // the newest of all that were looked at
    struct buf waiting;        // int64_t: rows up to it whose exchanges have not ended yet
    uint64_t shed, shed_bytes; // as told last
    int64_t trouble_writer;
};

// Waits where there is no record yet. False: call->exit_status is set.
bool follow_wait_for_record(struct inspect_call *call);
// Takes what is there for known; before it is printed, so that nothing is missed.
bool follow_init(struct follow *f);
void follow_deinit(struct follow *f);
// The exchange was printed as one that has ended.
void follow_saw_end(struct follow *f, int64_t seq);
// Returns the exit status.
int follow_run(struct follow *f);
