// SPDX-License-Identifier: MIT
#include "service.h"
#include <stdio.h>
#include <string.h>
#include "common/base/limits.h"

const char *service_take_url(struct service *s, const char *url)
{
    struct destination e;
    const char *why = destination_parse(url, DESTINATION_SERVICE, &e);
    s->target = (struct dial_target){.port = e.port};
    memcpy(s->target.host, e.host, sizeof(s->target.host));
    return why;
}

bool service_take_host(struct service *s, const char *value)
{
    s->host_mode = strcmp(value, "preserve") == 0 ? UPSTREAM_HOST_PRESERVE : UPSTREAM_HOST_REPLACE;
    s->host[0] = 0;
    if (s->host_mode == UPSTREAM_HOST_PRESERVE || strcmp(value, "rewrite") == 0)
        return true;
    size_t len = strlen(value);
    for (size_t i = 0; i < len; i++)
        if (value[i] <= ' ' || value[i] > '~' || strchr("/?#@,", value[i]))
            return false;
    memcpy(s->host, value, len < sizeof(s->host) ? len + 1 : 0);
    return len > 0 && len < sizeof(s->host);
}

bool service_take_keepalive(struct service *s, const char *value)
{
    bool on = strcmp(value, "on") == 0;
    bool off = strcmp(value, "off") == 0;
    s->has_idle = !on;
    s->idle_ms = 0;
    return on || off || limits_parse_time(value, SERVICE_IDLE_MIN_MS, &s->idle_ms);
}

void service_url(const struct service *s, char out[static SERVICE_URL_MAX])
{
    char at[AUTHORITY_MAX];
    (void)authority_text(s->target.host, s->target.port, at);
    (void)snprintf(out, SERVICE_URL_MAX, "http://%s", at);
}

void service_init(const struct service *s, struct upstream *u, struct loop *l)
{
    upstream_init(u, l, &s->target);
    u->host_mode = s->host_mode;
    if (s->has_idle)
        u->idle_ms = s->idle_ms;
    if (s->host[0])
        memcpy(u->host, s->host, sizeof(u->host));
}
