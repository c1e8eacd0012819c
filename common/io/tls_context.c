// SPDX-License-Identifier: MIT
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include "tls_internal.h"

// Stricter bounds of the system's configuration stay.
static bool set_versions(SSL_CTX *c)
{
    long most = SSL_CTX_get_max_proto_version(c); // 0: any
    if (most != 0 && most < TLS1_2_VERSION) {
        ERR_raise(ERR_LIB_SSL, SSL_R_NO_PROTOCOLS_AVAILABLE);
        return false;
    }
    return (SSL_CTX_get_min_proto_version(c) >= TLS1_2_VERSION ||
            SSL_CTX_set_min_proto_version(c, TLS1_2_VERSION)) &&
           (most != 0 || SSL_CTX_set_max_proto_version(c, TLS1_3_VERSION));
}

// AEAD with an ephemeral key exchange only. AES-128 first, the cheaper one.
static bool set_suites(SSL_CTX *c)
{
    char groups[] = "X25519:P-256:P-384"; // not const: OpenSSL's macro casts that away
    if (SSL_CTX_get_security_level(c) < 2)
        SSL_CTX_set_security_level(c, 2); // 112 bits: RSA from 2048 bits on, no SHA-1
    return SSL_CTX_set_cipher_list(c, "ECDHE+AESGCM:ECDHE+CHACHA20") &&
           SSL_CTX_set_ciphersuites(c, "TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384:"
                                       "TLS_CHACHA20_POLY1305_SHA256") &&
           SSL_CTX_set1_groups_list(c, groups);
}

SSL_CTX *tls_context_new(const SSL_METHOD *method, char why[static TLS_WHY_MAX])
{
    ERR_clear_error();
    SSL_CTX *c = SSL_CTX_new(method);
    if (!c || !set_versions(c) || !set_suites(c)) {
        (void)snprintf(why, TLS_WHY_MAX, "TLS cannot be set up: %s",
                       ERR_reason_error_string(ERR_peek_error()));
        ERR_clear_error();
        SSL_CTX_free(c);
        return NULL;
    }
    (void)SSL_CTX_set_options(c, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION |
                                     SSL_OP_CIPHER_SERVER_PREFERENCE | SSL_OP_PRIORITIZE_CHACHA);
    // No partial writes: with short records (max_fragment_length) an SSL_write would take only one.
    (void)SSL_CTX_set_mode(c, SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER |
                                  SSL_MODE_AUTO_RETRY);
    SSL_CTX_set_read_ahead(c, 1);
    return c;
}

bool tls_alpn_encode(const char *list, uint8_t out[static TLS_ALPN_MAX], size_t *len,
                     char why[static TLS_WHY_MAX])
{
    struct slice rest = slice_str(list);
    struct slice protocol;
    *len = 0;
    while (slice_next_element(&rest, &protocol)) {
        if (*len + 1 + protocol.len > TLS_ALPN_MAX) {
            (void)snprintf(why, TLS_WHY_MAX, "the list of protocols (ALPN) is longer than %d bytes",
                           TLS_ALPN_MAX);
            return false;
        }
        out[(*len)++] = (uint8_t)protocol.len;
        memcpy(out + *len, protocol.p, protocol.len);
        *len += protocol.len;
    }
    return true;
}

bool tls_alpn_has(const uint8_t *list, size_t list_len, struct slice protocol)
{
    for (size_t at = 0; at < list_len; at += 1 + (size_t)list[at])
        if (slice_eq(slice_of((const char *)list + at + 1, list[at]), protocol))
            return true;
    return false;
}

// Opens a file to learn what errno says of it; 0: it can be read.
static int read_error(const char *path)
{
    FILE *file = fopen(path, "re");
    if (!file)
        return errno;
    errno = 0;
    int error = getc(file) == EOF && ferror(file) ? errno : 0;
    (void)fclose(file);
    return error;
}

const char *tls_reason(void)
{
    unsigned long first = ERR_peek_error();
    const char *reason = ERR_reason_error_string(first);
    bool no_pem = ERR_GET_LIB(first) == ERR_LIB_PEM && ERR_GET_REASON(first) == PEM_R_NO_START_LINE;
    bool no_key =
        ERR_GET_LIB(first) == ERR_LIB_OSSL_DECODER && ERR_GET_REASON(first) == ERR_R_UNSUPPORTED;
    if (no_pem || no_key)
        reason = "nothing of this kind in PEM form is in the file";
    ERR_clear_error();
    return reason ? reason : "cannot be used";
}

void tls_explain_file(char why[static TLS_WHY_MAX], const char *what, const char *path)
{
    int error = read_error(path);
    const char *reason = tls_reason();
    (void)snprintf(why, TLS_WHY_MAX, "%s %s: %s", what, path, error ? strerror(error) : reason);
}
