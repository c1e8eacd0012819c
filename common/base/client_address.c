// SPDX-License-Identifier: MIT
#include "client_address.h"
#include <arpa/inet.h>
#include <string.h>
#include "proto/http/chars.h"

static bool is_loopback(const struct in6_addr *a)
{
    return IN6_IS_ADDR_LOOPBACK(a) || (IN6_IS_ADDR_V4MAPPED(a) && a->s6_addr[12] == 127);
}

void client_address_of(const struct sockaddr_storage *peer, struct client_address *a)
{
    *a = (struct client_address){0};
    if (peer->ss_family == AF_INET6) {
        a->bytes = ((const struct sockaddr_in6 *)peer)->sin6_addr;
    } else {
        a->bytes.s6_addr[10] = a->bytes.s6_addr[11] = 0xff;
        memcpy(a->bytes.s6_addr + 12, &((const struct sockaddr_in *)peer)->sin_addr, 4);
    }
    a->exempt = is_loopback(&a->bytes);
}

// Whether `s` is empty or ":PORT", where PORT may be an obfuscated one like "_x" (RFC 7239 §6).
static bool is_port(struct slice s)
{
    if (s.len == 0)
        return true;
    if (s.p[0] != ':' || s.len < 2)
        return false;
    uint64_t port = 0;
    struct slice rest = slice_of(s.p + 1, s.len - 1);
    return rest.p[0] == '_' ? chars_are(rest, CHAR_TOKEN)
                            : slice_to_u64(rest, &port) && port <= UINT16_MAX;
}

// Parses an address without port and brackets. Returns its family, 0 when it is no address.
static int read_bytes(struct slice host, struct in6_addr *bytes)
{
    char text[INET6_ADDRSTRLEN];
    struct sockaddr_storage peer = {.ss_family = AF_INET};
    struct client_address a;
    const char *zone = host.len > 0 ? memchr(host.p, '%', host.len) : NULL;
    if (zone) {
        struct slice name = slice_of(zone + 1, host.len - (size_t)(zone + 1 - host.p));
        if (name.len == 0 || !chars_are(name, CHAR_TOKEN))
            return 0;
        host.len = (size_t)(zone - host.p);
    }
    if (host.len == 0 || host.len >= sizeof(text) || memchr(host.p, 0, host.len))
        return 0;
    memcpy(text, host.p, host.len);
    text[host.len] = 0;
    if (inet_pton(AF_INET6, text, bytes) == 1)
        return AF_INET6;
    if (zone || inet_pton(AF_INET, text, &((struct sockaddr_in *)&peer)->sin_addr) != 1)
        return 0;
    client_address_of(&peer, &a);
    *bytes = a.bytes;
    return AF_INET;
}

bool client_address_parse(struct slice text, struct client_address *a)
{
    struct slice host = text;
    struct slice port = {0};
    *a = (struct client_address){0};
    if (text.len == 0)
        return false;
    bool brackets = text.p[0] == '[';
    const char *end = text.p + text.len;
    const char *cut = memchr(text.p, brackets ? ']' : ':', text.len);
    if (brackets && !cut)
        return false;
    bool one_colon = cut && !brackets && !memchr(cut + 1, ':', (size_t)(end - cut - 1));
    if (brackets) {
        host = slice_of(text.p + 1, (size_t)(cut - text.p - 1));
        port = slice_of(cut + 1, (size_t)(end - cut - 1));
    } else if (one_colon) {
        host = slice_of(text.p, (size_t)(cut - text.p));
        port = slice_of(cut, (size_t)(end - cut));
    }
    int family = read_bytes(host, &a->bytes);
    if (family == 0 || !is_port(port) || (brackets && family != AF_INET6))
        return false;
    a->exempt = is_loopback(&a->bytes);
    return true;
}

void client_address_text(const struct client_address *a, char out[static INET6_ADDRSTRLEN])
{
    const char *text = IN6_IS_ADDR_V4MAPPED(&a->bytes)
                           ? inet_ntop(AF_INET, a->bytes.s6_addr + 12, out, INET6_ADDRSTRLEN)
                           : inet_ntop(AF_INET6, &a->bytes, out, INET6_ADDRSTRLEN);
    if (!text)
        out[0] = 0;
}

struct slice client_address_key(const struct client_address *a,
                                unsigned char out[static CLIENT_KEY_BYTES])
{
    memcpy(out, a->bytes.s6_addr, CLIENT_KEY_BYTES);
    if (!IN6_IS_ADDR_V4MAPPED(&a->bytes))
        memset(out + CLIENT_KEY_BYTES / 2, 0, CLIENT_KEY_BYTES / 2);
    return slice_of((const char *)out, CLIENT_KEY_BYTES);
}

void client_address_share_text(const struct client_address *a, char out[static INET6_ADDRSTRLEN])
{
    struct client_address share = *a;
    (void)client_address_key(a, share.bytes.s6_addr);
    out[0] = 0;
    if (!a->exempt)
        client_address_text(&share, out);
}
