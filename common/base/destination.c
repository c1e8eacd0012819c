// SPDX-License-Identifier: MIT
#include "destination.h"
#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include "address.h"
#include "proto/http/authority.h"

enum {
    NAME_MAX_BYTES = 253, // RFC 1035 §2.3.4, as text
    LABEL_MAX_BYTES = 63,
    HTTP_PORT = 80,
    HTTPS_PORT = 443,
    SHOWN_MAX = 300 // bytes of a refused text in a message
};

static const char not_a_port[] = "a port is a number from 1 to 65535";
static const char no_port[] = "a port is missing: write HOST:PORT, or http://HOST for port 80";
static const char not_a_host[] = "a host is an IP address, or a name of letters, digits, hyphens, "
                                 "underscores and single dots, an international one in its xn-- "
                                 "form";

static bool take_port(struct destination *d, struct slice text)
{
    return authority_port(text, &d->port) && d->port != 0;
}

static const char *take_v6(struct destination *d, struct slice text)
{
    struct sockaddr_in6 addr;
    if (memchr(text.p, '%', text.len))
        return "addresses with a zone, like fe80::1%eth0, are not supported: use another address "
               "of that host";
    char inside[INET6_ADDRSTRLEN] = "";
    if (text.len < sizeof(inside))
        memcpy(inside, text.p, text.len);
    if (!inside[0] || !address_v6(inside, 1, &addr) ||
        !inet_ntop(AF_INET6, &addr.sin6_addr, d->host, sizeof(d->host)))
        return "the text in brackets is not an IPv6 address";
    return NULL;
}

static bool is_name(struct slice text)
{
    static const char may_be[] = "abcdefghijklmnopqrstuvwxyz0123456789-_.";
    size_t label = 0;
    for (size_t i = 0; i < text.len; i++) {
        char c = ascii_lower(text.p[i]);
        if (c == 0 || !strchr(may_be, c))
            return false;
        if (c == '.' && (label == 0 || label > LABEL_MAX_BYTES))
            return false;
        label = c == '.' ? 0 : label + 1;
    }
    return label > 0 && label <= LABEL_MAX_BYTES;
}

// A resolver reads digits and dots as an address in its own way: 010.1 becomes 8.0.0.1.
static bool is_numeric(const char *host)
{
    return host[strspn(host, "0123456789.")] == 0;
}

static const char *take_host(struct destination *d, struct slice text)
{
    struct sockaddr_in addr;
    if (text.len > 1 && text.p[text.len - 1] == '.') // the root label
        text.len--;
    if (text.len == 0)
        return "there is no host in it, like the one in http://localhost:5000";
    if (memchr(text.p, ':', text.len))
        return "an IPv6 address stands in brackets, like [::1]:80; nothing else has several colons";
    if (text.len > NAME_MAX_BYTES)
        return "a host has at most 253 characters";
    if (!is_name(text))
        return not_a_host;
    for (size_t i = 0; i < text.len; i++)
        d->host[i] = ascii_lower(text.p[i]);
    if (is_numeric(d->host) && !address_v4(d->host, 1, &addr))
        return "an IPv4 address has four numbers from 0 to 255, like 127.0.0.1";
    return NULL;
}

// HOST[:PORT]. `port` is the default; 0: a port is required.
static const char *take_authority(struct destination *d, struct slice text, uint16_t port)
{
    struct authority a;
    switch (authority_split(text, &a)) {
    case AUTHORITY_E_OPEN: return "the bracket is not closed";
    case AUTHORITY_E_BEHIND: return "only :PORT may follow the bracket";
    case AUTHORITY_E_COLONS: return take_host(d, text);
    default: break;
    }
    d->port = port;
    if (!a.has_port && port == 0)
        return no_port;
    if (a.has_port && !take_port(d, a.port))
        return not_a_port;
    return a.bracketed ? take_v6(d, a.host) : take_host(d, a.host);
}

static const char *take_scheme(struct destination *d, struct slice scheme, enum destination_use use)
{
    if (slice_ieq(scheme, SLICE("http")))
        return NULL;
    d->tls = slice_ieq(scheme, SLICE("https"));
    if (use == DESTINATION_SERVICE && slice_ieq(scheme, SLICE("file")))
        return "files are not served: start a web server for them, like python3 -m http.server "
               "8000, and give its port";
    if (use == DESTINATION_RELAY)
        return d->tls ? NULL : "only http:// and https:// lead to a relay";
    return d->tls ? "https to a service is not supported yet: use http://"
                  : "only http:// leads to a service";
}

// Mistakes that make every form invalid.
static const char *check_text(const char *text)
{
    if (!*text)
        return "it is empty: write a PORT, HOST:PORT or http://HOST:PORT";
    for (const char *at = text; *at; at++)
        if ((*at >= 0 && *at <= ' ') || *at == 0x7f)
            return "it has a space or a control character in it";
    if (strchr(text, '@'))
        return "a user or password cannot be part of it";
    return NULL;
}

static bool is_port(struct slice text)
{
    size_t digits = 0;
    while (digits < text.len && text.p[digits] >= '0' && text.p[digits] <= '9')
        digits++;
    return digits > 0 && digits == text.len;
}

// Whether a text looks like a mistyped port: 80a, or -1.
static bool is_like_port(struct slice text)
{
    size_t sign = text.len > 1 && text.p[0] == '-' ? 1 : 0;
    return text.len > 0 && text.p[sign] >= '0' && text.p[sign] <= '9' &&
           !memchr(text.p, '.', text.len) && !memchr(text.p, ':', text.len);
}

// PORT, :PORT or HOST:PORT.
static const char *take_bare(struct destination *d, struct slice text)
{
    bool colon = text.len > 0 && text.p[0] == ':';
    struct slice port = slice_of(text.p + colon, text.len - colon);
    if (!is_port(port))
        return is_like_port(text) ? not_a_port : take_authority(d, text, 0);
    (void)snprintf(d->host, sizeof(d->host), "localhost");
    return take_port(d, port) ? NULL : not_a_port;
}

// A relay without a scheme and a port of its own is reached by https, unless on this machine. A
// word without a dot is more likely a slip.
static const char *take_bare_relay(struct destination *d, struct slice text, const char *why)
{
    if (why == no_port) {
        why = take_authority(d, text, HTTPS_PORT);
        if (!why && (!strpbrk(d->host, ".:") || destination_is_loopback(d->host)))
            return "a port is missing: write HOST:PORT, or https://HOST or http://HOST";
    }
    d->tls = !why && d->port == HTTPS_PORT;
    return why;
}

const char *destination_parse(const char *text, enum destination_use use, struct destination *d)
{
    *d = (struct destination){0};
    const char *why = check_text(text);
    const char *mark = strstr(text, "://");
    if (!why && mark)
        why = take_scheme(d, slice_of(text, (size_t)(mark - text)), use);
    if (why)
        return why;
    const char *authority = mark ? mark + 3 : text;
    size_t len = strcspn(authority, "/?#");
    if (!mark && (strncasecmp(text, "http:/", 6) == 0 || strncasecmp(text, "https:/", 7) == 0))
        return "http: needs two slashes after it";
    if (authority[len] && strcmp(authority + len, "/") != 0)
        return "leave out what follows the host and port: requests bring their own path";
    if (mark)
        return take_authority(d, slice_of(authority, len), d->tls ? HTTPS_PORT : HTTP_PORT);
    why = take_bare(d, slice_of(authority, len));
    return use == DESTINATION_RELAY ? take_bare_relay(d, slice_of(authority, len), why) : why;
}

const char *destination_parse_authority(const char *text, size_t len, uint16_t port,
                                        struct destination *d)
{
    *d = (struct destination){0};
    return take_authority(d, slice_of(text, len), port);
}

// Whether a message may repeat the text: '@' may follow a password, and other bytes may control a
// terminal.
static bool is_presentable(const char *text)
{
    for (const char *at = text; *at; at++)
        if (*at < ' ' || *at > '~' || *at == '@')
            return false;
    return true;
}

void destination_explain(char out[static DESTINATION_MESSAGE_MAX], const char *place,
                         const char *why, const char *text)
{
    bool shown = *text && is_presentable(text);
    const char *mark = strstr(text, "://");
    const char *authority = mark ? mark + 3 : text;
    size_t len = (size_t)(authority - text) + strcspn(authority, "/?#");
    int most = len > SHOWN_MAX ? SHOWN_MAX : (int)len;
    (void)snprintf(out, DESTINATION_MESSAGE_MAX, "%s: %s%s%.*s%s", place, why, shown ? ": " : "",
                   shown ? most : 0, text, shown && text[most] ? "..." : "");
}

void destination_url(const struct destination *d, char out[static DESTINATION_URL_MAX])
{
    char at[AUTHORITY_MAX];
    size_t len = authority_text(d->host, d->port, at);
    if (d->port == (d->tls ? HTTPS_PORT : HTTP_PORT))
        len = (size_t)(strrchr(at, ':') - at);
    (void)snprintf(out, DESTINATION_URL_MAX, "%s%.*s", d->tls ? "https://" : "http://", (int)len,
                   at);
}

bool destination_is_address(const char *host)
{
    struct sockaddr_in v4;
    struct sockaddr_in6 v6;
    return address_v4(host, 1, &v4) || address_v6(host, 1, &v6);
}

bool destination_is_localhost(const char *host)
{
    static const char name[] = "localhost";
    size_t len = strlen(host);
    len -= len > 0 && host[len - 1] == '.' ? 1 : 0;
    if (len < sizeof(name) - 1 ||
        strncasecmp(host + len - (sizeof(name) - 1), name, sizeof(name) - 1) != 0)
        return false;
    return len == sizeof(name) - 1 || (len > sizeof(name) && host[len - sizeof(name)] == '.');
}

bool destination_is_loopback(const char *host)
{
    struct sockaddr_in v4;
    struct sockaddr_in6 v6;
    if (address_v4(host, 1, &v4))
        return ntohl(v4.sin_addr.s_addr) >> 24 == 127;
    if (address_v6(host, 1, &v6))
        return IN6_IS_ADDR_LOOPBACK(&v6.sin6_addr) ||
               (IN6_IS_ADDR_V4MAPPED(&v6.sin6_addr) && v6.sin6_addr.s6_addr[12] == 127);
    return destination_is_localhost(host);
}
