// SPDX-License-Identifier: MIT
// Writes raw HTTP/2, valid or not, for a mux to receive (RFC 9113 §4, RFC 7541 §6.2.2).
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

// The preface and an empty SETTINGS of a client, or only the latter of a server.
void h2_preface(struct buf *out, bool client);
void h2_frame(struct buf *out, uint8_t type, uint8_t flags, uint32_t id, struct slice payload);
// A literal field that is never indexed.
void h2_field(struct buf *block, struct slice name, struct slice value);
// HEADERS of fields given as text, one "name: value" per line, and as many CONTINUATIONs as needed.
// The name of a pseudo-field begins with its colon.
void h2_headers(struct buf *out, uint32_t id, bool end, const char *fields);
void h2_headers_block(struct buf *out, uint32_t id, bool end, struct slice block);
