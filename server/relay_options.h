// SPDX-License-Identifier: MIT
// What of the relay's options can be wrong, told with what to type instead.
#pragma once
#include "relay.h"

enum {
    RELAY_ADVICE_MAX = 640
};

// Takes a --domain in lower case. NULL, or what is wrong with it.
const char *relay_take_domain(struct relay_config *c, const char *value);
// Whether only this machine knows the domain: it is localhost, or below it.
bool relay_is_local(const struct relay_config *c);
// Takes a --public-url: its scheme and port. NULL, or what is wrong with it.
const char *relay_take_public_url(struct relay_config *c, const char *value);
// Whether the URL's host is the domain, once all options are known. NULL, or what is wrong.
const char *relay_check_public_url(const struct relay_config *c,
                                   char text[static RELAY_ADVICE_MAX]);
// Takes one more --listen. NULL, or what is wrong with it.
const char *relay_take_listen(struct relay_config *c, const char *value);
// What to do about an error of listening, behind "cannot listen on ADDR: ERROR".
const char *relay_listen_advice(int error);
