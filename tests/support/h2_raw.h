// SPDX-License-Identifier: MIT
// HTTP/2 written by hand, right or wrong, for a mux to receive (RFC 9113 §4, RFC 7541 §6.2.2).
#pragma once
#include "proto/buf.h"

enum {
    H2_DATA = 0,
    H2_HEADERS = 1,
    H2_PRIORITY = 2,
    H2_RST_STREAM = 3,
    H2_SETTINGS = 4,
    H2_PUSH_PROMISE = 5,
    H2_PING = 6,
    H2_GOAWAY = 7,
    H2_WINDOW_UPDATE = 8,
    H2_CONTINUATION = 9,

    H2_END_STREAM = 1,
    H2_ACK = 1,
    H2_END_HEADERS = 4,
};

// What a client says first, and an empty SETTINGS; a server says only the latter.
void h2_preface(struct buf *out, bool client);
void h2_frame(struct buf *out, uint8_t type, uint8_t flags, uint32_t id, struct slice payload);
// A field, literal and never indexed.
void h2_field(struct buf *block, struct slice name, struct slice value);
// HEADERS of fields given as text, "name: value" a line, a pseudo-field's colon in front; followed
// by as many CONTINUATIONs as it takes.
void h2_headers(struct buf *out, uint32_t id, bool end, const char *fields);
void h2_headers_block(struct buf *out, uint32_t id, bool end, struct slice block);
