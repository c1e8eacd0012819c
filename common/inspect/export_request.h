// SPDX-License-Identifier: MIT
// A recorded request as one of its ends knows it. The record of a relay or a proxy has what the
// visitor sent; that of an agent or a replay has what the service got, which is the same and the
// fields that a relay or a proxy adds, without what belongs to a connection.
#pragma once
#include "common/record/read/reader.h"
#include "proto/buf.h"
#include "proto/http/fields.h"

enum export_view {
    EXPORT_AS_VISITOR_SENT,
    EXPORT_AS_SERVICE_GOT,
};

struct export_request {
    // With `authority` and `target` as they are to be sent. Fields in their order, among them Host
    // and those that frame the body, without those whose values were redacted.
    struct http_head head;
    struct buf target; // the memory of one that had to be made
    char digits[24], length[24];
    char forwarded[FIELDS_SCRATCH];
    bool chunked;          // a body that is sent in chunks, also an empty one
    bool lacks_via;        // the service got an element of Via that the record does not have
    bool may_rewrite_host; // --host-header may have given the service another Host
};

// Makes the request of an exchange; its slices are valid as long as x and r are. NULL, or what
// stands against it, as "it …". export_request_free either way.
const char *export_request_make(struct export_request *r, const struct record_exchange *x,
                                enum export_view view);
void export_request_free(struct export_request *r);
