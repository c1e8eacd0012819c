// SPDX-License-Identifier: MIT
// The name that an agent asks for, as people write it: NAME alone, or the host or URL that the
// tunnel is to have. The relay alone knows its domain, so only its answer tells whether it can.
#pragma once
#include <stdbool.h>
#include <stdint.h>
#include "common/base/destination.h"

enum {
    PUBLIC_NAME_MAX = 64, // bytes of a name, with a zero
    PUBLIC_TEXT_MAX = 1024
};

struct public_name {
    char name[PUBLIC_NAME_MAX];      // empty: any
    char host[DESTINATION_HOST_MAX]; // that is wanted; empty: the name under whichever domain
    bool has_scheme, tls;            // a scheme is wanted, https
    uint16_t port;                   // that is wanted; 0: any
};

// Takes NAME, NAME.DOMAIN[:PORT] or http[s]://NAME[.DOMAIN[:PORT]][/]. Returns NULL, or what is
// wrong with it: a phrase that ends with ": " where the text may follow.
const char *public_name_take(struct public_name *p, const char *text);

enum public_match {
    PUBLIC_SAME,
    PUBLIC_OTHER_WAY, // the host is the same, scheme or port are not
    PUBLIC_OTHER_HOST
};

// Compares what was wanted with the URL that the relay gives. When they differ `text` tells it.
enum public_match public_name_compare(const struct public_name *p, const char *url,
                                      char text[static PUBLIC_TEXT_MAX]);
