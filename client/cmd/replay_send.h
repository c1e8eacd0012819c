// SPDX-License-Identifier: MIT
// Sends a recorded request once more, and records that.
#pragma once
#include "common/record/read/reader.h"
#include "replay_request.h"

struct replay_sender {
    const char *dir; // of the record
    struct dial_target target;
    struct exchange_ids ids;
    int signals;  // a file that is readable when somebody wants it to end
    bool stopped; // they did, and an exchange was broken off
};

// One exchange on a loop of its own, written to the record when it returns. What of `first` was not
// to be kept is not kept of it either. False: out of memory or threads.
bool replay_send(struct replay_sender *s, const struct record_exchange *first,
                 const struct replay_request *request, struct replay_inbound_result *result);
