// SPDX-License-Identifier: MIT
// Ownership of names (docs/protocol.md §2): an agent keeps one key and derives another value from
// it for each relay, so that no relay can use its value at another one.
#pragma once
#include <stdbool.h>

enum {
    OWNER_DIGITS = 64, // hexadecimal digits of a key, a derived value, and the SHA-256 of either
    OWNER_WHY_MAX = 256
};

typedef char owner_value[OWNER_DIGITS + 1];

struct owner_keys {
    owner_value key;
    // The key that earlier versions sent to every relay unchanged; empty when there was none.
    owner_value previous;
};

// Reads the keys of a state directory. Makes a new key when there is none, or only one of an
// earlier version, which becomes `previous`. False: `why` says what is wrong and what to do.
bool owner_keys_read(const char *dir, struct owner_keys *keys, char why[static OWNER_WHY_MAX]);

// Derives the value for the relay at a host, given without port and brackets. Case and a trailing
// dot are ignored; all names and addresses of loopback give the same value. False: the crypto
// library failed.
bool owner_for_relay(const char *key, const char *host, owner_value out);

// Derives the value that proves to a relay that the agent knows `previous`, without revealing the
// key. `hash` is the SHA-256 of `previous` in hexadecimal digits, which the relay keeps. False: the
// crypto library failed.
bool owner_proof(const char *hash, const char *host, owner_value out);
