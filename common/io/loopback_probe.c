// SPDX-License-Identifier: MIT
#include "loopback_probe.h"
#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "common/base/destination.h"

enum {
    LINE_MAX_BYTES = 512,
    TRIES = 3,
    STATE_LISTEN = 0x0a, // TCP_LISTEN of the kernel
    V4_DIGITS = 8,       // of an address in the list
    V6_DIGITS = 32
};

// The addresses of a host as /proc/net/tcp writes them: 32-bit words in hexadecimal, each in the
// machine's byte order.
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

// Whether a socket bound to `address` takes connections to the host. One bound to all addresses of
// IPv6 takes IPv4 too, unless it has IPV6_V6ONLY, which the list does not show.
static bool is_wanted(const struct wanted *w, const char *address)
{
    bool any = strspn(address, "0") == strlen(address);
    return any || strcmp(address, w->v4) == 0 || strcmp(address, w->v6) == 0;
}

// Reads the local address, its port and the state of "N: LOCAL:PORT REMOTE:PORT STATE ...", all but
// N in hexadecimal. False when the line has another form.
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

// Searches one list. Its listening sockets come first, so the search ends at the first connection,
// of which there may be many.
static bool is_in_list(const char *path, const struct wanted *w, uint16_t port)
{
    FILE *list = fopen(path, "re");
    char line[LINE_MAX_BYTES];
    char address[V6_DIGITS + 1];
    unsigned long at = 0;
    unsigned long state = STATE_LISTEN;
    bool found = false;
    if (list && !fgets(line, sizeof(line), list)) // the header
        state = 0;
    while (list && !found && state == STATE_LISTEN && fgets(line, sizeof(line), list)) {
        state = 0;
        if (read_row(line, address, &at, &state))
            found = state == STATE_LISTEN && at == port && is_wanted(w, address);
    }
    if (list)
        (void)fclose(list);
    return found;
}

// Tries again when nothing is found: the kernel returns a list in portions, and skips an entry when
// a listener before it is closed between two of them.
bool loopback_probe(const char *host, uint16_t port)
{
    struct wanted w;
    bool found = false;
    if (!destination_is_loopback(host))
        return false;
    want(&w, host);
    for (int i = 0; i < TRIES && !found; i++)
        found = is_in_list("/proc/net/tcp", &w, port) || is_in_list("/proc/net/tcp6", &w, port);
    return found;
}
