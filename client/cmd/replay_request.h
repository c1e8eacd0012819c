// SPDX-License-Identifier: MIT
// Makes a request from a recorded exchange, with changes.
#pragma once
#include "common/record/read/reader.h"
#include "proto/http/fields.h"
#include "replay_changes.h"
#include "replay_inbound.h"

enum {
    REPLAY_REDACTED_MAX = 32, // names of fields and parameters
    REPLAY_WHY_MAX = 300,
};

// A request, and the memory that it points to.
struct replay_request {
    struct replay_inbound_request request;
    char *text, *bytes, *names;
    char digits[24], forwards[24];
    char forwarded[FIELDS_SCRATCH];
    // Names of fields, and of parameters as "query:NAME", of request and response, whose values
    // were redacted: they are redacted again. The first `omitted_count` are request fields that are
    // not sent, as no change sets them.
    const char *redacted[REPLAY_REDACTED_MAX];
    size_t redacted_count, omitted_count;
};

// Makes the request. `x` is an exchange of `reader`'s record. False: `why` says why it cannot be
// sent. replay_request_free either way.
bool replay_request_make(struct replay_request *r, struct record_reader *reader,
                         const struct record_exchange *x, const struct replay_changes *changes,
                         char why[static REPLAY_WHY_MAX]);
void replay_request_free(struct replay_request *r);
