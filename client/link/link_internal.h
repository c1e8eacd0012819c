// SPDX-License-Identifier: MIT
// The link by libwebsockets: one attempt and its events (link_lws.c), the context that links share
// (link_context.c), the handover of a connected socket (link_handover.c), and TLS (link_tls.c).
#pragma once
#include <libwebsockets.h>
#include <openssl/ssl.h>
#include "link.h"
#include "proto/http/authority.h"
#include "proto/list.h"
#include "relay_dial.h"

enum {
    LINK_PENDING_NAME_MAX = 128
};

struct link_context {
    struct loop *loop;
    struct lws_context *lws;
    struct list links;     // struct link, by in_context
    struct link *starting; // inside lws_client_connect_via_info, and not yet told that it failed
    const char *ca_file;   // as in struct link_target
    struct lws *created;   // by that call; NULL once libwebsockets has destroyed it
};

struct link {
    struct link_context *context;
    struct list_link in_context;
    const struct link_target *target;
    const struct link_ops *ops; // NULL once closed by its owner
    void *ctx;
    struct relay_dial *dial; // while there is no connection
    struct conn *conn;       // idle while libwebsockets uses its socket; NULL once it has failed
    struct lws *wsi;         // while libwebsockets has a duplicate of the socket
    SSL *ssl;                // of an established link: a reference of ours
    struct timeout open_timeout;
    bool established;              // the handshake is done: libwebsockets' end of the socket closes
    bool detached;                 // wsi's descriptor is not the connection to the relay
    bool handshake_sent, not_tls;  // as in struct link_failure
    const char *abort_reason;      // why we ended the attempt ourselves, or NULL
    const char *tls_alert;         // the alert that ended the TLS handshake, or NULL
    const char *certificate_error; // why the relay's certificate was not accepted, or NULL
    char host[AUTHORITY_MAX];
};

// link_lws.c

extern const struct lws_protocols link_protocols[];
void link_free(struct link *link);

// link_handover.c: a Unix socket to which a connect() stays pending.

struct link_pending {
    int listener, filler;                // -1: none
    char address[LINK_PENDING_NAME_MAX]; // for libwebsockets: "+@" and the socket's name
};

// Returns 0 or an errno. link_pending_close either way.
int link_pending_open(struct link_pending *p);
void link_pending_close(const struct link_pending *p);

// link_tls.c

// Prepares the SSL_CTX of libwebsockets. Returns what the callback does.
int link_tls_init(struct lws *wsi, SSL_CTX *tls);
// Takes the verdict on a certificate. Returns what the callback does.
int link_tls_verified(struct link *link, X509_STORE_CTX *store, bool ok);
// Takes a reference of the established TLS, so that libwebsockets' end of the socket closes without
// a word to the peer.
void link_tls_keep(struct link *link, SSL *ssl);
// Makes link->conn a connection over the kept TLS, which is ready once `connected` is called.
// Returns 0, or a libuv error: link->conn is NULL then.
int link_tls_take_over(struct link *link, const struct conn_ops *ops);
