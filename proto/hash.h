// SPDX-License-Identifier: MIT
// The hash of hash tables: XXH3-64. With a seed that is random and secret nobody can choose keys
// that fall into one bucket.
#pragma once
#include "bytes.h"

uint64_t hash_bytes(struct slice bytes, uint64_t seed);
