// SPDX-License-Identifier: MIT
// The forms in which `export` writes exchanges: HAR, curl commands, JSON Lines. Each exchange is
// written on its own, in the order of the calls.
#pragma once
#include <stdio.h>
#include "common/record/read/reader.h"

struct export
{
    struct record_reader *reader;
    FILE *out;        // errors stay in it (ferror)
    uint64_t count;   // exchanges written
    int64_t first_ns; // since 1970: when the earliest of them began
    const char *path; // curl: the target to send; NULL: the recorded one
    bool cut;         // the record could not be read to its end
    bool to_service;  // curl: send what the service got, to the service
};

// Writes one exchange. False: out of memory, or the record is damaged.
typedef bool export_exchange(struct export *e, const struct record_exchange *x);
export_exchange export_curl, export_har, export_jsonl;

// Write what comes before and after all exchanges of a HAR.
void export_har_begin(struct export *e);
void export_har_end(struct export *e);
