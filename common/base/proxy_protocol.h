// SPDX-License-Identifier: MIT
// The header of HAProxy's PROXY protocol (proxy-protocol.txt): the first bytes of a connection, by
// which a proxy names the client that it carries. Version 1 is a line of text, version 2 is binary.
// Bytes in, bytes out.
#pragma once
#include "client_address.h"

enum {
    PROXY_V1_MAX = 107,     // of a header of version 1, as its specification says
    PROXY_HEADER_MAX = 536, // of one of version 2, which then fits into any TCP segment
    PROXY_VERSION_MAX = 2,
};

struct proxy_header {
    bool named; // a client is named; else the connection is the proxy's own, or of somebody whom
                // the proxy does not know
    bool tls;   // the proxy has ended the client's TLS
    struct client_address client;
    uint16_t port; // of the client
};

// Parses the first `len` bytes of a connection. Returns the length of the header, 0 when more bytes
// are needed and all of these belong to it, or -1 when they begin no header.
int proxy_header_parse(const char *bytes, size_t len, struct proxy_header *h);

// Writes a header of `version`, 1 or 2, of a connection to `port` for a client whose own port is
// not known; `client` all zero: for nobody who is known. The address that the client asked for is
// written as 0.0.0.0 or [::]. Returns the length.
size_t proxy_header_write(unsigned version, const struct client_address *client, uint16_t port,
                          char out[static PROXY_V1_MAX]);
