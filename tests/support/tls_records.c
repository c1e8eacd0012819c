// SPDX-License-Identifier: MIT
#include "tls_records.h"
#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/kdf.h>
#include <string.h>
#include <sys/socket.h>
#include "check.h"

enum {
    SECRET_BYTES = 32,
    HEADER_BYTES = 5,
    TAG_BYTES = 16,
    DATA_MAX = 256,
};

static void *bytes_of(const void *bytes)
{
    return (void *)(uintptr_t)bytes;
}

// HKDF-Expand-Label without a context (RFC 8446 §7.1).
static void expand(const uint8_t secret[static SECRET_BYTES], const char *label, uint8_t *out,
                   size_t len)
{
    int mode = EVP_KDF_HKDF_MODE_EXPAND_ONLY;
    char digest[] = "SHA256";
    const OSSL_PARAM with[] = {
        OSSL_PARAM_construct_int(OSSL_KDF_PARAM_MODE, &mode),
        OSSL_PARAM_construct_utf8_string(OSSL_KDF_PARAM_DIGEST, digest, 0),
        OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_KEY, bytes_of(secret), SECRET_BYTES),
        OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_PREFIX, bytes_of("tls13 "), 6),
        OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_LABEL, bytes_of(label), strlen(label)),
        OSSL_PARAM_construct_end(),
    };
    EVP_KDF *kdf = EVP_KDF_fetch(NULL, "TLS13-KDF", NULL);
    EVP_KDF_CTX *c = EVP_KDF_CTX_new(kdf);
    CHECK(EVP_KDF_derive(c, out, len, with) == 1);
    EVP_KDF_CTX_free(c);
    EVP_KDF_free(kdf);
}

// A line is "LABEL RANDOM SECRET", in hexadecimal digits.
static void on_secret(const SSL *ssl, const char *line)
{
    static const char label[] = "SERVER_TRAFFIC_SECRET_0 ";
    struct tls_records *r = SSL_get_app_data(ssl);
    uint8_t secret[SECRET_BYTES];
    size_t len = 0;
    if (strncmp(line, label, sizeof(label) - 1) != 0)
        return;
    CHECK(OPENSSL_hexstr2buf_ex(secret, sizeof(secret), &len, strrchr(line, ' ') + 1, '\0') == 1);
    CHECK(len == sizeof(secret));
    expand(secret, "key", r->key, sizeof(r->key));
    expand(secret, "iv", r->iv, sizeof(r->iv));
    r->sequence = 0;
}

void tls_records_watch(struct tls_records *r, SSL *server)
{
    CHECK(SSL_set_app_data(server, r) == 1);
    CHECK(SSL_set_ciphersuites(server, "TLS_AES_128_GCM_SHA256") == 1);
    CHECK(SSL_set_num_tickets(server, 0) == 1);
    SSL_CTX_set_keylog_callback(SSL_get_SSL_CTX(server), on_secret);
}

void tls_records_send(struct tls_records *r, int fd, int type, const void *bytes, size_t len)
{
    size_t inner = len + 1;
    uint8_t record[HEADER_BYTES + DATA_MAX + 1 + TAG_BYTES] = {SSL3_RT_APPLICATION_DATA, 3, 3, 0,
                                                               (uint8_t)(inner + TAG_BYTES)};
    uint8_t nonce[sizeof(r->iv)];
    int n = 0;
    CHECK(len <= DATA_MAX);
    record[3] = (uint8_t)((inner + TAG_BYTES) >> 8);
    memcpy(record + HEADER_BYTES, bytes, len);
    record[HEADER_BYTES + len] = (uint8_t)type;
    memcpy(nonce, r->iv, sizeof(nonce));
    for (size_t i = 0; i < 8; i++)
        nonce[sizeof(nonce) - 1 - i] ^= (uint8_t)(r->sequence >> (8 * i));
    r->sequence++;
    EVP_CIPHER_CTX *c = EVP_CIPHER_CTX_new();
    CHECK(EVP_EncryptInit_ex(c, EVP_aes_128_gcm(), NULL, r->key, nonce) == 1);
    CHECK(EVP_EncryptUpdate(c, NULL, &n, record, HEADER_BYTES) == 1);
    uint8_t *body = record + HEADER_BYTES;
    CHECK(EVP_EncryptUpdate(c, body, &n, body, (int)inner) == 1);
    CHECK(EVP_EncryptFinal_ex(c, body + inner, &n) == 1);
    CHECK(EVP_CIPHER_CTX_ctrl(c, EVP_CTRL_GCM_GET_TAG, TAG_BYTES, body + inner) == 1);
    EVP_CIPHER_CTX_free(c);
    size_t all = HEADER_BYTES + inner + TAG_BYTES;
    CHECK(send(fd, record, all, MSG_NOSIGNAL) == (ssize_t)all);
}
