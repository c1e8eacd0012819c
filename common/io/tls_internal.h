// SPDX-License-Identifier: MIT
// Shared by the files of TLS, from the bottom: tls_wire.c (the socket as OpenSSL sees it),
// tls_tickets.c, tls_context.c (what all contexts have in common), tls_sessions.c (sessions that a
// client may resume), the certificates of a server (tls_cert.c, tls_names.c, tls_dir.c,
// tls_source.c, tls_store.c; tls_authority.c and tls_dev.c for development), tls_server.c,
// tls_client.c, tls_failure.c (errors in words), transport_tls.c.
#pragma once
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include "tls_client.h"
#include "tls_server.h"
#include "tls_tickets.h"
#include "transport_tls.h"

enum {
    TLS_RECORD_BYTES = 16 * 1024, // the most plaintext of a record (RFC 8446 §5.1)
    TLS_RECORD_OVERHEAD = 22,     // header, content type and tag of TLS 1.3; less is in use before
    TLS_BATCH_RECORDS = 4,        // of a bulk transfer, in one system call
    TLS_ALPN_MAX = 64,            // bytes of a list of protocols as sent
};

// tls_wire.c

// The socket beneath an SSL. Output is collected and leaves by tls_wire_flush, so that a flight of
// the handshake, or several records, cost one system call, and an SSL never waits to write.
struct tls_wire {
    BIO_METHOD *method;
    int fd;
    uint8_t *out;           // ciphertext that the kernel has not taken: [out_at, out_end)
    size_t out_at, out_end; // all 0 while `out` is NULL
    size_t out_cap;
    size_t budget;   // bytes that this call of the transport may still read from the socket
    int read_error;  // of the socket; UV_EOF: FIN
    int write_error; // of the socket, or UV_ENOBUFS: over TLS_OUT_MAX. Output is dropped
    bool uncorked;   // the next record may leave at once
    bool heard;      // a byte was received, and `first_byte` is the first one
    bool stopped;    // nothing more is read: see transport_tls.c
    uint8_t first_byte;
};

// Puts an SSL on `fd` through a BIO. False when out of memory. tls_wire_deinit either way, once the
// SSL is freed.
bool tls_wire_init(struct tls_wire *w, SSL *ssl, int fd);
void tls_wire_deinit(struct tls_wire *w);
// Sends what was collected. Returns 0, UV_EAGAIN or the error of writing.
int tls_wire_flush(struct tls_wire *w);
// Makes room for `len` bytes besides those that are waiting, so that they are copied once. Without
// memory the room is made, or is missing, later.
void tls_wire_expect(struct tls_wire *w, size_t len);

static inline size_t tls_wire_pending(const struct tls_wire *w)
{
    return w->out_end - w->out_at;
}

// tls_tickets.c

// OpenSSL's callback, which seals (`sealing`) or opens a ticket with the keys that are the
// SSL_CTX's app data. NOLINTNEXTLINE(readability-function-size): the library's signature
int tls_tickets_on_ticket(SSL *ssl, unsigned char *key_name, unsigned char *iv,
                          EVP_CIPHER_CTX *cipher, EVP_MAC_CTX *mac, int sealing);

// tls_context.c

// A context with the versions, suites, curves and modes of both sides; NULL and the reason in
// `why`.
SSL_CTX *tls_context_new(const SSL_METHOD *method, char why[static TLS_WHY_MAX]);
// Encodes a comma-separated list of protocols as ALPN sends it; none has the length 0. False when
// it does not fit; the reason is in `why`.
bool tls_alpn_encode(const char *list, uint8_t out[static TLS_ALPN_MAX], size_t *len,
                     char why[static TLS_WHY_MAX]);
// Whether an encoded list has a protocol.
bool tls_alpn_has(const uint8_t *list, size_t list_len, struct slice protocol);
// The first reason in OpenSSL's queue of errors, which is emptied; a static text.
const char *tls_reason(void);
// Writes "WHAT FILE: reason" after OpenSSL failed to load it, and empties OpenSSL's queue of
// errors.
void tls_explain_file(char why[static TLS_WHY_MAX], const char *what, const char *path);

// tls_sessions.c: the sessions of a client, at most TLS_SESSIONS of them.

enum {
    TLS_SESSIONS = 64,
    TLS_SESSIONS_OF_NAME = 4,
};

struct tls_sessions {
    struct tls_session {
        char *name;
        SSL_SESSION *session;
    } list[TLS_SESSIONS]; // the oldest first
    size_t count;
};

// Keeps a session of this name, in place of the oldest one when there are too many. Takes over the
// reference if it returns true.
bool tls_sessions_put(struct tls_sessions *s, const char *name, SSL_SESSION *session);
// The newest session of a name that may be resumed, with a reference, or NULL. One of TLS 1.3 is
// given once (RFC 8446 §C.4).
SSL_SESSION *tls_sessions_take(struct tls_sessions *s, const char *name);
// Keeps the session of a resumed connection if the server has replaced it (TLS 1.2: OpenSSL tells
// of new sessions alone).
void tls_sessions_renew(struct tls_sessions *s, const char *name, SSL_SESSION *session);
void tls_sessions_deinit(struct tls_sessions *s);

// tls_server.c

SSL_CTX *tls_server_context(const struct tls_server *s);

// tls_client.c

struct tls_client {
    SSL_CTX *context;
    struct tls_sessions sessions;
    bool verify_nothing;
    uint8_t alpn[TLS_ALPN_MAX];
    size_t alpn_len;
};

// transport_tls.c

struct transport_tls {
    struct transport base; // first
    SSL *ssl;
    struct tls_wire wire;
    struct tls_client *client; // NULL: a server, or adopted
    char *name;                // that a client asks for; NULL: none
    char *covered;             // the last host that the certificate shown is for; NULL: none yet
    char *detail;              // what `error` means; NULL: nothing to add
    int error;                 // the handshake or a record failed: nothing is read or written
    size_t held;               // bytes whose records are in `wire`: the next writev's first ones
    uint16_t message_data;     // bytes of data since they last earned a message
    uint8_t messages;          // of the handshake protocol behind the handshake, less those earned
    bool established;          // the handshake is done
    bool close_notify_read, close_notify_sent;
};

// tls_failure.c

// Turns the failure of an SSL_* call, which returned `result`, into what the transport returns:
// UV_EAGAIN; 0 for a close_notify; or an error, with its meaning in `detail`. Empties OpenSSL's
// queue of errors.
int tls_failure(struct transport_tls *t, int result);
