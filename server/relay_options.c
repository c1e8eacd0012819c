// SPDX-License-Identifier: MIT
#include "relay_options.h"
#include <stdio.h>
#include <strings.h>
#include "common/base/address.h"
#include "names.h"
#include "proto/http/authority.h"
#include "proto/http/chars.h"

enum {
    DOMAIN_MAX_BYTES = 253 - NAME_MAX_BYTES - 1, // leaves room for a name and its dot
    LABEL_MAX_BYTES = 63
};

static const char address_has_no_names[] =
    "an IP address has no names below it; give a domain whose names *.DOMAIN all resolve to this "
    "machine, or leave it out to serve this machine alone: ";

static bool is_digits(const char *text, size_t len)
{
    size_t n = strspn(text, "0123456789");
    return len > 0 && n >= len;
}

// Checks one label of a domain (RFC 1123 §2.1). Returns NULL, or advice.
static const char *check_label(const char *label, size_t len)
{
    if (len == 0)
        return "it begins or ends with a dot, or has two dots in a row: ";
    if (len > LABEL_MAX_BYTES)
        return "each part between dots has 63 characters at most: ";
    for (size_t i = 0; i < len; i++) {
        if (label[i] == '_')
            return "a host's name has no underscore: ";
        if ((unsigned char)label[i] >= 0x80)
            return "write it in its ASCII form, which begins with xn--: ";
        if (!chars_are(slice_of(label + i, 1), CHAR_TOKEN) || strchr("!#$%&'*+^`|~", label[i]))
            return "it is not a domain like example.com: ";
    }
    return label[0] == '-' || label[len - 1] == '-'
               ? "no part between dots begins or ends with a hyphen: "
               : NULL;
}

static bool is_address(const char *value)
{
    struct sockaddr_storage addr;
    const char *last = strrchr(value, '.');
    last = last ? last + 1 : value;
    return is_digits(last, strlen(last)) ||
           (strcmp(value, "localhost") != 0 && *value && address_parse_host(value, 0, &addr));
}

// Catches texts that are often written instead of a domain. Returns NULL, or advice.
static const char *check_kind(const char *value)
{
    if (!*value)
        return "it is empty; leave it out to serve this machine alone";
    if (strstr(value, "://"))
        return "leave the scheme out; --public-url has it: ";
    if (strncmp(value, "*.", 2) == 0)
        return "leave the *. out; tunnels are always names below the domain: ";
    if (is_address(value))
        return address_has_no_names;
    if (strchr(value, ':'))
        return "leave the port out; --listen and --public-url have it: ";
    return strchr(value, '/') ? "leave the path out: " : NULL;
}

const char *relay_take_domain(struct relay_config *c, const char *value)
{
    const char *why = check_kind(value);
    size_t len = strlen(value);
    if (why)
        return why;
    if (len > DOMAIN_MAX_BYTES)
        return "it is too long to have names below it; a domain has 189 characters at most: ";
    for (size_t at = 0; !why && at <= len; at += strcspn(value + at, ".") + 1)
        why = check_label(value + at, strcspn(value + at, "."));
    if (why)
        return why;
    for (size_t i = 0; i <= len; i++)
        c->domain[i] = ascii_lower(value[i]);
    return NULL;
}

bool relay_is_local(const struct relay_config *c)
{
    static const char local[] = "localhost";
    size_t len = strlen(c->domain);
    if (len < sizeof(local) - 1 || strcmp(c->domain + len - (sizeof(local) - 1), local) != 0)
        return false;
    return len == sizeof(local) - 1 || c->domain[len - sizeof(local)] == '.';
}

const char *relay_take_public_url(struct relay_config *c, const char *value)
{
    bool tls = strncasecmp(value, "https://", 8) == 0;
    if (!tls && strncasecmp(value, "http://", 7) != 0)
        return strstr(value, "://") ? "it begins with http:// or https://: "
                                    : "it has a scheme, as in https://example.com: ";
    const char *host = value + (tls ? 8 : 7);
    size_t end = strcspn(host, "/?#");
    uint16_t port = tls ? 443 : 80;
    struct authority a;
    if (memchr(host, '@', end))
        return "leave the user name out: ";
    if (host[end] && strcmp(host + end, "/") != 0)
        return "the URLs of tunnels have no path or query of their own; leave it out: ";
    bool split = !authority_split(slice_of(host, end), &a);
    if (a.bracketed)
        return address_has_no_names;
    if (a.host.len == 0 || a.host.len >= sizeof(c->public_host))
        return "it is not a URL like https://example.com: ";
    if (!split || (a.has_port && (!authority_port(a.port, &port) || !port)))
        return "its port is not one of 1 to 65535: ";
    (void)snprintf(c->scheme, sizeof(c->scheme), "%s", tls ? "https" : "http");
    (void)snprintf(c->public_host, sizeof(c->public_host), "%.*s", (int)a.host.len, host);
    c->public_port = port;
    return is_address(c->public_host) ? address_has_no_names : NULL;
}

const char *relay_check_public_url(const struct relay_config *c, char text[static RELAY_ADVICE_MAX])
{
    if (!c->public_host[0] || strcasecmp(c->public_host, c->domain) == 0)
        return NULL;
    (void)snprintf(text, RELAY_ADVICE_MAX,
                   "--public-url sets the scheme and port of %s://NAME.%s, but its host is another "
                   "domain; did you mean --domain %.80s?",
                   c->scheme, c->domain, c->public_host);
    return text;
}

// Checks the port of a value that should be ADDR:PORT. Returns NULL, or advice.
static const char *check_listen_port(const char *value)
{
    struct authority a;
    uint16_t port = 0;
    bool digits = is_digits(value, strlen(value));
    bool split = !authority_split(slice_str(value), &a);
    struct slice text = digits ? slice_str(value) : a.port;
    if (split && *value && !digits && !a.has_port)
        return "a port is missing, as in 127.0.0.1:7080: ";
    if (digits || (split && a.has_port)) {
        if (!authority_port(text, &port))
            return "a port is a number from 0 to 65535; 0 takes a free one: ";
    }
    return digits ? "a port needs a colon before it, as in :80 for all addresses, or an address, "
                    "as in 127.0.0.1:7080: "
                  : NULL;
}

const char *relay_take_listen(struct relay_config *c, const char *value)
{
    struct sockaddr_storage addr;
    if (c->listen_count == LIMIT_LISTENERS)
        return "it may be repeated 16 times at most: ";
    struct relay_listen *listen = &c->listen[c->listen_count];
    enum relay_protocol protocol = RELAY_BY_PORT;
    if (strncasecmp(value, "http://", 7) == 0)
        protocol = RELAY_HTTP;
    else if (strncasecmp(value, "https://", 8) == 0)
        protocol = RELAY_HTTPS;
    else if (strstr(value, "://"))
        return "only http:// and https:// may stand before the address: ";
    value += protocol == RELAY_HTTP ? 7 : protocol == RELAY_HTTPS ? 8 : 0;
    const char *why = check_listen_port(value);
    if (why)
        return why;
    if (strlen(value) >= sizeof(listen->at) || !address_parse(value, &addr))
        return "it is not an IP address of this machine and a port, as in 127.0.0.1:7080, "
               "[::1]:7080 or :80 for all: ";
    (void)snprintf(listen->at, sizeof(listen->at), "%s", value);
    listen->protocol = protocol;
    c->listen_count++;
    return NULL;
}

static const char too_many_pairs[] =
    "it may be repeated 16 times at most; --tls-dir takes a directory of more: ";

const char *relay_take_chain(struct relay_config *c, const char *value)
{
    if (c->chain_count == RELAY_PAIRS_MAX)
        return too_many_pairs;
    c->pairs[c->chain_count++].chain_file = value;
    return *value ? NULL : "it is empty; give a file with a certificate in PEM";
}

const char *relay_take_key(struct relay_config *c, const char *value)
{
    if (c->key_count == RELAY_PAIRS_MAX)
        return too_many_pairs;
    c->pairs[c->key_count++].key_file = value;
    return *value ? NULL : "it is empty; give a file with a private key in PEM";
}

const char *relay_take_acme_name(struct relay_config *c, const char *value)
{
    if (c->acme.name_count == ACME_NAMES_MAX)
        return "it may be repeated 50 times at most; --acme-dns gets a wildcard for all names: ";
    c->acme.names[c->acme.name_count++] = value;
    return NULL;
}

bool relay_has_tls(const struct relay_config *c)
{
    return c->chain_count > 0 || c->tls_dir || c->dev_tls || c->acme.on;
}

bool relay_is_tls(const struct relay_config *c, enum relay_protocol protocol, uint16_t port)
{
    bool plain_port = port == RELAY_HTTP_PORT || port == RELAY_LOCAL_HTTP_PORT;
    return protocol == RELAY_HTTPS ||
           (protocol == RELAY_BY_PORT && relay_has_tls(c) && !plain_port);
}

static const char *check_acme(const struct relay_config *c)
{
    const struct acme_config *a = &c->acme;
    bool details = a->email || a->directory || a->dns || a->resolver || a->name_count > 0;
    if (!a->on)
        return details ? "options of ACME are given, but not --acme itself" : NULL;
    if (c->dev_tls || c->tls_dir)
        return "--acme keeps certificates in a directory of its own: leave out --tls-dir and "
               "--dev-tls, or --acme";
    if (relay_is_local(c))
        return "--acme needs --domain: an authority gives no certificate for localhost";
    if (!a->email)
        return "--acme needs --acme-email ADDRESS, by which the authority warns of certificates "
               "that end";
    if (a->resolver && !a->dns)
        return "--acme-dns-resolver belongs to --acme-dns";
    struct acme_order orders[ACME_ORDERS_MAX];
    const char *why = NULL;
    (void)acme_plan(a, c->domain, orders, &why);
    return why;
}

const char *relay_check_tls(const struct relay_config *c)
{
    size_t tls = 0;
    const char *why = check_acme(c);
    if (why)
        return why;
    if (c->chain_count > c->key_count)
        return "each --tls-cert needs the --tls-key of its private key";
    if (c->key_count > c->chain_count)
        return "each --tls-key needs the --tls-cert of its certificate";
    if (c->dev_tls && (c->chain_count > 0 || c->tls_dir))
        return "--dev-tls makes certificates of its own: leave out --tls-cert, --tls-key and "
               "--tls-dir, or --dev-tls";
    for (size_t i = 0; i < c->listen_count; i++) {
        struct sockaddr_storage addr;
        bool parsed = address_parse(c->listen[i].at, &addr);
        tls += parsed && relay_is_tls(c, c->listen[i].protocol, address_port(&addr));
    }
    if (tls > 0 && !relay_has_tls(c))
        return "--listen https://... needs a certificate: pass --tls-cert and --tls-key, "
               "--tls-dir, "
               "or --dev-tls";
    if (c->listen_count > 0 && tls == 0 && relay_has_tls(c))
        return "there are certificates, but no listener speaks TLS: add --listen :443, or write "
               "--listen https://ADDR:PORT";
    return NULL;
}

const char *relay_listen_advice(int error)
{
    switch (error) {
    case UV_EADDRINUSE:
        return ". Another program listens there, another aditd perhaps: stop it, or choose another "
               "port with --listen ADDR:PORT";
    case UV_EACCES:
        return ". Ports below 1024 are for root: let systemd start it (AmbientCapabilities="
               "CAP_NET_BIND_SERVICE), or allow it by setcap cap_net_bind_service=+ep on the "
               "program, or choose a port above 1023";
    case UV_EADDRNOTAVAIL:
        return ". It is not an address of this machine: `ip address` lists them; :PORT takes all";
    case UV_EAFNOSUPPORT: return ". This machine has no IPv6: give an IPv4 address";
    default: return "";
    }
}
