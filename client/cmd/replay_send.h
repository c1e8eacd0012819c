// SPDX-License-Identifier: MIT
// Sends a request to a service and records the exchange.
#pragma once
#include "client/service.h"
#include "common/record/read/reader.h"
#include "replay_request.h"

struct replay_sender {
    const char *dir;        // of the record
    struct service service; // opened
    struct exchange_ids ids;
    int signals;  // a descriptor that is readable once a signal asks us to end
    bool stopped; // `signals` was readable: the exchange has been aborted
};

// Runs one exchange on a loop of its own, and returns when it is in the record. Values
// that were redacted in `first` are redacted again, and bodies that were not recorded are not
// recorded again. False: out of memory or threads.
bool replay_send(struct replay_sender *s, const struct record_exchange *first,
                 const struct replay_request *request, struct replay_inbound_result *result);
