// SPDX-License-Identifier: MIT
#include "address.h"
#include <stdio.h>
#include <string.h>
#include <uv.h>
#include "proto/http/authority.h"

enum {
    HOST_MAX = 128
};

bool address_parse_host(const char *host, uint16_t port, struct sockaddr_storage *addr)
{
    char inside[HOST_MAX];
    size_t len = strlen(host);
    *addr = (struct sockaddr_storage){0};
    if (len == 0)
        return !uv_ip6_addr("::", port, (struct sockaddr_in6 *)addr);
    if (len >= sizeof(inside))
        return false;
    if (host[0] == '[' && host[len - 1] == ']') {
        memcpy(inside, host + 1, len - 2);
        inside[len - 2] = 0;
        return !uv_ip6_addr(inside, port, (struct sockaddr_in6 *)addr);
    }
    if (strcmp(host, "localhost") == 0)
        return !uv_ip4_addr("127.0.0.1", port, (struct sockaddr_in *)addr);
    return !uv_ip4_addr(host, port, (struct sockaddr_in *)addr) ||
           !uv_ip6_addr(host, port, (struct sockaddr_in6 *)addr);
}

// Whether an address that has to be of the one kind is.
static bool parse_split(const struct authority *a, uint16_t port, struct sockaddr_storage *addr)
{
    char host[HOST_MAX];
    if (a->host.len >= sizeof(host))
        return false;
    if (a->host.len > 0)
        memcpy(host, a->host.p, a->host.len);
    host[a->host.len] = 0;
    if (a->bracketed)
        return !uv_ip6_addr(host, port, (struct sockaddr_in6 *)addr);
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
    (void)(v6 ? uv_ip6_name((const struct sockaddr_in6 *)addr, host, sizeof(host))
              : uv_ip4_name((const struct sockaddr_in *)addr, host, sizeof(host)));
    char text[AUTHORITY_MAX];
    (void)authority_text(host, address_port(addr), text);
    (void)snprintf(out, ADDRESS_TEXT_MAX, "%.*s", ADDRESS_TEXT_MAX - 1, text);
}
