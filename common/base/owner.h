// SPDX-License-Identifier: MIT
// Who owns a name (docs/protocol.md §2): the agent keeps one key, and each relay gets another value
// that is made of it, so that no relay can say it to another one.
#pragma once
#include <stdbool.h>

enum {
    OWNER_DIGITS = 64, // hexadecimal, of a key, of a value, and of the SHA-256 of either
    OWNER_WHY_MAX = 256
};

typedef char owner_value[OWNER_DIGITS + 1];

struct owner_keys {
    owner_value key;
    // What was sent to all relays as it was, by earlier versions; empty: there was none.
    owner_value before;
};

// The keys of a state directory; the first one is made when it is missing, or known to relays.
// False: `why` says what is wrong and what to do.
bool owner_keys_read(const char *dir, struct owner_keys *keys, char why[static OWNER_WHY_MAX]);

// What the relay of this host gets. The host is without port and brackets; it is taken in lower
// case and without the dot at its end, and all names and addresses of loopback are one. False: the
// library failed.
bool owner_for_relay(const char *key, const char *host, owner_value out);

// What shows the relay of a host that `before` is known, without saying it. The relay knows the
// SHA-256 of that, in hexadecimal digits. False: the library failed.
bool owner_proof(const char *hash, const char *host, owner_value out);
