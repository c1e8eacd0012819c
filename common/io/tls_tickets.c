// SPDX-License-Identifier: MIT
#include <openssl/core_names.h>
#include <openssl/rand.h>
#include <stdlib.h>
#include <string.h>
#include "common/base/limits.h"
#include "tls_internal.h"

enum {
    NAME_BYTES = 16, // of a key: OpenSSL's format of tickets
    IV_BYTES = 16,   // of AES-256-CBC
    KEYS = 2
};

struct key {
    uint8_t name[NAME_BYTES];
    uint8_t cipher[32]; // AES-256-CBC
    uint8_t mac[32];    // HMAC-SHA-256
};

struct tls_tickets {
    struct key keys[KEYS]; // the one that seals, then the one before
    size_t count;
    uint64_t since_ms; // when the first one began to seal
};

static bool make_key(struct key *k)
{
    return RAND_bytes(k->name, sizeof(k->name)) == 1 &&
           RAND_priv_bytes(k->cipher, sizeof(k->cipher)) == 1 &&
           RAND_priv_bytes(k->mac, sizeof(k->mac)) == 1;
}

struct tls_tickets *tls_tickets_new(uint64_t now_ms)
{
    struct tls_tickets *t = calloc(1, sizeof(*t));
    if (t && make_key(&t->keys[0])) {
        t->count = 1;
        t->since_ms = now_ms;
        return t;
    }
    tls_tickets_free(t);
    return NULL;
}

void tls_tickets_free(struct tls_tickets *t)
{
    if (!t)
        return;
    OPENSSL_cleanse(t, sizeof(*t));
    free(t);
}

void tls_tickets_tick(struct tls_tickets *t, uint64_t now_ms)
{
    uint64_t age = now_ms - t->since_ms;
    struct key fresh;
    if (age < LIMIT_TICKET_KEY_MS || !make_key(&fresh))
        return;
    bool keep = age < 2 * (uint64_t)LIMIT_TICKET_KEY_MS;
    if (keep)
        t->keys[1] = t->keys[0];
    else
        OPENSSL_cleanse(&t->keys[1], sizeof(t->keys[1]));
    t->keys[0] = fresh;
    t->count = keep ? 2 : 1;
    t->since_ms = now_ms;
    OPENSSL_cleanse(&fresh, sizeof(fresh));
}

static bool set_mac(EVP_MAC_CTX *mac, struct key *k)
{
    char digest[] = "SHA256";
    const OSSL_PARAM params[] = {
        OSSL_PARAM_construct_octet_string(OSSL_MAC_PARAM_KEY, k->mac, sizeof(k->mac)),
        OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, digest, 0),
        OSSL_PARAM_construct_end(),
    };
    return EVP_MAC_CTX_set_params(mac, params) == 1;
}

// The values are OpenSSL's: 1 is success, 2 asks for a new ticket besides, 0 is no such key, and
// below 0 the handshake fails. Clients of TLS 1.3 use a ticket once, so that they need another one.
// NOLINTNEXTLINE(readability-function-size): the library's signature
int tls_tickets_on_ticket(SSL *ssl, unsigned char *key_name, unsigned char *iv,
                          EVP_CIPHER_CTX *cipher, EVP_MAC_CTX *mac, int sealing)
{
    struct tls_tickets *t = SSL_CTX_get_app_data(SSL_get_SSL_CTX(ssl));
    size_t at = 0;
    if (sealing) {
        memcpy(key_name, t->keys[0].name, NAME_BYTES);
        if (RAND_bytes(iv, IV_BYTES) != 1)
            return -1;
    } else {
        while (at < t->count && memcmp(key_name, t->keys[at].name, NAME_BYTES) != 0)
            at++;
        if (at == t->count)
            return 0;
    }
    struct key *k = &t->keys[at];
    if (!EVP_CipherInit_ex(cipher, EVP_aes_256_cbc(), NULL, k->cipher, iv, sealing) ||
        !set_mac(mac, k))
        return -1;
    return at == 0 && SSL_version(ssl) < TLS1_3_VERSION ? 1 : 2;
}
