// SPDX-License-Identifier: MIT
// A recorded request made ready to be sent again, with what shall be different this time.
#pragma once
#include "common/record/read/reader.h"
#include "proto/http/fields.h"
#include "replay_inbound.h"

enum {
    REPLAY_FIELDS_MAX = 64,  // that are set or dropped
    REPLAY_SECRETS_MAX = 32, // names of fields of which the record has no value
    REPLAY_WHY_MAX = 300,
};

struct replay_changes {
    const char *method, *path; // NULL: as they were
    struct field set[REPLAY_FIELDS_MAX];
    size_t set_count;
    const char *drop[REPLAY_FIELDS_MAX];
    size_t drop_count;
    bool has_body; // another one
    struct slice body;
};

// A request and the memory that it lies in.
struct replay_request {
    struct replay_inbound_request request;
    char *text, *bytes, *names;
    char digits[24], forwards[24];
    char forwarded[FIELDS_SCRATCH];
    // The fields whose values were not kept in the record, of the request and the response. Of the
    // request the first `left_out` are, and no change sets them.
    const char *secret[REPLAY_SECRETS_MAX];
    size_t secret_count, left_out;
};

// Takes "Name: value" as curl does, and a name. False: it is no field, or one that is ours to say.
bool replay_set_field(struct replay_changes *c, const char *text);
bool replay_drop_field(struct replay_changes *c, const char *name);

// Makes the request of an exchange of this record. False:
// `why` says what stands against it. replay_request_free either way.
bool replay_request_make(struct replay_request *r, struct record_reader *reader,
                         const struct record_exchange *x, const struct replay_changes *changes,
                         char why[static REPLAY_WHY_MAX]);
void replay_request_free(struct replay_request *r);
