// SPDX-License-Identifier: MIT
// The place of a service or a relay as users write it. Every option and argument parses the same
// forms, and refuses others with the same messages.
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    DESTINATION_HOST_MAX = 256, // bytes of a name (253 in RFC 1035) or address
    DESTINATION_URL_MAX = 300,
    DESTINATION_MESSAGE_MAX = 640
};

enum destination_use {
    DESTINATION_SERVICE, // receives requests: http only
    DESTINATION_RELAY    // http or https
};

struct destination {
    bool tls;
    char host[DESTINATION_HOST_MAX]; // lower case, no trailing dot, IPv6 without brackets;
                                     // "localhost" when only a port was given
    uint16_t port;
};

// Parses PORT, :PORT, HOST:PORT or http://HOST[:PORT][/], and https:// for a relay; IPv6 addresses
// need brackets. A relay HOST with a dot that is not this machine is https://HOST, and port 443
// https too. Returns NULL, or what is wrong, for destination_explain.
const char *destination_parse(const char *text, enum destination_use use, struct destination *d);

// Parses HOST[:PORT] of a URL whose scheme has the default port `port`; with 0 a port is required.
const char *destination_parse_authority(const char *text, size_t len, uint16_t port,
                                        struct destination *d);

// Writes "PLACE: WHY: TEXT". Leaves out the part behind host and port, where a token may stand, and
// the whole text when it may hold a password or bytes that are not printable.
void destination_explain(char out[static DESTINATION_MESSAGE_MAX], const char *place,
                         const char *why, const char *text);

// Writes "http://HOST[:PORT]", without the default port of the scheme.
void destination_url(const struct destination *d, char out[static DESTINATION_URL_MAX]);

// Whether a host is an IP address, not a name.
bool destination_is_address(const char *host);
// Whether a host is localhost or a name below it: loopback whatever a resolver says (RFC 6761
// §6.3).
bool destination_is_localhost(const char *host);
// Whether a host is localhost, a name below it, or an address of loopback.
bool destination_is_loopback(const char *host);
