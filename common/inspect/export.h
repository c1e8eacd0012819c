// SPDX-License-Identifier: MIT
// The forms in which exchanges leave a record. Each writes one after the other as they come.
#pragma once
#include <stdio.h>
#include "common/record/read/reader.h"

struct export
{
    struct record_reader *reader;
    FILE *out;        // its error is looked at in the end
    uint64_t count;   // exchanges written
    int64_t first_ns; // since 1970: the first of them began
    const char *path; // commands send this target instead; NULL: what was sent
    bool cut;         // the record could not be read to its end
    bool to_service;  // commands send what the service got, to the service
};

// One exchange. Returns false when memory is out or the record is damaged.
typedef bool export_exchange(struct export *e, const struct record_exchange *x);
export_exchange export_curl, export_har, export_jsonl;

// What stands before and behind all of them in a HAR.
void export_har_begin(struct export *e);
void export_har_end(struct export *e);
