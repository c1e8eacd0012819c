// SPDX-License-Identifier: MIT
#include "address.h"
#include <arpa/inet.h>
#include <net/if.h>
#include <stdio.h>
#include <string.h>
#include "proto/http/authority.h"

enum {
    HOST_MAX = 128
};

bool address_v4(const char *text, uint16_t port, struct sockaddr_in *addr)
{
    *addr = (struct sockaddr_in){.sin_family = AF_INET, .sin_port = htons(port)};
    return inet_pton(AF_INET, text, &addr->sin_addr) == 1;
}

bool address_v6(const char *text, uint16_t port, struct sockaddr_in6 *addr)
{
    char plain[INET6_ADDRSTRLEN];
    const size_t len = strcspn(text, "%");
    *addr = (struct sockaddr_in6){.sin6_family = AF_INET6, .sin6_port = htons(port)};
    if (len >= sizeof(plain))
        return false;
    memcpy(plain, text, len);
    plain[len] = 0;
    if (text[len])
        addr->sin6_scope_id = if_nametoindex(text + len + 1);
    return inet_pton(AF_INET6, plain, &addr->sin6_addr) == 1;
}

bool address_parse_host(const char *host, uint16_t port, struct sockaddr_storage *addr)
{
    char inside[HOST_MAX];
    size_t len = strlen(host);
    *addr = (struct sockaddr_storage){0};
    if (len == 0)
        return address_v6("::", port, (struct sockaddr_in6 *)addr);
    if (len >= sizeof(inside))
        return false;
    if (host[0] == '[' && host[len - 1] == ']') {
        memcpy(inside, host + 1, len - 2);
        inside[len - 2] = 0;
        return address_v6(inside, port, (struct sockaddr_in6 *)addr);
    }
    if (strcmp(host, "localhost") == 0)
        return address_v4("127.0.0.1", port, (struct sockaddr_in *)addr);
    return address_v4(host, port, (struct sockaddr_in *)addr) ||
           address_v6(host, port, (struct sockaddr_in6 *)addr);
}

// Brackets hold nothing but IPv6 (RFC 3986 §3.2.2).
static bool parse_split(const struct authority *a, uint16_t port, struct sockaddr_storage *addr)
{
    char host[HOST_MAX];
    if (a->host.len >= sizeof(host))
        return false;
    if (a->host.len > 0)
        memcpy(host, a->host.p, a->host.len);
    host[a->host.len] = 0;
    if (a->bracketed)
        return address_v6(host, port, (struct sockaddr_in6 *)addr);
    return address_parse_host(host, port, addr);
}

bool address_parse(const char *text, struct sockaddr_storage *addr)
{
    struct authority a;
    uint16_t port = 0;
    *addr = (struct sockaddr_storage){0};
    return !authority_split(slice_str(text), &a) && a.has_port && authority_port(a.port, &port) &&
           parse_split(&a, port, addr);
}

bool address_is_loopback(const struct sockaddr_storage *addr)
{
    if (addr->ss_family == AF_INET) {
        const struct sockaddr_in *v4 = (const struct sockaddr_in *)addr;
        return (ntohl(v4->sin_addr.s_addr) >> 24) == 127;
    }
    const struct sockaddr_in6 *v6 = (const struct sockaddr_in6 *)addr;
    return IN6_IS_ADDR_LOOPBACK(&v6->sin6_addr);
}

uint16_t address_port(const struct sockaddr_storage *addr)
{
    if (addr->ss_family == AF_INET)
        return ntohs(((const struct sockaddr_in *)addr)->sin_port);
    return ntohs(((const struct sockaddr_in6 *)addr)->sin6_port);
}

void address_text(const struct sockaddr_storage *addr, char out[static ADDRESS_TEXT_MAX])
{
    char host[INET6_ADDRSTRLEN] = "";
    bool v6 = addr->ss_family == AF_INET6;
    const void *bytes = v6 ? (const void *)&((const struct sockaddr_in6 *)addr)->sin6_addr
                           : (const void *)&((const struct sockaddr_in *)addr)->sin_addr;
    (void)inet_ntop(addr->ss_family, bytes, host, sizeof(host));
    char text[AUTHORITY_MAX];
    (void)authority_text(host, address_port(addr), text);
    (void)snprintf(out, ADDRESS_TEXT_MAX, "%.*s", ADDRESS_TEXT_MAX - 1, text);
}
