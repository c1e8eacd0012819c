// SPDX-License-Identifier: MIT
#include "service.h"
#include <stdio.h>
#include <strings.h>
#include "common/limits.h"
#include "proto/http1.h"

static const char *take_authority(struct service *s, const char *authority, size_t len)
{
    char text[sizeof(s->target.host) + 16];
    struct slice whole = slice_of(authority, len);
    bool v6 = len > 0 && authority[0] == '[';
    const char *after = v6 ? memchr(authority, ']', len) : authority;
    bool has_port = after && memchr(after, ':', len - (size_t)(after - authority));
    if (!http1_is_host(whole) || len + sizeof(":80") > sizeof(text))
        return "it is not like http://localhost:5000: ";
    (void)snprintf(text, sizeof(text), "%.*s%s", (int)len, authority, has_port ? "" : ":80");
    return dial_parse(text, &s->target) ? NULL : "it is not like http://localhost:5000: ";
}

const char *service_take_url(struct service *s, const char *url)
{
    const char *why = NULL;
    if (strncasecmp(url, "https://", 8) == 0)
        return "https to the service is not there yet, only http: ";
    if (strncasecmp(url, "http://", 7) == 0) {
        size_t len = strcspn(url + 7, "/?#");
        if (url[7 + len] != 0 && strcmp(url + 7 + len, "/") != 0)
            return "a path cannot be put before those of requests; leave it out: ";
        why = take_authority(s, url + 7, len);
    } else if (!dial_parse(url, &s->target)) {
        why = strstr(url, "://") ? "only http is spoken to the service: "
                                 : "it is not like http://localhost:5000: ";
    }
    if (!why && strcmp(s->target.host, "localhost") == 0)
        s->target.host[0] = 0; // this machine, whatever a resolver says
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
    return on || off || limits_take_time(value, SERVICE_IDLE_LEAST_MS, &s->idle_ms);
}

void service_url(const struct service *s, char out[static SERVICE_URL_MAX])
{
    const char *host = s->target.host[0] ? s->target.host : "localhost";
    bool v6 = strchr(host, ':') != NULL;
    (void)snprintf(out, SERVICE_URL_MAX, v6 ? "http://[%s]:%u" : "http://%s:%u", host,
                   s->target.port);
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
