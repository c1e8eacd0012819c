// SPDX-License-Identifier: MIT
// Guesses the known name that a mistyped one was meant to be.
#pragma once
#include "proto/bytes.h"

enum {
    NEAREST_NAME_MAX = 24 // bytes of a name that is compared
};

// Levenshtein distance: single bytes inserted, removed or changed to make one of the other. `b` has
// at most NEAREST_NAME_MAX bytes.
size_t name_distance(struct slice a, struct slice b);

// Returns the name that `name` is most likely meant to be: one that begins with `name`, or one that
// differs in a quarter of its bytes and one more at most; or NULL. `names` points to `count`
// structs, `stride` bytes apart, each of which begins with a pointer to a name.
const char *name_nearest(const void *names, size_t count, size_t stride, const char *name);
