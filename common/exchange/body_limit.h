// SPDX-License-Identifier: MIT
// A filter that limits the bodies of requests: more is answered with 413, as soon as that is known.
#pragma once
#include "filter.h"

struct body_limit {
    struct filter filter;
    uint64_t most; // bytes of a body
};

// Adds the limit to a chain, unless it is 0: no limit.
void body_limit_add(struct body_limit *l, uint64_t most, struct filter_chain *c);
