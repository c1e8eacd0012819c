// SPDX-License-Identifier: MIT
// The relay's configuration by its options, and advice on values that are wrong.
#pragma once
#include "common/base/limits.h"
#include "common/base/secret.h"
#include "common/inbound/trusted_proxies.h"
#include "common/record/write/recorder.h"
#include "reserved_names.h"

struct relay_config {
    char listen[LIMIT_LISTENERS][128]; // "ADDR:PORT"; none: port 7080 of loopback
    size_t listen_count;
    char domain[254];      // lower case
    char scheme[8];        // of public URLs: "http" or "https"
    uint16_t public_port;  // of public URLs; 0: the first listener's
    char public_host[254]; // of --public-url, or empty
    struct trusted_proxies trusted;
    bool proxy_protocol;            // their connections begin with a header
    char token[SECRET_MAX];         // empty: anyone may open a tunnel
    const char *token_file;         // where the token came from, or NULL
    const char *data;               // the state directory
    struct reserved_names reserved; // freed by its maker
    struct recorder_config record;
    struct limits limits;
};

enum {
    RELAY_ADVICE_MAX = 640
};

// Each takes the value of one option. Returns NULL, or advice on a value that is wrong, which ends
// in ": ", to be followed by the value.
const char *relay_take_domain(struct relay_config *c, const char *value);     // in lower case
const char *relay_take_public_url(struct relay_config *c, const char *value); // scheme and port
const char *relay_take_listen(struct relay_config *c, const char *value);     // one more

// To be called once all options are taken. Returns NULL, or `text` with a message when the public
// URL's host is not the domain.
const char *relay_check_public_url(const struct relay_config *c,
                                   char text[static RELAY_ADVICE_MAX]);
// Whether only this machine can resolve the domain: localhost, or a name below it.
bool relay_is_local(const struct relay_config *c);
// Returns advice on a libuv error of listening, to follow "cannot listen on ADDR: ERROR". May be
// empty.
const char *relay_listen_advice(int error);
