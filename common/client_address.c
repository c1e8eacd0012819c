// SPDX-License-Identifier: MIT
#include "client_address.h"
#include <arpa/inet.h>
#include <string.h>

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
    a->anybody = is_loopback(&a->bytes);
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
