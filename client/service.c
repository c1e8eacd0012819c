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
    s->replaces_host = strcmp(value, "preserve") != 0;
    s->host[0] = 0;
    if (!s->replaces_host || strcmp(value, "rewrite") == 0)
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

bool service_take_proxy_protocol(struct service *s, const char *value)
{
    s->proxy_version = strcmp(value, "1") == 0 ? 1 : 2;
    return s->proxy_version == 1 || strcmp(value, "2") == 0;
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
    u->proxy_version = s->proxy_version;
    if (s->has_idle)
        u->idle_ms = s->idle_ms;
}

void service_add_filter(const struct service *s, const struct upstream *u, struct host_rewrite *f,
                        struct filter_chain *c)
{
    if (!s->replaces_host)
        return;
    host_rewrite_init(f, s->host[0] ? s->host : u->name);
    filter_chain_add(c, &f->filter);
}
