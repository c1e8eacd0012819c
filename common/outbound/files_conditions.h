// SPDX-License-Identifier: MIT
// Conditional requests and ranges (RFC 9110 §13, §14) on one version of a file.
#pragma once
#include <sys/stat.h>
#include "common/base/date.h"
#include "proto/http/message.h"

enum {
    FILES_ETAG_MAX = 64
};

// The identity of one version of a file.
struct files_version {
    char etag[FILES_ETAG_MAX];   // strong: size, time of change in nanoseconds, inode
    char modified[DATE_LEN + 1]; // Last-Modified
    int64_t modified_s;
    uint64_t size;
};

// Bytes of a file: [first, end).
struct files_range {
    uint64_t first, end;
};

enum files_verdict {
    FILES_WHOLE,         // 200
    FILES_PART,          // 206
    FILES_UNCHANGED,     // 304
    FILES_FAILED,        // 412
    FILES_UNSATISFIABLE, // 416
};

void files_version_of(const struct stat *st, struct files_version *v);
// Decides on the answer to a GET or HEAD, in the order of RFC 9110 §13.2.2, and fills `range`.
enum files_verdict files_conditions(const struct http_head *request, const struct files_version *v,
                                    struct files_range *range);
// Reads one range of bytes. FILES_WHOLE: there is none, or it is malformed, or there are several,
// which a server may ignore.
enum files_verdict files_range_read(struct slice value, uint64_t size, struct files_range *range);
// Reads an HTTP date in any of its three forms (RFC 9110 §5.6.7). False: it is none.
bool files_date_read(struct slice value, int64_t *seconds);
