// SPDX-License-Identifier: MIT
#include <assert.h>
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include <uv.h>
#include "common/base/destination.h"
#include "tls_internal.h"

enum {
    // Of the socket's bytes in one call beyond those that its caller asked for, so that a peer that
    // sends no data does not keep the loop.
    READ_SPARE = 16 * 1024,
    // Of OpenSSL's buffer while bulk comes: a batch of records by one system call.
    READ_BUFFER_BULK = TLS_BATCH_RECORDS * (TLS_RECORD_BYTES + TLS_RECORD_OVERHEAD) + 16,
    // Of the handshake protocol (key updates, tickets), of which the peer may send so many at once,
    // and then one for each KiB of data.
    MESSAGES_MAX = 32,
    DATA_PER_MESSAGE = 1024,
};

static struct transport_tls *tls_of(struct transport *base)
{
    return (struct transport_tls *)(void *)base;
}

static const struct transport_tls *tls_of_const(const struct transport *base)
{
    return (const struct transport_tls *)(const void *)base;
}

// Sends what a call has produced, and says whether some of it waits.
static int flush(struct transport_tls *t)
{
    int error = tls_wire_flush(&t->wire);
    t->base.wants_write = error == UV_EAGAIN;
    return error;
}

// Notes that a server chose a protocol that was not offered (RFC 7301 §3.2).
static bool is_alpn_foreign(const struct transport_tls *t)
{
    const unsigned char *chosen = NULL;
    unsigned len = 0;
    SSL_get0_alpn_selected(t->ssl, &chosen, &len);
    return t->client && len > 0 &&
           !tls_alpn_has(t->client->alpn, t->client->alpn_len, slice_of((const char *)chosen, len));
}

static void on_established(struct transport_tls *t)
{
    t->established = true;
    t->base.has_input = SSL_has_pending(t->ssl);
    if (t->client && SSL_session_reused(t->ssl) && SSL_version(t->ssl) < TLS1_3_VERSION)
        tls_sessions_renew(&t->client->sessions, t->name, SSL_get_session(t->ssl));
}

static int tls_handshake(struct transport *base)
{
    struct transport_tls *t = tls_of(base);
    if (t->error || t->established)
        return t->error;
    t->wire.budget = READ_SPARE;
    ERR_clear_error();
    int result = SSL_do_handshake(t->ssl);
    int error = result == 1 ? 0 : tls_failure(t, result);
    if (!error && is_alpn_foreign(t)) {
        t->detail = strdup("the peer chose a protocol (ALPN) that was not offered");
        error = t->error = UV_EPROTO;
    }
    int unsent = flush(t);
    if (error == UV_EAGAIN && unsent && unsent != UV_EAGAIN)
        error = t->error = unsent;
    if (!error)
        on_established(t);
    return error;
}

// Data earns the peer messages again, slowly: a message costs more than its bytes.
static void earn_messages(struct transport_tls *t, size_t len)
{
    size_t data = t->message_data + len;
    size_t earned = data / DATA_PER_MESSAGE;
    t->message_data = (uint16_t)(data % DATA_PER_MESSAGE);
    t->messages = earned < t->messages ? (uint8_t)(t->messages - earned) : 0;
}

static ssize_t tls_read(struct transport *base, void *to, size_t cap)
{
    struct transport_tls *t = tls_of(base);
    size_t got = 0;
    int end = UV_EAGAIN;
    base->has_input = false;
    base->write_needs_input = false;
    if (t->error || t->close_notify_read)
        return t->error;
    assert(t->established);
    t->wire.budget = cap + READ_SPARE;
    do {
        size_t room = cap - got < INT_MAX ? cap - got : INT_MAX;
        ERR_clear_error();
        int n = SSL_read(t->ssl, (char *)to + got, (int)room);
        if (n <= 0) {
            end = tls_failure(t, n);
            break;
        }
        got += (size_t)n;
        earn_messages(t, (size_t)n);
    } while (got < cap && SSL_has_pending(t->ssl));
    // OpenSSL's buffer is released when it is empty; the next one has this size.
    SSL_set_default_read_buffer_len(t->ssl, got >= TLS_RECORD_BYTES ? READ_BUFFER_BULK : 0);
    (void)flush(t);
    if (got == 0)
        return end;
    base->has_input = end != UV_EAGAIN || (got == cap && SSL_has_pending(t->ssl));
    return (ssize_t)got;
}

// A position in the parts of a writev.
struct cursor {
    const struct iovec *part;
    size_t count;  // of parts from `part` on
    size_t offset; // in the first one
};

static void skip_empty(struct cursor *at)
{
    while (at->count > 0 && at->offset == at->part->iov_len) {
        at->part++;
        at->count--;
        at->offset = 0;
    }
}

// Takes bytes for one record off the parts: in place if the first part fills it or is the last one,
// else copied to `scratch`. Returns none at the end of the parts.
static struct slice next_record(struct cursor *at, char scratch[static TLS_RECORD_BYTES])
{
    size_t copied = 0;
    skip_empty(at);
    while (at->count > 0 && copied < TLS_RECORD_BYTES) {
        const char *bytes = (const char *)at->part->iov_base + at->offset;
        size_t len = at->part->iov_len - at->offset;
        size_t room = TLS_RECORD_BYTES - copied;
        bool alone = copied == 0 && (len >= room || at->count == 1);
        len = len < room ? len : room;
        at->offset += len;
        if (alone)
            return slice_of(bytes, len);
        memcpy(scratch + copied, bytes, len);
        copied += len;
        skip_empty(at);
    }
    return slice_of(scratch, copied);
}

// Why OpenSSL took `result` bytes and not a whole piece.
static int write_failure(struct transport_tls *t, int result)
{
    if (result <= 0) {
        int error = tls_failure(t, result);
        if (!t->close_notify_read || t->error)
            return error;
        t->base.has_input = true; // reading tells of the end
        return UV_EPIPE;          // the peer has ended amid a message, whose rest is due before
    }
    t->detail = strdup("OpenSSL has written only part of the data");
    return t->error = UV_EIO;
}

// Writes up to `records` pieces, each a record if the peer takes such long ones (RFC 6066 §4),
// which leave together. Returns the bytes taken, or an error.
static ssize_t write_batch(struct transport_tls *t, struct cursor *at, int records)
{
    char scratch[TLS_RECORD_BYTES];
    size_t taken = 0;
    for (int i = 0; i < records; i++) {
        struct slice record = next_record(at, scratch);
        if (record.len == 0)
            break;
        skip_empty(at);
        bool last = at->count == 0 || i == records - 1;
        if (i == 0 && !last)
            tls_wire_expect(&t->wire,
                            (size_t)(records - 1) * (TLS_RECORD_BYTES + TLS_RECORD_OVERHEAD));
        t->wire.uncorked = last;
        ERR_clear_error();
        int n = SSL_write(t->ssl, record.p, (int)record.len);
        t->wire.uncorked = false;
        int error = n == (int)record.len ? 0 : write_failure(t, n);
        if (error == UV_EAGAIN) {
            t->base.write_needs_input = true;
            (void)flush(t);
            break;
        }
        if (error)
            return error;
        taken += record.len; // at once: the socket never makes OpenSSL wait
    }
    return t->wire.write_error ? t->wire.write_error : (ssize_t)taken;
}

// Skips up to `len` bytes of the parts. Returns how many.
static size_t skip(struct cursor *at, size_t len)
{
    size_t skipped = 0;
    for (skip_empty(at); at->count > 0 && skipped < len; skip_empty(at)) {
        size_t n = at->part->iov_len - at->offset;
        n = n < len - skipped ? n : len - skipped;
        at->offset += n;
        skipped += n;
    }
    return skipped;
}

// Bytes count as taken when the kernel has all of their records. Until then they are `held`: the
// caller offers them again, and they are skipped. So its time limits, and its closing, wait for a
// peer that reads slowly. Behind a socket that was full a batch is of one record, so that a peer
// that has stopped reading costs no more than that. While OpenSSL has part of a message of the
// handshake protocol (a key update, a ticket), it writes nothing and reads on instead.
static ssize_t tls_writev(struct transport *base, const struct iovec *parts, int count)
{
    struct transport_tls *t = tls_of(base);
    struct cursor at = {.part = parts, .count = (size_t)count};
    int records = base->wants_write ? 1 : TLS_BATCH_RECORDS;
    base->write_needs_input = false;
    if (t->error)
        return t->error;
    int error = flush(t);
    if (error || count == 0)
        return error;
    assert(t->established);
    if (t->close_notify_sent)
        return UV_EPIPE; // as TCP behind a FIN
    size_t taken = skip(&at, t->held);
    t->held -= taken;
    t->wire.budget = READ_SPARE;
    for (skip_empty(&at); at.count > 0 && t->held == 0 && !base->write_needs_input;
         skip_empty(&at)) {
        ssize_t n = write_batch(t, &at, records);
        if (n < 0)
            return n;
        base->wants_write = tls_wire_pending(&t->wire) > 0;
        if (base->wants_write)
            t->held = (size_t)n;
        else
            taken += (size_t)n;
        records = TLS_BATCH_RECORDS;
    }
    if (t->wire.budget < READ_SPARE) // data came behind the message that OpenSSL waited for
        base->has_input = base->has_input || SSL_has_pending(t->ssl);
    bool waits = t->held > 0 || base->write_needs_input;
    return taken == 0 && waits ? UV_EAGAIN : (ssize_t)taken;
}

static int tls_shutdown(struct transport *base)
{
    struct transport_tls *t = tls_of(base);
    if (!t->error && t->established && !t->close_notify_sent) {
        ERR_clear_error();
        (void)SSL_shutdown(t->ssl);
        ERR_clear_error();
    }
    t->close_notify_sent = true;
    int error = flush(t);
    if (error)
        return error;
    return shutdown(base->fd, SHUT_WR) ? -errno : 0;
}

static void free_tls(struct transport_tls *t)
{
    SSL_free(t->ssl);
    tls_wire_deinit(&t->wire);
    free(t->name);
    free(t->covered);
    free(t->detail);
    free(t);
}

static void tls_close(struct transport *base, bool reset)
{
    struct transport_tls *t = tls_of(base);
    const struct linger now = {.l_onoff = 1};
    if (reset)
        (void)setsockopt(base->fd, SOL_SOCKET, SO_LINGER, &now, sizeof(now));
    (void)close(base->fd);
    // Otherwise OpenSSL takes the session for a broken one and does not resume it.
    if (t->established && !t->error)
        SSL_set_shutdown(t->ssl, SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN);
    free_tls(t);
}

static struct slice tls_alpn(const struct transport *base)
{
    const unsigned char *chosen = NULL;
    unsigned len = 0;
    SSL_get0_alpn_selected(tls_of_const(base)->ssl, &chosen, &len);
    return slice_of((const char *)chosen, len);
}

// Whether a name has only characters of host names, so that it can be printed and compared.
static bool is_host_name(const char *name)
{
    for (const char *c = name; *c; c++)
        if (!ascii_is_letter(*c) && !ascii_is_digit(*c) && !strchr("-._", *c))
            return false;
    return true;
}

static struct slice tls_peer_name(const struct transport *base)
{
    const struct transport_tls *t = tls_of_const(base);
    if (!t->established)
        return slice_of(NULL, 0);
    if (t->client)
        return slice_str(t->client->verify_nothing ? NULL : t->name);
    const char *name =
        SSL_is_server(t->ssl) ? SSL_get_servername(t->ssl, TLSEXT_NAMETYPE_host_name) : NULL;
    return slice_str(name && is_host_name(name) ? name : NULL);
}

static const char *tls_detail(const struct transport *base)
{
    const struct transport_tls *t = tls_of_const(base);
    if (t->detail)
        return t->detail;
    if (t->wire.read_error == UV_EOF && !t->close_notify_read)
        return "the peer closed the connection without close_notify: data may be missing";
    return "";
}

// Whether the certificate that we have shown is for a host; the last one that it is for is kept.
static bool is_shown_for(struct transport_tls *t, struct slice host)
{
    const unsigned flags =
        X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS | X509_CHECK_FLAG_NEVER_CHECK_SUBJECT;
    X509 *shown = SSL_get_certificate(t->ssl);
    if (t->covered && slice_ieq(host, slice_str(t->covered)))
        return true;
    char *name =
        shown && host.len > 0 && !memchr(host.p, 0, host.len) ? strndup(host.p, host.len) : NULL;
    if (!name)
        return false;
    bool is = X509_check_ip_asc(shown, name, 0) == 1 ||
              X509_check_host(shown, name, host.len, flags, NULL) == 1;
    ERR_clear_error();
    if (!is) {
        free(name);
        return false;
    }
    free(t->covered);
    t->covered = name;
    return true;
}

static bool tls_covers(struct transport *base, struct slice host)
{
    struct transport_tls *t = tls_of(base);
    if (host.len > 2 && host.p[0] == '[' && host.p[host.len - 1] == ']')
        host = slice_of(host.p + 1, host.len - 2);
    else if (host.len > 1 && host.p[host.len - 1] == '.')
        host.len--; // the root's dot, which certificates do without
    return !SSL_is_server(t->ssl) || (t->established && is_shown_for(t, host));
}

static const struct transport_ops tls_ops = {
    .handshake = tls_handshake,
    .read = tls_read,
    .writev = tls_writev,
    .shutdown = tls_shutdown,
    .close = tls_close,
    .alpn = tls_alpn,
    .peer_name = tls_peer_name,
    .detail = tls_detail,
    .covers = tls_covers,
};

// Counts messages, which bring no data. OpenSSL has no limit for them.
// NOLINTNEXTLINE(readability-function-size): the library's signature
static void on_message(int sent, int version, int kind, const void *bytes, size_t len, SSL *ssl,
                       void *arg)
{
    struct transport_tls *t = arg;
    (void)version;
    (void)bytes;
    (void)len;
    (void)ssl;
    if (sent || kind != SSL3_RT_HANDSHAKE || !t->established)
        return;
    if (t->messages == MESSAGES_MAX)
        t->wire.stopped = true;
    else
        t->messages++;
}

// An SSL_CTX that is not ours may have such a callback; one of the SSL takes precedence.
static void on_info(const SSL *ssl, int where, int result)
{
    (void)ssl;
    (void)where;
    (void)result;
}

// Takes over `ssl` and the socket if it returns a transport.
static struct transport_tls *new_tls(SSL *ssl, int fd)
{
    struct transport_tls *t = ssl ? calloc(1, sizeof(*t)) : NULL;
    if (!t)
        return NULL;
    if (!tls_wire_init(&t->wire, ssl, fd)) {
        tls_wire_deinit(&t->wire);
        free(t);
        return NULL;
    }
    t->base.ops = &tls_ops;
    t->base.fd = fd;
    t->ssl = ssl;
    SSL_set_msg_callback(ssl, on_message);
    SSL_set_msg_callback_arg(ssl, t);
    return t;
}

struct transport *transport_tls_server(int fd, const struct tls_server *server)
{
    SSL *ssl = SSL_new(tls_server_context(server));
    struct transport_tls *t = new_tls(ssl, fd);
    if (!t) {
        SSL_free(ssl);
        return NULL;
    }
    SSL_set_accept_state(ssl);
    return &t->base;
}

// Expects a certificate for `name`, asks for it by SNI, and resumes a session with it.
static bool set_name(struct transport_tls *t)
{
    char *name = t->name;
    bool is_address = destination_is_address(name);
    X509_VERIFY_PARAM *param = SSL_get0_param(t->ssl);
    X509_VERIFY_PARAM_set_hostflags(param, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
    bool set = is_address ? X509_VERIFY_PARAM_set1_ip_asc(param, name) == 1
                          : X509_VERIFY_PARAM_set1_host(param, name, 0) == 1 &&
                                SSL_set_tlsext_host_name(t->ssl, name) == 1;
    SSL_SESSION *session = set ? tls_sessions_take(&t->client->sessions, name) : NULL;
    if (session)
        (void)SSL_set_session(t->ssl, session);
    SSL_SESSION_free(session);
    ERR_clear_error();
    return set;
}

struct transport *transport_tls_client(int fd, struct tls_client *client, const char *name)
{
    assert(name && *name); // without one OpenSSL accepts a certificate for any
    SSL *ssl = SSL_new(client->context);
    struct transport_tls *t = new_tls(ssl, fd);
    if (!t) {
        SSL_free(ssl);
        return NULL;
    }
    SSL_set_connect_state(ssl);
    (void)SSL_set_app_data(ssl, t);
    t->client = client;
    t->name = strdup(name);
    if (t->name && set_name(t))
        return &t->base;
    free_tls(t);
    return NULL;
}

struct transport *transport_tls_adopt(SSL *ssl, int fd)
{
    assert(ssl && SSL_is_init_finished(ssl));
    struct transport_tls *t = new_tls(ssl, fd);
    if (!t)
        return NULL;
    SSL_set_info_callback(ssl, on_info);
    SSL_set_quiet_shutdown(ssl, 0);
    SSL_set_shutdown(ssl, 0);
    (void)SSL_set_options(ssl, SSL_OP_NO_RENEGOTIATION);
    (void)SSL_clear_mode(ssl, SSL_MODE_ENABLE_PARTIAL_WRITE);
    (void)SSL_set_mode(ssl, SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER |
                                SSL_MODE_AUTO_RETRY);
    SSL_set_read_ahead(ssl, 1);
    t->established = true;
    t->base.has_input = SSL_has_pending(ssl);
    return &t->base;
}
