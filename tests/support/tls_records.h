// SPDX-License-Identifier: MIT
// Records that OpenSSL would not send, under the keys of one of its servers.
#pragma once
#include <openssl/ssl.h>
#include <stddef.h>
#include <stdint.h>

// The keys of what a server sends behind the handshake: of TLS 1.3, TLS_AES_128_GCM_SHA256.
struct tls_records {
    uint8_t key[16];
    uint8_t iv[12];
    uint64_t sequence; // of the next record
};

// Fills `r` by the handshake of `server`, which is to come. Limits its context to this suite and
// to no tickets, which would be records too.
void tls_records_watch(struct tls_records *r, SSL *server);
// Sends a record of this content type with up to 256 bytes.
void tls_records_send(struct tls_records *r, int fd, int type, const void *bytes, size_t len);
