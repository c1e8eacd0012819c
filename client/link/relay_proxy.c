// SPDX-License-Identifier: MIT
#include "relay_proxy.h"
#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include "common/base/crypto.h"
#include "common/base/secret.h"
#include "proto/http/chars.h"

enum {
    DEFAULT_PORT = 1080, // curl's
    ADDRESS_BYTES = 16   // of IPv6
};

// The first variable that has a value counts. http_proxy is read in lower case only: CGI puts a
// request's Proxy field into HTTP_PROXY (RFC 3875 §4.1.18).
static const char *const for_http[] = {"http_proxy", "all_proxy", "ALL_PROXY", NULL};
static const char *const for_https[] = {"https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY",
                                        NULL};
static const char *const for_exemption[] = {"no_proxy", "NO_PROXY", NULL};

static const char *first_of(const char *const names[], const char **name)
{
    for (; *names; names++) {
        const char *value = getenv(*names);
        if (!value || !*value)
            continue;
        *name = *names;
        return value;
    }
    return NULL;
}

// A name is exempted by itself, and by each domain that it is in.
static bool exempts_name(struct slice element, struct slice host)
{
    if (element.len > 0 && element.p[element.len - 1] == '.')
        element.len--;
    if (element.len > 0 && element.p[0] == '.') {
        element.p++;
        element.len--;
    }
    if (element.len == 0 || element.len > host.len)
        return false;
    size_t before = host.len - element.len;
    return slice_ieq(element, slice_of(host.p + before, element.len)) &&
           (before == 0 || host.p[before - 1] == '.');
}

static int address_bytes(const char *text, unsigned char bytes[static ADDRESS_BYTES])
{
    if (inet_pton(AF_INET, text, bytes) == 1)
        return 4;
    return inet_pton(AF_INET6, text, bytes) == 1 ? ADDRESS_BYTES : 0;
}

// ADDRESS or ADDRESS/BITS; IPv6 with brackets or without.
static bool exempts_address(struct slice element, const unsigned char *host, int len)
{
    char text[INET6_ADDRSTRLEN];
    unsigned char bytes[ADDRESS_BYTES];
    const char *slash = element.len ? memchr(element.p, '/', element.len) : NULL;
    struct slice address = slice_of(element.p, slash ? (size_t)(slash - element.p) : element.len);
    uint64_t bits = (uint64_t)len * 8;
    if (slash && (!slice_to_u64(slice_of(slash + 1, element.len - address.len - 1), &bits) ||
                  bits > (uint64_t)len * 8))
        return false;
    if (address.len > 2 && address.p[0] == '[' && address.p[address.len - 1] == ']')
        address = slice_of(address.p + 1, address.len - 2);
    if (address.len >= sizeof(text))
        return false;
    memcpy(text, address.p, address.len);
    text[address.len] = 0;
    if (address_bytes(text, bytes) != len)
        return false;
    size_t whole = (size_t)bits / 8;
    unsigned rest = (unsigned)bits % 8;
    return memcmp(bytes, host, whole) == 0 &&
           (rest == 0 || (bytes[whole] ^ host[whole]) >> (8 - rest) == 0);
}

bool relay_proxy_exempts(const char *list, const char *host)
{
    unsigned char bytes[ADDRESS_BYTES];
    int len = address_bytes(host, bytes);
    if (strcmp(list, "*") == 0)
        return true;
    while (*list) {
        size_t size = strcspn(list, ", \t");
        struct slice element = slice_of(list, size);
        if (size > 0 &&
            (len ? exempts_address(element, bytes, len) : exempts_name(element, slice_str(host))))
            return true;
        list += size;
        list += strspn(list, ", \t");
    }
    return false;
}

// Decodes %XX behind `out[*len]`. False when it does not fit.
static bool percent_decode(struct slice text, char *out, size_t cap, size_t *len)
{
    for (size_t i = 0; i < text.len; i++) {
        bool hex = text.p[i] == '%' && i + 2 < text.len && char_is(text.p[i + 1], CHAR_HEX) &&
                   char_is(text.p[i + 2], CHAR_HEX);
        if (*len == cap)
            return false;
        out[(*len)++] =
            hex ? (char)(char_hex(text.p[i + 1]) << 4 | char_hex(text.p[i + 2])) : text.p[i];
        i += hex ? 2 : 0;
    }
    return true;
}

// "USER[:PASSWORD]" as the value of Proxy-Authorization (RFC 7617 §2).
static bool take_credentials(struct relay_proxy *p, struct slice text)
{
    char plain[RELAY_PROXY_CREDENTIALS_MAX];
    size_t len = 0;
    const char *colon = text.len ? memchr(text.p, ':', text.len) : NULL;
    size_t user = colon ? (size_t)(colon - text.p) : text.len;
    bool fits = percent_decode(slice_of(text.p, user), plain, sizeof(plain) - 1, &len);
    plain[len++] = ':';
    if (fits && colon)
        fits = percent_decode(slice_of(colon + 1, text.len - user - 1), plain, sizeof(plain), &len);
    int at = snprintf(p->authorization, sizeof(p->authorization), "Basic ");
    if (fits)
        (void)crypto_base64(slice_of(plain, len), p->authorization + at);
    secret_wipe(plain, sizeof(plain));
    return fits;
}

static const char *take_scheme(struct slice scheme)
{
    static const struct slice socks[] = {
        {"socks", 5}, {"socks4", 6}, {"socks4a", 7}, {"socks5", 6}, {"socks5h", 7}};
    if (slice_ieq(scheme, SLICE("http")))
        return NULL;
    if (slice_ieq(scheme, SLICE("https")))
        return "proxies that are spoken to over TLS (https://) are not supported: name one with "
               "http://";
    for (size_t i = 0; i < sizeof(socks) / sizeof(socks[0]); i++)
        if (slice_ieq(scheme, socks[i]))
            return "SOCKS proxies are not supported: name an HTTP proxy, with http://";
    return "it has an unknown scheme: a proxy is like http://HOST:PORT";
}

static const char *take_url(struct relay_proxy *p, const char *value)
{
    const char *mark = strstr(value, "://");
    const char *why = mark ? take_scheme(slice_of(value, (size_t)(mark - value))) : NULL;
    const char *authority = mark ? mark + 3 : value;
    size_t len = strcspn(authority, "/?#");
    const char *at = len ? memrchr(authority, '@', len) : NULL;
    size_t before = at ? (size_t)(at - authority) + 1 : 0;
    if (!why && at && !take_credentials(p, slice_of(authority, before - 1)))
        why = "its user and password are too long";
    if (!why)
        why = destination_parse_authority(authority + before, len - before, DEFAULT_PORT, &p->at);
    if (!why)
        destination_url(&p->at, p->url);
    return why;
}

const char *relay_proxy_choose(struct relay_proxy *p, const struct destination *relay)
{
    const char *name = "";
    *p = (struct relay_proxy){0};
    const char *value = first_of(relay->tls ? for_https : for_http, &name);
    if (!value || destination_is_loopback(relay->host))
        return NULL;
    (void)snprintf(p->variable, sizeof(p->variable), "%s", name);
    const char *exempt = first_of(for_exemption, &name);
    if (exempt && relay_proxy_exempts(exempt, relay->host))
        return NULL;
    const char *why = take_url(p, value);
    p->used = !why;
    return why;
}
