// SPDX-License-Identifier: MIT
// TLS of the link: the expected certificate, the reason of a failed handshake, which libwebsockets
// does not report, and the TLS of an established link.
#include <errno.h>
#include <fcntl.h>
#include <openssl/x509_vfy.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include "common/io/transport_tls.h"
#include "link_internal.h"

// Only notes the error. 0 accepts a certificate that OpenSSL accepts; libwebsockets refuses one
// whose error stays set.
int link_tls_verified(struct link *link, X509_STORE_CTX *store, bool ok)
{
    if (!ok && !link->certificate_error)
        link->certificate_error = X509_verify_cert_error_string(X509_STORE_CTX_get_error(store));
    return ok ? 0 : 1;
}

static struct link *link_of(const struct link_context *c, const SSL *ssl)
{
    for (struct list_link *at = c->links.first; at; at = at->next) {
        struct link *link = LIST_ITEM(at, struct link, in_context);
        if (link->wsi && lws_get_ssl(link->wsi) == ssl)
            return link;
    }
    return NULL;
}

// Watches received TLS records. A first byte that is no content type of a record (RFC 8446 §5.1)
// comes from a peer that does not speak TLS; an alert says why a handshake failed.
// NOLINTNEXTLINE(readability-function-size): the library's signature
static void on_record(int sent, int version, int kind, const void *bytes, size_t len, SSL *ssl,
                      void *arg)
{
    struct link *link = sent || len < 2 ? NULL : link_of(arg, ssl);
    const unsigned char *b = bytes;
    (void)version;
    if (link && kind == SSL3_RT_HEADER && !link->handshake_sent)
        link->not_tls = b[0] < SSL3_RT_CHANGE_CIPHER_SPEC || b[0] > SSL3_RT_APPLICATION_DATA;
    if (link && kind == SSL3_RT_ALERT && !link->handshake_sent)
        link->tls_alert = SSL_alert_desc_string_long(b[1]);
}

// For a relay named by its address: expects the certificate to have this address. libwebsockets
// handles names only: it cuts an IPv6 address at its first colon, and sends the rest as the
// server's name, where no address may stand (RFC 6066 §3).
static void expect_address(const char *host, SSL *ssl)
{
    X509_VERIFY_PARAM *param = SSL_get0_param(ssl);
    if (!destination_is_address(host))
        return;
    if (!X509_VERIFY_PARAM_set1_ip_asc(param, host))
        return; // the name that libwebsockets has set fits no certificate
    (void)X509_VERIFY_PARAM_set1_host(param, NULL, 0);
    (void)SSL_set_tlsext_host_name(ssl, NULL);
}

// SSL_CB_HANDSHAKE_START comes before the ClientHello is built.
static void on_handshake(const SSL *ssl, int where, int result)
{
    const struct link_context *c = SSL_CTX_get_app_data(SSL_get_SSL_CTX(ssl));
    const struct link *link = c && where == SSL_CB_HANDSHAKE_START ? link_of(c, ssl) : NULL;
    (void)result;
    if (link)
        expect_address(link->target->at.host, (SSL *)(uintptr_t)ssl);
}

// NULL: OpenSSL's queue of errors has the reason.
static X509_STORE *read_ca(const char *file)
{
    X509_STORE *store = X509_STORE_new();
    if (store && X509_STORE_load_file(store, file) == 1)
        return store;
    X509_STORE_free(store);
    return NULL;
}

bool link_check_ca(const char *file, char why[static LINK_CA_WHY_MAX])
{
    ERR_clear_error();
    X509_STORE *store = read_ca(file);
    unsigned long error = ERR_peek_error();
    const char *reason =
        ERR_SYSTEM_ERROR(error) ? strerror(ERR_GET_REASON(error)) : ERR_reason_error_string(error);
    X509_STORE_free(store);
    if (!store)
        (void)snprintf(why, LINK_CA_WHY_MAX, "%s: %s. It must be certificates in PEM", file,
                       reason ? reason : "it cannot be read");
    ERR_clear_error();
    return store != NULL;
}

// Without its file, nothing is trusted.
static void trust(SSL_CTX *tls, const char *ca_file)
{
    X509_STORE *store = read_ca(ca_file);
    if (!store)
        store = X509_STORE_new();
    if (store)
        SSL_CTX_set_cert_store(tls, store);
}

int link_tls_init(struct lws *wsi, SSL_CTX *tls)
{
    const struct link_context *c = lws_context_user(lws_get_context(wsi));
    if (c->ca_file)
        trust(tls, c->ca_file);
    SSL_CTX_set_app_data(tls, lws_context_user(lws_get_context(wsi)));
    SSL_CTX_set_info_callback(tls, on_handshake);
    SSL_CTX_set_msg_callback(tls, on_record);
    SSL_CTX_set_msg_callback_arg(tls, lws_context_user(lws_get_context(wsi)));
    return 0;
}

void link_tls_keep(struct link *link, SSL *ssl)
{
    (void)SSL_up_ref(ssl);
    SSL_set_quiet_shutdown(ssl, 1);
    link->ssl = ssl;
}

// The transport needs a descriptor of its own: that of link->conn closes with it.
int link_tls_take_over(struct link *link, const struct conn_ops *ops)
{
    int fd = fcntl(conn_fd(link->conn), F_DUPFD_CLOEXEC, 0);
    int error = fd < 0 ? uv_translate_sys_error(errno) : UV_ENOMEM;
    struct transport *t = fd < 0 ? NULL : transport_tls_adopt(link->ssl, fd);
    conn_close(link->conn, CONN_CLOSE_NOW);
    link->conn = NULL;
    if (t) {
        link->ssl = NULL;
        link->conn = conn_adopt(link->context->loop, t, ops, link);
    } else if (fd >= 0) {
        (void)close(fd);
    }
    return link->conn ? 0 : error;
}
