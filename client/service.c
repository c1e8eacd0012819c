// SPDX-License-Identifier: MIT
#include "service.h"
#include <stdio.h>
#include <string.h>
#include "common/base/folder.h"
#include "common/base/limits.h"
#include "common/base/log.h"
#include "service_path.h"

const char *service_take_url(struct service *s, const char *url)
{
    struct destination e;
    bool is_path = false;
    s->target = (struct dial_target){0};
    s->https = false;
    const char *why = service_path_take(s, url, &is_path);
    if (is_path)
        return why;
    why = destination_parse(url, DESTINATION_SERVICE, &e);
    s->https = e.tls;
    s->target.port = e.port;
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

bool service_take_verify(struct service *s, const char *value)
{
    s->verifies_nothing = value && strcmp(value, "false") == 0;
    return !value || s->verifies_nothing || strcmp(value, "true") == 0;
}

bool service_take_protocol(struct service *s, const char *value)
{
    s->http2 = strcmp(value, "http2") == 0;
    return s->http2 || strcmp(value, "http1") == 0;
}

const char *service_contradiction(const struct service *s)
{
    bool is_folder = s->folder[0];
    if ((s->ca_file || s->verifies_nothing) && !s->https)
        return "--upstream-ca and --upstream-tls-verify need a service with https://";
    if (s->ca_file && s->verifies_nothing)
        return "--upstream-ca names authorities, and --upstream-tls-verify=false asks none: give "
               "one of them";
    if (s->lists && !is_folder)
        return "--file-listing needs a folder, like file:///srv/site";
    if (is_folder && (s->replaces_host || s->has_idle || s->http2 || s->proxy_version))
        return "--host-header, --upstream-keepalive, --upstream-protocol and "
               "--upstream-proxy-protocol are for HTTP services, not for a folder";
    if (s->http2 && s->proxy_version)
        return "--upstream-proxy-protocol names one visitor for each connection, and HTTP/2 serves "
               "several on one: give one of them";
    return NULL;
}

void service_url(const struct service *s, char out[static SERVICE_URL_MAX])
{
    char at[AUTHORITY_MAX];
    if (s->folder[0]) {
        (void)service_path_url(s->folder, out);
        return;
    }
    (void)authority_text(s->target.host, s->target.port, at);
    if (s->target.path[0])
        (void)snprintf(out, SERVICE_URL_MAX, "unix:%s", s->target.path);
    else
        (void)snprintf(out, SERVICE_URL_MAX, "%s://%s", s->https ? "https" : "http", at);
}

static bool open_tls(struct service *s, char why[static SERVICE_WHY_MAX])
{
    char url[SERVICE_URL_MAX];
    const struct tls_client_options options = {.ca_file = s->ca_file,
                                               .verify_nothing = s->verifies_nothing,
                                               .alpn = s->http2 ? "h2" : "http/1.1"};
    s->target.tls = tls_client_new(&options, why);
    if (!s->target.tls)
        return false;
    service_url(s, url);
    if (s->verifies_nothing)
        log_warn("the certificate of %s is not verified, because of --upstream-tls-verify=false",
                 url);
    return true;
}

bool service_open(struct service *s, char why[static SERVICE_WHY_MAX])
{
    _Static_assert((int)SERVICE_WHY_MAX >= (int)TLS_WHY_MAX, "tls_client_new writes that much");
    s->folder_fd = -1;
    if (s->https)
        return open_tls(s, why);
    if (!s->folder[0])
        return true;
    const char *flaw = NULL;
    s->folder_fd = folder_open(s->folder, &flaw);
    if (s->folder_fd < 0)
        (void)snprintf(why, SERVICE_WHY_MAX, "the folder %s cannot be served: %s", s->folder, flaw);
    return s->folder_fd >= 0;
}

void service_close(struct service *s)
{
    tls_client_free(s->target.tls);
    s->target.tls = NULL;
    if (s->folder[0])
        folder_close(s->folder_fd);
    s->folder_fd = -1;
}

void service_init(const struct service *s, struct service_outbound *o, struct loop *l)
{
    if (s->folder[0]) {
        service_url(s, o->name);
        files_init(&o->files, l, s->folder_fd, o->name);
        o->files.path = s->folder;
        o->files.lists = s->lists;
        o->outbound = &o->files.outbound;
        return;
    }
    if (s->http2) {
        h2_upstream_init(&o->h2, l, &s->target);
        if (s->has_idle)
            o->h2.idle_ms = s->idle_ms;
        o->outbound = &o->h2.outbound;
        return;
    }
    upstream_init(&o->upstream, l, &s->target);
    o->upstream.proxy_version = s->proxy_version;
    if (s->has_idle)
        o->upstream.idle_ms = s->idle_ms;
    o->outbound = &o->upstream.outbound;
}

void service_deinit(struct service_outbound *o)
{
    if (o->outbound == &o->files.outbound)
        files_deinit(&o->files);
    else if (o->outbound == &o->h2.outbound)
        h2_upstream_deinit(&o->h2);
    else
        upstream_deinit(&o->upstream);
}

const char *service_authority(const struct service_outbound *o)
{
    if (o->outbound == &o->files.outbound)
        return "localhost";
    return o->outbound == &o->h2.outbound ? o->h2.authority : o->upstream.authority;
}

void service_add_filter(const struct service *s, const struct service_outbound *o,
                        struct host_rewrite *f, struct filter_chain *c)
{
    if (!s->replaces_host || s->folder[0])
        return;
    host_rewrite_init(f, s->host[0] ? s->host : service_authority(o),
                      s->https ? SLICE("https") : SLICE("http"));
    filter_chain_add(c, &f->filter);
}
