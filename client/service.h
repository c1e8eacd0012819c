// SPDX-License-Identifier: MIT
// The local service that a command forwards to, as its command line says.
#pragma once
#include "common/outbound/upstream.h"

struct service {
    struct dial_target target;
    enum upstream_host host_mode;
    char host[280]; // for UPSTREAM_HOST_REPLACE; empty: the service's own
    bool has_idle;
    uint32_t idle_ms; // for which its idle connections are kept; 0: not at all
};

enum {
    SERVICE_URL_MAX = 300,
    SERVICE_IDLE_LEAST_MS = 100
};

// In the help of commands that take it.
#define SERVICE_KEEPALIVE_HELP                                                               \
    "  --upstream-keepalive on|off|TIME\n"                                                   \
    "                       for how long an idle connection to the service is kept, to be\n" \
    "                       used again (default: on, which is 4s)\n"

// Takes what destination_parse takes of a service. Returns NULL, or what is wrong, for
// destination_explain.
const char *service_take_url(struct service *s, const char *url);
// Takes "preserve", "rewrite" or a host. False when it is none of them.
bool service_take_host(struct service *s, const char *value);
// Takes "on", "off" or a time. False when it is none of them.
bool service_take_keepalive(struct service *s, const char *value);
// "http://HOST:PORT".
void service_url(const struct service *s, char out[static SERVICE_URL_MAX]);
// The upstream of it.
void service_init(const struct service *s, struct upstream *u, struct loop *l);
