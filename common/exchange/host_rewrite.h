// SPDX-License-Identifier: MIT
// A filter that replaces the Host of requests and keeps other fields consistent with it
// (--host-header). A service that sees Host: localhost:5000 compares Origin and Referer with that
// and builds Location from it. So the public origin in the request's Origin and Referer becomes the
// service's, and the service's origin in the response's Location and Content-Location becomes the
// public one. Other origins stay.
#pragma once
#include "filter.h"

enum {
    // Limit on the rewritten values of a head, in which a long Host may be repeated a thousand
    // times. Over it nothing is rewritten.
    HOST_REWRITE_BYTES_MAX = 128 * 1024
};

struct host_rewrite {
    struct filter filter;
    const char *host;    // that the service gets
    struct slice scheme; // by which the service is reached
};

void host_rewrite_init(struct host_rewrite *r, const char *host, struct slice scheme);

// The parts, for a caller that sends no request on.

// The public origin of a request, "https://HOST:PORT", to be freed; empty if the request names no
// host. NULL when out of memory.
char *host_rewrite_public(const struct http_head *request);

// The origin that a service sees.
struct host_rewrite_origin {
    struct slice scheme, host;
};

// Rewrites Origin and Referer of a request whose Host becomes `own->host`. `*values`, to be freed
// by the caller, must outlive the head. False when out of memory.
bool host_rewrite_request(struct http_head *request, const char *public_origin,
                          const struct host_rewrite_origin *own, char **values);
// Rewrites Location and Content-Location of the response, likewise.
bool host_rewrite_response(struct http_head *response, const char *public_origin, struct slice host,
                           char **values);
