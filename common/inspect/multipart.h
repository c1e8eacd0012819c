// SPDX-License-Identifier: MIT
// Multipart bodies (RFC 2046 §5.1, RFC 7578) taken apart, without copies or memory: what is handed
// out points into the body. Lines may end with a line feed alone.
#pragma once
#include <stdbool.h>
#include "proto/bytes.h"

enum {
    MULTIPART_BOUNDARY_MAX = 70,     // RFC 2046 §5.1.1
    MULTIPART_HEAD_BYTES = 16 * 1024 // of a part's head; with a longer one it has none
};

// Zeros before multipart_begin.
struct multipart {
    char delimiter[2 + MULTIPART_BOUNDARY_MAX]; // "--" and the boundary
    size_t delimiter_len;
    struct slice preamble; // what stood before the first delimiter
    struct slice rest;     // what is left of the body; at the end: what stands behind it
    bool closed;           // the last delimiter was there
};

struct multipart_part {
    struct slice head; // its field lines; empty: none
    struct slice body;
    bool has_head; // an empty line ended its head; otherwise all of the part is in `body`
    bool whole;    // a delimiter ended it; otherwise the body did
};

// The value of a parameter of a field such as Content-Type and Content-Disposition, without its
// quotes, its escapes left in. False: the field has none of this name.
bool multipart_parameter(struct slice value, struct slice name, struct slice *found);

// Begins with the first part. False: the type names no valid boundary, or the body has no
// delimiter of it.
bool multipart_begin(struct multipart *m, struct slice content_type, struct slice body);
// The next part. False: there is none.
bool multipart_next(struct multipart *m, struct multipart_part *part);
