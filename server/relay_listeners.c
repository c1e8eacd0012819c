// SPDX-License-Identifier: MIT
#include "relay_listeners.h"
#include <stdarg.h>
#include <stdio.h>
#include "common/base/address.h"

// Of listeners without --listen.
struct row {
    const char *at;
    bool may_miss; // a host without IPv6 does without
};

enum {
    ROWS_MAX = 4
};

static const struct row by_default[ROWS_MAX] = {{"127.0.0.1:7080", false}, {"[::1]:7080", true}};
static const struct row with_certificates[ROWS_MAX] = {{":443", false}, {":80", false}};
static const struct row with_dev_tls[ROWS_MAX] = {{"127.0.0.1:7443", false},
                                                  {"[::1]:7443", true},
                                                  {"127.0.0.1:7080", false},
                                                  {"[::1]:7080", true}};

static const struct row *defaults(const struct relay_config *c)
{
    return c->dev_tls ? with_dev_tls : relay_has_tls(c) ? with_certificates : by_default;
}

__attribute__((format(printf, 2, 3))) static const char *message(struct relay_listeners *l,
                                                                 const char *format, ...)
{
    va_list args;
    va_start(args, format);
    (void)vsnprintf(l->message, sizeof(l->message), format, args);
    va_end(args);
    return l->message;
}

static int listen_on(struct relay_listeners *l, const struct sockaddr_storage *addr, bool tls)
{
    struct sockaddr_storage actual;
    char text[ADDRESS_TEXT_MAX];
    l->sockets.tls = tls ? l->tls : NULL;
    int error = listeners_add(&l->sockets, addr, &actual);
    if (error)
        return error;
    if (l->port == 0 && (tls || !l->tls))
        l->port = address_port(&actual);
    address_text(&actual, text);
    const char *scheme = tls ? "https" : "http";
    (void)printf("aditd: listening on %s://%s\n", scheme, text);
    size_t len = strlen(l->urls);
    (void)snprintf(l->urls + len, sizeof(l->urls) - len, "%s%s://%s", len > 0 ? ", " : "", scheme,
                   text);
    return 0;
}

// Listens on one address as it is written. All addresses of a host without IPv6 are those of IPv4.
static int listen_at(struct relay_listeners *l, const struct relay_config *c,
                     const struct relay_listen *listen)
{
    struct sockaddr_storage addr;
    if (!address_parse(listen->at, &addr))
        return UV_EINVAL;
    bool tls = relay_is_tls(c, listen->protocol, address_port(&addr));
    int error = listen_on(l, &addr, tls);
    if (error != UV_EAFNOSUPPORT || listen->at[0] != ':')
        return error;
    (void)uv_ip4_addr("0.0.0.0", address_port(&addr), (struct sockaddr_in *)&addr);
    return listen_on(l, &addr, tls);
}

static const char *listen_default(struct relay_listeners *l, const struct relay_config *c)
{
    const struct row *rows = defaults(c);
    for (size_t i = 0; i < ROWS_MAX && rows[i].at; i++) {
        struct relay_listen listen = {.protocol = RELAY_BY_PORT};
        (void)snprintf(listen.at, sizeof(listen.at), "%s", rows[i].at);
        int error = listen_at(l, c, &listen);
        if (error && !(rows[i].may_miss && (error == UV_EADDRNOTAVAIL || error == UV_EAFNOSUPPORT)))
            return message(l, "cannot listen on %s: %s%s", rows[i].at, uv_strerror(error),
                           relay_listen_advice(error));
    }
    return NULL;
}

bool relay_listeners_are_loopback(const struct relay_config *c)
{
    struct sockaddr_storage addr;
    for (size_t i = 0; i < c->listen_count; i++)
        if (!address_parse(c->listen[i].at, &addr) || !address_is_loopback(&addr))
            return false;
    return c->listen_count > 0 || defaults(c) != with_certificates;
}

const char *relay_listeners_open(struct relay_listeners *l, const struct relay_config *c)
{
    if (!c->token[0] && !(relay_listeners_are_loopback(c) && strcmp(c->domain, "localhost") == 0))
        return "without a token anyone could open tunnels: pass --token-file FILE, or listen on "
               "loopback only with domain localhost";
    if (c->listen_count == 0)
        return listen_default(l, c);
    for (size_t i = 0; i < c->listen_count; i++) {
        int error = listen_at(l, c, &c->listen[i]);
        if (error)
            return message(l, "cannot listen on %s: %s%s", c->listen[i].at, uv_strerror(error),
                           relay_listen_advice(error));
    }
    return NULL;
}

void relay_listeners_close(struct relay_listeners *l)
{
    listeners_close(&l->sockets);
}
