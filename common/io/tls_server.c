// SPDX-License-Identifier: MIT
#include <stdio.h>
#include <stdlib.h>
#include "common/base/limits.h"
#include "tls_internal.h"

struct tls_server {
    SSL_CTX *context;
    struct tls_tickets *tickets;
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

// Never asks the terminal for a passphrase. Notes that one was needed.
static int on_passphrase(char *out, int cap, int writing, void *arg)
{
    bool *asked = arg;
    (void)out;
    (void)cap;
    (void)writing;
    *asked = true;
    return -1;
}

static bool load(SSL_CTX *c, const struct tls_pair_files *o, char why[static TLS_WHY_MAX])
{
    bool asked = false;
    if (SSL_CTX_use_certificate_chain_file(c, o->chain_file) != 1) {
        tls_explain_file(why, "certificate file", o->chain_file);
        return false;
    }
    SSL_CTX_set_default_passwd_cb(c, on_passphrase);
    SSL_CTX_set_default_passwd_cb_userdata(c, &asked);
    bool loaded = SSL_CTX_use_PrivateKey_file(c, o->key_file, SSL_FILETYPE_PEM) == 1;
    SSL_CTX_set_default_passwd_cb(c, NULL);
    SSL_CTX_set_default_passwd_cb_userdata(c, NULL);
    if (loaded && SSL_CTX_check_private_key(c) == 1)
        return true;
    // A key of another kind is loaded beside the certificate.
    bool foreign = loaded || ERR_GET_LIB(ERR_peek_error()) == ERR_LIB_X509;
    tls_explain_file(why, "key file", o->key_file);
    if (asked)
        (void)snprintf(why, TLS_WHY_MAX, "key file %s: it needs a passphrase, and must not",
                       o->key_file);
    else if (foreign)
        (void)snprintf(why, TLS_WHY_MAX,
                       "key file %s: the key does not belong to the certificate in %s", o->key_file,
                       o->chain_file);
    return false;
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

struct tls_server *tls_server_new(const struct tls_server_options *options, uint64_t now_ms,
                                  char why[static TLS_WHY_MAX])
{
    struct tls_server *s = calloc(1, sizeof(*s));
    (void)snprintf(why, TLS_WHY_MAX, "TLS cannot be set up: no memory or no randomness");
    if (!s)
        return NULL;
    s->context = tls_context_new(TLS_server_method(), why);
    if (!s->context || !set_tickets(s, now_ms) || !load(s->context, options->pairs, why) ||
        !tls_alpn_encode(options->alpn, s->alpn, &s->alpn_len, why)) {
        tls_server_free(s);
        return NULL;
    }
    if (s->alpn_len > 0)
        SSL_CTX_set_alpn_select_cb(s->context, on_alpn, s);
    (void)SSL_CTX_set_tlsext_servername_callback(s->context, on_name);
    return s;
}

void tls_server_tick(struct tls_server *s, uint64_t now_ms)
{
    tls_tickets_tick(s->tickets, now_ms);
}

void tls_server_reload(struct tls_server *s, bool all, tls_told *told, void *ctx)
{
    (void)s;
    (void)all;
    (void)told;
    (void)ctx;
}

bool tls_server_covers(const struct tls_server *s, const char *name)
{
    X509 *x = SSL_CTX_get0_certificate(s->context);
    return X509_check_host(x, name, 0, 0, NULL) == 1 || X509_check_ip_asc(x, name, 0) == 1;
}

void tls_server_free(struct tls_server *s)
{
    if (!s)
        return;
    SSL_CTX_free(s->context);
    tls_tickets_free(s->tickets);
    free(s);
}
