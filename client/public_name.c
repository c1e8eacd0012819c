// SPDX-License-Identifier: MIT
#include "public_name.h"
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include "proto/http/authority.h"

enum {
    HTTP_PORT = 80,
    HTTPS_PORT = 443
};

static const char *take_scheme(struct public_name *p, const char *text, const char *mark)
{
    size_t len = (size_t)(mark - text);
    p->has_scheme = true;
    p->tls = len == 5 && strncasecmp(text, "https", len) == 0;
    if (p->tls || (len == 4 && strncasecmp(text, "http", len) == 0))
        return NULL;
    return "a tunnel's URL begins with http:// or https://: ";
}

static bool is_ipv4(const struct slice host)
{
    for (size_t i = 0; i < host.len; i++)
        if (host.p[i] != '.' && (host.p[i] < '0' || host.p[i] > '9'))
            return false;
    return host.len > 0 && host.p[0] != '.';
}

static const char *take_host(struct public_name *p, struct slice host)
{
    if (host.len > 1 && host.p[host.len - 1] == '.') // the root's dot
        host.len--;
    const char *dot = memchr(host.p, '.', host.len);
    size_t len = dot ? (size_t)(dot - host.p) : host.len;
    if (memchr(host.p, '*', host.len))
        return "a tunnel has one name, there are no wildcards: ";
    if (dot && is_ipv4(host))
        return "an IP address is not a name: ";
    if (len == 0 || len >= sizeof(p->name) || host.len >= sizeof(p->host))
        return "a name has 1 to 63 letters, digits and hyphens: ";
    memcpy(p->name, host.p, len);
    for (size_t i = 0; dot && i < host.len; i++)
        p->host[i] = ascii_lower(host.p[i]);
    return NULL;
}

const char *public_name_take(struct public_name *p, const char *text)
{
    *p = (struct public_name){0};
    const char *mark = strstr(text, "://");
    const char *why = mark ? take_scheme(p, text, mark) : NULL;
    const char *at = mark ? mark + 3 : text;
    size_t len = strcspn(at, "/?#");
    struct authority a;
    if (why)
        return why;
    if (strchr(at, '@'))
        return "a user or password cannot be part of it";
    if (at[len] && strcmp(at + len, "/") != 0)
        return "leave out what follows the host: requests bring their own path: ";
    if (authority_split(slice_of(at, len), &a) || a.bracketed)
        return "an IP address is not a name: ";
    if (a.has_port && (!authority_port(a.port, &p->port) || p->port == 0))
        return "a port is a number from 1 to 65535: ";
    if (a.has_port && !memchr(a.host.p, '.', a.host.len))
        return "leave the port out, the relay has one for all names: ";
    return take_host(p, a.host);
}

enum public_match public_name_compare(const struct public_name *p, const char *url,
                                      char text[static PUBLIC_TEXT_MAX])
{
    const char *mark = strstr(url, "://");
    bool tls = mark && mark - url == 5;
    const char *at = mark ? mark + 3 : url;
    uint16_t port = tls ? HTTPS_PORT : HTTP_PORT;
    struct authority a;
    if (authority_split(slice_of(at, strcspn(at, "/?#")), &a) ||
        (a.has_port && !authority_port(a.port, &port)))
        return PUBLIC_SAME; // not comparable
    if (p->host[0] && !slice_ieq(slice_str(p->host), a.host)) {
        (void)snprintf(text, PUBLIC_TEXT_MAX,
                       "the relay does not serve %s, the URL would be %s: ask for the name "
                       "alone, --url %s, or give the --relay that serves this domain",
                       p->host, url, p->name);
        return PUBLIC_OTHER_HOST;
    }
    if ((!p->has_scheme || p->tls == tls) && (!p->port || p->port == port))
        return PUBLIC_SAME;
    (void)snprintf(text, PUBLIC_TEXT_MAX,
                   "scheme and port of a URL are the relay's to choose (aditd --public-url): it is "
                   "%s",
                   url);
    return PUBLIC_SAME_HOST;
}
