// SPDX-License-Identifier: MIT
// WebSocket over HTTP/2 (RFC 8441) as the service knows it, over HTTP/1.1 (RFC 6455): the key that
// HTTP/2 does without is ours.
#include "common/base/crypto.h"
#include "common/base/secret.h"
#include "h2_edge_internal.h"
#include "proto/tunnel/websocket.h"

bool h2_websocket_request(struct http_head *head, char key[static H2_KEY_LEN])
{
    enum {
        RANDOM_BYTES = 16,
        DIGITS = 22 // of base64 that hold them, and 4 bits of zero
    };
    uint8_t bytes[20] = {0};
    char digits[28];
    if (!secret_random(bytes, RANDOM_BYTES))
        return false;
    ws_accept_value(digits, bytes); // encodes them in base64
    memcpy(key, digits, DIGITS);
    memcpy(key + DIGITS, "==", 2);
    head->method = SLICE("GET");
    head->upgrade = SLICE("websocket");
    head_remove(head, SLICE("sec-websocket-key"));
    head_remove(head, SLICE("sec-websocket-version"));
    return head_add(head, SLICE("sec-websocket-version"), SLICE("13")) &&
           head_add(head, SLICE("sec-websocket-key"), slice_of(key, H2_KEY_LEN));
}

bool h2_websocket_accepts(const struct http_head *response, const char key[static H2_KEY_LEN])
{
    char input[60];
    char accept[28];
    uint8_t sha1[CRYPTO_SHA1_BYTES];
    const struct field *f = head_find(response, SLICE("sec-websocket-accept"));
    ws_accept_input(input, slice_of(key, H2_KEY_LEN));
    if (!f || !slice_ieq(response->upgrade, SLICE("websocket")) ||
        !crypto_sha1(slice_of(input, sizeof(input)), sha1))
        return false;
    ws_accept_value(accept, sha1);
    return slice_eq(f->value, slice_of(accept, sizeof(accept)));
}
