// SPDX-License-Identifier: MIT
// The local service that a command forwards to, as its command line says.
#pragma once
#include "common/upstream.h"

struct service {
    struct dial_target target;
    enum upstream_host host_mode;
    char host[280]; // for UPSTREAM_HOST_REPLACE; empty: the service's own
};

enum {
    SERVICE_URL_MAX = 300
};

// Takes what endpoint_parse takes of a service. Returns NULL, or what is wrong, for
// endpoint_explain.
const char *service_take_url(struct service *s, const char *url);
// Takes "preserve", "rewrite" or a host. False when it is none of them.
bool service_take_host(struct service *s, const char *value);
// "http://HOST:PORT".
void service_url(const struct service *s, char out[static SERVICE_URL_MAX]);
// The upstream of it.
void service_init(const struct service *s, struct upstream *u, struct loop *l);
