// SPDX-License-Identifier: MIT
// Makes a request from a recorded exchange, with changes.
#pragma once
#include "common/record/read/reader.h"
#include "proto/http/fields.h"
#include "replay_inbound.h"

enum {
    REPLAY_FIELDS_MAX = 64,   // set, and as many dropped
    REPLAY_REDACTED_MAX = 32, // names of fields and parameters
    REPLAY_WHY_MAX = 300,
};

struct replay_changes {
    const char *method, *path; // NULL: as recorded
    struct field set[REPLAY_FIELDS_MAX];
    size_t set_count;
    const char *drop[REPLAY_FIELDS_MAX];
    size_t drop_count;
    bool has_body; // `body` replaces the recorded one
    struct slice body;
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

// Adds "Name: value", or a name, to the changes, which keep pointing to `text`. False: it is not a
// field, there are too many, or adit writes this field itself.
bool replay_set_field(struct replay_changes *c, const char *text);
bool replay_drop_field(struct replay_changes *c, const char *text);

// Makes the request. `x` is an exchange of `reader`'s record. False: `why` says why it cannot be
// sent. replay_request_free either way.
bool replay_request_make(struct replay_request *r, struct record_reader *reader,
                         const struct record_exchange *x, const struct replay_changes *changes,
                         char why[static REPLAY_WHY_MAX]);
void replay_request_free(struct replay_request *r);
