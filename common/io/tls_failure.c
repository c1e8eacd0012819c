// SPDX-License-Identifier: MIT
// Errors of OpenSSL in words, and as libuv's.
#include <stdio.h>
#include <stdlib.h>
#include <uv.h>
#include "tls_internal.h"

// Keeps the first failure: everything behind it follows from it.
static int fail(struct transport_tls *t, int error, const char *what, const char *reason)
{
    if (t->error)
        return t->error;
    t->error = error;
    if (asprintf(&t->detail, "%s%s%s", what, reason ? ": " : "", reason ? reason : "") < 0)
        t->detail = NULL;
    return error;
}

// Whether the first byte is no content type of a record (RFC 8446 §5.1).
static bool is_not_tls(const struct tls_wire *w)
{
    return w->heard &&
           (w->first_byte < SSL3_RT_CHANGE_CIPHER_SPEC || w->first_byte > SSL3_RT_APPLICATION_DATA);
}

// The first error of TLS, which says more than those of ciphers before it; else the first of all.
static unsigned long telling_error(void)
{
    unsigned long first = ERR_get_error();
    for (unsigned long e = first; e; e = ERR_get_error())
        if (ERR_GET_LIB(e) == ERR_LIB_SSL)
            return e;
    return first;
}

static int explain_library(struct transport_tls *t)
{
    unsigned long error = telling_error();
    int reason = ERR_GET_REASON(error);
    long verdict = SSL_get_verify_result(t->ssl);
    if (!t->established && is_not_tls(&t->wire))
        return fail(t, UV_EPROTO, "the peer does not speak TLS", NULL);
    if (ERR_GET_LIB(error) == ERR_LIB_SSL && reason == SSL_R_CERTIFICATE_VERIFY_FAILED)
        return fail(t, UV_EPROTO, "the certificate is not accepted",
                    X509_verify_cert_error_string(verdict));
    if (ERR_GET_LIB(error) == ERR_LIB_SSL && reason > SSL_AD_REASON_OFFSET)
        return fail(t, UV_ECONNABORTED, "the peer has sent a TLS alert",
                    SSL_alert_desc_string_long(reason - SSL_AD_REASON_OFFSET));
    return fail(t, UV_EPROTO, "TLS", ERR_reason_error_string(error));
}

static int explain_socket(struct transport_tls *t)
{
    if (t->wire.stopped)
        return fail(t, UV_EPROTO, "the peer sends too many TLS messages for its data", NULL);
    if (t->wire.read_error != UV_EOF) {
        t->error = t->wire.read_error ? t->wire.read_error : UV_EPROTO;
        return t->error;
    }
    if (!t->established)
        return fail(t, UV_EOF, "the peer closed the connection during the TLS handshake", NULL);
    return UV_EOF;
}

int tls_failure(struct transport_tls *t, int result)
{
    int error = 0;
    switch (SSL_get_error(t->ssl, result)) {
    case SSL_ERROR_WANT_READ:
    case SSL_ERROR_WANT_WRITE: error = UV_EAGAIN; break;
    case SSL_ERROR_ZERO_RETURN: t->close_notify_read = true; break;
    case SSL_ERROR_SSL: error = explain_library(t); break;
    default: error = explain_socket(t); break;
    }
    ERR_clear_error();
    if (!error && !t->established)
        error = fail(t, UV_EOF, "the peer closed the connection during the TLS handshake", NULL);
    return error;
}
