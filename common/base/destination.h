// SPDX-License-Identifier: MIT
// Where something listens, as people write it: a service or a relay. Every option and argument that
// takes one takes the same forms, and refuses the rest in the same words.
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    DESTINATION_HOST_MAX = 256, // of a name (RFC 1035 allows 253 bytes) or address
    DESTINATION_URL_MAX = 300,
    DESTINATION_MESSAGE_MAX = 640
};

enum destination_use {
    DESTINATION_SERVICE, // that requests are forwarded to: http only
    DESTINATION_RELAY    // http or https
};

struct destination {
    bool tls;
    char host[DESTINATION_HOST_MAX]; // in lower case, without a dot at its end; an IPv6 address
                                     // without brackets; of a port alone "localhost"
    uint16_t port;
};

// Takes PORT, :PORT, HOST:PORT, http://HOST[:PORT][/], and for a relay https:// likewise; an IPv6
// address stands in brackets. Returns NULL, or what is wrong with it, for destination_explain.
const char *destination_parse(const char *text, enum destination_use use, struct destination *e);

// The same for HOST[:PORT], of a URL whose scheme has this port; with 0 there has to be one.
const char *destination_parse_authority(const char *text, size_t len, uint16_t port,
                                        struct destination *e);

// Writes "PLACE: WHY: TEXT", of the text nothing behind the host and port, where a token may stand,
// and nothing at all where it may hold a password or what a terminal would obey.
void destination_explain(char out[static DESTINATION_MESSAGE_MAX], const char *place,
                         const char *why, const char *text);

// "http://HOST[:PORT]": a port that the scheme has of itself is left out.
void destination_url(const struct destination *e, char out[static DESTINATION_URL_MAX]);

// Whether it is an IP address and no name.
bool destination_is_address(const char *host);
// Whether the name is localhost or lies below it, which is this machine's loopback whatever a
// resolver says (RFC 6761 §6.3).
bool destination_is_localhost(const char *host);
// The same, or an address of loopback.
bool destination_is_loopback(const char *host);
