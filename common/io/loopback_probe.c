// SPDX-License-Identifier: MIT
#include "loopback_probe.h"
#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "common/base/destination.h"

enum {
    LINE_MAX_BYTES = 512,
    LOOKS = 3,
    STATE_LISTENS = 0x0a,
    V4_DIGITS = 8, // of an address in the list
    V6_DIGITS = 32
};

// The addresses of a host, as they are in the list: the words of an address in the machine's order.
struct wanted {
    char v4[V4_DIGITS + 1], v6[V6_DIGITS + 1]; // empty: none
};

static void hex_of(char *out, const void *address, size_t words)
{
    uint32_t word;
    for (size_t i = 0; i < words; i++) {
        memcpy(&word, (const char *)address + i * sizeof(word), sizeof(word));
        (void)snprintf(out + i * V4_DIGITS, V4_DIGITS + 1, "%08X", word);
    }
}

static void want(struct wanted *w, const char *host)
{
    struct in_addr v4;
    struct in6_addr v6;
    *w = (struct wanted){0};
    bool both = destination_is_localhost(host);
    if (inet_pton(AF_INET, both ? "127.0.0.1" : host, &v4) == 1)
        hex_of(w->v4, &v4, 1);
    if (inet_pton(AF_INET6, both ? "::1" : host, &v6) == 1)
        hex_of(w->v6, &v6, sizeof(v6) / sizeof(uint32_t));
}

// A listener on all addresses of IPv6 takes those of IPv4 too, unless it was told not to.
static bool is_wanted(const struct wanted *w, const char *address)
{
    bool any = strspn(address, "0") == strlen(address);
    return any || strcmp(address, w->v4) == 0 || strcmp(address, w->v6) == 0;
}

// Reads "N: ADDRESS:PORT ADDRESS:PORT STATE ..." of a socket, all but N in hexadecimal: what is its
// own. False: it is no such line.
static bool read_row(const char *line, char address[static V6_DIGITS + 1], unsigned long *port,
                     unsigned long *state)
{
    const char *colon = strchr(line, ':');
    const char *own = colon ? colon + 1 + strspn(colon + 1, " ") : "";
    size_t len = strspn(own, "0123456789ABCDEF");
    char *end = NULL;
    if (len == 0 || len > V6_DIGITS || own[len] != ':')
        return false;
    memcpy(address, own, len);
    address[len] = 0;
    *port = strtoul(own + len + 1, &end, 16);
    const char *behind_peer = *end == ' ' ? strchr(end + 1, ' ') : NULL;
    if (!behind_peer)
        return false;
    *state = strtoul(behind_peer, &end, 16);
    return *end == ' ';
}

// The listeners stand before the connections, of which there may be many.
static bool is_in_list(const char *path, const struct wanted *w, uint16_t port)
{
    FILE *list = fopen(path, "re");
    char line[LINE_MAX_BYTES];
    char address[V6_DIGITS + 1];
    unsigned long at = 0;
    unsigned long state = STATE_LISTENS;
    bool found = false;
    if (list && !fgets(line, sizeof(line), list)) // the names of the columns
        state = 0;
    while (list && !found && state == STATE_LISTENS && fgets(line, sizeof(line), list)) {
        state = 0;
        if (read_row(line, address, &at, &state))
            found = state == STATE_LISTENS && at == port && is_wanted(w, address);
    }
    if (list)
        (void)fclose(list);
    return found;
}

// The kernel gives the lists in portions, and where a listener goes between two of them it may
// leave out the next one. So what is not found is looked for again.
bool loopback_probe(const char *host, uint16_t port)
{
    struct wanted w;
    bool found = false;
    if (!destination_is_loopback(host))
        return false;
    want(&w, host);
    for (int i = 0; i < LOOKS && !found; i++)
        found = is_in_list("/proc/net/tcp", &w, port) || is_in_list("/proc/net/tcp6", &w, port);
    return found;
}
