// SPDX-License-Identifier: MIT
// Filters made for tests, at a moment that is always the same.
#pragma once
#include "common/record/filter/filter.h"

#define FILTERS_NOW (1795608000 * INT64_C(1000000000)) // 2026-11-25T12:00:00Z

// Parses a filter; NULL: `mistake` says why. The text lies in a block of just its size, so that a
// sanitizer sees a read past its end.
struct filter *filters_try(const char *text, struct filter_mistake *mistake);

// `text` so many times, then `then`. The caller frees it.
char *filters_repeated(const char *text, size_t times, const char *then);
