// SPDX-License-Identifier: MIT
// An HTTP/1.1 connection as the endpoint of its exchanges, at either end of it (RFC 9112): reads
// the bodies of the messages that its peer sends, writes those of the other direction, and grants
// credit for bytes that have left. The visitors' side and the services' side embed it, and do what
// differs: heads, time limits, the end of a connection.
#pragma once
#include "common/exchange/exchange.h"
#include "common/io/conn.h"
#include "proto/http/http1.h"

struct http1_conn;

struct http1_conn_ops {
    // Counts bytes of a body, or of an upgraded stream, as they were read, before they are passed
    // on. False: they have ended the exchange. NULL: not wanted.
    bool (*count)(struct http1_conn *h, size_t wire_bytes);
    // The body is whole, or the peer has ended an upgraded stream. `trailers`: NULL when there are
    // none.
    void (*whole)(struct http1_conn *h, const struct http_head *trailers);
    // The body is malformed, by an http1_error. Ends the exchange.
    void (*malformed)(struct http1_conn *h, int error);
    // A lack of memory has cut the message that is written. Ends the exchange.
    void (*failed)(struct http1_conn *h);
    // Keeps bytes until there is a connection. False: out of memory. NULL: there always is one.
    bool (*keep)(struct http1_conn *h, const void *bytes, size_t len);
    // The limits of the trailers that are read.
    struct http1_limits (*limits)(const struct http1_conn *h);
};

// Embedded.
struct http1_conn {
    struct exchange_endpoint endpoint;
    const struct http1_conn_ops *ops;
    struct conn *conn;      // NULL: none yet, or closed
    struct http1_body body; // of the message that is read
    char *hop_names;        // the fields that its Connection names: no trailers of these names pass
    size_t scanned;         // bytes of its head that the parser has seen
    bool chunked;           // the message that is written
};

static inline struct http1_conn *http1_conn_of(struct exchange_endpoint *endpoint)
{
    return container_of(endpoint, struct http1_conn, endpoint);
}

void http1_conn_free(struct http1_conn *h);

// Begins to read the body behind a head. Keeps the names of its Connection. False: out of memory.
bool http1_conn_begin_body(struct http1_conn *h, const struct http_head *head,
                           const struct body_framing *framing);
// Passes on what the connection has read of a body, or of an upgraded stream, against credit. True:
// it may be called again for the same input.
bool http1_conn_read_body(struct http1_conn *h);
// Reads on exactly while there is credit, at most `beyond` bytes of what follows the message.
void http1_conn_want_body(struct http1_conn *h, uint32_t beyond);
// Bytes have left: grants credit for them.
void http1_conn_sent(struct http1_conn *h);

// Events of the exchange (exchange.h): write body bytes, the end of the message.
void http1_conn_data(struct exchange_endpoint *endpoint, const char *bytes, size_t len);
void http1_conn_finish(struct exchange_endpoint *endpoint, const struct http_head *trailers);
