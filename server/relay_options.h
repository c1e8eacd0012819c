// SPDX-License-Identifier: MIT
// The relay's configuration by its options, and advice on values that are wrong.
#pragma once
#include "acme_plan.h"
#include "common/base/limits.h"
#include "common/base/secret.h"
#include "common/inbound/trusted_proxies.h"
#include "common/io/tls_server.h"
#include "common/record/write/recorder.h"
#include "reserved_names.h"

enum {
    RELAY_HTTP_PORT = 80,
    RELAY_HTTPS_PORT = 443,
    RELAY_LOCAL_HTTP_PORT = 7080,
    RELAY_LOCAL_HTTPS_PORT = 7443,
    RELAY_PAIRS_MAX = 16 // of --tls-cert with --tls-key; --tls-dir takes more
};

// The protocol of a listener, as written.
enum relay_protocol {
    RELAY_BY_PORT, // TLS if there are certificates, but on ports 80 and 7080
    RELAY_HTTP,
    RELAY_HTTPS
};

struct relay_listen {
    char at[128]; // "ADDR:PORT"
    enum relay_protocol protocol;
};

struct relay_config {
    struct relay_listen listen[LIMIT_LISTENERS]; // none: relay_listeners.h
    size_t listen_count;
    struct tls_pair_files pairs[RELAY_PAIRS_MAX];
    size_t chain_count, key_count; // of `pairs`
    const char *tls_dir;           // NULL: none
    bool dev_tls;                  // certificates of our own authority
    struct acme_config acme;
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
const char *relay_take_chain(struct relay_config *c, const char *value);      // likewise
const char *relay_take_key(struct relay_config *c, const char *value);        // likewise
const char *relay_take_acme_name(struct relay_config *c, const char *value);  // likewise

// Whether there are certificates.
bool relay_has_tls(const struct relay_config *c);
// Whether a listener of this port speaks TLS.
bool relay_is_tls(const struct relay_config *c, enum relay_protocol protocol, uint16_t port);
// To be called once all options are taken. Returns NULL, or a message when the options about TLS do
// not fit together.
const char *relay_check_tls(const struct relay_config *c);
// To be called once all options are taken. Returns NULL, or `text` with a message when the public
// URL's host is not the domain.
const char *relay_check_public_url(const struct relay_config *c,
                                   char text[static RELAY_ADVICE_MAX]);
// Whether only this machine can resolve the domain: localhost, or a name below it.
bool relay_is_local(const struct relay_config *c);
// Returns advice on a libuv error of listening, to follow "cannot listen on ADDR: ERROR". May be
// empty.
const char *relay_listen_advice(int error);
