// SPDX-License-Identifier: MIT
// What goes with another Host (--host-header): a service that is told that it is localhost:5000
// compares Origin and Referer with that, and makes Location of it. So requests name it there where
// they named the public host, and responses name the public host where they named the service.
// Other hosts are left alone. Without another Host none of this is asked for.
#pragma once
#include "proto/http/message.h"

enum {
    // Of the changed values of a head, which a long Host makes long a thousand times: more of them
    // stay as they are.
    HOST_REWRITE_BYTES_MAX = 128 * 1024
};

// The public origin of a request, "https://HOST:PORT": a string of its own, NULL out of memory;
// empty where the request names no host.
char *host_rewrite_public(const struct http_head *request);

// Changes Origin and Referer of a request whose Host becomes `host`. `*values` gets memory to be
// freed when the head has been read. False when out of memory.
bool host_rewrite_request(struct http_head *request, const char *public_origin, struct slice host,
                          char **values);
// Changes Location and Content-Location of the response to it likewise.
bool host_rewrite_response(struct http_head *response, const char *public_origin, struct slice host,
                           char **values);
