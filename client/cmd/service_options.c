// SPDX-License-Identifier: MIT
#include "service_options.h"

static void take(struct options *o, bool ok, const char *text, const char *value)
{
    if (!ok)
        options_wrong(o, text, value ? value : "");
}

bool service_options_take(struct options *o, struct service *s, int option, const char *value)
{
    switch (option) {
    case 'H':
        take(o, service_take_host(s, value),
             "--host-header is not preserve, rewrite or a host: ", value);
        return true;
    case 'K':
        take(o, service_take_keepalive(s, value),
             "--upstream-keepalive is on, off or a time like 30s, from 100ms to 24h: ", value);
        return true;
    case 'O':
        take(o, service_take_protocol(s, value), "--upstream-protocol is http1 or http2: ", value);
        return true;
    case 'V':
        take(o, service_take_verify(s, value), "--upstream-tls-verify is true or false: ", value);
        return true;
    case 'Z':
        take(o, service_take_proxy_protocol(s, value),
             "--upstream-proxy-protocol is 1 or 2: ", value);
        return true;
    case 'C': s->ca_file = value; return true;
    case 'F': s->lists = true; return true;
    default: return false;
    }
}
