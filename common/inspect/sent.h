// SPDX-License-Identifier: MIT
// A recorded request as one of its ends knows it. The record of a relay or a proxy has what the
// visitor sent; that of an agent or a replay has what the service got, which is the same and the
// fields that a relay or a proxy adds, without what belongs to a connection.
#pragma once
#include "common/record/read/reader.h"
#include "proto/buf.h"
#include "proto/http/fields.h"

enum sent_view {
    SENT_BY_VISITOR,
    SENT_TO_SERVICE,
};

struct sent {
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

// Whether the record has what the visitor sent.
bool sent_is_by_visitor(const struct record_exchange *x);
// Whether the value of a field was not recorded, or not all of it.
bool sent_is_redacted(const struct record_exchange *x, struct slice value);

// Makes the request of an exchange; its slices are valid as long as x and s are. NULL, or what
// stands against it, as "it …". sent_free either way.
const char *sent_make(struct sent *s, const struct record_exchange *x, enum sent_view view);
void sent_free(struct sent *s);
