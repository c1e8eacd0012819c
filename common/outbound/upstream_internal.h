// SPDX-License-Identifier: MIT
// One request to an origin. Shared by, from the bottom: upstream_state.c (state and end),
// upstream_connect.c (finds a connection), upstream_request.c (sends) and upstream_response.c
// (receives), upstream.c (makes requests).
#pragma once
#include "common/base/limits.h"
#include "common/http1/http1_conn.h"
#include "upstream_pool.h"

enum upstream_request_state {
    REQUEST_CONNECTING, // waits for a connection
    REQUEST_HEAD,       // waits for the response head
    REQUEST_BODY,       // waits for the rest of the response, or of an upgraded stream
    REQUEST_DONE,       // the response is whole: waits for the end of the request
    REQUEST_CLOSED,     // waits to be freed
};

// One exchange on one connection.
struct upstream_request {
    struct http1_conn h;
    struct upstream *upstream;
    const struct conn_ops *conn_ops; // of the connection, once it is found
    struct dial *dial;
    struct loop_task free_task;
    struct timeout answer_limit; // from the end of the request to the response head
    enum upstream_request_state state;
    struct upstream_use use;
    struct client_address client; // to be named to the origin; all zero: not known
    bool pooled;                  // the connection was used before
    bool keep_alive;
    bool early;                      // the final response began before all of the request had left
    bool response_bytes;             // any have been received
    struct upstream_history history; // of a pooled connection
    uint64_t sent_before;            // conn_wire_sent before this request
    uint64_t dialed_ns;              // when connecting began
    struct buf waiting; // bytes of request to send once connected; kept while it may be repeated
};

static inline struct upstream_request *upstream_request_of(struct exchange_endpoint *endpoint)
{
    return container_of(endpoint, struct upstream_request, h.endpoint);
}

// upstream_state.c
// The only way a request ends. Its exchange must be closed already. `to_pool`: the connection is
// between two requests.
void upstream_request_close(struct upstream_request *r, bool to_pool);
// Ends the request: the inbound gets our answer if it has no response head yet, else the exchange
// is aborted for this reason.
void upstream_request_fail(struct upstream_request *r, enum answer answer,
                           enum exchange_outcome why);
// The same for a service that is gone, or for us who lack something.
void upstream_request_refuse(struct upstream_request *r, enum answer answer);
// The one place that derives from the state whether we read and whether the answer limit runs.
void upstream_request_update(struct upstream_request *r);
void upstream_request_update_limit(struct upstream_request *r);

// upstream_connect.c
// Sends the queued bytes on a pooled connection, or on a new one once it is established.
void upstream_request_connect(struct upstream_request *r);
// The connection ended before the response did: repeats the request on a new connection if that is
// safe (RFC 9110 §9.2.2), else ends it.
void upstream_request_lost(struct upstream_request *r);

// upstream_request.c
extern const struct exchange_ops upstream_request_ops;

// upstream_response.c
extern const struct conn_ops upstream_response_ops;
extern const struct http1_conn_ops upstream_http1_ops;
