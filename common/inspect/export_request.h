// SPDX-License-Identifier: MIT
// The recorded request that `export --curl` sends again, as the visitor sent it or as the service
// got it. The record of a relay or a proxy has the first; that of an agent or a replay the second,
// which has the fields that a relay or a proxy adds, without those of a connection.
#pragma once
#include "common/record/read/reader.h"
#include "proto/buf.h"
#include "proto/http/fields.h"

enum export_view {
    EXPORT_AS_VISITOR_SENT,
    EXPORT_AS_SERVICE_GOT,
};

struct export_request {
    // `authority` and `target` as they are to be sent. Fields in their order, with Host and those
    // that frame the body, without those whose values were redacted.
    struct http_head head;
    struct buf target; // memory of a target that differs from the recorded one
    char digits[24], length[24];
    char forwarded[FIELDS_SCRATCH];
    struct slice socket;   // the path of the Unix socket that the service listens on; empty: none
    bool https;            // it is sent over TLS
    bool chunked;          // the body is sent in chunks, even an empty one
    bool lacks_via;        // the service got an element of Via that the record does not have
    bool may_rewrite_host; // --host-header may have given the service another Host
};

// Makes the request of an exchange; its slices are valid as long as x and r are. NULL, or
// why there is none: "it …" or "a relay …". export_request_free in either case.
const char *export_request_make(struct export_request *r, const struct record_exchange *x,
                                enum export_view view);
void export_request_free(struct export_request *r);
