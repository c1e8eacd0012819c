// SPDX-License-Identifier: MIT
// The HTTP proxy through which the relay is reached, as the environment says it: the conventions of
// curl (its manual page, ENVIRONMENT).
#pragma once
#include "common/base/destination.h"

enum {
    RELAY_PROXY_CREDENTIALS_MAX = 512,   // bytes of "user:password"
    RELAY_PROXY_AUTHORIZATION_MAX = 700, // of the field's value
    RELAY_PROXY_NAME_MAX = 16            // of a variable
};

struct relay_proxy {
    bool used;
    char variable[RELAY_PROXY_NAME_MAX]; // that names it
    struct destination at;
    char url[DESTINATION_URL_MAX];                     // for people: without user and password
    char authorization[RELAY_PROXY_AUTHORIZATION_MAX]; // secret; empty: none
};

// Reads the environment for this relay. A relay on this machine has no proxy. Returns NULL, or what
// is wrong with the value of `p->variable`, which may hold a password and is not to be shown.
const char *relay_proxy_choose(struct relay_proxy *p, const struct destination *relay);

// Whether a list like no_proxy's exempts this host (a name, or an address without brackets).
bool relay_proxy_exempts(const char *list, const char *host);
