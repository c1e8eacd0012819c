// SPDX-License-Identifier: MIT
// The transport over TLS 1.2 and 1.3, by OpenSSL. It takes over the socket, as transport_tcp does;
// when it returns NULL, out of memory, the socket is the caller's.
//
// Errors beyond those of the socket, with the reason in `detail`: UV_EPROTO when we refuse the
// peer's certificate or bytes, UV_ECONNABORTED when the peer has sent a fatal alert, UV_EOF when
// FIN came before the handshake was done or without close_notify. After UV_EOF from read, writing
// goes on; after other errors nothing does.
#pragma once
#include "transport.h"

typedef struct ssl_st SSL;
struct tls_client;
struct tls_server;

// The server's side. `server` must outlive the transport.
struct transport *transport_tls_server(int fd, const struct tls_server *server);

// The client's side, of a connection to `name`: a host name, or an IP address without brackets. The
// certificate must be valid for it; a name is also sent (SNI). `client` must outlive the transport.
struct transport *transport_tls_client(int fd, struct tls_client *client, const char *name);

// Takes over one reference of an SSL whose handshake is done, on `fd`. Its BIOs, callbacks and
// shutdown state are replaced; bytes that it has read ahead are not lost. When this returns NULL,
// the reference is the caller's too.
struct transport *transport_tls_adopt(SSL *ssl, int fd);
