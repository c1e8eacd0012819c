// SPDX-License-Identifier: MIT
// The hash for hash tables: XXH3-64. A random, secret seed keeps an attacker from choosing keys
// that collide.
#pragma once
#include "bytes.h"

uint64_t hash_bytes(struct slice bytes, uint64_t seed);
