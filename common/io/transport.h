// SPDX-License-Identifier: MIT
// The byte stream beneath a connection: TCP, or TLS over it. Nothing here blocks. Errors are
// libuv's (negative); UV_EAGAIN says: again when the socket is ready.
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include <sys/uio.h>
#include "proto/bytes.h"

struct transport;

struct transport_ops {
    // Goes on with the opening of the stream: TLS's handshake; TCP has none. Returns 0 once it is
    // done, UV_EAGAIN, or the error that ended it.
    int (*handshake)(struct transport *t);
    // Returns the number of bytes read; 0 at the peer's end of the stream, which is whole: FIN,
    // with TLS behind a close_notify; UV_EAGAIN; or an error. A FIN without close_notify is UV_EOF:
    // the stream may have been cut short (RFC 8446 §6.1).
    ssize_t (*read)(struct transport *t, void *to, size_t cap);
    // Returns the number of bytes taken, UV_EAGAIN, or an error. Less than all, or UV_EAGAIN: the
    // socket takes no more now (but see write_needs_input), and the next call must begin with the
    // bytes that were left, which may have moved. Without parts it writes only what wants_write
    // speaks of, and returns 0.
    ssize_t (*writev)(struct transport *t, const struct iovec *parts, int count);
    // Ends our direction: FIN, with TLS behind a close_notify. Returns 0, UV_EAGAIN (call again
    // when the socket takes bytes) or an error.
    int (*shutdown)(struct transport *t);
    // Closes the socket and frees the transport. `reset`: by RST.
    void (*close)(struct transport *t, bool reset);
    // The protocol that ALPN chose; empty: none. Valid as long as the transport.
    struct slice (*alpn)(const struct transport *t);
    // The name that the peer asked for (server, SNI) or that its certificate was verified for
    // (client); empty: none.
    struct slice (*peer_name)(const struct transport *t);
    // Returns the reason of the last error, beyond uv_strerror; empty: nothing to add.
    const char *(*detail)(const struct transport *t);
    // Whether what we have shown the peer holds for a host, which is a name or an address, in
    // brackets or not: TLS's server side asks the certificate; true for the rest.
    bool (*covers)(struct transport *t, struct slice host);
    // Whether close alone ends our direction as shutdown does, once the peer has ended its own.
    bool close_ends;
};

// The first member of each kind of transport.
struct transport {
    const struct transport_ops *ops;
    int fd;           // the socket
    bool has_input;   // read may yield bytes although the socket has none
    bool wants_write; // the transport waits to write bytes of its own: handshake, key update
    // The last writev stopped because the peer has sent only part of a message, not for the socket:
    // the next one reads the rest by itself. False again from the next read or writev on.
    bool write_needs_input;
    uint64_t wire_sent; // bytes that the kernel has taken, ever
};

// Plain TCP over a connected or connecting socket, which it owns from now on. NULL when out of
// memory; the socket is the caller's then.
struct transport *transport_tcp(int fd);
// Frees a transport made by it, and leaves the socket to the caller.
void transport_tcp_free(struct transport *t);

// For `close`: closes the socket, by RST if `reset`.
void transport_close_socket(struct transport *t, bool reset);
// The error that waits in the socket, or 0; the kernel tells of each once.
int transport_socket_error(const struct transport *t);
// Bytes that the peer's kernel has not acknowledged (tcp(7), SIOCOUTQ); 0 when unknown.
size_t transport_unacked(const struct transport *t);
// Whether the kernel has received the peer's FIN or RST, even behind input that is not read;
// `reset_only`: RST alone.
bool transport_peer_left(const struct transport *t, bool reset_only);
