// SPDX-License-Identifier: MIT
// Takes multipart bodies apart (RFC 2046 §5.1, RFC 7578). Allocates and copies nothing: results
// point into the body. Lines may end with a line feed alone.
#pragma once
#include <stdbool.h>
#include "proto/bytes.h"

enum {
    MULTIPART_BOUNDARY_MAX = 70,     // RFC 2046 §5.1.1
    MULTIPART_HEAD_BYTES = 16 * 1024 // a part with a longer head counts as one without a head
};

struct multipart {
    char delimiter[2 + MULTIPART_BOUNDARY_MAX]; // "--" and the boundary
    size_t delimiter_len;
    struct slice preamble; // before the first delimiter
    struct slice rest;     // of the body; after the last part: the epilogue
    bool closed;           // the closing delimiter was found
};

struct multipart_part {
    struct slice head; // field lines, may be empty
    struct slice body;
    bool has_head; // an empty line ended the head; otherwise `body` is the whole part
    bool whole;    // a delimiter ended the part; otherwise the body did
};

// Finds a parameter of a field such as Content-Type or Content-Disposition. `*found` is its value
// without quotes, escapes left in. False: there is no parameter of this name.
bool multipart_parameter(struct slice value, struct slice name, struct slice *found);

// Begins before the first part. False: the type has no valid boundary, or the body no delimiter.
bool multipart_begin(struct multipart *m, struct slice content_type, struct slice body);
// The next part. False: there are no more.
bool multipart_next(struct multipart *m, struct multipart_part *part);
