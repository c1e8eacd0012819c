// SPDX-License-Identifier: MIT
// The name that an agent asks for, in the forms that people write: a NAME, or the host or URL that
// the tunnel is to have. Only the relay knows its domain, so its answer shows whether the host is
// right.
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
    char host[DESTINATION_HOST_MAX]; // wanted; empty: the name under any domain
    bool has_scheme, tls;            // a scheme is wanted; it is https
    uint16_t port;                   // wanted; 0: any
};

// Parses NAME, NAME.DOMAIN[:PORT] or http[s]://NAME[.DOMAIN[:PORT]][/]. Returns NULL, or what is
// wrong: a phrase for people, which ends with ": " where the text may follow it.
const char *public_name_take(struct public_name *p, const char *text);

enum public_match {
    PUBLIC_SAME,
    PUBLIC_SAME_HOST, // another scheme or port
    PUBLIC_OTHER_HOST
};

// Compares with the URL that the relay assigned. Unless it is PUBLIC_SAME, `text` explains the
// difference.
enum public_match public_name_compare(const struct public_name *p, const char *url,
                                      char text[static PUBLIC_TEXT_MAX]);
