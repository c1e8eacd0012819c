// SPDX-License-Identifier: MIT
// A client and a server of TLS in one process. Between their sockets a wire carries bytes in
// pieces, holds them back, and cuts.
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "common/io/tls_client.h"
#include "common/io/tls_server.h"
#include "common/io/transport_tls.h"
#include "tls_files.h"

enum tls_side {
    TLS_CLIENT,
    TLS_SERVER
};

// A transport, and the end of its socket that the wire holds.
struct tls_peer {
    struct transport *t;
    int wire;      // -1: cut
    size_t sent;   // bytes that the wire has taken from it
    size_t cut_at; // it is cut when that many bytes were taken: the other peer gets FIN
    bool held;     // nothing is taken from it
    int handshake; // what its handshake returned last
};

struct tls_pair {
    struct tls_client *client;
    struct tls_server *server;
    struct tls_peer peer[2];
    size_t piece; // bytes that the wire takes at once
};

// Contexts with the good certificate, its authority, and these protocols.
void tls_pair_contexts(struct tls_pair *p, const struct tls_files *f, const char *client_alpn,
                       const char *server_alpn);
void tls_pair_free_contexts(struct tls_pair *p);
// Two socketpairs with transports at their outer ends. `name` is the one that the client asks for;
// NULL: that end has no transport.
void tls_pair_open(struct tls_pair *p, const char *name);
void tls_pair_close(struct tls_pair *p);
// Moves bytes once, each way. Returns how many.
size_t tls_pair_move(struct tls_pair *p);
// Moves bytes until none move.
void tls_pair_settle(struct tls_pair *p);
// Does both handshakes until both are over, or nothing moves.
void tls_pair_handshake(struct tls_pair *p);
// The same from the opening on, and both must succeed.
void tls_pair_connect(struct tls_pair *p, const char *name);
// Sends bytes of one side, and has the other read as many and compares.
void tls_pair_carry(struct tls_pair *p, enum tls_side from, const void *bytes, size_t len);
