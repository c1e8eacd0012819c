// SPDX-License-Identifier: MIT
// The HTTP proxy on the way to the relay, from the environment, by curl's conventions (curl(1),
// ENVIRONMENT).
#pragma once
#include "common/base/destination.h"

enum {
    RELAY_PROXY_CREDENTIALS_MAX = 512,   // bytes of "user:password"
    RELAY_PROXY_AUTHORIZATION_MAX = 700, // of the field's value
    RELAY_PROXY_NAME_MAX = 16            // of a variable's name
};

struct relay_proxy {
    bool used;
    char variable[RELAY_PROXY_NAME_MAX]; // the environment variable that names the proxy
    struct destination at;
    char url[DESTINATION_URL_MAX];                     // for messages: without user and password
    char authorization[RELAY_PROXY_AUTHORIZATION_MAX]; // secret; empty: none
};

// Reads the environment. A relay on loopback, or exempted by no_proxy, has no proxy. Returns NULL,
// or what is wrong with the value of `p->variable`; do not show that value, it may hold a password.
const char *relay_proxy_choose(struct relay_proxy *p, const struct destination *relay);

// Whether a list like no_proxy's exempts this host: a name, or an address without brackets.
bool relay_proxy_exempts(const char *list, const char *host);
