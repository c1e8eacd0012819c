// SPDX-License-Identifier: MIT
// An exchange as a JSON object, the same in the output of every command (docs/json.md).
#pragma once
#include "common/record/read/reader.h"
#include "json_writer.h"

enum json_exchange_level {
    JSON_EXCHANGE_SUMMARY, // without fields, trailers, contents and messages
    JSON_EXCHANGE_WHOLE,   // the members of SUMMARY, and all that was kept
};

struct json_exchange {
    struct record_reader *reader; // for WHOLE
    enum json_exchange_level level;
    bool decode; // also write contents without their content coding or compression
};

// Writes the object as member `name`, or with NULL as an element. False: a part of the exchange
// could not be read; the object is valid JSON in either case.
bool json_exchange(struct json_writer *w, const char *name, const struct json_exchange *j,
                   const struct record_exchange *x);
// Writes the summary.
void json_exchange_summary(struct json_writer *w, const char *name,
                           const struct record_exchange *x);
