// SPDX-License-Identifier: MIT
// The options on the service, of the commands that forward requests to one.
#pragma once
#include "client/service.h"
#include "common/base/options.h"

#define SERVICE_OPTIONS                                            \
    {"host-header", required_argument, NULL, 'H'},                 \
        {"upstream-keepalive", required_argument, NULL, 'K'},      \
        {"upstream-proxy-protocol", required_argument, NULL, 'Z'}, \
        {"upstream-protocol", required_argument, NULL, 'O'},       \
        {"upstream-ca", required_argument, NULL, 'C'},             \
        {"upstream-tls-verify-cas", required_argument, NULL, 'C'}, \
        {"upstream-tls-verify", optional_argument, NULL, 'V'},     \
    {                                                              \
        "file-listing", no_argument, NULL, 'F'                     \
    }

#define SERVICE_KEEPALIVE_HELP                                                              \
    "  --upstream-keepalive on|off|TIME\n"                                                  \
    "                       how long an idle connection to the service is kept for later\n" \
    "                       requests (default: on, which is 4s)\n"                          \
    "  --upstream-protocol http1|http2\n"                                                   \
    "                       what the service speaks (default: http1); http2 is for gRPC\n"

#define SERVICE_PROXY_PROTOCOL_HELP                                                       \
    "  --upstream-proxy-protocol 1|2\n"                                                   \
    "                       begin each connection to the service with a PROXY protocol\n" \
    "                       header of this version, which names the visitor\n"

#define SERVICE_TLS_HELP                                                                  \
    "  --upstream-ca, --upstream-tls-verify-cas FILE\n"                                   \
    "                       the certificate authorities (PEM) to trust for an https://\n" \
    "                       service (default: the system's)\n"                            \
    "  --upstream-tls-verify=false\n"                                                     \
    "                       accept any certificate of the service\n"                      \
    "  --file-listing       list the folders of a file:/// service that have no index.html\n"

// Takes one of them; mistakes go to options_wrong. False: it is none.
bool service_options_take(struct options *o, struct service *s, int option, const char *value);
