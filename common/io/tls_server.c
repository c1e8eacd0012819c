// SPDX-License-Identifier: MIT
#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include "common/base/limits.h"
#include "tls_dev.h"
#include "tls_internal.h"
#include "tls_store.h"

// One context serves all certificates: each connection takes the one for its name.
struct tls_server {
    SSL_CTX *context;
    struct tls_tickets *tickets;
    struct tls_store store;
    struct tls_dev *dev; // NULL: none
    uint8_t alpn[TLS_ALPN_MAX];
    size_t alpn_len;
};

SSL_CTX *tls_server_context(const struct tls_server *s)
{
    return s->context;
}

// Chooses by our preference.
// NOLINTNEXTLINE(readability-function-size): the library's signature
static int on_alpn(SSL *ssl, const unsigned char **out, unsigned char *out_len,
                   const unsigned char *offered, unsigned offered_len, void *arg)
{
    const struct tls_server *s = arg;
    (void)ssl;
    for (size_t at = 0; at < s->alpn_len; at += 1 + (size_t)s->alpn[at]) {
        struct slice ours = slice_of((const char *)s->alpn + at + 1, s->alpn[at]);
        if (!tls_alpn_has(offered, offered_len, ours))
            continue;
        *out = s->alpn + at + 1;
        *out_len = s->alpn[at];
        return SSL_TLSEXT_ERR_OK;
    }
    return SSL_TLSEXT_ERR_ALERT_FATAL;
}

// Accepts any name: with this callback OpenSSL keeps the name in the session, and so knows it after
// a resumption too.
static int on_name(SSL *ssl, int *alert, void *arg)
{
    (void)ssl;
    (void)alert;
    (void)arg;
    return SSL_TLSEXT_ERR_OK;
}

// The host name in a ClientHello (RFC 6066 §3), in lower case; empty: none, or none that a
// certificate could be for. OpenSSL checks the extension's form later.
static void asked_name(SSL *ssl, char out[static TLS_NAME_MAX])
{
    enum {
        BEFORE = 5 // length of the list, kind, length of the name
    };
    const unsigned char *bytes = NULL;
    size_t len = 0;
    out[0] = 0;
    if (!SSL_client_hello_get0_ext(ssl, TLSEXT_TYPE_server_name, &bytes, &len) || len < BEFORE ||
        bytes[2] != TLSEXT_NAMETYPE_host_name)
        return;
    size_t name_len = (size_t)bytes[3] << 8 | bytes[4];
    if (name_len != len - BEFORE || !tls_name_normal((const char *)bytes + BEFORE, name_len, out))
        out[0] = 0;
}

// The certificate for a name, or the one for all others.
static struct tls_found choose(const struct tls_server *s, const char *name)
{
    struct tls_found found = {0};
    int64_t now_s = (int64_t)time(NULL);
    if (name[0])
        found = tls_names_find(&s->store.names, name, now_s);
    if (!found.first && s->dev && tls_dev_covers(s->dev, name))
        found.first = tls_dev_leaf(s->dev, name, now_s);
    if (!found.first)
        found.first = s->store.first;
    if (!found.first && s->dev)
        found.first = tls_dev_leaf(s->dev, NULL, now_s);
    return found;
}

// Chooses the certificate before OpenSSL looks at the session that the client would resume: one of
// a certificate with other names is not resumed, since its client has not seen ours.
static int on_client_hello(SSL *ssl, int *alert, void *arg)
{
    const struct tls_server *s = arg;
    char name[TLS_NAME_MAX];
    asked_name(ssl, name);
    struct tls_found found = choose(s, name);
    SSL_certs_clear(ssl);
    // The last one used is what SSL_get_certificate shows until the key's kind is chosen.
    bool used = found.first && (!found.other || tls_cert_use(ssl, found.other)) &&
                tls_cert_use(ssl, found.first) &&
                SSL_set_session_id_context(ssl, found.first->names_id, TLS_DIGEST_BYTES);
    if (used)
        return SSL_CLIENT_HELLO_SUCCESS;
    *alert = found.first ? SSL_AD_INTERNAL_ERROR : SSL_AD_UNRECOGNIZED_NAME;
    return SSL_CLIENT_HELLO_ERROR;
}

// Sessions are in tickets alone: nothing of them stays here.
static bool set_tickets(struct tls_server *s, uint64_t now_ms)
{
    static const unsigned char id_context[] = "adit";
    s->tickets = tls_tickets_new(now_ms);
    if (!s->tickets)
        return false;
    (void)SSL_CTX_set_app_data(s->context, s->tickets);
    (void)SSL_CTX_set_session_cache_mode(s->context, SSL_SESS_CACHE_OFF);
    (void)SSL_CTX_set_timeout(s->context, LIMIT_TICKET_KEY_MS / 1000);
    return SSL_CTX_set_session_id_context(s->context, id_context, sizeof(id_context) - 1) &&
           SSL_CTX_set_tlsext_ticket_key_evp_cb(s->context, tls_tickets_on_ticket);
}

static bool set_up(struct tls_server *s, const struct tls_server_options *o, uint64_t now_ms,
                   char why[static TLS_WHY_MAX])
{
    s->context = tls_context_new(TLS_server_method(), why);
    if (!s->context || !set_tickets(s, now_ms) ||
        !tls_alpn_encode(o->alpn, s->alpn, &s->alpn_len, why))
        return false;
    (void)SSL_CTX_set_mode(s->context, SSL_MODE_NO_AUTO_CHAIN); // files hold whole chains
    if (o->dev_dir && !(s->dev = tls_dev_new(o->dev_dir, o->dev_domain, (int64_t)time(NULL), why)))
        return false;
    return tls_store_init(&s->store, s->context, o, why);
}

struct tls_server *tls_server_new(const struct tls_server_options *options, uint64_t now_ms,
                                  char why[static TLS_WHY_MAX])
{
    struct tls_server *s = calloc(1, sizeof(*s));
    (void)snprintf(why, TLS_WHY_MAX, "TLS cannot be set up: no memory or no randomness");
    if (!s)
        return NULL;
    if (!set_up(s, options, now_ms, why)) {
        tls_server_free(s);
        return NULL;
    }
    if (s->alpn_len > 0)
        SSL_CTX_set_alpn_select_cb(s->context, on_alpn, s);
    (void)SSL_CTX_set_tlsext_servername_callback(s->context, on_name);
    SSL_CTX_set_client_hello_cb(s->context, on_client_hello, s);
    return s;
}

void tls_server_reload(struct tls_server *s, bool all, tls_told *told, void *ctx)
{
    tls_store_look(&s->store, all, (int64_t)time(NULL), told, ctx);
}

bool tls_server_covers(const struct tls_server *s, const char *name)
{
    unsigned char address[16];
    char normal[TLS_NAME_MAX];
    bool known = inet_pton(AF_INET6, name, address) == 1
                     ? inet_ntop(AF_INET6, address, normal, sizeof(normal)) != NULL
                     : tls_name_normal(name, strlen(name), normal);
    return known && (tls_names_find(&s->store.names, normal, INT64_MIN).first ||
                     (s->dev && tls_dev_covers(s->dev, normal)));
}

void tls_server_tick(struct tls_server *s, uint64_t now_ms)
{
    tls_tickets_tick(s->tickets, now_ms);
}

void tls_server_free(struct tls_server *s)
{
    if (!s)
        return;
    tls_store_deinit(&s->store);
    tls_dev_free(s->dev);
    SSL_CTX_free(s->context);
    tls_tickets_free(s->tickets);
    free(s);
}
