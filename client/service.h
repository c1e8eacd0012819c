// SPDX-License-Identifier: MIT
// The local service that a command forwards to, from its command line.
#pragma once
#include "common/exchange/host_rewrite.h"
#include "common/outbound/upstream.h"

struct service {
    struct dial_target target;
    bool replaces_host;
    char host[280];         // that replaces it; empty: the service's own
    bool has_idle;          // idle_ms was given
    uint32_t idle_ms;       // how long idle connections are kept; 0: not at all
    unsigned proxy_version; // of the PROXY protocol, 1 or 2; 0: not spoken
};

enum {
    SERVICE_URL_MAX = 300,
    SERVICE_IDLE_MIN_MS = 100
};

// For the help of commands that take --upstream-keepalive.
#define SERVICE_KEEPALIVE_HELP                                                              \
    "  --upstream-keepalive on|off|TIME\n"                                                  \
    "                       how long an idle connection to the service is kept for later\n" \
    "                       requests (default: on, which is 4s)\n"

// The same for --upstream-proxy-protocol.
#define SERVICE_PROXY_PROTOCOL_HELP                                                       \
    "  --upstream-proxy-protocol 1|2\n"                                                   \
    "                       begin each connection to the service with a PROXY protocol\n" \
    "                       header of this version, which names the visitor\n"

// Parses a service: PORT, HOST:PORT or http://HOST[:PORT]. Returns NULL, or what is wrong, for
// destination_explain.
const char *service_take_url(struct service *s, const char *url);
// Parses --host-header: "preserve", "rewrite" or a host. False when it is none of them.
bool service_take_host(struct service *s, const char *value);
// Parses --upstream-keepalive: "on", "off" or a time. False when it is none of them.
bool service_take_keepalive(struct service *s, const char *value);
// Parses --upstream-proxy-protocol: "1" or "2". False when it is neither.
bool service_take_proxy_protocol(struct service *s, const char *value);
// Writes "http://HOST:PORT".
void service_url(const struct service *s, char out[static SERVICE_URL_MAX]);
// Initialises an upstream for the service (upstream_deinit).
void service_init(const struct service *s, struct upstream *u, struct loop *l);
// Adds to a chain the filter that replaces Host, if the command line wants that. `s` and `u`
// outlive the chain.
void service_add_filter(const struct service *s, const struct upstream *u, struct host_rewrite *f,
                        struct filter_chain *c);
