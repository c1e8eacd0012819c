// SPDX-License-Identifier: MIT
// An exchange as one JSON object that leaves nothing out (docs/record.md, "JSON").
#pragma once
#include "emit.h"
#include "export.h"

struct exchange_json {
    struct record_reader *reader;
    struct emit emit;
    bool decode; // bodies also decoded from their content coding
};

// False: something of it could not be read. The object is a whole one all the same.
bool exchange_json(struct exchange_json *j, const struct record_exchange *x);
