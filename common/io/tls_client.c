// SPDX-License-Identifier: MIT
#include <stdio.h>
#include <stdlib.h>
#include "tls_internal.h"

// Keeps a session that the server offers, for the name that its certificate was accepted for.
static int on_session(SSL *ssl, SSL_SESSION *session)
{
    struct transport_tls *t = SSL_get_app_data(ssl);
    return t && t->client && tls_sessions_put(&t->client->sessions, t->name, session);
}

static bool set_trust(SSL_CTX *c, const struct tls_client_options *o, char why[static TLS_WHY_MAX])
{
    if (o->verify_nothing)
        return true;
    SSL_CTX_set_verify(c, SSL_VERIFY_PEER, NULL);
    if (!o->ca_file) {
        bool set = SSL_CTX_set_default_verify_paths(c) == 1;
        ERR_clear_error(); // a store that is not there trusts nobody
        return set;
    }
    if (SSL_CTX_load_verify_file(c, o->ca_file) != 1) {
        tls_explain_file(why, "file of certificate authorities", o->ca_file);
        return false;
    }
    // A file that names an intermediate authority trusts this one.
    return X509_VERIFY_PARAM_set_flags(SSL_CTX_get0_param(c), X509_V_FLAG_PARTIAL_CHAIN) == 1;
}

struct tls_client *tls_client_new(const struct tls_client_options *options,
                                  char why[static TLS_WHY_MAX])
{
    struct tls_client *c = calloc(1, sizeof(*c));
    (void)snprintf(why, TLS_WHY_MAX, "TLS cannot be set up: no memory");
    if (!c)
        return NULL;
    c->verify_nothing = options->verify_nothing;
    c->context = tls_context_new(TLS_client_method(), why);
    if (!c->context || !tls_alpn_encode(options->alpn, c->alpn, &c->alpn_len, why) ||
        !set_trust(c->context, options, why) ||
        (c->alpn_len > 0 &&
         SSL_CTX_set_alpn_protos(c->context, c->alpn, (unsigned)c->alpn_len) != 0)) {
        tls_client_free(c);
        return NULL;
    }
    (void)SSL_CTX_set_session_cache_mode(c->context,
                                         SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
    SSL_CTX_sess_set_new_cb(c->context, on_session);
    return c;
}

void tls_client_free(struct tls_client *c)
{
    if (!c)
        return;
    tls_sessions_deinit(&c->sessions);
    SSL_CTX_free(c->context);
    free(c);
}
