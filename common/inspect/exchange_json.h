// SPDX-License-Identifier: MIT
// An exchange as a JSON object, the same wherever one is printed (docs/json.md).
#pragma once
#include "common/record/read/reader.h"
#include "emit.h"

enum exchange_json_level {
    EXCHANGE_JSON_SUMMARY, // without fields, trailers, contents and messages
    EXCHANGE_JSON_WHOLE,   // the same members, and all that is kept
};

struct exchange_json {
    struct record_reader *reader; // for WHOLE
    enum exchange_json_level level;
    bool decode; // contents also decoded from their content coding or compression
};

// Writes it as member `name`, or with NULL as an element. False: a part of it could not be read.
// The object is a whole one all the same.
bool exchange_json(struct emit *e, const char *name, const struct exchange_json *j,
                   const struct record_exchange *x);
// Writes the summary.
void exchange_json_summary(struct emit *e, const char *name, const struct record_exchange *x);
